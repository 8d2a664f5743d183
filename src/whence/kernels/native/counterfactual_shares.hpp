// A lower bound on cost: each tree, alone, pays shares of the costs and is paid for its weight.
//
// With multipliers m >= 0 of the conditions G raw >= h, and shares that sum, over the trees and the
// player itself, to each alternative's cost, the cheapest choice costs at least
//   m (h - base) + sum over players of min(own share)
//                + sum over trees of min over leaves (sum of min shares in the leaf's sets - m weight).
// Each tree in turn takes what its players hold, finds the least sum for each alternative, and
// gives every player an equal part of that (block coordinate ascent of the dual decomposition; the
// bound never falls). Shares are valid in every box, so the next box begins with those of the last.
#pragma once

#include <cstdint>
#include <vector>

#include "counterfactual_box.hpp"

namespace whence::counterfactual {

class Shares {
 public:
  Shares(const Lattice& lattice, const Narrowing& narrowing);

  // One turn of every tree. Returns the bound; where `fix`, which needs an earlier pass on this box
  // or one around it at the same multipliers, leaves and alternatives that the bound rules out at
  // `cutoff` are dropped.
  double pass(Box& box, double cutoff, bool fix);

  // Raises the multipliers of conditions that the last pass left unmet, and lowers the others.
  void adjust(double step);

  // Makes own shares again from costs and the trees' shares: many turns gather rounding errors.
  void settle();

  const std::vector<double>& multipliers() const { return multiplier_; }
  void set_multipliers(const std::vector<double>& multiplier) { multiplier_ = multiplier; }

  double own(std::int32_t p, int a) const { return own_[lattice_.first[p] + a]; }
  double energy(std::int64_t leaf) const;  // -m weight

 private:
  bool turn(Box& box, std::int32_t t, double cutoff, bool fix);
  void take(const Box& box, std::int32_t t);
  bool weigh(const Box& box, std::int32_t t);
  void give(Box& box, std::int32_t t, double cutoff, bool fix);

  const Lattice& lattice_;
  const Narrowing& narrowing_;
  std::vector<double> multiplier_;     // (rows)
  std::vector<double> own_;            // (alternatives)
  std::vector<std::int64_t> share_at_; // (slots)
  std::vector<double> share_;          // by slot, (alternatives of its player)
  std::vector<double> least_own_;      // (players) within the box
  std::vector<double> rest_;           // (trees) least sum of the tree after its turn
  std::vector<double> reached_;        // (rows) weight of the leaves the trees like best
  double sum_ = 0, constant_ = 0;
  bool forward_ = false;

  // Of the tree whose turn it is.
  std::vector<double> least_, free_, least_sum_;  // (slots), (slots), by slot as share_
  std::vector<std::uint8_t> active_, on_path_;    // (slots)
  std::vector<double> leaf_sum_, part_least_;     // (leaves), (parts)
  double best_ = 0;
  int asked_ = 0;
};

}  // namespace whence::counterfactual
