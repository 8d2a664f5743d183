// Bodies of the routing functions; included once per instruction set.
#pragma once

#include "route_words.hpp"

namespace whence::WHENCE_ISA {

void route_split(const Forest& forest, std::int64_t v, Columns x, int rows, std::uint8_t* mask) {
  route_words(forest, v, x, rows, [mask](int byte, std::uint32_t bits) {
    __builtin_memcpy(mask + byte, &bits, sizeof bits);
  });
}

void route_tree(const Forest& forest, std::int64_t tree, Columns x, int rows,
                std::uint8_t* masks) {
  const std::int64_t first = forest.start.data()[tree], last = forest.start.data()[tree + 1];
  for (std::int64_t v = first; v < last; ++v)
    route_split(forest, v, x, rows, masks + (v - first) * kChunkBytes);
}

}  // namespace whence::WHENCE_ISA
