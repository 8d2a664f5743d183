#include "counterfactual_box.hpp"

#include <algorithm>

namespace whence::counterfactual {

Narrowing::Narrowing(const Lattice& lattice)
    : lattice_(lattice),
      alive_at_(1, 0),
      cheapest_(lattice.players),
      cheapest_at_(lattice.players),
      killed_(lattice.trees),
      best_(lattice.trees) {
  for (std::int32_t t = 0; t < lattice.trees; ++t)
    alive_at_.push_back(alive_at_.back() +
                        (lattice.leaf_start[t + 1] - lattice.leaf_start[t] + 63) / 64);
}

std::vector<Word> Narrowing::all_alive() const {
  std::vector<Word> all(alive_at_.back(), 0);
  for (std::int32_t t = 0; t < lattice_.trees; ++t) {
    const std::int64_t count = lattice_.leaf_start[t + 1] - lattice_.leaf_start[t];
    for (std::int64_t i = 0; i < count; ++i) all[alive_at_[t] + i / 64] |= Word{1} << (i % 64);
  }
  return all;
}

void Narrowing::stale(std::int32_t p) {
  changed_ = true;
  for (const std::int32_t t : lattice_.search->trees_of()[p]) stale_[t] = 1;
}

void Narrowing::drop(Box& box, std::int32_t p, int a) {
  box.mask[lattice_.word[p] + a / 64] &= ~(Word{1} << (a % 64));
  stale(p);
}

void Narrowing::drop_leaf(std::span<Word> alive, std::int32_t t, int i) {
  alive[i / 64] &= ~(Word{1} << (i % 64));
  killed_[t] = 1;
}

// Alternatives that cost too much beside the cheapest of all other players.
bool Narrowing::afford(Box& box, double cutoff) {
  const Lattice& l = lattice_;
  least_ = 0;
  for (std::int32_t p = 0; p < l.players; ++p) {
    const double* cost = l.cost.data() + l.first[p];
    cheapest_[p] = kInfinity;
    each_of(box.mask.data() + l.word[p], l.words(p), [&](int a) {
      if (cost[a] < cheapest_[p]) cheapest_[p] = cost[a], cheapest_at_[p] = a;
    });
    least_ += cheapest_[p];
  }
  if (!(least_ < cutoff)) return false;
  for (std::int32_t p = 0; p < l.players; ++p) {
    const Word* mask = box.mask.data() + l.word[p];
    const double most = cutoff - (least_ - cheapest_[p]);
    const double* cost = l.cost.data() + l.first[p];
    each_of(mask, l.words(p), [&](int a) {
      if (cost[a] >= most) drop(box, p, a);
    });
  }
  return true;
}

bool Narrowing::couple(Box& box) {
  const Lattice& l = lattice_;
  std::vector<double> most(l.players);
  for (std::int32_t i = 0; i < l.couplings; ++i) {
    const double low = l.low[i] - l.low_slack[i];
    double sum = 0;
    for (std::int32_t p = 0; p < l.players; ++p) {
      most[p] = -kInfinity;
      each_of(box.mask.data() + l.word[p], l.words(p),
              [&](int a) { most[p] = std::max(most[p], l.coupled_of(i, p)[a]); });
      sum += most[p];
    }
    if (sum < low) return false;
    for (std::int32_t p = 0; p < l.players; ++p) {
      const Word* mask = box.mask.data() + l.word[p];
      each_of(mask, l.words(p), [&](int a) {
        if (sum - most[p] + l.coupled_of(i, p)[a] < low) drop(box, p, a);
      });
    }
  }
  return true;
}

// Leaves that the box does not meet, or where that alone costs too much.
bool Narrowing::reach(Box& box, double cutoff) {
  const Lattice& l = lattice_;
  for (std::int32_t t = 0; t < l.trees; ++t) {
    if (!stale_[t]) continue;
    const auto alive = this->alive(box, t);
    bool some = false;
    each_of(alive, [&](int i) {
      const std::int64_t leaf = l.leaf_start[t] + i;
      double cost = least_;
      for (std::int64_t at = l.part_start[leaf]; at < l.part_start[leaf + 1]; ++at) {
        const auto& [p, set] = l.parts[at];
        const Word* wanted = l.sets.data() + set;
        if ((wanted[cheapest_at_[p] / 64] >> (cheapest_at_[p] % 64)) & 1) continue;
        double least = kInfinity;
        each_of_both(box.mask.data() + l.word[p], wanted, l.words(p),
                     [&](int a) { least = std::min(least, l.cost[l.first[p] + a]); });
        cost += least - cheapest_[p];
        if (!(cost < cutoff)) break;
      }
      if (cost < cutoff)
        some = true;
      else
        drop_leaf(alive, t, i);
    });
    if (!some) return false;
  }
  return true;
}

// Leaves that say too little, whatever the other trees say.
bool Narrowing::need(Box& box) {
  const Lattice& l = lattice_;
  for (std::int32_t r = 0; r < l.rows; ++r) {
    double most = l.base[r] + l.slack[r];
    for (std::int32_t t = 0; t < l.trees; ++t) {
      double& best = best_[t];
      best = -kInfinity;
      each_of(alive(box, t), [&](int i) {
        best = std::max(best, l.weight[(l.leaf_start[t] + i) * l.rows + r]);
      });
      most += best;
    }
    const double spare = most - l.need[r];
    if (spare < 0) return false;
    for (std::int32_t t = 0; t < l.trees; ++t) {
      const auto alive = this->alive(box, t);
      each_of(alive, [&](int i) {
        if (best_[t] - l.weight[(l.leaf_start[t] + i) * l.rows + r] > spare)
          drop_leaf(alive, t, i);
      });
    }
  }
  return true;
}

// Alternatives that lead to no leaf left of some tree.
void Narrowing::support(Box& box) {
  const Lattice& l = lattice_;
  for (std::int32_t t = 0; t < l.trees; ++t) {
    if (!killed_[t]) continue;
    const auto alive = this->alive(box, t);
    for (std::int64_t s = l.asked_start[t]; s < l.asked_start[t + 1]; ++s) {
      const std::int32_t p = l.asked[s], words = l.words(p);
      Word* mask = box.mask.data() + l.word[p];
      union_.assign(words, 0);
      bool all = false;
      each_of(alive, [&](int i) {
        const std::int64_t leaf = l.leaf_start[t] + i;
        bool asked = false;
        for (std::int64_t at = l.part_start[leaf]; at < l.part_start[leaf + 1]; ++at) {
          if (l.parts[at].player != p) continue;
          asked = true;
          for (std::int32_t w = 0; w < words; ++w) union_[w] |= l.sets[l.parts[at].set + w];
        }
        all |= !asked;
      });
      if (all) continue;
      if (within(mask, union_.data(), words)) continue;
      for (std::int32_t w = 0; w < words; ++w) mask[w] &= union_[w];
      stale(p);
    }
  }
}

bool Narrowing::narrow(Box& box, double cutoff, std::int32_t player) {
  stale_.assign(lattice_.trees, player < 0);
  if (player >= 0) stale(player);
  do {
    changed_ = false;
    std::fill(killed_.begin(), killed_.end(), 0);
    if (!afford(box, cutoff) || !couple(box)) return false;
    if (least_ > box.bound) std::fill(stale_.begin(), stale_.end(), 1);
    box.bound = std::max(box.bound, least_);
    if (!reach(box, cutoff) || !need(box)) return false;
    std::fill(stale_.begin(), stale_.end(), 0);
    support(box);
  } while (changed_);
  return true;
}

}  // namespace whence::counterfactual
