// Branch and bound over boxes: the box of the lowest bound is split first.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "counterfactual_box.hpp"
#include "counterfactual_branching.hpp"
#include "counterfactual_lattice.hpp"
#include "counterfactual_scores.hpp"

namespace whence::counterfactual {

// The order of a heap of open boxes: the lowest bound, then the youngest, comes first.
struct Later {
  bool youngest_first;
  bool operator()(const Box& a, const Box& b) const {
    if (youngest_first || a.bound == b.bound) return a.number < b.number;
    return a.bound > b.bound;
  }
};

class Search {
 public:
  Search(const Counterfactual& prepared, const CounterfactualQuery& query,
         const Deadline& deadline);

  CounterfactualFound run();

 private:
  static constexpr double kSame = 1e-9;    // of two costs no farther apart, either may be the least
  static constexpr int kRepairs = 64;      // one per so many splits
  static constexpr double kBytes = 256e6;  // of open boxes; beyond it the youngest goes first

  double cutoff() const;
  bool prepare(Box& root);
  void put(Box&& box);
  Box next();
  void offer(Choice choice);
  void repair(const Box& box);
  Choice cheapest(const Box& box) const;

  void split(const Box& box);
  void part(const Box& box, const Cut& cut);
  std::optional<Cut> coupled_cut(const Box& box, const Choice& choice) const;
  CounterfactualFound found(double bound, bool proved) const;

  const CounterfactualQuery& query_;
  const Deadline& deadline_;
  Lattice lattice_;
  Scores scores_;
  std::optional<Narrowing> narrowing_;
  std::optional<Branching> branching_;
  std::vector<Box> open_;  // a heap
  std::vector<Word> everything_;
  bool youngest_first_ = false;
  double most_ = 0;  // no choice costs more
  double best_;
  Choice choice_;
  std::int64_t boxes_ = 0, splits_ = 0;
};

}  // namespace whence::counterfactual
