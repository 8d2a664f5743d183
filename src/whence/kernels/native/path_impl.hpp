// Bodies of the loops in path_loops.hpp; included once per instruction set.
#pragma once

#include "path_interactions_impl.hpp"
#include "path_values_impl.hpp"

namespace whence::WHENCE_ISA {

void fill_masks(const Forest& forest, const MaskOp* ops, std::int64_t count, const double* xt,
                int rows, std::uint8_t* masks) {
  const int bytes = (rows + 7) / 8;
  for (std::int64_t i = 0; i < count; ++i) {
    const MaskOp& op = ops[i];
    std::uint8_t* first = masks + static_cast<std::int64_t>(op.first) * kChunkBytes;
    std::uint8_t* second = masks + static_cast<std::int64_t>(op.second) * kChunkBytes;
    const std::uint8_t* hot = masks + static_cast<std::int64_t>(op.hot) * kChunkBytes;
    route_split(forest, op.node, xt, rows, first);
    if (op.flip)
      for (int b = 0; b < bytes; ++b) first[b] = static_cast<std::uint8_t>(~first[b]);
    if (op.second >= 0)
      for (int b = 0; b < bytes; ++b)
        second[b] = static_cast<std::uint8_t>(~first[b] & (op.hot >= 0 ? hot[b] : 255));
    if (op.hot >= 0)
      for (int b = 0; b < bytes; ++b) first[b] &= hot[b];
  }
}

}  // namespace whence::WHENCE_ISA
