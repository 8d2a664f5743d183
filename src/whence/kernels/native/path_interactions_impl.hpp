// Interactions of each split's player with its partners above: W_m g_j(m) [g_k(m)], where
// W = coefficient A D / u0^2 is what the split adds to its player's value.
#pragma once

#include "path_block.hpp"

namespace whence::WHENCE_ISA {
namespace {

template <int Q, int Order>
struct Interactions {
  const Tile<Q> tile;

  // The partners of one split and the rows of phi that it adds to.
  struct Partners {
    const std::int32_t *slot, *set;
    std::int64_t count;
    const double* scratch;
    double* phi;
    std::int64_t slot_stride, phi_stride;

    Partners(const Tile<Q>& tile, const Place& place) {
      const Run& run = tile.run;
      slot = run.live_slot + run.live_start[place.live];
      count = run.live_start[place.live + 1] - run.live_start[place.live];
      set = run.sets + run.set_start[place.live];
      scratch = run.scratch;
      slot_stride = static_cast<std::int64_t>(Q) * run.tile;
      phi = tile.phi(0);
      phi_stride = run.stride;
    }

    WHENCE_INLINE void add(std::int64_t at, int block, Reg value) const {
      double* p = phi + set[at] * phi_stride + block * Simd::lanes;
      Simd::store(p, Simd::add(Simd::load(p), value));
    }

    WHENCE_INLINE void credit(int block, const Reg (&W)[Q]) const {
      std::int64_t at = 0;
      for (std::int64_t j = 0; j < count; ++j) {
        Reg g[Q];
        load(scratch + slot[j] * slot_stride, block, g);
        if constexpr (Order == 2) {
          add(at++, block, dot(W, g));
          continue;
        }
        WHENCE_POINTS g[m] = Simd::mul(W[m], g[m]);
        for (std::int64_t k = j + 1; k < count; ++k) {
          Reg other[Q];
          load(scratch + slot[k] * slot_stride, block, other);
          add(at++, block, dot(g, other));
        }
      }
    }
  };

  // Turns A [D] into W and credits it; c at the coefficients.
  template <bool Seen>
  WHENCE_INLINE static void settle(const Partners& partners, int block, const double* c,
                                   Bits<Seen> bits, const Reg (&A)[Q]) {
    const Reg coefficient = read_coefficient(c, bits);
    Reg W[Q];
    by_u0<Seen>(c, A, W);
    WHENCE_POINTS W[m] = Simd::mul(W[m], coefficient);
    partners.credit(block, W);
  }

  WHENCE_INLINE static void partner(double* slot, int block, Mask hot, const double* high,
                                    const double* cold) {
    Reg g[Q];
    WHENCE_POINTS g[m] = pick(hot, high + m, cold + m);
    store(slot, block, g);
  }

  template <bool Seen>
  const double* enter(const Op& op, const double* c) const {
    const Split<Seen> split(tile, op.place[0]);
    const double *source = tile.slot(op.source), *high = c + kChoice<Seen, Q>,
                 *cold = tile.run.cold;
    const std::uint8_t* other = tile.mask(op.place[0].second);
    double *rho_slot = tile.slot(op.scratch + Slots::rho),
           *first = tile.slot(op.scratch + Slots::first),
           *second = tile.slot(op.scratch + Slots::second),
           *g_first = tile.slot(op.scratch + Slots::g_first),
           *g_second = tile.slot(op.scratch + Slots::g_second);
    for (int b = 0; b < tile.blocks; ++b) {
      const Bits<Seen> bits = split.bits(b);
      Reg A[Q], A_first[Q], rho[Q];
      load(source, b, A);
      read_choice(c, bits, rho);
      store(rho_slot, b, rho);
      WHENCE_POINTS A_first[m] = Simd::mul(A[m], rho[m]);
      WHENCE_POINTS A[m] = Simd::sub(A[m], A_first[m]);
      store(first, b, A_first);
      store(second, b, A);
      partner(g_first, b, bits.first, high, cold);
      partner(g_second, b, Simd::bits(other, tile.first + b), high + Q, cold);
    }
    return high + 2 * Q;
  }

  template <bool Seen>
  const double* join(const Op& op, const double* c) const {
    const Split<Seen> split(tile, op.place[0]);
    const Partners partners(tile, op.place[0]);
    const double *source = tile.slot(op.source), *result = tile.slot(Slots::result),
                 *value = tile.slot(op.scratch + Slots::value),
                 *rho_slot = tile.slot(op.scratch + Slots::rho);
    double* target = tile.slot(op.target);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], D[Q], G[Q], rho[Q];
      load(value, b, D);
      load(result, b, G);
      WHENCE_POINTS D[m] = Simd::sub(D[m], G[m]);
      load(rho_slot, b, rho);
      WHENCE_POINTS G[m] = Simd::fma(rho[m], D[m], G[m]);
      store(target, b, G);
      load(source, b, A);
      WHENCE_POINTS A[m] = Simd::mul(A[m], D[m]);
      settle(partners, b, c, split.bits(b), A);
    }
    return c + kCoefficients<Seen, Q>;
  }

  template <bool Seen>
  const double* twig(const Op& op, const double* c) const {
    const Split<Seen> split(tile, op.place[0]);
    const Partners partners(tile, op.place[0]);
    const double *source = tile.slot(op.source), *coefficients = c + kChoice<Seen, Q>;
    double* target = tile.slot(op.target);
    for (int b = 0; b < tile.blocks; ++b) {
      const Bits<Seen> bits = split.bits(b);
      Reg A[Q], G[Q];
      read_choice(c, bits, G);
      store(target, b, G);
      load(source, b, A);
      settle(partners, b, coefficients, bits, A);
    }
    return coefficients + kCoefficients<Seen, Q>;
  }

  const double* leaf(const Op& op, const double* c) const {
    double* target = tile.slot(op.target);
    Reg G[Q];
    WHENCE_POINTS G[m] = Simd::set(*c);
    for (int b = 0; b < tile.blocks; ++b) store(target, b, G);
    return c + 1;
  }

  template <bool Seen>
  const double* step_of(const Op& op, const double* c) const {
    switch (op.kind) {
      case Kind::enter:
        return enter<Seen>(op, c);
      case Kind::join:
        return join<Seen>(op, c);
      case Kind::leaf:
        return leaf(op, c);
      default:
        return twig<Seen>(op, c);
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
