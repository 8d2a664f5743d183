// The rows that a split sends left, as bits in registers; for the loops of one instruction set.
#pragma once

#include "route.hpp"
#include "simd.hpp"

namespace whence::WHENCE_ISA {

template <class Eight, class Take>
inline void route_numbers(const double* x, int rows, Eight eight, Take take) {
  for (int r = 0; r < rows; r += 32) {
    std::uint32_t bits = 0;
    for (int i = 0; i < 32 && r + i < rows; i += 8)
      bits |= static_cast<std::uint32_t>(eight(x + r + i)) << i;
    take(r / 8, bits);
  }
}

// Calls take(byte, bits) with the bits of 32 rows at a time: whoever needs them need not load what
// was just stored in other sizes, which a processor is slow at.
template <class Take>
inline void route_words(const Forest& forest, std::int64_t v, Columns x, int rows, Take take) {
  const std::int64_t column = static_cast<std::int64_t>(forest.feature.data()[v]) * kChunk;
  const double* number = x.number + column;
  const double t = forest.threshold.data()[v];
  const auto split = forest.split.data()[v];
  const bool ranked =
      split == whence::Split::ranked || split == whence::Split::ranked_missing_left;
  if (ranked && rows > kFewRows) {
    // One more on both sides makes NaN, the highest rank, the lowest.
    const std::uint16_t shift = split == whence::Split::ranked_missing_left;
    const auto most = static_cast<std::uint16_t>(forest.rank.data()[v] + shift);
    for (int r = 0; r < rows; r += 32) take(r / 8, Simd::le32(x.rank + column + r, shift, most));
    return;
  }
  switch (split) {
    case whence::Split::ranked:
    case whence::Split::numeric:
      route_numbers(number, rows, [t](const double* p) { return Simd::le8(p, t); }, take);
      break;
    case whence::Split::ranked_missing_left:
    case whence::Split::numeric_missing_left:
      route_numbers(number, rows, [t](const double* p) { return Simd::not_gt8(p, t); }, take);
      break;
    case whence::Split::leaf:
      break;
    default:
      route_numbers(
          number, rows, [&](const double* p) { return route_special8(forest, v, p); }, take);
  }
}

}  // namespace whence::WHENCE_ISA
