// Interactions of each split's player with its partners above: W_m g_j(m) [g_k(m)], where
// W = coefficient A D / u0^2 is what the split adds to its player's value.
#pragma once

#include "path_block.hpp"

namespace whence::WHENCE_ISA {
namespace {

template <int Q, int Order>
struct Interactions {
  using At = Block<Q>;
  const Run& run;
  int first, blocks;  // of the tile

  WHENCE_INLINE static void add(const At& at, std::int32_t set, Reg value) {
    double* p = at.phi(set);
    Simd::store(p, Simd::add(Simd::load(p), value));
  }

  WHENCE_INLINE static void credit(const At& at, const Place& place, const Reg (&W)[Q]) {
    const Run& run = at.run;
    const std::int64_t first = run.live_start[place.live], last = run.live_start[place.live + 1];
    const std::int32_t* set = run.sets + run.set_start[place.live];
    for (std::int64_t j = first; j < last; ++j) {
      Reg g[Q];
      at.load(run.live_slot[j], g);
      if constexpr (Order == 2) {
        add(at, *set++, dot(W, g));
      } else {
        WHENCE_POINTS g[m] = Simd::mul(W[m], g[m]);
        for (std::int64_t k = j + 1; k < last; ++k) {
          Reg other[Q];
          at.load(run.live_slot[k], other);
          add(at, *set++, dot(g, other));
        }
      }
    }
  }

  // Turns A [D] into W and credits it; c at the coefficients.
  template <bool Seen>
  WHENCE_INLINE static const double* settle(const At& at, const Place& place, const double* c,
                                            Bits<Seen> bits, const Reg (&A)[Q]) {
    const Reg coefficient = read_coefficient(c, bits);
    Reg W[Q];
    by_u0<Seen>(c, A, W);
    WHENCE_POINTS W[m] = Simd::mul(W[m], coefficient);
    credit(at, place, W);
    return c + kCoefficients<Seen, Q>;
  }

  WHENCE_INLINE static const double* partner(const At& at, std::int32_t slot, Mask hot,
                                             const double* c) {
    Reg g[Q];
    WHENCE_POINTS g[m] = pick(hot, c + m, at.run.cold + m);
    at.store(slot, g);
    return c + Q;
  }

  template <bool Seen>
  WHENCE_INLINE static const double* enter(const At& at, const Op& op, const double* c) {
    const Bits<Seen> bits = read_bits<Seen>(at, op.place[0]);
    Reg A[Q], A_first[Q], rho[Q];
    at.load(op.source, A);
    c = read_choice(c, bits, rho);
    at.store(op.scratch + Slots::rho, rho);
    WHENCE_POINTS A_first[m] = Simd::mul(A[m], rho[m]);
    WHENCE_POINTS A[m] = Simd::sub(A[m], A_first[m]);
    at.store(op.scratch + Slots::first, A_first);
    at.store(op.scratch + Slots::second, A);
    c = partner(at, op.scratch + Slots::g_first, bits.first, c);
    return partner(at, op.scratch + Slots::g_second, at.mask(op.place[0].second), c);
  }

  template <bool Seen>
  WHENCE_INLINE static const double* join(const At& at, const Op& op, const double* c) {
    Reg A[Q], D[Q], G[Q], rho[Q];
    at.load(op.scratch + Slots::value, D);
    at.load(Slots::result, G);
    WHENCE_POINTS D[m] = Simd::sub(D[m], G[m]);
    at.load(op.source, A);
    WHENCE_POINTS A[m] = Simd::mul(A[m], D[m]);
    at.load(op.scratch + Slots::rho, rho);
    WHENCE_POINTS G[m] = Simd::fma(rho[m], D[m], G[m]);
    at.store(op.target, G);
    return settle(at, op.place[0], c, read_bits<Seen>(at, op.place[0]), A);
  }

  template <bool Seen>
  WHENCE_INLINE static const double* twig(const At& at, const Op& op, const double* c) {
    const Bits<Seen> bits = read_bits<Seen>(at, op.place[0]);
    Reg A[Q], G[Q];
    c = read_choice(c, bits, G);
    at.store(op.target, G);
    at.load(op.source, A);
    return settle(at, op.place[0], c, bits, A);
  }

  WHENCE_INLINE static const double* leaf(const At& at, const Op& op, const double* c) {
    Reg G[Q];
    WHENCE_POINTS G[m] = Simd::set(*c);
    at.store(op.target, G);
    return c + 1;
  }

  template <bool Seen>
  const double* step_of(const Op& op, const double* c) const {
    switch (op.kind) {
      case Kind::enter:
        WHENCE_EACH_BLOCK(enter<Seen>)
      case Kind::join:
        WHENCE_EACH_BLOCK(join<Seen>)
      case Kind::leaf:
        WHENCE_EACH_BLOCK(leaf)
      default:
        WHENCE_EACH_BLOCK(twig<Seen>)
    }
  }

  const double* step(const Op& op, const double* c) const {
    return op.place[0].hot >= 0 ? step_of<true>(op, c) : step_of<false>(op, c);
  }
};

template <int Order>
void run_order(const Run& run) {
  switch (run.points) {
    case 1: return run_tiles<1, Interactions<1, Order>>(run);
    case 2: return run_tiles<2, Interactions<2, Order>>(run);
    case 3: return run_tiles<3, Interactions<3, Order>>(run);
    case 4: return run_tiles<4, Interactions<4, Order>>(run);
    case 5: return run_tiles<5, Interactions<5, Order>>(run);
    case 6: return run_tiles<6, Interactions<6, Order>>(run);
    case 7: return run_tiles<7, Interactions<7, Order>>(run);
    default: return run_tiles<8, Interactions<8, Order>>(run);
  }
}

}  // namespace

void run_interactions(const Run& run, int order) {
  if (order == 2) return run_order<2>(run);
  run_order<3>(run);
}

}  // namespace whence::WHENCE_ISA
