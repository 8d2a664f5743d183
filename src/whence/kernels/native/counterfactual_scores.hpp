// What the trees say to single choices, and choices that are good without proof.
#pragma once

#include <cstdint>
#include <vector>

#include "counterfactual_lattice.hpp"

namespace whence::counterfactual {

using Choice = std::vector<std::int32_t>;  // (players) alternatives of the lattice, by player

class Scores {
 public:
  Scores(const Lattice& lattice, const CounterfactualQuery& query);

  bool fits(const Choice& choice) const;
  bool coupled(const Choice& choice) const { return uncoupled(choice) <= 0; }
  double cost(const Choice& choice) const;

  // Changes players one by one within `mask`, by what is gained for its cost, until the choice
  // fits; then takes back what it can within `all`. False where it gets stuck.
  bool repair(Choice& choice, const std::vector<Word>& mask, const std::vector<Word>& all) const;

 private:
  void score(const Choice& choice, double* out) const;
  double uncoupled(const Choice& choice) const;
  double missing(const double* score, const Choice& choice) const;

  // The scores (alternatives of p, rows) where p takes each of its alternatives.
  void scores_of(const Choice& choice, std::int32_t p, std::vector<double>& out) const;
  bool cheapen(Choice& choice, const std::vector<Word>& mask) const;

  const Lattice& lattice_;
  std::vector<double> weight_;  // (nodes, rows)
};

}  // namespace whence::counterfactual
