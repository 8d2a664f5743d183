// Branch and bound over boxes: the box of the lowest bound is split first.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "counterfactual_box.hpp"
#include "counterfactual_lattice.hpp"
#include "counterfactual_scores.hpp"
#include "counterfactual_shares.hpp"

namespace whence::counterfactual {

class Search {
 public:
  Search(const Counterfactual& prepared, const CounterfactualQuery& query);

  CounterfactualFound run();

 private:
  // Of two costs closer than this, relatively, either may be called the least.
  static constexpr double kSame = 1e-9;
  static constexpr int kWarmPasses = 60;
  static constexpr int kPasses = 2;          // per box
  static constexpr double kSteady = 0.02;    // step of the multipliers, per box
  static constexpr double kBytes = 256e6;    // of open boxes; beyond it the youngest goes first

  bool over() const { return std::chrono::steady_clock::now() >= end_; }
  double cutoff() const;
  void list(Box& box);
  bool prepare(Box& root);
  void warm(Box& root);
  bool process(Box& box);
  void put(Box&& box);
  Box next();
  void offer(Choice choice);

  void split(const Box& box);
  std::int32_t deciding_condition(const Box& box) const;
  void split_coupled(const Box& box);
  void make(const Box& box, std::int32_t p, const Word* set, bool inside);
  template <class Cost>
  Choice cheapest(const Box& box, Cost cost) const;
  CounterfactualFound found(double bound, bool proved) const;

  const CounterfactualQuery& query_;
  std::chrono::steady_clock::time_point end_;
  Lattice lattice_;
  Scores scores_;
  std::unique_ptr<Narrowing> narrowing_;
  std::unique_ptr<Shares> shares_;
  std::vector<Box> open_;  // a heap
  bool youngest_first_ = false;
  double most_ = 0;  // no choice costs more
  double best_;
  Choice choice_;
  std::int64_t boxes_ = 0;
};

}  // namespace whence::counterfactual
