// Path-dependent Shapley values by pattern tables, for shallow trees of few players.
//
// The path-dependent game of a leaf is the interventional one against independent players, each of
// which satisfies its splits with their share of the training weight: the tables of the background
// serve, filled from shares of weight instead of counts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "background_tables.hpp"
#include "forest.hpp"
#include "isa.hpp"

namespace whence {

class PathTables {
 public:
  // Null where quadrature is faster or the tables would take too much memory.
  static std::unique_ptr<const PathTables> make(const Forest& forest, double most_bytes, Isa isa);

  void values(const double* X, std::int64_t rows, double* out) const;  // (rows, players, outputs)

 private:
  PathTables(const Forest& forest, Isa isa) : f_(forest), isa_(isa), sets_(forest, 1) {}
  bool affordable(double most_bytes) const;
  void build();
  bool faster() const;
  int width(std::int64_t tree) const;

  const Forest& f_;
  Isa isa_;
  PlayerSets sets_;
  std::vector<TreePlan> plans_;
  std::vector<std::unique_ptr<const TreeTables>> trees_;
};

}  // namespace whence
