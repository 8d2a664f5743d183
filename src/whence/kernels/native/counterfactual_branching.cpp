#include "counterfactual_branching.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace whence::counterfactual {

// What the best leaves say, by tree; false where all trees are decided.
bool Branching::measure(const Box& box, double cutoff) {
  const Lattice& l = lattice_;
  budget_ = cutoff - box.bound;
  spare_.assign(l.rows, 0.0);
  best_.resize(static_cast<std::size_t>(l.trees) * l.rows);
  spread_.assign(l.trees, 0.0);
  bool undecided = false;
  for (std::int32_t t = 0; t < l.trees; ++t) {
    const auto alive = narrowing_.alive(box, t);
    int count = 0;
    for (const Word word : alive) count += std::popcount(word);
    undecided |= count > 1;
    for (std::int32_t r = 0; r < l.rows; ++r) {
      double low = kInfinity, high = -kInfinity;
      each_of(alive, [&](int i) {
        const double w = l.weight[(l.leaf_start[t] + i) * l.rows + r];
        low = std::min(low, w), high = std::max(high, w);
      });
      best_[t * l.rows + r] = high;
      spare_[r] += high;
      if (count > 1) spread_[t] += (high - low) / l.size[r] + 1e-300;
    }
  }
  for (std::int32_t r = 0; r < l.rows; ++r) spare_[r] += l.base[r] - l.need[r] + l.slack[r];
  return undecided;
}

// The conditions at which undecided trees first part, those with most at stake first.
std::vector<std::int32_t> Branching::conditions(const Box& box) const {
  const Lattice& l = lattice_;
  const Forest& f = l.search->forest();
  std::map<std::int32_t, double> stake;
  for (std::int32_t t = 0; t < l.trees; ++t) {
    if (!(spread_[t] > 0)) continue;
    for (std::int64_t v = f.start[t]; !f.is_leaf(v);) {
      const std::int32_t c = l.search->condition_of(v), p = l.search->conditions()[c].player;
      const Word* set = l.condition.data() + l.condition_at[c];
      const Word* mask = box.mask.data() + l.word[p];
      const bool some_left = meet(mask, set, l.words(p));
      if (some_left && !within(mask, set, l.words(p))) {
        stake[c] += spread_[t];
        break;
      }
      v = some_left ? f.left[v] : f.right[v];
    }
  }
  std::vector<std::pair<double, std::int32_t>> order;
  for (const auto& [c, most] : stake) order.emplace_back(-most, c);
  std::sort(order.begin(), order.end());
  std::vector<std::int32_t> first;
  for (std::size_t i = 0; i < std::min(kConditions, order.size()); ++i)
    first.push_back(order[i].second);
  return first;
}

std::vector<Cut> Branching::candidates(const Box& box) const {
  const Lattice& l = lattice_;
  std::vector<Cut> cuts;
  for (const std::int32_t c : conditions(box)) {
    const std::int32_t p = l.search->conditions()[c].player;
    const Word* set = l.condition.data() + l.condition_at[c];
    cuts.push_back({p, {set, set + l.words(p)}});
  }
  for (std::int32_t p = 0; p < l.players; ++p) {
    const double* cost = l.cost.data() + l.first[p];
    const Word* mask = box.mask.data() + l.word[p];
    Cut keep{p, std::vector<Word>(l.words(p), 0)};
    double low = kInfinity;
    each_of(mask, l.words(p), [&](int a) { low = std::min(low, cost[a]); });
    each_of(mask, l.words(p), [&](int a) {
      if (cost[a] <= low) keep.set[a / 64] |= Word{1} << (a % 64);
    });
    if (!within(mask, keep.set.data(), l.words(p))) cuts.push_back(std::move(keep));
  }
  return cuts;
}

double Branching::least(const Box& box, const Cut& cut, bool inside) const {
  const std::int32_t p = cut.player;
  double low = kInfinity;
  each_of(box.mask.data() + lattice_.word[p], lattice_.words(p), [&](int a) {
    if (static_cast<bool>((cut.set[a / 64] >> (a % 64)) & 1) == inside)
      low = std::min(low, lattice_.cost[lattice_.first[p] + a]);
  });
  return low;
}

// The share that is left on one side: of the budget, times of the least that is to spare.
double Branching::left_of(const Box& box, const Cut& cut, bool inside) const {
  const Lattice& l = lattice_;
  const std::int32_t p = cut.player, words = l.words(p);
  const double low = least(box, cut, inside);
  const double left = budget_ - (low - std::min(low, least(box, cut, !inside)));
  if (!(left > 0)) return 0;
  std::vector<Word> mask(words);
  for (std::int32_t w = 0; w < words; ++w)
    mask[w] = box.mask[l.word[p] + w] & (inside ? cut.set[w] : ~cut.set[w]);
  double share = 1;
  for (std::int32_t r = 0; r < l.rows; ++r) {
    double then = spare_[r];
    for (const std::int32_t t : l.search->trees_of()[p]) {
      if (!(spread_[t] > 0)) continue;
      double best = -kInfinity;
      each_of(narrowing_.alive(box, t), [&](int i) {
        const std::int64_t leaf = l.leaf_start[t] + i;
        const double w = l.weight[leaf * l.rows + r];
        if (w > best && l.may_take(leaf, p, mask.data())) best = w;
      });
      then += best - best_[t * l.rows + r];
      if (then < 0) return 0;
    }
    share = std::min(share, spare_[r] > 0 ? then / spare_[r] : 0.0);
  }
  return share * left / budget_;
}

std::optional<Cut> Branching::choose(const Box& box, double cutoff) {
  if (!measure(box, cutoff)) return std::nullopt;
  std::vector<Cut> cuts = candidates(box);
  std::size_t chosen = 0;
  double best = -1;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const double gone =
        (1.001 - left_of(box, cuts[i], true)) * (1.001 - left_of(box, cuts[i], false));
    if (gone > best) best = gone, chosen = i;
  }
  return std::move(cuts[chosen]);
}

}  // namespace whence::counterfactual
