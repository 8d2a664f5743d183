// The path-dependent game of a forest: absent players follow both children, weighted by cover.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "forest.hpp"
#include "isa.hpp"
#include "path_program.hpp"
#include "path_tables.hpp"

namespace whence {

// Points of one pass over a program, and the constants for them.
struct Pass {
  std::vector<double> point, weight, cold;
  std::vector<double> constants;
};

// A program with the passes that one index and order need.
struct Plan {
  Index index = Index::shapley;
  std::vector<std::shared_ptr<const Program>> programs;
  std::vector<std::vector<Pass>> passes;  // of each program
  // Interactions only.
  std::vector<std::int32_t> sets;  // (m, order), rows ascending
  std::vector<std::vector<std::int64_t>> set_start;
  std::vector<std::vector<std::int32_t>> set_ids;
};

class Path {
 public:
  // table_bytes: most bytes of the tables that serve in place of quadrature where they are faster.
  Path(const Forest& forest, Isa isa, double table_bytes);

  // All arrays are in C order. Safe to call from several threads at once.
  void predict(const double* X, std::int64_t rows, double* out) const;  // (rows, outputs)
  std::vector<double> expectation() const;                              // (outputs)
  // out: (rows, players, outputs)
  void values(const double* X, std::int64_t rows, Index index, double* out) const;
  // (m, order) players of the sets that stand together on a path of some tree.
  const std::vector<std::int32_t>& interaction_sets(int order) const;
  // out: (rows, m, outputs)
  void interactions(const double* X, std::int64_t rows, int order, Index index, double* out) const;

  // The tables that give the Shapley values, or null where quadrature does.
  const PathTables* tables() const;
  const Forest& forest() const { return forest_; }
  Isa isa() const { return isa_; }

 private:
  class Chunk;
  const Plan& plan(Index index, int order) const;
  Plan make_plan(Index index, int order) const;
  void number_sets(Plan& plan, int order) const;
  std::vector<std::shared_ptr<const Program>> compile(Index index, int order) const;
  void values_of_chunk(const Plan& plan, Chunk& chunk) const;
  void deep_values(const Plan& plan, Chunk& chunk, std::int32_t output) const;
  void refine(const Plan& plan, const Chunk& chunk, std::int32_t output,
              const std::vector<int>& rows, std::vector<double>& phi) const;

  const Forest& forest_;
  Isa isa_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<Index, int>, std::unique_ptr<const Plan>> plans_;
  double table_bytes_;
  mutable std::once_flag tabled_;
  mutable std::unique_ptr<const PathTables> tables_;  // null: by quadrature
};

}  // namespace whence
