// The cheapest row that a tree ensemble answers as wanted.
//
// Every player takes one of its alternatives; an alternative is what the trees read in the player's
// columns. Wanted is G raw >= h. The search splits boxes, products of sets of alternatives, and
// drops those that provably hold nothing cheaper than the best choice known.
#pragma once

#include <cstdint>
#include <vector>

#include "forest.hpp"

namespace whence {

struct CounterfactualQuery {
  const std::int64_t* start;  // (players + 1)
  const double* cost;         // (alternatives)
  const double* encoded;      // (alternatives, columns)
  std::int64_t rows;          // of G
  const double* G;            // (rows, outputs)
  const double* h;            // (rows)
  std::int64_t couplings;     // of A
  const double* A;            // (couplings, alternatives): A choice >= low
  const double* low;          // (couplings)
  double incumbent;           // only what is cheaper is looked for
  double seconds;
  std::int64_t boxes;         // most boxes to look at
};

struct CounterfactualFound {
  std::vector<std::int64_t> choice;  // empty: none
  double cost, bound;  // bound: nothing that fits is cheaper, but for a relative 1e-9
  bool proved;
  std::int64_t boxes;
};

// A forest prepared for queries: its splits, each distinct condition once.
class Counterfactual {
 public:
  struct Condition {
    std::int32_t player;
    std::int64_t node;  // one of the splits that ask this
  };

  explicit Counterfactual(const Forest& forest);
  CounterfactualFound cheapest(const CounterfactualQuery& query) const;

  const Forest& forest() const { return *forest_; }
  const std::vector<Condition>& conditions() const { return conditions_; }
  std::int32_t condition_of(std::int64_t v) const { return condition_of_[v]; }
  const std::vector<std::vector<std::int32_t>>& trees_of() const { return trees_of_; }

 private:
  const Forest* forest_;
  std::vector<Condition> conditions_;
  std::vector<std::int32_t> condition_of_;           // (nodes), -1 at a leaf
  std::vector<std::vector<std::int32_t>> trees_of_;  // (players)
};

}  // namespace whence
