// Bodies of the loops of the background tables; included once per instruction set.
#pragma once

#include <cstring>

#include "background_kernels.hpp"
#include "simd.hpp"

namespace whence::WHENCE_ISA {
namespace {

inline void add_line(double* to, const double* from) {
  for (int i = 0; i < kLine; ++i) to[i] += from[i];
}

#if defined(__AVX512BW__)

// Rows of eight numbers to columns, in three rounds of swaps: of neighbors, of pairs, of halves.
inline void transpose(__m512d* a) {
  const __m512i low1 = _mm512_setr_epi64(0, 8, 2, 10, 4, 12, 6, 14);
  const __m512i high1 = _mm512_setr_epi64(1, 9, 3, 11, 5, 13, 7, 15);
  const __m512i low2 = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i high2 = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512i low4 = _mm512_setr_epi64(0, 1, 2, 3, 8, 9, 10, 11);
  const __m512i high4 = _mm512_setr_epi64(4, 5, 6, 7, 12, 13, 14, 15);
  __m512d b[8], c[8];
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm512_permutex2var_pd(a[i], low1, a[i + 1]);
    b[i + 1] = _mm512_permutex2var_pd(a[i], high1, a[i + 1]);
  }
  constexpr int kFirst[4] = {0, 1, 4, 5};
  for (const int i : kFirst) {
    c[i] = _mm512_permutex2var_pd(b[i], low2, b[i + 2]);
    c[i + 2] = _mm512_permutex2var_pd(b[i], high2, b[i + 2]);
  }
  for (int i = 0; i < 4; ++i) {
    a[i] = _mm512_permutex2var_pd(c[i], low4, c[i + 4]);
    a[i + 4] = _mm512_permutex2var_pd(c[i], high4, c[i + 4]);
  }
}

inline void add_rows8(const Lookups& job, const double* const* tables, int r, int from,
                      double* phi) {
  __m512d a[8];
  for (int i = 0; i < 8; ++i)
    a[i] = _mm512_loadu_pd(tables[0] + job.index[r + i] * job.stride + from);
  for (int g = 1; g < job.count; ++g) {
    const std::uint16_t* index = job.index + g * kTile + r;
    for (int i = 0; i < 8; ++i)
      a[i] = _mm512_add_pd(a[i], _mm512_loadu_pd(tables[g] + index[i] * job.stride + from));
  }
  transpose(a);
  const int columns = job.columns - from < kLine ? job.columns - from : kLine;
  for (int c = 0; c < columns; ++c) {
    double* p = phi + std::int64_t{job.slots[from + c]} * kTile + r;
    _mm512_storeu_pd(p, _mm512_add_pd(_mm512_loadu_pd(p), a[c]));
  }
}

#else

inline void add_rows8(const Lookups& job, const double* const* tables, int r, int from,
                      double* phi) {
  alignas(64) double a[8][8] = {};
  for (int i = 0; i < 8; ++i)
    for (int g = 0; g < job.count; ++g)
      add_line(a[i], tables[g] + job.index[g * kTile + r + i] * job.stride + from);
  const int columns = job.columns - from < kLine ? job.columns - from : kLine;
  for (int c = 0; c < columns; ++c) {
    double* p = phi + std::int64_t{job.slots[from + c]} * kTile + r;
    for (int i = 0; i < 8; ++i) p[i] += a[i][c];
  }
}

// Byte i of spread[b] is bit i of b.
struct Spread {
  std::uint64_t of[256];
  constexpr Spread() : of() {
    for (int b = 0; b < 256; ++b)
      for (int i = 0; i < 8; ++i) of[b] |= static_cast<std::uint64_t>((b >> i) & 1) << (8 * i);
  }
};
constexpr Spread spread;

#endif

}  // namespace

void derive_masks(const Both* derived, int count, int first, int rows, std::uint8_t* masks) {
  const int bytes = (rows + 7) / 8;
  for (int d = 0; d < count; ++d) {
    const Both both = derived[d];
    const std::uint8_t* a = masks + std::int64_t{both.a} * kChunkBytes;
    const std::uint8_t* b = masks + std::int64_t{both.b} * kChunkBytes;
    std::uint8_t* to = masks + (std::int64_t{first} + d) * kChunkBytes;
    const auto not_a = static_cast<std::uint8_t>(-int{both.not_a});
    const auto not_b = static_cast<std::uint8_t>(-int{both.not_b});
    for (int i = 0; i < bytes; ++i)
      to[i] = static_cast<std::uint8_t>((a[i] ^ not_a) & (b[i] ^ not_b));
  }
}

#if defined(__AVX512BW__)

void make_index(const std::uint8_t* masks, const std::int32_t* bits, int count, int rows,
                std::uint16_t* index) {
  for (int r = 0; r < rows; r += 32) {
    __m512i sum = _mm512_setzero_si512();
    for (int b = 0; b < count; ++b) {
      std::uint32_t mask;
      std::memcpy(&mask, masks + std::int64_t{bits[b]} * kChunkBytes + r / 8, sizeof mask);
      sum = _mm512_mask_add_epi16(sum, mask, sum, _mm512_set1_epi16(static_cast<short>(1 << b)));
    }
    _mm512_storeu_si512(index + r, sum);
  }
}

#else

void make_index(const std::uint8_t* masks, const std::int32_t* bits, int count, int rows,
                std::uint16_t* index) {
  for (int r = 0; r < rows; r += 8) {
    std::uint64_t low = 0, high = 0;
    for (int b = 0; b < count; ++b) {
      const std::uint64_t lanes =
          spread.of[masks[std::int64_t{bits[b]} * kChunkBytes + r / 8]];
      if (b < 8)
        low |= lanes << b;
      else
        high |= lanes << (b - 8);
    }
    for (int i = 0; i < 8; ++i)
      index[r + i] = static_cast<std::uint16_t>(((low >> (8 * i)) & 255) |
                                                (((high >> (8 * i)) & 255) << 8));
  }
}

#endif

void add_lookups(const Lookups& job, int rows, double* phi) {
  for (int from = 0; from < job.columns; from += kLine)
    for (int r = 0; r < rows; r += 8) add_rows8(job, job.tables, r, from, phi);
}

void sum_leaf(const LeafSum& leaf) {
  const int size = 1 << leaf.bits, lanes = leaf.lanes;
  for (int d = 1; d < size; d *= 2)  // share[p] becomes the share of all patterns that contain p
    for (int block = 0; block < size; block += 2 * d)
      for (int c = block; c < block + d; ++c) leaf.share[c] += leaf.share[c + d];
  for (int c = 0; c < size; ++c) {
    const double share = leaf.share[size - 1 - c];
    for (int l = 0; l < lanes; ++l)
      leaf.sums[c * lanes + l] = leaf.weights[c * lanes + l] * share;
  }
  for (int d = 1; d < size; d *= 2)  // sums over all patterns within c
    for (int block = 0; block < size; block += 2 * d)
      for (int c = block * lanes; c < (block + d) * lanes; c += kLine)
        add_line(leaf.sums + c + d * lanes, leaf.sums + c);
}

}  // namespace whence::WHENCE_ISA
