// The values of all players: phi_f += coefficient * sum_m A D / u0^2 at every split.
#pragma once

#include "path_block.hpp"

namespace whence::WHENCE_ISA {
namespace {

template <int Q, bool Total>
struct Values {
  const Tile<Q> tile;

  template <bool Seen>
  WHENCE_INLINE void credit(const Split<Seen>& split, int block, Reg coefficient,
                            Reg weight) const {
    double* phi = split.phi + block * Simd::lanes;
    Simd::store(phi, Simd::fma(coefficient, weight, Simd::load(phi)));
    if constexpr (Total) {
      double* total = tile.run.total + (tile.first + block) * Simd::lanes;
      Simd::store(total, Simd::fma(coefficient, weight, Simd::load(total)));
    }
  }

  // Credits a split of which A and D are known; c at its coefficients.
  template <bool Seen>
  WHENCE_INLINE void settle(const Split<Seen>& split, int block, const double* c, Bits<Seen> bits,
                            const Reg (&A)[Q], const Reg (&D)[Q]) const {
    Reg scaled[Q];
    by_u0<Seen>(c, A, scaled);
    credit(split, block, read_coefficient(c, bits), dot(scaled, D));
  }

  // A split into two leaves: G is a choice of constants, and the sum over points needs A only.
  template <bool Seen>
  WHENCE_INLINE void twig(const Split<Seen>& split, int block, const double* c, const Reg (&A)[Q],
                          Reg (&G)[Q]) const {
    const Bits<Seen> bits = split.bits(block);
    read_choice(c, bits, G);
    c += kChoice<Seen, Q>;
    Reg scaled[Q];
    by_u0<Seen>(c, A, scaled);
    credit(split, block, read_coefficient(c, bits), sum(scaled));
  }
  template <bool Seen>
  static constexpr int kTwig = kChoice<Seen, Q> + kCoefficients<Seen, Q>;

  template <Kind kind, bool Seen, bool SeenTwig>
  const double* enter(const Op& op, const double* c) const {
    const Split<Seen> split(tile, op.place[0]);
    const Split<SeenTwig> of_twig(tile, op.place[kind == Kind::enter_twig ? 1 : 0]);
    const double *source = tile.slot(op.source), *child = c + kChoice<Seen, Q>;
    double *slots = tile.slot(op.scratch), *rho_slot = tile.slot(op.scratch + Slots::rho),
           *second = tile.slot(op.scratch + Slots::second),
           *value = tile.slot(op.scratch + Slots::value);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], A_first[Q], rho[Q], G[Q];
      load(source, b, A);
      read_choice(c, split.bits(b), rho);
      store(rho_slot, b, rho);
      WHENCE_POINTS A_first[m] = Simd::mul(A[m], rho[m]);
      WHENCE_POINTS A[m] = Simd::sub(A[m], A_first[m]);
      store(second, b, A);
      if constexpr (kind == Kind::enter) {
        store(slots, b, A_first);
        continue;
      }
      if constexpr (kind == Kind::enter_leaf) WHENCE_POINTS G[m] = Simd::set(*child);
      if constexpr (kind == Kind::enter_twig) twig(of_twig, b, child, A_first, G);
      store(value, b, G);
    }
    return child + (kind == Kind::enter ? 0 : kind == Kind::enter_leaf ? 1 : kTwig<SeenTwig>);
  }

  template <bool Seen>
  const double* join(const Op& op, const double* c) const {
    const Split<Seen> split(tile, op.place[0]);
    const double *source = tile.slot(op.source), *result = tile.slot(Slots::result),
                 *value = tile.slot(op.scratch + Slots::value),
                 *rho_slot = tile.slot(op.scratch + Slots::rho);
    double* target = tile.slot(op.target);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], D[Q], G[Q], rho[Q];
      load(value, b, D);
      load(result, b, G);
      WHENCE_POINTS D[m] = Simd::sub(D[m], G[m]);
      load(source, b, A);
      settle(split, b, c, split.bits(b), A, D);
      load(rho_slot, b, rho);
      WHENCE_POINTS G[m] = Simd::fma(rho[m], D[m], G[m]);
      store(target, b, G);
    }
    return c + kCoefficients<Seen, Q>;
  }

  // A split whose second child is a twig and whose first is a twig or a leaf.
  template <Kind kind, bool Seen, bool SeenFirst, bool SeenSecond>
  const double* small(const Op& op, const double* c) const {
    const Split<Seen> split(tile, op.place[0]);
    const Split<SeenFirst> one(tile, op.place[kind == Kind::twig_twig ? 1 : 0]);
    const Split<SeenSecond> two(tile, op.place[2]);
    const double *source = tile.slot(op.source), *coefficients = c + kChoice<Seen, Q>,
                 *first = coefficients + kCoefficients<Seen, Q>,
                 *second = first + (kind == Kind::twig_twig ? kTwig<SeenFirst> : 1);
    double* target = tile.slot(op.target);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], A_child[Q], rho[Q], D[Q], G[Q];
      const Bits<Seen> bits = split.bits(b);
      load(source, b, A);
      read_choice(c, bits, rho);
      WHENCE_POINTS A_child[m] = Simd::mul(A[m], rho[m]);
      if constexpr (kind == Kind::leaf_twig) WHENCE_POINTS D[m] = Simd::set(*first);
      if constexpr (kind == Kind::twig_twig) twig(one, b, first, A_child, D);
      WHENCE_POINTS A_child[m] = Simd::sub(A[m], A_child[m]);
      twig(two, b, second, A_child, G);
      WHENCE_POINTS D[m] = Simd::sub(D[m], G[m]);
      settle(split, b, coefficients, bits, A, D);
      WHENCE_POINTS G[m] = Simd::fma(rho[m], D[m], G[m]);
      store(target, b, G);
    }
    return second + kTwig<SeenSecond>;
  }

  template <bool Seen>
  const double* only_twig(const Op& op, const double* c) const {
    const Split<Seen> split(tile, op.place[0]);
    const double* source = tile.slot(op.source);
    double* target = tile.slot(op.target);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], G[Q];
      load(source, b, A);
      twig(split, b, c, A, G);
      store(target, b, G);
    }
    return c + kTwig<Seen>;
  }

  template <bool Seen, bool SeenFirst, bool SeenSecond>
  const double* step_of(const Op& op, const double* c) const {
    switch (op.kind) {
      case Kind::twig_twig:
        return small<Kind::twig_twig, Seen, SeenFirst, SeenSecond>(op, c);
      case Kind::join:
        if constexpr (!SeenFirst && !SeenSecond) return join<Seen>(op, c);
        break;
      case Kind::enter:
        if constexpr (!SeenFirst && !SeenSecond)
          return enter<Kind::enter, Seen, false>(op, c);
        break;
      case Kind::enter_leaf:
        if constexpr (!SeenFirst && !SeenSecond)
          return enter<Kind::enter_leaf, Seen, false>(op, c);
        break;
      case Kind::enter_twig:
        if constexpr (!SeenSecond) return enter<Kind::enter_twig, Seen, SeenFirst>(op, c);
        break;
      case Kind::leaf_twig:
        if constexpr (!SeenFirst)
          return small<Kind::leaf_twig, Seen, false, SeenSecond>(op, c);
        break;
      case Kind::twig:
        if constexpr (!SeenFirst && !SeenSecond) return only_twig<Seen>(op, c);
        break;
      case Kind::leaf:  // not in a fused program
        break;
    }
    return c;
  }

  const double* step(const Op& op, const double* c) const {
    const int seen = (op.place[0].hot >= 0) + 2 * (op.place[1].hot >= 0) + 4 * (op.place[2].hot >= 0);
    switch (op.kind == Kind::join ? seen & 1 : seen) {
      case 0: return step_of<false, false, false>(op, c);
      case 1: return step_of<true, false, false>(op, c);
      case 2: return step_of<false, true, false>(op, c);
      case 3: return step_of<true, true, false>(op, c);
      case 4: return step_of<false, false, true>(op, c);
      case 5: return step_of<true, false, true>(op, c);
      case 6: return step_of<false, true, true>(op, c);
      default: return step_of<true, true, true>(op, c);
    }
  }
};

}  // namespace

void run_values(const Run& run) {
  if (run.total != nullptr) return run_tiles<kMaxPoints, Values<kMaxPoints, true>>(run);
  switch (run.points) {
    case 1: return run_tiles<1, Values<1, false>>(run);
    case 2: return run_tiles<2, Values<2, false>>(run);
    case 3: return run_tiles<3, Values<3, false>>(run);
    case 4: return run_tiles<4, Values<4, false>>(run);
    case 5: return run_tiles<5, Values<5, false>>(run);
    case 6: return run_tiles<6, Values<6, false>>(run);
    case 7: return run_tiles<7, Values<7, false>>(run);
    default: return run_tiles<8, Values<8, false>>(run);
  }
}

}  // namespace whence::WHENCE_ISA
