// Where to split a box.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "counterfactual_box.hpp"

namespace whence::counterfactual {

// The alternatives of one player that go to one side.
struct Cut {
  std::int32_t player;
  std::vector<Word> set;
};

// Candidates are the conditions at which most of the undecided trees first part, and "the player
// keeps its cheapest alternatives". Each side of a cut leaves a share of the box's budget, and of
// what its best leaves say beyond what is needed; the cut that leaves least on both is taken.
class Branching {
 public:
  Branching(const Lattice& lattice, const Narrowing& narrowing)
      : lattice_(lattice), narrowing_(narrowing) {}

  // None where all trees are decided.
  std::optional<Cut> choose(const Box& box, double cutoff);

 private:
  static constexpr std::size_t kConditions = 8;

  bool measure(const Box& box, double cutoff);
  std::vector<std::int32_t> conditions(const Box& box) const;
  std::vector<Cut> candidates(const Box& box) const;
  double left_of(const Box& box, const Cut& cut, bool inside) const;
  double least(const Box& box, const Cut& cut, bool inside) const;

  const Lattice& lattice_;
  const Narrowing& narrowing_;
  double budget_ = 0;
  std::vector<double> spare_;   // (rows)
  std::vector<double> best_;    // (trees, rows)
  std::vector<double> spread_;  // (trees) of what its leaves say, 0: decided
};

}  // namespace whence::counterfactual
