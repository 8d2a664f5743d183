// Routing: which rows of a chunk each split sends left.
//
// A chunk is up to kChunk rows, transposed: xt[column * kChunk + row]. Rows are padded to a
// multiple of eight with zeros. The mask of a split is kChunk / 8 bytes, bit i of byte b for row
// 8 * b + i of the chunk, set where the row goes left.
#pragma once

#include <cstdint>

#include "forest.hpp"

namespace whence {

inline constexpr int kChunk = 256;
inline constexpr int kChunkBytes = kChunk / 8;

// Rows first .. first + rows of X (C order) into xt (columns * kChunk numbers).
void transpose_chunk(const double* X, std::int64_t columns, std::int64_t first, int rows,
                     double* xt);

// The splits that read a number as a missing value or a code; shared by all instruction sets.
bool special_goes_left(const Forest& forest, std::int64_t v, double x);
std::uint8_t route_special8(const Forest& forest, std::int64_t v, const double* x);

// Routes `rows` rows (rounded up to a multiple of eight) at one split, into rows / 8 bytes.
#define WHENCE_ROUTE_DECLARATIONS                                                              \
  void route_split(const Forest& forest, std::int64_t v, const double* xt, int rows,           \
                   std::uint8_t* mask);                                                        \
  void route_tree(const Forest& forest, std::int64_t tree, const double* xt, int rows,         \
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
