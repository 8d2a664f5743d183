// Bodies of the loops in path_loops.hpp; included once per instruction set.
#pragma once

#include "path_interactions_impl.hpp"
#include "path_values_impl.hpp"
#include "route_words.hpp"

namespace whence::WHENCE_ISA {

void fill_masks(const Forest& forest, const MaskOp* ops, std::int64_t count, Columns x, int rows,
                std::uint8_t* masks) {
  std::uint8_t all[kChunkBytes], unused[kChunkBytes];
  __builtin_memset(all, 255, sizeof all);
  for (std::int64_t i = 0; i < count; ++i) {
    const MaskOp& op = ops[i];
    const auto at = [&](std::int32_t slot) { return masks + std::int64_t{slot} * kChunkBytes; };
    std::uint8_t* first = at(op.first);
    std::uint8_t* second = op.second >= 0 ? at(op.second) : unused;
    const std::uint8_t* hot = op.hot >= 0 ? at(op.hot) : all;
    const std::uint32_t flip = -std::uint32_t{op.flip};
    route_words(forest, op.node, x, rows, [=](int byte, std::uint32_t bits) {
      std::uint32_t known;
      __builtin_memcpy(&known, hot + byte, sizeof known);
      const std::uint32_t yes = (bits ^ flip) & known, no = known & ~yes;
      __builtin_memcpy(first + byte, &yes, sizeof yes);
      __builtin_memcpy(second + byte, &no, sizeof no);
    });
  }
}

}  // namespace whence::WHENCE_ISA
