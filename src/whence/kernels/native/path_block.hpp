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

namespace whence::WHENCE_ISA {
namespace {

using Reg = Simd::reg;
using Mask = Simd::mask;

// The rows that an instruction runs on. Pointers are taken before the loop over blocks: the
// compiler could not know that what the loop stores leaves them alone.
template <int Q>
struct Tile {
  const Run& run;
  int first, blocks;  // in blocks of Simd::lanes rows

  double* slot(std::int32_t s) const {
    return run.scratch + static_cast<std::int64_t>(s) * Q * run.tile;
  }
  const std::uint8_t* mask(std::int32_t s) const {
    return run.masks + static_cast<std::int64_t>(s) * kChunkBytes;
  }
  double* phi(std::int32_t row) const { return run.phi + row * run.stride + first * Simd::lanes; }
};

template <int Q>
WHENCE_INLINE void load(const double* slot, int block, Reg (&a)[Q]) {
  WHENCE_POINTS a[m] = Simd::load(slot + (block * Q + m) * Simd::lanes);
}

template <int Q>
WHENCE_INLINE void store(double* slot, int block, const Reg (&a)[Q]) {
  WHENCE_POINTS Simd::store(slot + (block * Q + m) * Simd::lanes, a[m]);
}

// Where the rows of a block go at a split: to its first child, and whether they still satisfy
// the earlier splits on its player.
template <bool Seen>
struct Bits {
  Mask first, hot;
};

// A split whose player was, or was not, seen before on the path.
template <bool Seen>
struct Split {
  const std::uint8_t *first, *hot;
  double* phi;
  int offset;

  template <int Q>
  WHENCE_INLINE Split(const Tile<Q>& tile, const Place& place)
      : first(tile.mask(place.first)),
        hot(Seen ? tile.mask(place.hot) : nullptr),
        phi(tile.phi(place.player)),
        offset(tile.first) {}

  WHENCE_INLINE Bits<Seen> bits(int block) const {
    const Mask a = Simd::bits(first, offset + block);
    if constexpr (Seen) return {a, Simd::bits(hot, offset + block)};
    return {a, a};
  }
};

WHENCE_INLINE Reg pick(Mask m, const double* high, const double* low) {
  return Simd::select(m, Simd::set(*high), Simd::set(*low));
}

// How many numbers read_choice reads.
template <bool Seen, int Q>
constexpr int kChoice = Seen ? 2 * Q + 1 : 2 * Q;

// Reads two alternatives of Q numbers each, and for a player seen before a third, of cold rows.
template <bool Seen, int Q>
WHENCE_INLINE void read_choice(const double* c, Bits<Seen> bits, Reg (&out)[Q]) {
  WHENCE_POINTS out[m] = pick(bits.first, c + m, c + Q + m);
  if constexpr (Seen)
    WHENCE_POINTS out[m] = Simd::select(bits.hot, out[m], Simd::set(c[2 * Q]));
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
      Reg weight[Q];
      WHENCE_POINTS weight[m] = Simd::set(run.weight[m]);
      store(run.scratch, b, weight);
    }
    const Body body{{run, first, count}};
    const double* c = run.constants;
    for (std::int64_t i = 0; i < run.count; ++i) c = body.step(run.ops[i], c);
  }
}

}  // namespace
}  // namespace whence::WHENCE_ISA
