// The values of all players: phi_f += coefficient * sum_m A D / u0^2 at every split.
#pragma once

#include "path_block.hpp"

namespace whence::WHENCE_ISA {
namespace {

template <int Q, bool Total>
struct Values {
  using At = Block<Q>;
  const Run& run;
  int first, blocks;  // of the tile

  WHENCE_INLINE static void credit(const At& at, const Place& place, Reg coefficient, Reg weight) {
    double* phi = at.phi(place.player);
    Simd::store(phi, Simd::fma(coefficient, weight, Simd::load(phi)));
    if constexpr (Total) {
      double* total = at.run.total + (at.first + at.at) * Simd::lanes;
      Simd::store(total, Simd::fma(coefficient, weight, Simd::load(total)));
    }
  }

  // Credits a split of which A and D are known; c at its coefficients.
  template <bool Seen>
  WHENCE_INLINE static void settle(const At& at, const Place& place, const double* c,
                                   Bits<Seen> bits, const Reg (&A)[Q], const Reg (&D)[Q]) {
    Reg scaled[Q];
    by_u0<Seen>(c, A, scaled);
    credit(at, place, read_coefficient(c, bits), dot(scaled, D));
  }

  // A split into two leaves: G is a choice of constants, and the sum over points needs A only.
  template <bool Seen>
  WHENCE_INLINE static const double* twig(const At& at, const Place& place, const double* c,
                                          const Reg (&A)[Q], Reg (&G)[Q]) {
    const Bits<Seen> bits = read_bits<Seen>(at, place);
    c = read_choice(c, bits, G);
    Reg scaled[Q];
    by_u0<Seen>(c, A, scaled);
    credit(at, place, read_coefficient(c, bits), sum(scaled));
    return c + kCoefficients<Seen, Q>;
  }

  template <Kind kind, bool Seen, bool SeenTwig>
  WHENCE_INLINE static const double* enter(const At& at, const Op& op, const double* c) {
    Reg A[Q], A_first[Q], rho[Q];
    at.load(op.source, A);
    c = read_choice(c, read_bits<Seen>(at, op.place[0]), rho);
    at.store(op.scratch + Slots::rho, rho);
    WHENCE_POINTS A_first[m] = Simd::mul(A[m], rho[m]);
    WHENCE_POINTS A[m] = Simd::sub(A[m], A_first[m]);
    at.store(op.scratch + Slots::second, A);
    if constexpr (kind == Kind::enter) {
      at.store(op.scratch + Slots::first, A_first);
      return c;
    }
    Reg G[Q];
    if constexpr (kind == Kind::enter_leaf) {
      WHENCE_POINTS G[m] = Simd::set(*c);
      ++c;
    } else {
      c = twig<SeenTwig>(at, op.place[1], c, A_first, G);
    }
    at.store(op.scratch + Slots::value, G);
    return c;
  }

  template <bool Seen>
  WHENCE_INLINE static const double* join(const At& at, const Op& op, const double* c) {
    Reg A[Q], D[Q], G[Q], rho[Q];
    at.load(op.scratch + Slots::value, D);
    at.load(Slots::result, G);
    WHENCE_POINTS D[m] = Simd::sub(D[m], G[m]);
    at.load(op.source, A);
    settle(at, op.place[0], c, read_bits<Seen>(at, op.place[0]), A, D);
    at.load(op.scratch + Slots::rho, rho);
    WHENCE_POINTS G[m] = Simd::fma(rho[m], D[m], G[m]);
    at.store(op.target, G);
    return c + kCoefficients<Seen, Q>;
  }

  // A split whose second child is a twig and whose first is a twig or a leaf.
  template <Kind kind, bool Seen, bool SeenFirst, bool SeenSecond>
  WHENCE_INLINE static const double* small(const At& at, const Op& op, const double* c) {
    const Bits<Seen> bits = read_bits<Seen>(at, op.place[0]);
    Reg A[Q], A_child[Q], rho[Q], D[Q], G[Q];
    at.load(op.source, A);
    c = read_choice(c, bits, rho);
    const double* coefficients = c;
    c += kCoefficients<Seen, Q>;
    WHENCE_POINTS A_child[m] = Simd::mul(A[m], rho[m]);
    if constexpr (kind == Kind::leaf_twig) {
      WHENCE_POINTS D[m] = Simd::set(*c);
      ++c;
    } else {
      c = twig<SeenFirst>(at, op.place[1], c, A_child, D);
    }
    WHENCE_POINTS A_child[m] = Simd::sub(A[m], A_child[m]);
    c = twig<SeenSecond>(at, op.place[2], c, A_child, G);
    WHENCE_POINTS D[m] = Simd::sub(D[m], G[m]);
    settle(at, op.place[0], coefficients, bits, A, D);
    WHENCE_POINTS G[m] = Simd::fma(rho[m], D[m], G[m]);
    at.store(op.target, G);
    return c;
  }

  template <bool Seen>
  WHENCE_INLINE static const double* only_twig(const At& at, const Op& op, const double* c) {
    Reg A[Q], G[Q];
    at.load(op.source, A);
    c = twig<Seen>(at, op.place[0], c, A, G);
    at.store(op.target, G);
    return c;
  }

  template <bool Seen, bool SeenFirst, bool SeenSecond>
  const double* step_of(const Op& op, const double* c) const {
    switch (op.kind) {
      case Kind::twig_twig:
        WHENCE_EACH_BLOCK((small<Kind::twig_twig, Seen, SeenFirst, SeenSecond>))
      case Kind::join:
        if constexpr (!SeenFirst && !SeenSecond) WHENCE_EACH_BLOCK(join<Seen>)
        break;
      case Kind::enter:
        if constexpr (!SeenFirst && !SeenSecond)
          WHENCE_EACH_BLOCK((enter<Kind::enter, Seen, false>))
        break;
      case Kind::enter_leaf:
        if constexpr (!SeenFirst && !SeenSecond)
          WHENCE_EACH_BLOCK((enter<Kind::enter_leaf, Seen, false>))
        break;
      case Kind::enter_twig:
        if constexpr (!SeenSecond) WHENCE_EACH_BLOCK((enter<Kind::enter_twig, Seen, SeenFirst>))
        break;
      case Kind::leaf_twig:
        if constexpr (!SeenFirst)
          WHENCE_EACH_BLOCK((small<Kind::leaf_twig, Seen, false, SeenSecond>))
        break;
      case Kind::twig:
        if constexpr (!SeenFirst && !SeenSecond) WHENCE_EACH_BLOCK(only_twig<Seen>)
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
