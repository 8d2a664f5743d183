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

// Whether the player of a split was seen before on the path; `maybe` is decided at run time.
enum class Seen { no, yes, maybe };

WHENCE_INLINE Reg pick(Mask m, const double* high, const double* low) {
  return Simd::select(m, Simd::set(*high), Simd::set(*low));
}

// One split: where rows go, and its constants. Those for where they go come first ("choice": two
// alternatives of Q numbers each, and for a player seen before a third, of rows that an earlier
// split on it has turned cold), then those for what the player gets ("credit": h0 (h c0 - c0 r)
// for both h, and for a player seen before the Q numbers 1 / u0^2).
template <int Q, Seen S>
struct Split {
  const std::uint8_t *first, *hot;
  double* phi;
  const double *choice, *credit;
  int offset;
  bool has_hot;

  WHENCE_INLINE bool seen() const {
    return S == Seen::yes || (S == Seen::maybe && has_hot);
  }

  // Takes its place, and its constants: both kinds, or one.
  WHENCE_INLINE Split(const Tile<Q>& tile, const Place*& place, const double*& c,
                      bool reads_choice = true, bool reads_credit = true)
      : first(tile.mask(place->first)),
        hot(tile.mask(place->hot)),
        phi(tile.phi(place->player)),
        offset(tile.first),
        has_hot(place->hot >= 0) {
    choice = c;
    if (reads_choice) c += seen() ? 2 * Q + 1 : 2 * Q;
    credit = c;
    if (reads_credit) c += seen() ? 2 + Q : 2;
    ++place;
  }

  struct Bits {
    Mask first, hot;
  };
  WHENCE_INLINE Bits bits(int block) const {
    const Mask a = Simd::bits(first, offset + block);
    return {a, seen() ? Simd::bits(hot, offset + block) : a};
  }

  WHENCE_INLINE void choose(Bits bits, Reg (&out)[Q]) const {
    WHENCE_POINTS out[m] = pick(bits.first, choice + m, choice + Q + m);
    if (seen()) WHENCE_POINTS out[m] = Simd::select(bits.hot, out[m], Simd::set(choice[2 * Q]));
  }

  WHENCE_INLINE Reg coefficient(Bits bits) const {
    const Reg both = pick(bits.first, credit, credit + 1);
    return seen() ? Simd::select(bits.hot, both, Simd::set(0)) : both;
  }

  // Divides by u0^2.
  WHENCE_INLINE void by_u0(const Reg (&a)[Q], Reg (&out)[Q]) const {
    WHENCE_POINTS out[m] = a[m];
    if (seen()) WHENCE_POINTS out[m] = Simd::mul(a[m], Simd::set(credit[2 + m]));
  }
};

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
