// Bodies of the routing functions; included once per instruction set.
#pragma once

#include "route.hpp"
#include "simd.hpp"

namespace whence::WHENCE_ISA {

void route_split(const Forest& forest, std::int64_t v, const double* xt, int rows,
                 std::uint8_t* mask) {
  const double* x = xt + static_cast<std::int64_t>(forest.feature.data()[v]) * kChunk;
  const double t = forest.threshold.data()[v];
  const int bytes = (rows + 7) / 8;
  switch (forest.split.data()[v]) {
    case Split::numeric:
#pragma GCC unroll 8
      for (int b = 0; b < bytes; ++b) mask[b] = Simd::le8(x + 8 * b, t);
      break;
    case Split::numeric_missing_left:
#pragma GCC unroll 8
      for (int b = 0; b < bytes; ++b) mask[b] = Simd::not_gt8(x + 8 * b, t);
      break;
    case Split::leaf:
      break;
    default:
      for (int b = 0; b < bytes; ++b) mask[b] = route_special8(forest, v, x + 8 * b);
  }
}

void route_tree(const Forest& forest, std::int64_t tree, const double* xt, int rows,
                std::uint8_t* masks) {
  const std::int64_t first = forest.start.data()[tree], last = forest.start.data()[tree + 1];
  for (std::int64_t v = first; v < last; ++v)
    route_split(forest, v, xt, rows, masks + (v - first) * kChunkBytes);
}

}  // namespace whence::WHENCE_ISA
