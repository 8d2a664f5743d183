#include "sparse_join.hpp"

#include <algorithm>
#include <cstring>

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
  if (leaves != nullptr) {
    for (const std::int64_t leaf : *leaves) wanted[leaf - first] = 1;
    for (std::int64_t v = nodes - 1; v >= 0; --v)
      if (left[v] >= 0) wanted[v] = wanted[left[v]] | wanted[right[v]];
  }
  for (std::int64_t v = 0; v < nodes; ++v)
    this->nodes.push_back(!wanted[v]    ? Node{{-1, -1}, -1}
                          : left[v] < 0 ? Node{{-1, static_cast<std::int32_t>(v)}, -1}
                                        : Node{{right[v], left[v]}, player[v]});
}

namespace {

// Bit j of row i becomes bit i of row j, by swapping ever smaller blocks.
void transpose64(std::uint64_t* a) {
  std::uint64_t mask = 0x00000000ffffffff;
  for (int width = 32; width != 0; width /= 2, mask ^= mask << width)
    for (int i = 0; i < 64; i = (i + width + 1) & ~width) {
      const std::uint64_t t = ((a[i] >> width) ^ a[i + width]) & mask;
      a[i] ^= t << width;
      a[i + width] ^= t;
    }
}

}  // namespace

void bits_by_row(const std::uint8_t* masks, std::size_t nodes, int rows, std::uint64_t* out) {
  const std::size_t words = (nodes + 63) / 64;
  std::uint64_t block[64];
  for (std::size_t w = 0; w < words; ++w)
    for (int first = 0; first < rows; first += 64) {
      for (std::size_t i = 0; i < 64; ++i) {
        block[i] = 0;
        if (64 * w + i < nodes)
          std::memcpy(&block[i], masks + (64 * w + i) * kChunkBytes + first / 8, 8);
      }
      transpose64(block);
      for (int r = first; r < std::min(rows, first + 64); ++r)
        out[r * words + w] = block[r - first];
    }
}

void JoinScratch::join_pair(const JoinTree& tree, const JoinLeaf& leaf, const std::uint64_t* x,
                            const std::uint64_t* b, int at) {
  const auto responses = static_cast<std::size_t>(leaf.responses);
  const std::size_t deep = static_cast<std::size_t>(tree.depth) + 2;
  if (branches_.size() < deep) branches_.resize(deep);
  if (earned_.size() < deep * responses) earned_.resize(deep * responses);
  if (paid_.size() < deep * responses) paid_.resize(deep * responses);
  if (side_.size() < tree.players.size()) side_.resize(tree.players.size(), 0);
  const JoinTree::Node* nodes = tree.nodes.data();
  std::size_t open = 0;  // branches above; sums of the current one stand at open * responses
  std::int32_t v = 0;
  int p = 0, q = 0;
  for (;;) {
    const JoinTree::Node* node = nodes + v;
    for (; node->player >= 0; node = nodes + v) {
      const unsigned x_left = (x[v / 64] >> (v % 64)) & 1, b_left = (b[v / 64] >> (v % 64)) & 1;
      std::uint8_t& side = side_[node->player];
      if (static_cast<unsigned>(side == 0) & (x_left ^ b_left)) {
        branches_[open++] = {node->next[b_left], node->player, p, q, false};
        side = 1;
        ++p;
        v = node->next[x_left];
      } else {
        v = node->next[(x_left & static_cast<unsigned>(side != 2)) |
                       (b_left & static_cast<unsigned>(side == 2))];
      }
    }
    double* earned = earned_.data() + open * responses;
    double* paid = paid_.data() + open * responses;
    const double gain = leaf.by_known[q][p], loss = leaf.by_unknown[q][p];
    const double* value = leaf.value + (leaf.first + std::max(node->next[1], 0)) * leaf.width;
    for (std::size_t c = 0; c < responses; ++c) {
      double scale = 0;
      if (node->next[1] >= 0 && leaf.gains == nullptr) scale = value[c];
      if (node->next[1] >= 0 && leaf.gains != nullptr)
        for (std::int64_t o = 0; o < leaf.used; ++o)
          scale += leaf.gains[static_cast<std::int64_t>(c) * leaf.gain_stride + o * kChunk + at] *
                   value[o];
      earned[c] = gain * scale;
      paid[c] = loss * scale;
    }
    // Branches whose second way has come back are done; their sums join those of the first way.
    while (open > 0 && branches_[open - 1].second) {
      const Branch& done = branches_[--open];
      side_[done.player] = 0;
      double* sums = leaf.sums + static_cast<std::size_t>(done.player) * responses * 8;
      double* first_earned = earned_.data() + open * responses;
      double* first_paid = paid_.data() + open * responses;
      for (std::size_t c = 0; c < responses; ++c) {
        sums[c * 8] += first_earned[c] + first_paid[responses + c];
        first_earned[c] += first_earned[responses + c];
        first_paid[c] += first_paid[responses + c];
      }
    }
    if (open == 0) return;
    // The first way has come back: keep its sums one level up and take the second.
    Branch& branch = branches_[open - 1];
    const std::size_t from = open * responses, to = from - responses;
    for (std::size_t c = 0; c < responses; ++c) {
      earned_[to + c] = earned_[from + c];
      paid_[to + c] = paid_[from + c];
    }
    branch.second = true;
    side_[branch.player] = 2;
    p = branch.p;
    q = branch.q + 1;
    v = branch.node;
  }
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
