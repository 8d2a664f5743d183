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

  // Turns A [D] into W and credits it.
  template <Seen S>
  WHENCE_INLINE static void settle(const Partners& partners, const Split<Q, S>& split, int block,
                                   typename Split<Q, S>::Bits bits, const Reg (&A)[Q]) {
    const Reg coefficient = split.coefficient(bits);
    Reg W[Q];
    split.by_u0(A, W);
    WHENCE_POINTS W[m] = Simd::mul(W[m], coefficient);
    partners.credit(block, W);
  }

  WHENCE_INLINE static void partner(double* slot, int block, Mask hot, const double* high,
                                    const double* cold) {
    Reg g[Q];
    WHENCE_POINTS g[m] = pick(hot, high + m, cold + m);
    store(slot, block, g);
  }

  template <Seen S>
  const double* enter(const Op& op, const double* c) const {
    const Place* place = tile.run.places + op.place;
    const std::uint8_t* other = tile.mask(place->second);
    const Split<Q, S> split(tile, place, c, true, false);
    const double *source = tile.slot(op.source), *cold = tile.run.cold;
    double *rho_slot = tile.slot(op.scratch + Slots::rho),
           *first = tile.slot(op.scratch + Slots::first),
           *second = tile.slot(op.scratch + Slots::second),
           *g_first = tile.slot(op.scratch + Slots::g_first),
           *g_second = tile.slot(op.scratch + Slots::g_second);
    for (int b = 0; b < tile.blocks; ++b) {
      const auto bits = split.bits(b);
      Reg A[Q], A_first[Q], rho[Q];
      load(source, b, A);
      split.choose(bits, rho);
      store(rho_slot, b, rho);
      WHENCE_POINTS A_first[m] = Simd::mul(A[m], rho[m]);
      WHENCE_POINTS A[m] = Simd::sub(A[m], A_first[m]);
      store(first, b, A_first);
      store(second, b, A);
      partner(g_first, b, bits.first, c, cold);
      partner(g_second, b, Simd::bits(other, tile.first + b), c + Q, cold);
    }
    return c + 2 * Q;
  }

  template <Seen S>
  const double* join(const Op& op, const double* c) const {
    const Place* place = tile.run.places + op.place;
    const Partners partners(tile, *place);
    const Split<Q, S> split(tile, place, c, false, true);
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
      settle(partners, split, b, split.bits(b), A);
    }
    return c;
  }

  template <Seen S>
  const double* twig(const Op& op, const double* c) const {
    const Place* place = tile.run.places + op.place;
    const Partners partners(tile, *place);
    const Split<Q, S> split(tile, place, c);
    const double* source = tile.slot(op.source);
    double* target = tile.slot(op.target);
    for (int b = 0; b < tile.blocks; ++b) {
      const auto bits = split.bits(b);
      Reg A[Q], G[Q];
      split.choose(bits, G);
      store(target, b, G);
      load(source, b, A);
      settle(partners, split, b, bits, A);
    }
    return c;
  }

  const double* leaf(const Op& op, const double* c) const {
    double* target = tile.slot(op.target);
    Reg G[Q];
    WHENCE_POINTS G[m] = Simd::set(*c);
    for (int b = 0; b < tile.blocks; ++b) store(target, b, G);
    return c + 1;
  }

  template <Seen S>
  const double* step_of(const Op& op, const double* c) const {
    if (op.kind == Kind::enter) return enter<S>(op, c);
    if (op.kind == Kind::join) return join<S>(op, c);
    return twig<S>(op, c);
  }

  const double* step(const Op& op, const double* c) const {
    if (op.kind == Kind::whole && op.first == Shape::leaf) return leaf(op, c);
    return tile.run.places[op.place].hot >= 0 ? step_of<Seen::yes>(op, c)
                                              : step_of<Seen::no>(op, c);
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
