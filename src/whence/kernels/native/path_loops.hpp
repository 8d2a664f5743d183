// The hot loops of the path-dependent game, declared once per instruction set.
#pragma once

#include <cstdint>

#include "path_program.hpp"
#include "route.hpp"

namespace whence {

// One tree on one chunk of rows. Plain pointers: the loops are compiled without the library.
struct Run {
  const Op* ops;
  std::int64_t count;
  const Place* places;
  const double* constants;
  const double* weight;        // of the points: what A is at the root
  int points, slots;
  const std::uint8_t* masks;   // slot * kChunkBytes
  int rows;                    // rounded up to blocks, of which masks and phi have whole ones
  double* phi;                 // player * stride + row, or set * stride + row
  std::int64_t stride;
  double* total;               // sum over players per row, or nullptr
  int tile;                    // rows that an instruction runs on, a multiple of eight
  double* scratch;             // slots * points * tile, aligned to 64 bytes
  // Interactions only: list l of partners is live_slot[live_start[l] .. live_start[l + 1]), and its
  // pairs (order 2: partners; order 3: pairs of partners) add to sets[set_start[l]], ...
  const std::int64_t* live_start;
  const std::int32_t* live_slot;
  const std::int64_t* set_start;
  const std::int32_t* sets;
  const double* cold;          // g of a cold player: -1 / (1 - t)
};

#define WHENCE_PATH_DECLARATIONS                                                               \
  void fill_masks(const Forest& forest, const MaskOp* ops, std::int64_t count,                 \
                  Columns x, int rows, std::uint8_t* masks);                                   \
  void run_values(const Run& run);                                                             \
  void run_interactions(const Run& run, int order);
namespace avx512 {
WHENCE_PATH_DECLARATIONS
}
namespace avx2 {
WHENCE_PATH_DECLARATIONS
}
namespace portable {
WHENCE_PATH_DECLARATIONS
}
#undef WHENCE_PATH_DECLARATIONS

}  // namespace whence
