// A product of sets of alternatives, and what follows for it at once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "counterfactual_lattice.hpp"

namespace whence::counterfactual {

struct Box {
  std::vector<Word> mask;   // alternatives that are left
  std::vector<Word> alive;  // leaves that can be reached, by tree: see Narrowing::alive
  double bound = 0;         // no choice of the box is cheaper
  std::int64_t number = 0;  // in the order they were made
};

// Drops alternatives and leaves that no choice of the box below `cutoff` takes.
class Narrowing {
 public:
  explicit Narrowing(const Lattice& lattice);

  std::vector<Word> all_alive() const;
  std::span<Word> alive(Box& box, std::int32_t t) const {
    return {box.alive.data() + alive_at_[t], box.alive.data() + alive_at_[t + 1]};
  }
  std::span<const Word> alive(const Box& box, std::int32_t t) const {
    return {box.alive.data() + alive_at_[t], box.alive.data() + alive_at_[t + 1]};
  }

  // False where nothing is left. `player` is the one whose set was cut since the box was last
  // narrowed; -1: all may have been.
  bool narrow(Box& box, double cutoff, std::int32_t player);

 private:
  void drop(Box& box, std::int32_t p, int a);
  void drop_leaf(std::span<Word> alive, std::int32_t t, int i);
  void stale(std::int32_t p);
  bool afford(Box& box, double cutoff);
  bool couple(Box& box);
  bool reach(Box& box, double cutoff);
  bool need(Box& box);
  void support(Box& box);

  const Lattice& lattice_;
  std::vector<std::int64_t> alive_at_;  // (trees + 1)
  std::vector<double> cheapest_;        // (players)
  std::vector<std::int32_t> cheapest_at_;
  double least_ = 0;
  bool changed_ = false;
  std::vector<std::uint8_t> stale_;   // (trees) whether a player that the tree asks was cut
  std::vector<std::uint8_t> killed_;  // (trees) whether a leaf was dropped
  std::vector<double> best_;  // (trees)
  std::vector<Word> union_;
};

}  // namespace whence::counterfactual
