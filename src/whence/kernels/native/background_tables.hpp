// Pattern tables: per group of leaves, what each set of players gets for each pattern of a row.
//
// The background is counted once, by the index of each group; without one, the shares of training
// weight on either side of each split take its place. A leaf with k players then needs
// only its 2^k shares f: with g[p] the sum of f over all patterns that contain p, the values for
// the row pattern c are the sum over all e within c of weight(e) g[~e], because a player that both
// rows satisfy adds the cube in which it is known and the cube in which it is not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "background_kernels.hpp"
#include "background_plan.hpp"
#include "isa.hpp"

namespace whence {

// Rows in chunks, by column.
class Chunks {
 public:
  Chunks(const Forest& forest, const double* X, std::int64_t rows);
  int count() const { return static_cast<int>((rows_ + kChunk - 1) / kChunk); }
  int rows(int chunk) const;
  Columns at(int chunk) const {
    return {numbers_.data() + chunk * columns_ * kChunk, ranks_.data() + chunk * columns_ * kChunk};
  }

 private:
  std::int64_t rows_, columns_;
  std::vector<double> numbers_;
  std::vector<std::uint16_t> ranks_;
};

// The masks of one tree for one chunk: its splits, then what the plan derives from them.
class Masks {
 public:
  void fill(const Forest& forest, std::int64_t tree, const TreePlan& plan, Columns x, int rows,
            Isa isa);
  const std::uint8_t* data() const { return data_.data(); }

 private:
  std::vector<std::uint8_t> data_;
};

struct AlignedDelete {
  void operator()(double* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
using Lines = std::unique_ptr<double[], AlignedDelete>;

// How often each index of each group of a tree occurs in the background.
struct TreeCounts {
  std::vector<std::int64_t> first;    // (groups + 1), where the counts of a group start
  std::vector<std::uint32_t> count;
};

// The tables of one tree.
class TreeTables {
 public:
  TreeTables(const Forest& forest, std::int64_t tree, const TreePlan& plan,
             const TreeCounts* counts /* null: by cover */, const PlayerSets& sets, Index index,
             std::int64_t rows, Isa isa);
  void add(const TreePlan& plan, const std::uint8_t* masks, int rows, double* phi,
           std::int64_t slots, Isa isa, std::vector<std::uint16_t>& scratch) const;

 private:
  struct Job {
    std::size_t first, last;  // groups
    std::vector<std::int32_t> slots;
    std::int64_t stride;
  };
  std::vector<Job> jobs_;
  std::vector<const double*> tables_;  // per group
  Lines data_;
};

// Adds the mean of what the tree says about the background to `mean` (outputs).
void add_mean(const Forest& forest, std::int64_t tree, const TreePlan& plan,
              const TreeCounts& counts, std::int64_t rows, double* mean);

std::int64_t table_bytes(const TreePlan& plan, int width);
TreeCounts empty_counts(const TreePlan& plan);
void count_rows(const TreePlan& plan, const std::uint8_t* masks, int rows, TreeCounts& counts,
                Isa isa);

// Sums what `add(tree, x, rows, phi)` adds for all trees and chunks: out is (n, slots), phi of a
// chunk is (tiles, slots, kTile).
void sum_trees(const Forest& forest, std::int64_t slots, const double* X, std::int64_t n,
               const std::function<void(std::int64_t, Columns, int, double*)>& add,
               double* out);
// Chunks whose numbers, so many per row, stay in a core's cache together.
int chunks_per_block(std::int64_t numbers_per_row);
// Where the first sum of a row of a chunk stands.
inline std::int64_t in_tile(int row, std::int64_t slots) {
  return row / kTile * kTile * slots + row % kTile;
}

}  // namespace whence
