// Routing: which rows of a chunk each split sends left.
//
// A chunk is up to kChunk rows, padded to a multiple of eight with zeros. The mask of a split is
// kChunk / 8 bytes, bit i of byte b for row 8 * b + i of the chunk, set where the row goes left.
//
// Where a column has many splits they compare ranks of 16 bits instead of numbers of 64: the rank
// of x is how many thresholds of its column, over all trees, are below it, so that
// x <= threshold k iff rank <= k.
#pragma once

#include <cstdint>

#include "forest.hpp"

namespace whence {

inline constexpr int kChunk = 256;
inline constexpr int kChunkBytes = kChunk / 8;

inline constexpr std::uint16_t kMissing = 65'535;  // rank of NaN; one more is zero
inline constexpr int kFewRows = 8;  // so many are compared as numbers at once: no need of ranks

// A chunk, by column: row i of column c is at c * kChunk + i.
struct Columns {
  const double* number;
  // Only of columns with cuts, in chunks of more than kFewRows rows, and padded to 32 rows.
  const std::uint16_t* rank;
};

// Rows first .. first + rows of X (C order) into number and rank (columns * kChunk each).
Columns load_chunk(const Forest& forest, const double* X, std::int64_t first, int rows,
                   double* number, std::uint16_t* rank);

// The splits that read a number as a missing value or a code; shared by all instruction sets.
bool special_goes_left(const Forest& forest, std::int64_t v, double x);
std::uint8_t route_special8(const Forest& forest, std::int64_t v, const double* x);

// Routes `rows` rows at one split: those up to a multiple of eight get their bits, the rest of the
// mask is anything.
#define WHENCE_ROUTE_DECLARATIONS                                                              \
  void route_split(const Forest& forest, std::int64_t v, Columns x, int rows,                  \
                   std::uint8_t* mask);                                                        \
  void route_tree(const Forest& forest, std::int64_t tree, Columns x, int rows,                \
                  std::uint8_t* masks); /* node v of the tree: masks[(v - start) * kChunkBytes] */
namespace avx512 {
WHENCE_ROUTE_DECLARATIONS
}
namespace avx2 {
WHENCE_ROUTE_DECLARATIONS
}
namespace portable {
WHENCE_ROUTE_DECLARATIONS
}
#undef WHENCE_ROUTE_DECLARATIONS

}  // namespace whence
