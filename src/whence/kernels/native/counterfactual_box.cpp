#include "counterfactual_box.hpp"

#include <algorithm>

namespace whence::counterfactual {

Narrowing::Narrowing(const Lattice& lattice)
    : lattice_(lattice),
      alive_at_(1, 0),
      cheapest_(lattice.players),
      cheapest_at_(lattice.players),
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
    Word* mask = box.mask.data() + l.word[p];
    const double most = cutoff - (least_ - cheapest_[p]);
    const double* cost = l.cost.data() + l.first[p];
    each_of(mask, l.words(p), [&](int a) {
      if (cost[a] >= most) mask[a / 64] &= ~(Word{1} << (a % 64)), changed_ = true;
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
      Word* mask = box.mask.data() + l.word[p];
      each_of(mask, l.words(p), [&](int a) {
        if (sum - most[p] + l.coupled_of(i, p)[a] < low)
          mask[a / 64] &= ~(Word{1} << (a % 64)), changed_ = true;
      });
    }
  }
  return true;
}

// Leaves that the box does not meet, or where that alone costs too much.
bool Narrowing::reach(Box& box, double cutoff) {
  const Lattice& l = lattice_;
  for (std::int32_t t = 0; t < l.trees; ++t) {
    const auto alive = this->alive(box, t);
    bool some = false;
    each_of(alive, [&](int i) {
      const std::int64_t leaf = l.leaf_start[t] + i;
      double cost = least_;
      for (std::int64_t at = l.part_start[leaf]; at < l.part_start[leaf + 1]; ++at) {
        const auto& [p, slot, set] = l.parts[at];
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
        alive[i / 64] &= ~(Word{1} << (i % 64)), changed_ = true;
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
          alive[i / 64] &= ~(Word{1} << (i % 64)), changed_ = true;
      });
    }
  }
  return true;
}

// Alternatives that lead to no leaf left of some tree.
void Narrowing::support(Box& box) {
  const Lattice& l = lattice_;
  for (std::int32_t t = 0; t < l.trees; ++t) {
    const auto alive = this->alive(box, t);
    for (std::int64_t s = l.slot_start[t]; s < l.slot_start[t + 1]; ++s) {
      const std::int32_t p = l.slot_player[s], words = l.words(p);
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
      for (std::int32_t w = 0; w < words; ++w) {
        changed_ |= (mask[w] & ~union_[w]) != 0;
        mask[w] &= union_[w];
      }
    }
  }
}

bool Narrowing::narrow(Box& box, double cutoff) {
  do {
    changed_ = false;
    if (!afford(box, cutoff) || !couple(box) || !reach(box, cutoff) || !need(box)) return false;
    support(box);
  } while (changed_);
  box.bound = std::max(box.bound, least_);
  return true;
}

}  // namespace whence::counterfactual
