// Doubles in lanes, one form for all instruction sets. Include it only in a file that is compiled
// for one instruction set and defines WHENCE_ISA as the name of its namespace: avx512, avx2 or
// portable. Nothing here may instantiate code of the standard library: the linker would keep one
// copy, possibly the one this processor cannot run.
#pragma once

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace whence::WHENCE_ISA {

// Masks are bytes, one per eight rows, bit i for row i. A block is `lanes` consecutive rows.
#if defined(__AVX512F__)

struct Simd {
  static constexpr int lanes = 8;
  using reg = __m512d;
  using mask = __mmask8;

  static reg load(const double* p) { return _mm512_loadu_pd(p); }
  static void store(double* p, reg a) { _mm512_storeu_pd(p, a); }
  static reg set(double a) { return _mm512_set1_pd(a); }
  static reg add(reg a, reg b) { return _mm512_add_pd(a, b); }
  static reg sub(reg a, reg b) { return _mm512_sub_pd(a, b); }
  static reg mul(reg a, reg b) { return _mm512_mul_pd(a, b); }
  static reg fma(reg a, reg b, reg c) { return _mm512_fmadd_pd(a, b, c); }
  static reg abs(reg a) { return _mm512_abs_pd(a); }
  static mask bits(const std::uint8_t* masks, int block) { return masks[block]; }
  static reg select(mask m, reg a, reg b) { return _mm512_mask_mov_pd(b, m, a); }
  // Eight rows of `x <= t`, or of `!(x > t)`, which is true of NaN as well.
  static std::uint8_t le8(const double* x, double t) {
    return _mm512_cmp_pd_mask(load(x), set(t), _CMP_LE_OQ);
  }
  static std::uint8_t not_gt8(const double* x, double t) {
    return _mm512_cmp_pd_mask(load(x), set(t), _CMP_NGT_UQ);
  }
  // Bits of 32 rows of `rank + shift <= most`, modulo 2^16.
  static std::uint32_t le32(const std::uint16_t* rank, std::uint16_t shift, std::uint16_t most) {
    const __m512i shifted = _mm512_add_epi16(_mm512_loadu_si512(rank),
                                             _mm512_set1_epi16(static_cast<short>(shift)));
    return _mm512_cmple_epu16_mask(shifted, _mm512_set1_epi16(static_cast<short>(most)));
  }
};

#elif defined(__AVX2__)

alignas(32) inline constexpr std::int64_t kLanes4[16][4] = {
    {0, 0, 0, 0},   {-1, 0, 0, 0},   {0, -1, 0, 0},   {-1, -1, 0, 0},
    {0, 0, -1, 0},  {-1, 0, -1, 0},  {0, -1, -1, 0},  {-1, -1, -1, 0},
    {0, 0, 0, -1},  {-1, 0, 0, -1},  {0, -1, 0, -1},  {-1, -1, 0, -1},
    {0, 0, -1, -1}, {-1, 0, -1, -1}, {0, -1, -1, -1}, {-1, -1, -1, -1}};

struct Simd {
  static constexpr int lanes = 4;
  using reg = __m256d;
  using mask = __m256d;

  static reg load(const double* p) { return _mm256_loadu_pd(p); }
  static void store(double* p, reg a) { _mm256_storeu_pd(p, a); }
  static reg set(double a) { return _mm256_set1_pd(a); }
  static reg add(reg a, reg b) { return _mm256_add_pd(a, b); }
  static reg sub(reg a, reg b) { return _mm256_sub_pd(a, b); }
  static reg mul(reg a, reg b) { return _mm256_mul_pd(a, b); }
  static reg fma(reg a, reg b, reg c) { return _mm256_fmadd_pd(a, b, c); }
  static reg abs(reg a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
  static mask bits(const std::uint8_t* masks, int block) {
    const int nibble = (masks[block >> 1] >> ((block & 1) * 4)) & 15;
    return _mm256_load_pd(reinterpret_cast<const double*>(kLanes4[nibble]));
  }
  static reg select(mask m, reg a, reg b) { return _mm256_blendv_pd(b, a, m); }
  static std::uint8_t le8(const double* x, double t) {
    const reg s = set(t);
    return static_cast<std::uint8_t>(
        _mm256_movemask_pd(_mm256_cmp_pd(load(x), s, _CMP_LE_OQ)) |
        (_mm256_movemask_pd(_mm256_cmp_pd(load(x + 4), s, _CMP_LE_OQ)) << 4));
  }
  static std::uint8_t not_gt8(const double* x, double t) {
    const reg s = set(t);
    return static_cast<std::uint8_t>(
        _mm256_movemask_pd(_mm256_cmp_pd(load(x), s, _CMP_NGT_UQ)) |
        (_mm256_movemask_pd(_mm256_cmp_pd(load(x + 4), s, _CMP_NGT_UQ)) << 4));
  }
  static std::uint32_t le32(const std::uint16_t* rank, std::uint16_t shift, std::uint16_t most) {
    const __m256i up = _mm256_set1_epi16(static_cast<short>(shift));
    const __m256i top = _mm256_set1_epi16(static_cast<short>(most));
    const auto le16 = [&](const std::uint16_t* p) {
      const __m256i a =
          _mm256_add_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), up);
      return _mm256_cmpeq_epi16(_mm256_min_epu16(a, top), a);
    };
    // Packing works within halves of the register: the quarters are put in order afterwards.
    const __m256i packed = _mm256_packs_epi16(le16(rank), le16(rank + 16));
    return static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_permute4x64_epi64(packed, 0xd8)));
  }
};

#else

alignas(16) inline constexpr std::int64_t kLanes2[4][2] = {{0, 0}, {-1, 0}, {0, -1}, {-1, -1}};

// Vector types of GCC and Clang: SSE2, NEON or whatever the target has.
struct Simd {
  static constexpr int lanes = 2;
  typedef double reg __attribute__((vector_size(16)));
  typedef std::int64_t mask __attribute__((vector_size(16)));

  static reg load(const double* p) { return reg{p[0], p[1]}; }
  static void store(double* p, reg a) {
    p[0] = a[0];
    p[1] = a[1];
  }
  static reg set(double a) { return reg{a, a}; }
  static reg add(reg a, reg b) { return a + b; }
  static reg sub(reg a, reg b) { return a - b; }
  static reg mul(reg a, reg b) { return a * b; }
  static reg fma(reg a, reg b, reg c) { return a * b + c; }
  static reg abs(reg a) {
    return reinterpret_cast<reg>(reinterpret_cast<mask>(a) & 0x7fffffffffffffff);
  }
  static mask bits(const std::uint8_t* masks, int block) {
    const int pair = (masks[block >> 2] >> ((block & 3) * 2)) & 3;
    return mask{kLanes2[pair][0], kLanes2[pair][1]};
  }
  static reg select(mask m, reg a, reg b) {
    return reinterpret_cast<reg>((reinterpret_cast<mask>(a) & m) |
                                 (reinterpret_cast<mask>(b) & ~m));
  }
  static std::uint8_t le8(const double* x, double t) {
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(x[i] <= t) << i;
    return static_cast<std::uint8_t>(bits);
  }
  static std::uint8_t not_gt8(const double* x, double t) {
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(!(x[i] > t)) << i;
    return static_cast<std::uint8_t>(bits);
  }
  static std::uint32_t le32(const std::uint16_t* rank, std::uint16_t shift, std::uint16_t most) {
    typedef std::uint16_t ranks __attribute__((vector_size(16)));
    typedef std::uint64_t words __attribute__((vector_size(16)));
    std::uint32_t all = 0;
    for (int b = 0; b < 4; ++b) {
      ranks r;
      __builtin_memcpy(&r, rank + 8 * b, sizeof r);
      const auto low = reinterpret_cast<ranks>(r + shift <= most + ranks{});
      const auto bits = reinterpret_cast<words>(low & ranks{1, 2, 4, 8, 16, 32, 64, 128});
      // The product's highest lane is the sum of the four lanes of a word.
      const std::uint64_t sum = ((bits[0] + bits[1]) * 0x0001000100010001) >> 48;
      all |= static_cast<std::uint32_t>(sum) << (8 * b);
    }
    return all;
  }
};

#endif

}  // namespace whence::WHENCE_ISA
