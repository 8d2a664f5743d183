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

struct Rows8 {
  __m512d r0, r1, r2, r3, r4, r5, r6, r7;
};

// Rows of eight numbers to columns, in three rounds of swaps: of neighbors, of pairs, of halves.
inline void transpose(Rows8& a) {
  const __m512i low1 = _mm512_setr_epi64(0, 8, 2, 10, 4, 12, 6, 14);
  const __m512i high1 = _mm512_setr_epi64(1, 9, 3, 11, 5, 13, 7, 15);
  const __m512i low2 = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i high2 = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512i low4 = _mm512_setr_epi64(0, 1, 2, 3, 8, 9, 10, 11);
  const __m512i high4 = _mm512_setr_epi64(4, 5, 6, 7, 12, 13, 14, 15);
  const auto swap = [](__m512d& a, __m512d& b, __m512i low, __m512i high) {
    const __m512d t = _mm512_permutex2var_pd(a, low, b);
    b = _mm512_permutex2var_pd(a, high, b);
    a = t;
  };
  swap(a.r0, a.r1, low1, high1), swap(a.r2, a.r3, low1, high1);
  swap(a.r4, a.r5, low1, high1), swap(a.r6, a.r7, low1, high1);
  swap(a.r0, a.r2, low2, high2), swap(a.r1, a.r3, low2, high2);
  swap(a.r4, a.r6, low2, high2), swap(a.r5, a.r7, low2, high2);
  swap(a.r0, a.r4, low4, high4), swap(a.r1, a.r5, low4, high4);
  swap(a.r2, a.r6, low4, high4), swap(a.r3, a.r7, low4, high4);
}

inline void add_rows8(const Lookups& job, const double* const* tables, int r, int from,
                      double* const* to) {
  const std::int64_t stride = job.stride;
  const std::uint16_t* index = job.index + r;
  const double* table = tables[0] + from;
  const auto line = [&](int i) { return _mm512_loadu_pd(table + index[i] * stride); };
  Rows8 a{line(0), line(1), line(2), line(3), line(4), line(5), line(6), line(7)};
  for (int g = 1; g < job.count; ++g) {
    index += kTile;
    table = tables[g] + from;
    a.r0 = _mm512_add_pd(a.r0, line(0)), a.r1 = _mm512_add_pd(a.r1, line(1));
    a.r2 = _mm512_add_pd(a.r2, line(2)), a.r3 = _mm512_add_pd(a.r3, line(3));
    a.r4 = _mm512_add_pd(a.r4, line(4)), a.r5 = _mm512_add_pd(a.r5, line(5));
    a.r6 = _mm512_add_pd(a.r6, line(6)), a.r7 = _mm512_add_pd(a.r7, line(7));
  }
  transpose(a);
  // All sums are read before any is written: a store would hold up loads 4096 bytes further on.
  const auto sum = [&](int c) { return _mm512_loadu_pd(to[c] + r); };
  a.r0 = _mm512_add_pd(a.r0, sum(0)), a.r1 = _mm512_add_pd(a.r1, sum(1));
  a.r2 = _mm512_add_pd(a.r2, sum(2)), a.r3 = _mm512_add_pd(a.r3, sum(3));
  a.r4 = _mm512_add_pd(a.r4, sum(4)), a.r5 = _mm512_add_pd(a.r5, sum(5));
  a.r6 = _mm512_add_pd(a.r6, sum(6)), a.r7 = _mm512_add_pd(a.r7, sum(7));
  _mm512_storeu_pd(to[0] + r, a.r0), _mm512_storeu_pd(to[1] + r, a.r1);
  _mm512_storeu_pd(to[2] + r, a.r2), _mm512_storeu_pd(to[3] + r, a.r3);
  _mm512_storeu_pd(to[4] + r, a.r4), _mm512_storeu_pd(to[5] + r, a.r5);
  _mm512_storeu_pd(to[6] + r, a.r6), _mm512_storeu_pd(to[7] + r, a.r7);
}

#elif defined(__AVX2__)

// Four rows and four of the eight columns at a time.
inline void add_quarter(const Lookups& job, const double* const* tables, int r, int from,
                        double* const* to) {
  const std::int64_t stride = job.stride;
  const std::uint16_t* index = job.index + r;
  const double* table = tables[0] + from;
  const auto line = [&](int i) { return _mm256_loadu_pd(table + index[i] * stride); };
  __m256d a = line(0), b = line(1), c = line(2), d = line(3);
  for (int g = 1; g < job.count; ++g) {
    index += kTile;
    table = tables[g] + from;
    a = _mm256_add_pd(a, line(0)), b = _mm256_add_pd(b, line(1));
    c = _mm256_add_pd(c, line(2)), d = _mm256_add_pd(d, line(3));
  }
  const __m256d ab0 = _mm256_unpacklo_pd(a, b), ab1 = _mm256_unpackhi_pd(a, b);
  const __m256d cd0 = _mm256_unpacklo_pd(c, d), cd1 = _mm256_unpackhi_pd(c, d);
  const auto sum = [&](int i) { return _mm256_loadu_pd(to[i] + r); };
  a = _mm256_add_pd(_mm256_permute2f128_pd(ab0, cd0, 0x20), sum(0));
  b = _mm256_add_pd(_mm256_permute2f128_pd(ab1, cd1, 0x20), sum(1));
  c = _mm256_add_pd(_mm256_permute2f128_pd(ab0, cd0, 0x31), sum(2));
  d = _mm256_add_pd(_mm256_permute2f128_pd(ab1, cd1, 0x31), sum(3));
  _mm256_storeu_pd(to[0] + r, a), _mm256_storeu_pd(to[1] + r, b);
  _mm256_storeu_pd(to[2] + r, c), _mm256_storeu_pd(to[3] + r, d);
}

inline void add_rows8(const Lookups& job, const double* const* tables, int r, int from,
                      double* const* to) {
  add_quarter(job, tables, r, from, to);
  add_quarter(job, tables, r, from + 4, to + 4);
  add_quarter(job, tables, r + 4, from, to);
  add_quarter(job, tables, r + 4, from + 4, to + 4);
}

#else

inline void add_rows8(const Lookups& job, const double* const* tables, int r, int from,
                      double* const* to) {
  alignas(64) double a[8][8] = {};
  for (int i = 0; i < 8; ++i)
    for (int g = 0; g < job.count; ++g)
      add_line(a[i], tables[g] + job.index[g * kTile + r + i] * job.stride + from);
  for (int c = 0; c < kLine; ++c)
    for (int i = 0; i < 8; ++i) to[c][r + i] += a[i][c];
}

#endif

#if !defined(__AVX512BW__)

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
  double spare[kTile];  // where the columns that fill up a line go
  std::memset(spare, 0, sizeof(double) * static_cast<std::size_t>((rows + 7) / 8 * 8));
  for (int from = 0; from < job.columns; from += kLine) {
    double* to[kLine];
    for (int c = 0; c < kLine; ++c)
      to[c] = from + c < job.columns ? phi + std::int64_t{job.slots[from + c]} * kTile : spare;
    for (int r = 0; r < rows; r += 8) add_rows8(job, job.tables, r, from, to);
  }
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
