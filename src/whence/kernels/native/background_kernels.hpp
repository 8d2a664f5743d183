// The loops over rows of the background tables, one instance per instruction set.
#pragma once

#include <cstdint>

#include "background_plan.hpp"
#include "route.hpp"

namespace whence {

// Sums are kept in tiles of rows, (tiles, slots, kTile): as many as find a table's lines again in
// the first cache, as few as leave room for them there.
inline constexpr int kTile = kChunk;

// Tables that are looked up together: the same columns, one index each.
struct Lookups {
  const double* const* tables;  // (count), rows of `stride` numbers
  const std::uint16_t* index;   // (count, kTile)
  int count;
  std::int64_t stride;        // a multiple of kLine
  const std::int32_t* slots;  // (columns), where each column is added
  int columns;
};

// One leaf on its way into the table of its group.
struct LeafSum {
  int bits;                 // k, the players of the leaf
  int lanes;                // sets of its players, rounded up to a multiple of kLine
  const double* weights;    // (2^k, lanes): value of each set where only pattern c is known
  double* share;            // (2^k): how much of the background has each pattern; overwritten
  double* sums;             // (2^k, lanes): result
};

#define WHENCE_BACKGROUND_DECLARATIONS                                                          \
  void derive_masks(const Both* derived, int count, int first, int rows, std::uint8_t* masks);  \
  void make_index(const std::uint8_t* masks, const std::int32_t* bits, int count, int rows,     \
                  std::uint16_t* index);                                                        \
  void add_lookups(const Lookups& job, int rows, double* phi /* (slots, kTile) */);            \
  void sum_leaf(const LeafSum& leaf);
namespace avx512 {
WHENCE_BACKGROUND_DECLARATIONS
}
namespace avx2 {
WHENCE_BACKGROUND_DECLARATIONS
}
namespace portable {
WHENCE_BACKGROUND_DECLARATIONS
}
#undef WHENCE_BACKGROUND_DECLARATIONS

}  // namespace whence
