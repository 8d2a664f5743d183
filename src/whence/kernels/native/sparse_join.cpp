#include "sparse_join.hpp"

#include <algorithm>

namespace whence {

JoinTree::JoinTree(const Forest& f, std::int64_t tree, const std::vector<std::int64_t>* leaves)
    : first(f.start[tree]) {
  const std::int64_t nodes = f.start[tree + 1] - first;
  left.assign(nodes, -1);
  right.assign(nodes, -1);
  player.assign(nodes, -1);
  wanted.assign(nodes, leaves == nullptr);
  for (std::int64_t v = 0; v < nodes; ++v)
    if (!f.is_leaf(first + v)) players.push_back(f.player[f.feature[first + v]]);
  std::sort(players.begin(), players.end());
  players.erase(std::unique(players.begin(), players.end()), players.end());
  std::vector<int> depths(nodes, 0);
  for (std::int64_t v = 0; v < nodes; ++v) {
    if (f.is_leaf(first + v)) continue;
    left[v] = static_cast<std::int32_t>(f.left[first + v] - first);
    right[v] = static_cast<std::int32_t>(f.right[first + v] - first);
    const auto who = f.player[f.feature[first + v]];
    player[v] = static_cast<std::int32_t>(
        std::lower_bound(players.begin(), players.end(), who) - players.begin());
    depths[left[v]] = depths[right[v]] = depths[v] + 1;
    depth = std::max(depth, depths[v] + 1);
  }
  longest = std::min(depth, static_cast<int>(players.size()));
  if (leaves == nullptr) return;
  for (const std::int64_t leaf : *leaves) wanted[leaf - first] = 1;
  for (std::int64_t v = nodes - 1; v >= 0; --v)
    if (left[v] >= 0) wanted[v] = wanted[left[v]] | wanted[right[v]];
}

CubeWeights::CubeWeights(Index index, int order, int longest)
    : side_(static_cast<std::size_t>(longest) + 1),
      weights_(static_cast<std::size_t>(order + 1) * side_ * side_, 0.0) {
  for (int a = 0; a <= order; ++a)
    for (int q = 0; q <= longest; ++q)
      for (int p = 0; p + q <= longest; ++p)
        weights_[(a * side_ + q) * side_ + p] = cube_weight(index, order, a, p, q);
}

JoinPath JoinScratch::prepare(const JoinTree& tree) {
  const std::size_t players = tree.players.size();
  if (frames_.size() < static_cast<std::size_t>(tree.depth) + 1) frames_.resize(tree.depth + 1);
  if (path_.size() < players) {
    path_.resize(players);
    x_.resize(players);
    on_path_.resize(players, 0);
    b_.resize(players * kWords);
  }
  JoinPath path{};
  path.left = tree.left.data();
  path.right = tree.right.data();
  path.player = tree.player.data();
  path.wanted = tree.wanted.data();
  path.frames = frames_.data();
  path.path = path_.data();
  path.x = x_.data();
  path.b = b_.data();
  path.on_path = on_path_.data();
  return path;
}

void join_sets(JoinPath& s, const JoinTree& tree, const Forest& forest, std::int64_t target,
               const PlayerSets& sets, const CubeWeights& weights, double* sums) {
  const int order = sets.order();
  const std::int64_t outputs = forest.outputs();
  std::vector<std::int32_t> players;
  std::vector<char> known;
  join_descend(s, [&](std::int32_t v, const std::uint64_t* alive) {
    const double* value = forest.value.data() + (tree.first + v) * forest.width;
    for (int at = 0; at < s.b_rows; ++at) {
      if (!((alive[at / 64] >> (at % 64)) & 1)) continue;
      // The players on which the two rows differ, ascending, and whether the row satisfies them.
      players.clear();
      for (int i = 0; i < s.length; ++i) {
        const std::int32_t j = s.path[i];
        if (!s.x[j] || !((s.b[j * kWords + at / 64] >> (at % 64)) & 1)) players.push_back(j);
      }
      std::sort(players.begin(), players.end());
      known.clear();
      for (const std::int32_t j : players) known.push_back(s.x[j] != 0);
      const int p = static_cast<int>(players.size()) - s.q;
      choose(static_cast<int>(players.size()), order, [&](const int* chosen) {
        std::int32_t set[3];
        int inside = 0;
        for (int i = 0; i < order; ++i) {
          set[i] = tree.players[players[chosen[i]]];
          inside += known[chosen[i]];
        }
        const double weight = weights.row(inside, s.q)[p];
        double* sum = sums + sets.find(set) * outputs;
        if (target >= 0)
          sum[target] += weight * value[0];
        else
          for (std::int64_t o = 0; o < outputs; ++o) sum[o] += weight * value[o];
      });
    }
  });
}

}  // namespace whence
