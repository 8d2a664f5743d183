#include "counterfactual_shares.hpp"

#include <algorithm>
#include <cmath>

namespace whence::counterfactual {
namespace {

constexpr double kRounding = 1e-12;  // relative error of a bound

}  // namespace

Shares::Shares(const Lattice& lattice, const Narrowing& narrowing)
    : lattice_(lattice),
      narrowing_(narrowing),
      multiplier_(lattice.rows, 0.0),
      own_(lattice.cost),
      least_own_(lattice.players),
      rest_(lattice.trees),
      reached_(lattice.rows) {
  std::int64_t at = 0;
  for (const std::int32_t p : lattice.slot_player) {
    share_at_.push_back(at);
    at += lattice.count(p);
  }
  share_.assign(at, 0.0);
  std::int64_t slots = 0, leaves = 0, parts = 0;
  for (std::int32_t t = 0; t < lattice.trees; ++t) {
    slots = std::max(slots, lattice.slot_start[t + 1] - lattice.slot_start[t]);
    leaves = std::max(leaves, lattice.leaf_start[t + 1] - lattice.leaf_start[t]);
    parts = std::max(parts, lattice.part_start[lattice.leaf_start[t + 1]] -
                                lattice.part_start[lattice.leaf_start[t]]);
  }
  least_.resize(slots), free_.resize(slots), active_.resize(slots), on_path_.resize(slots);
  least_sum_.resize(at), leaf_sum_.resize(leaves), part_least_.resize(parts);
}

double Shares::energy(std::int64_t leaf) const {
  double sum = 0;
  for (std::int32_t r = 0; r < lattice_.rows; ++r)
    sum -= multiplier_[r] * lattice_.weight[leaf * lattice_.rows + r];
  return sum;
}

double Shares::pass(Box& box, double cutoff, bool fix) {
  const Lattice& l = lattice_;
  constant_ = sum_ = 0;
  for (std::int32_t r = 0; r < l.rows; ++r) {
    constant_ += multiplier_[r] * (l.need[r] - l.slack[r] - l.base[r]);
    reached_[r] = l.base[r] - l.need[r];
  }
  for (std::int32_t p = 0; p < l.players; ++p) {
    double least = kInfinity;
    each_of(box.mask.data() + l.word[p], l.words(p),
            [&](int a) { least = std::min(least, own_[l.first[p] + a]); });
    least_own_[p] = least;
    sum_ += least;
  }
  for (std::int32_t t = 0; t < l.trees; ++t) sum_ += rest_[t];
  forward_ = !forward_;
  for (std::int32_t i = 0; i < l.trees; ++i)
    if (!turn(box, forward_ ? i : l.trees - 1 - i, cutoff, fix)) return kInfinity;
  double bound = constant_, size = std::abs(constant_);  // the running sum gathers rounding errors
  for (const double least : least_own_) bound += least, size += std::abs(least);
  for (const double rest : rest_) bound += rest, size += std::abs(rest);
  return bound - kRounding * size;
}

bool Shares::turn(Box& box, std::int32_t t, double cutoff, bool fix) {
  take(box, t);
  if (!weigh(box, t)) return false;
  give(box, t, cutoff, fix);
  return true;
}

// The tree takes what its players hold; those that no leaf asks any more get all back at once.
void Shares::take(const Box& box, std::int32_t t) {
  const Lattice& l = lattice_;
  const std::int64_t from = l.slot_start[t], slots = l.slot_start[t + 1] - from;
  std::fill_n(active_.begin(), slots, 0);
  each_of(narrowing_.alive(box, t), [&](int i) {
    const std::int64_t leaf = l.leaf_start[t] + i;
    for (std::int64_t at = l.part_start[leaf]; at < l.part_start[leaf + 1]; ++at) {
      const auto& [p, slot, set] = l.parts[at];
      active_[slot] =
          active_[slot] || !within(box.mask.data() + l.word[p], l.sets.data() + set, l.words(p));
    }
  });
  sum_ -= rest_[t];
  asked_ = 0;
  for (std::int64_t s = 0; s < slots; ++s) {
    const std::int32_t p = l.slot_player[from + s];
    double* share = share_.data() + share_at_[from + s];
    double* own = own_.data() + l.first[p];
    double least = kInfinity;
    sum_ -= least_own_[p];
    if (active_[s]) {
      ++asked_;
      each_of(box.mask.data() + l.word[p], l.words(p), [&](int a) {
        share[a] += own[a], own[a] = 0;
        least = std::min(least, share[a]);
      });
    } else {
      each_of(box.mask.data() + l.word[p], l.words(p), [&](int a) {
        own[a] += share[a], share[a] = 0;
        least = std::min(least, own[a]);
      });
      least_own_[p] = least;
      sum_ += least;
    }
    least_[s] = least;
  }
}

// The least sum of each leaf, and of each alternative of the players asked.
bool Shares::weigh(const Box& box, std::int32_t t) {
  const Lattice& l = lattice_;
  const std::int64_t from = l.slot_start[t], slots = l.slot_start[t + 1] - from;
  const std::int64_t first_part = l.part_start[l.leaf_start[t]];
  double all = 0;
  for (std::int64_t s = 0; s < slots; ++s) {
    if (!active_[s]) continue;
    all += least_[s];
    free_[s] = kInfinity;
    double* sums = least_sum_.data() + share_at_[from + s];
    std::fill_n(sums, l.count(l.slot_player[from + s]), kInfinity);
  }
  best_ = kInfinity;
  std::int64_t liked = -1;
  each_of(narrowing_.alive(box, t), [&](int i) {
    const std::int64_t leaf = l.leaf_start[t] + i;
    double sum = energy(leaf) + all;
    for (std::int64_t at = l.part_start[leaf]; at < l.part_start[leaf + 1]; ++at) {
      const auto& [p, slot, set] = l.parts[at];
      if (!active_[slot]) continue;
      const double* share = share_.data() + share_at_[from + slot];
      double least = kInfinity;
      each_of_both(box.mask.data() + l.word[p], l.sets.data() + set, l.words(p),
                   [&](int a) { least = std::min(least, share[a]); });
      part_least_[at - first_part] = least;
      sum += least - least_[slot];
    }
    leaf_sum_[i] = sum;
    if (sum < best_) best_ = sum, liked = leaf;
    std::fill_n(on_path_.begin(), slots, 0);
    for (std::int64_t at = l.part_start[leaf]; at < l.part_start[leaf + 1]; ++at) {
      const auto& [p, slot, set] = l.parts[at];
      if (!active_[slot]) continue;
      on_path_[slot] = 1;
      double* sums = least_sum_.data() + share_at_[from + slot];
      const double others = sum - part_least_[at - first_part];
      each_of_both(box.mask.data() + l.word[p], l.sets.data() + set, l.words(p),
                   [&](int a) { sums[a] = std::min(sums[a], others); });
    }
    for (std::int64_t s = 0; s < slots; ++s)
      if (active_[s] && !on_path_[s]) free_[s] = std::min(free_[s], sum - least_[s]);
  });
  if (!(best_ < kInfinity)) return false;
  for (std::int32_t r = 0; r < l.rows; ++r) reached_[r] += l.weight[liked * l.rows + r];
  return true;
}

// Each player asked gets an equal part of the least sums.
void Shares::give(Box& box, std::int32_t t, double cutoff, bool fix) {
  const Lattice& l = lattice_;
  const std::int64_t from = l.slot_start[t], slots = l.slot_start[t + 1] - from;
  rest_[t] = asked_ > 0 ? 0 : best_;
  const double others = constant_ + sum_;
  const double spare =  // sums at or above it are too much
      cutoff - others + kRounding * (std::abs(constant_) + std::abs(sum_) + std::abs(best_));
  const auto alive = narrowing_.alive(box, t);
  if (fix)
    each_of(alive, [&](int i) {
      if (leaf_sum_[i] >= spare) alive[i / 64] &= ~(Word{1} << (i % 64));
    });
  for (std::int64_t s = 0; s < slots; ++s) {
    if (!active_[s]) continue;
    const std::int32_t p = l.slot_player[from + s];
    double* share = share_.data() + share_at_[from + s];
    double* own = own_.data() + l.first[p];
    const double* sums = least_sum_.data() + share_at_[from + s];
    Word* mask = box.mask.data() + l.word[p];
    double least = kInfinity;
    each_of(mask, l.words(p), [&](int a) {
      const double sum = std::min(sums[a], free_[s]) + share[a];
      if (sum == kInfinity || (fix && sum >= spare)) {
        own[a] = share[a], share[a] = 0;
        mask[a / 64] &= ~(Word{1} << (a % 64));
        return;
      }
      own[a] = sum / asked_;
      share[a] -= own[a];
      least = std::min(least, own[a]);
    });
    least_own_[p] = least;
    sum_ += least;
  }
  sum_ += rest_[t];
}

void Shares::settle() {
  own_ = lattice_.cost;
  for (std::size_t s = 0; s < share_at_.size(); ++s) {
    const std::int32_t p = lattice_.slot_player[s];
    for (std::int32_t a = 0; a < lattice_.count(p); ++a)
      own_[lattice_.first[p] + a] -= share_[share_at_[s] + a];
  }
}

void Shares::adjust(double step) {
  for (std::int32_t r = 0; r < lattice_.rows; ++r)
    multiplier_[r] = reached_[r] < 0 ? multiplier_[r] * (1 + step) : multiplier_[r] / (1 + step);
}

}  // namespace whence::counterfactual
