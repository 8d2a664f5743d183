// One block of rows and the arithmetic on its quadrature points; included once per instruction set.
//
// An instruction of a program runs over all blocks of a tile before the next one does: what does
// not depend on the rows, and the jumps, then cost little. Whether a split's player was seen
// before is known at compile time. Formulas: path_program.hpp.
#pragma once

#include "path_loops.hpp"
#include "route.hpp"
#include "simd.hpp"

#define WHENCE_INLINE __attribute__((always_inline)) inline
#define WHENCE_POINTS _Pragma("GCC unroll 8") for (int m = 0; m < Q; ++m)

// Runs one instruction on all blocks of the tile and returns where the next one's constants start.
#define WHENCE_EACH_BLOCK(...)                                   \
  {                                                              \
    const double* next = c;                                      \
    for (int b = 0; b < blocks; ++b)                             \
      next = __VA_ARGS__(At{run, first, b}, op, c);              \
    return next;                                                 \
  }

namespace whence::WHENCE_ISA {
namespace {

using Reg = Simd::reg;
using Mask = Simd::mask;

template <int Q>
struct Block {
  const Run& run;
  int first;  // block of the run where the tile starts
  int at;     // block of the tile

  WHENCE_INLINE double* slot(std::int32_t s) const {
    return run.scratch + static_cast<std::int64_t>(s) * Q * run.tile + at * (Q * Simd::lanes);
  }
  WHENCE_INLINE Mask mask(std::int32_t s) const {
    return Simd::bits(run.masks + static_cast<std::int64_t>(s) * kChunkBytes, first + at);
  }
  WHENCE_INLINE double* phi(std::int32_t row) const {
    return run.phi + row * run.stride + (first + at) * Simd::lanes;
  }
  WHENCE_INLINE void load(std::int32_t s, Reg (&a)[Q]) const {
    const double* p = slot(s);
    WHENCE_POINTS a[m] = Simd::load(p + m * Simd::lanes);
  }
  WHENCE_INLINE void store(std::int32_t s, const Reg (&a)[Q]) const {
    double* p = slot(s);
    WHENCE_POINTS Simd::store(p + m * Simd::lanes, a[m]);
  }
};

// Where the rows of a block go at a split: to its first child, and whether they still satisfy
// the earlier splits on its player.
template <bool Seen>
struct Bits {
  Mask first, hot;
};

template <bool Seen, int Q>
WHENCE_INLINE Bits<Seen> read_bits(const Block<Q>& at, const Place& place) {
  if constexpr (Seen) return {at.mask(place.first), at.mask(place.hot)};
  const Mask first = at.mask(place.first);
  return {first, first};
}

WHENCE_INLINE Reg pick(Mask m, const double* high, const double* low) {
  return Simd::select(m, Simd::set(*high), Simd::set(*low));
}

// Reads two alternatives of Q numbers each, and for a player seen before a third, of cold rows.
template <bool Seen, int Q>
WHENCE_INLINE const double* read_choice(const double* c, Bits<Seen> bits, Reg (&out)[Q]) {
  WHENCE_POINTS out[m] = pick(bits.first, c + m, c + Q + m);
  if constexpr (!Seen) return c + 2 * Q;
  WHENCE_POINTS out[m] = Simd::select(bits.hot, out[m], Simd::set(c[2 * Q]));
  return c + 2 * Q + 1;
}

// Reads h0 (h c0 - c0 r).
template <bool Seen>
WHENCE_INLINE Reg read_coefficient(const double* c, Bits<Seen> bits) {
  const Reg both = pick(bits.first, c, c + 1);
  if constexpr (Seen) return Simd::select(bits.hot, both, Simd::set(0));
  return both;
}

// What read_coefficient and by_u0 read together.
template <bool Seen, int Q>
constexpr int kCoefficients = Seen ? 2 + Q : 2;

// Divides by u0^2.
template <bool Seen, int Q>
WHENCE_INLINE void by_u0(const double* c, const Reg (&a)[Q], Reg (&out)[Q]) {
  WHENCE_POINTS out[m] = Seen ? Simd::mul(a[m], Simd::set(c[2 + m])) : a[m];
}

template <int Q>
WHENCE_INLINE Reg sum(const Reg (&a)[Q]) {
  Reg s = a[0];
#pragma GCC unroll 8
  for (int m = 1; m < Q; ++m) s = Simd::add(s, a[m]);
  return s;
}

template <int Q>
WHENCE_INLINE Reg dot(const Reg (&a)[Q], const Reg (&b)[Q]) {
  Reg s = Simd::mul(a[0], b[0]);
#pragma GCC unroll 8
  for (int m = 1; m < Q; ++m) s = Simd::fma(a[m], b[m], s);
  return s;
}

// Runs the program on all rows, tile by tile.
template <int Q, class Body>
void run_tiles(const Run& run) {
  const int blocks = (run.rows + Simd::lanes - 1) / Simd::lanes, step = run.tile / Simd::lanes;
  for (int first = 0; first < blocks; first += step) {
    const int count = blocks - first < step ? blocks - first : step;
    for (int b = 0; b < count; ++b) {
      double* root = Block<Q>{run, first, b}.slot(Slots::root);
      WHENCE_POINTS Simd::store(root + m * Simd::lanes, Simd::set(run.weight[m]));
    }
    const Body body{run, first, count};
    const double* c = run.constants;
    for (std::int64_t i = 0; i < run.count; ++i) c = body.step(run.ops[i], c);
  }
}

}  // namespace
}  // namespace whence::WHENCE_ISA
