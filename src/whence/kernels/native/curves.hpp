// What a forest says about rows while some of their columns move along a list of positions.
//
// A chunk of rows walks down each tree once for 64 positions together: bits tell which rows and
// which positions are still here. A split on a column that stays divides the rows; one on a column
// that moves divides the positions, the same for every row. A leaf adds its value to the rows and
// runs of positions that arrive, by two additions a run and row; one pass over the positions sums
// them up at the end. Trees that read no column that moves are not walked: the raw output of the
// row, which the caller knows, says what they add.
#pragma once

#include <cstdint>
#include <vector>

#include "forest.hpp"
#include "isa.hpp"
#include "route.hpp"

namespace whence {

inline constexpr int kChunkWords = kChunk / 64;

// Rows and positions that have come to a node.
struct Arrival {
  std::uint64_t rows[kChunkWords];
  std::uint64_t own[kChunkWords];  // those that come here when nothing moves
  std::int64_t node;
  std::uint64_t positions;
};

// A chunk of rows and 64 positions, as the loops see them.
struct Walk {
  const Forest* forest;
  const std::uint8_t* moves;   // (columns)
  const std::uint64_t* left;   // (nodes) positions that a split on a moving column sends left
  Columns x;
  int rows;
  std::uint64_t positions;     // all of them, from bit 0
  bool own;                    // whether to tell what the rows get when nothing moves
  double* sums;                // (positions, outputs, kChunk) where runs begin and end
  double* own_sums;            // (outputs, kChunk)
  Arrival* stack;              // as deep as the deepest tree, and one
};

#define WHENCE_CURVES_DECLARATIONS void walk_tree(const Walk& walk, std::int64_t tree);
namespace avx512 {
WHENCE_CURVES_DECLARATIONS
}
namespace avx2 {
WHENCE_CURVES_DECLARATIONS
}
namespace portable {
WHENCE_CURVES_DECLARATIONS
}
#undef WHENCE_CURVES_DECLARATIONS

class Curves {
 public:
  Curves(const Forest& forest, Isa isa);

  const Forest& forest() const { return forest_; }

  // X (rows, columns) in C order and raw (rows, outputs), the raw output about them. cells
  // (positions, moved): the numbers of the columns that move. Writes out (rows, positions,
  // outputs). Safe to call from several threads.
  void along(const double* X, const double* raw, std::int64_t rows,
             const std::vector<std::int32_t>& moved, const double* cells, std::int64_t positions,
             double* out) const;

 private:
  struct Moves;

  void mark(const Moves& moves, const double* cells, std::int64_t count, std::int64_t first,
            std::int64_t positions, std::uint64_t* left) const;
  void by_chunks(const Moves& moves, const double* X, std::int64_t rows, const std::uint64_t* left,
                 std::int64_t first, std::int64_t positions, const double* rest,
                 double* out) const;

  const Forest& forest_;
  Isa isa_;
  std::int64_t depth_ = 0;
};

}  // namespace whence
