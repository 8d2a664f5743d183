// Bodies of the loops in path_loops.hpp; included once per instruction set. The formulas are in
// path_program.hpp; rows stand in lanes, quadrature points are unrolled.
#pragma once

#include "path_loops.hpp"
#include "route.hpp"
#include "simd.hpp"

namespace whence::WHENCE_ISA {
namespace {

using Reg = Simd::reg;
using Mask = Simd::mask;

// What one block of rows works on. Q: quadrature points. Tiles: blocks side by side; at: which.
template <int Q, int Tiles>
struct Block {
  const Run& run;
  int index;  // of the block, in blocks of Simd::lanes rows
  int at;

  double* slot(std::int32_t s, int m) const {
    return run.scratch + ((static_cast<std::int64_t>(s) * Q + m) * Tiles + at) * Simd::lanes;
  }
  Mask mask(std::int32_t s) const {
    return Simd::bits(run.masks + static_cast<std::int64_t>(s) * kChunkBytes, index);
  }
  double* phi(std::int32_t row) const {
    return run.phi + row * run.stride + static_cast<std::int64_t>(index) * Simd::lanes;
  }
  void load(std::int32_t s, Reg (&a)[Q]) const {
    for (int m = 0; m < Q; ++m) a[m] = Simd::load(slot(s, m));
  }
  void store(std::int32_t s, const Reg (&a)[Q]) const {
    for (int m = 0; m < Q; ++m) Simd::store(slot(s, m), a[m]);
  }
};

inline Reg pick(Mask m, const double* high, const double* low) {
  return Simd::select(m, Simd::set(*high), Simd::set(*low));
}

template <int Q>
inline Reg sum(const Reg (&a)[Q]) {
  Reg s = a[0];
  for (int m = 1; m < Q; ++m) s = Simd::add(s, a[m]);
  return s;
}

template <int Q>
inline Reg dot(const Reg (&a)[Q], const Reg (&b)[Q]) {
  Reg s = Simd::mul(a[0], b[0]);
  for (int m = 1; m < Q; ++m) s = Simd::fma(a[m], b[m], s);
  return s;
}

// Reads two alternatives of Q numbers each, and for a player seen before a third, of cold rows.
template <int Q>
inline const double* read_choice(const double* c, Mask first, Mask hot, bool seen, Reg (&out)[Q]) {
  for (int m = 0; m < Q; ++m) out[m] = pick(first, c + m, c + Q + m);
  c += 2 * Q;
  if (!seen) return c;
  const Reg cold = Simd::set(*c);
  for (int m = 0; m < Q; ++m) out[m] = Simd::select(hot, out[m], cold);
  return c + 1;
}

// Reads h0 (h c0 - c0 r).
inline Reg read_coefficient(const double* c, Mask first, Mask hot, bool seen) {
  const Reg both = pick(first, c, c + 1);
  return seen ? Simd::select(hot, both, Simd::set(0)) : both;
}

template <int Q>
inline void divide_by_u0(const double* c, const Reg (&a)[Q], Reg (&out)[Q]) {
  for (int m = 0; m < Q; ++m) out[m] = Simd::mul(a[m], Simd::set(c[m]));
}

// The values of all players: phi_f += coefficient * sum_m A D / u0^2 at every split.
template <int Q, int Tiles, bool Total>
struct Values {
  using At = Block<Q, Tiles>;

  static void credit(const At& at, const Place& place, Reg coefficient, Reg weight) {
    double* phi = at.phi(place.player);
    Simd::store(phi, Simd::fma(coefficient, weight, Simd::load(phi)));
    if constexpr (Total) {
      double* total = at.run.total + static_cast<std::int64_t>(at.index) * Simd::lanes;
      Simd::store(total, Simd::fma(coefficient, weight, Simd::load(total)));
    }
  }

  // Credits a split of which A and D are known.
  static const double* settle(const At& at, const Place& place, const double* c, Mask first,
                              Mask hot, const Reg (&A)[Q], const Reg (&D)[Q]) {
    const bool seen = place.hot >= 0;
    const Reg coefficient = read_coefficient(c, first, hot, seen);
    c += 2;
    if (!seen) {
      credit(at, place, coefficient, dot(A, D));
      return c;
    }
    Reg scaled[Q];
    divide_by_u0(c, A, scaled);
    credit(at, place, coefficient, dot(scaled, D));
    return c + Q;
  }

  // A split into two leaves: G is a choice of constants, and the sum over points needs A only.
  static const double* twig(const At& at, const Place& place, const double* c, const Reg (&A)[Q],
                            Reg (&G)[Q]) {
    const bool seen = place.hot >= 0;
    const Mask first = at.mask(place.first), hot = seen ? at.mask(place.hot) : first;
    c = read_choice(c, first, hot, seen, G);
    const Reg coefficient = read_coefficient(c, first, hot, seen);
    c += 2;
    if (!seen) {
      credit(at, place, coefficient, sum(A));
      return c;
    }
    Reg scaled[Q];
    divide_by_u0(c, A, scaled);
    credit(at, place, coefficient, sum(scaled));
    return c + Q;
  }

  static const double* enter(const At& at, const Op& op, const double* c) {
    const Place& place = op.place[0];
    const bool seen = place.hot >= 0;
    const Mask first = at.mask(place.first), hot = seen ? at.mask(place.hot) : first;
    Reg A[Q], A_first[Q], rho[Q], G[Q];
    at.load(op.source, A);
    c = read_choice(c, first, hot, seen, rho);
    at.store(op.scratch + Slots::rho, rho);
    for (int m = 0; m < Q; ++m) A_first[m] = Simd::mul(A[m], rho[m]);
    for (int m = 0; m < Q; ++m) A[m] = Simd::sub(A[m], A_first[m]);
    at.store(op.scratch + Slots::second, A);
    if (op.kind == Kind::enter) {
      at.store(op.scratch + Slots::first, A_first);
      return c;
    }
    if (op.kind == Kind::enter_leaf)
      for (int m = 0; m < Q; ++m) G[m] = Simd::set(*c);
    c = op.kind == Kind::enter_leaf ? c + 1 : twig(at, op.place[1], c, A_first, G);
    at.store(op.scratch + Slots::value, G);
    return c;
  }

  static const double* join(const At& at, const Op& op, const double* c) {
    const Place& place = op.place[0];
    const bool seen = place.hot >= 0;
    const Mask first = at.mask(place.first), hot = seen ? at.mask(place.hot) : first;
    Reg A[Q], D[Q], G[Q], rho[Q];
    at.load(op.scratch + Slots::value, D);
    at.load(Slots::result, G);
    for (int m = 0; m < Q; ++m) D[m] = Simd::sub(D[m], G[m]);
    at.load(op.source, A);
    c = settle(at, place, c, first, hot, A, D);
    at.load(op.scratch + Slots::rho, rho);
    for (int m = 0; m < Q; ++m) G[m] = Simd::fma(rho[m], D[m], G[m]);
    at.store(op.target, G);
    return c;
  }

  // A split whose second child is a twig and whose first is a twig or a leaf.
  static const double* small(const At& at, const Op& op, const double* c) {
    const Place& place = op.place[0];
    const bool seen = place.hot >= 0;
    const Mask first = at.mask(place.first), hot = seen ? at.mask(place.hot) : first;
    Reg A[Q], A_child[Q], rho[Q], D[Q], G[Q];
    at.load(op.source, A);
    c = read_choice(c, first, hot, seen, rho);
    const double* coefficients = c;
    c += seen ? 2 + Q : 2;
    for (int m = 0; m < Q; ++m) A_child[m] = Simd::mul(A[m], rho[m]);
    if (op.kind == Kind::leaf_twig) {
      for (int m = 0; m < Q; ++m) D[m] = Simd::set(*c);
      c += 1;
    } else {
      c = twig(at, op.place[1], c, A_child, D);
    }
    for (int m = 0; m < Q; ++m) A_child[m] = Simd::sub(A[m], A_child[m]);
    c = twig(at, op.place[2], c, A_child, G);
    for (int m = 0; m < Q; ++m) D[m] = Simd::sub(D[m], G[m]);
    settle(at, place, coefficients, first, hot, A, D);
    for (int m = 0; m < Q; ++m) G[m] = Simd::fma(rho[m], D[m], G[m]);
    at.store(op.target, G);
    return c;
  }

  static const double* step(const At& at, const Op& op, const double* c) {
    switch (op.kind) {
      case Kind::join:
        return join(at, op, c);
      case Kind::leaf_twig:
      case Kind::twig_twig:
        return small(at, op, c);
      case Kind::twig: {
        Reg A[Q], G[Q];
        at.load(op.source, A);
        c = twig(at, op.place[0], c, A, G);
        at.store(op.target, G);
        return c;
      }
      default:
        return enter(at, op, c);
    }
  }
};

// Interactions of each split's player with its partners above: W_m g_j(m) [g_k(m)].
template <int Q, int Tiles, int Order>
struct Interactions {
  using At = Block<Q, Tiles>;

  static void credit(const At& at, const Place& place, const Reg (&W)[Q]) {
    const Run& run = at.run;
    const std::int64_t first = run.live_start[place.live], last = run.live_start[place.live + 1];
    const std::int32_t* set = run.sets + run.set_start[place.live];
    for (std::int64_t j = first; j < last; ++j) {
      Reg g[Q];
      at.load(run.live_slot[j], g);
      if constexpr (Order == 2) {
        add(at, *set++, dot(W, g));
      } else {
        for (int m = 0; m < Q; ++m) g[m] = Simd::mul(W[m], g[m]);
        for (std::int64_t k = j + 1; k < last; ++k) {
          Reg other[Q];
          at.load(run.live_slot[k], other);
          add(at, *set++, dot(g, other));
        }
      }
    }
  }

  static void add(const At& at, std::int32_t set, Reg value) {
    double* p = at.phi(set);
    Simd::store(p, Simd::add(Simd::load(p), value));
  }

  // Turns A [D] into W and credits it; c at the coefficients.
  static const double* settle(const At& at, const Place& place, const double* c, Mask first,
                              Mask hot, const Reg (&A)[Q]) {
    const bool seen = place.hot >= 0;
    const Reg coefficient = read_coefficient(c, first, hot, seen);
    c += 2;
    Reg W[Q];
    for (int m = 0; m < Q; ++m) W[m] = Simd::mul(A[m], coefficient);
    if (seen) divide_by_u0(c, W, W);
    credit(at, place, W);
    return seen ? c + Q : c;
  }

  static const double* partner(const At& at, std::int32_t slot, Mask hot, const double* c) {
    Reg g[Q];
    for (int m = 0; m < Q; ++m) g[m] = pick(hot, c + m, at.run.cold + m);
    at.store(slot, g);
    return c + Q;
  }

  static const double* enter(const At& at, const Op& op, const double* c) {
    const Place& place = op.place[0];
    const bool seen = place.hot >= 0;
    const Mask first = at.mask(place.first), hot = seen ? at.mask(place.hot) : first;
    Reg A[Q], A_first[Q], rho[Q];
    at.load(op.source, A);
    c = read_choice(c, first, hot, seen, rho);
    at.store(op.scratch + Slots::rho, rho);
    for (int m = 0; m < Q; ++m) A_first[m] = Simd::mul(A[m], rho[m]);
    for (int m = 0; m < Q; ++m) A[m] = Simd::sub(A[m], A_first[m]);
    at.store(op.scratch + Slots::first, A_first);
    at.store(op.scratch + Slots::second, A);
    c = partner(at, op.scratch + Slots::g_first, first, c);
    return partner(at, op.scratch + Slots::g_second, at.mask(place.second), c);
  }

  static const double* join(const At& at, const Op& op, const double* c) {
    const Place& place = op.place[0];
    const bool seen = place.hot >= 0;
    const Mask first = at.mask(place.first), hot = seen ? at.mask(place.hot) : first;
    Reg A[Q], D[Q], G[Q], rho[Q];
    at.load(op.scratch + Slots::value, D);
    at.load(Slots::result, G);
    for (int m = 0; m < Q; ++m) D[m] = Simd::sub(D[m], G[m]);
    at.load(op.source, A);
    for (int m = 0; m < Q; ++m) A[m] = Simd::mul(A[m], D[m]);
    c = settle(at, place, c, first, hot, A);
    at.load(op.scratch + Slots::rho, rho);
    for (int m = 0; m < Q; ++m) G[m] = Simd::fma(rho[m], D[m], G[m]);
    at.store(op.target, G);
    return c;
  }

  static const double* twig(const At& at, const Op& op, const double* c) {
    const Place& place = op.place[0];
    const bool seen = place.hot >= 0;
    const Mask first = at.mask(place.first), hot = seen ? at.mask(place.hot) : first;
    Reg A[Q], G[Q];
    c = read_choice(c, first, hot, seen, G);
    at.store(op.target, G);
    at.load(op.source, A);
    return settle(at, place, c, first, hot, A);
  }

  static const double* step(const At& at, const Op& op, const double* c) {
    switch (op.kind) {
      case Kind::enter:
        return enter(at, op, c);
      case Kind::join:
        return join(at, op, c);
      case Kind::leaf: {
        for (int m = 0; m < Q; ++m) Simd::store(at.slot(op.target, m), Simd::set(*c));
        return c + 1;
      }
      default:
        return twig(at, op, c);
    }
  }
};

// Runs the program on `Tiles` blocks that start at `index`.
template <int Q, int Tiles, class Body>
void run_tile(const Run& run, int index) {
  for (int u = 0; u < Tiles; ++u)
    for (int m = 0; m < Q; ++m)
      Simd::store(Block<Q, Tiles>{run, index + u, u}.slot(Slots::root, m),
                  Simd::set(run.weight[m]));
  const double* c = run.constants;
  for (std::int64_t i = 0; i < run.count; ++i) {
    const double* next = c;
    for (int u = 0; u < Tiles; ++u)
      next = Body::step(Block<Q, Tiles>{run, index + u, u}, run.ops[i], c);
    c = next;
  }
}

template <int Q, bool Total>
void run_values_of(const Run& run) {
  constexpr int Tiles = 2;
  const int blocks = (run.rows + Simd::lanes - 1) / Simd::lanes;
  int b = 0;
  for (; b + Tiles <= blocks; b += Tiles) run_tile<Q, Tiles, Values<Q, Tiles, Total>>(run, b);
  for (; b < blocks; ++b) run_tile<Q, 1, Values<Q, 1, Total>>(run, b);
}

template <int Q, int Order>
void run_interactions_of(const Run& run) {
  const int blocks = (run.rows + Simd::lanes - 1) / Simd::lanes;
  for (int b = 0; b < blocks; ++b) run_tile<Q, 1, Interactions<Q, 1, Order>>(run, b);
}

template <int Order>
void run_interactions_of_order(const Run& run) {
  switch (run.points) {
    case 1: return run_interactions_of<1, Order>(run);
    case 2: return run_interactions_of<2, Order>(run);
    case 3: return run_interactions_of<3, Order>(run);
    case 4: return run_interactions_of<4, Order>(run);
    case 5: return run_interactions_of<5, Order>(run);
    case 6: return run_interactions_of<6, Order>(run);
    case 7: return run_interactions_of<7, Order>(run);
    default: return run_interactions_of<8, Order>(run);
  }
}

}  // namespace

void fill_masks(const Forest& forest, const MaskOp* ops, std::int64_t count, const double* xt,
                int rows, std::uint8_t* masks) {
  const int bytes = (rows + 7) / 8;
  for (std::int64_t i = 0; i < count; ++i) {
    const MaskOp& op = ops[i];
    std::uint8_t* first = masks + static_cast<std::int64_t>(op.first) * kChunkBytes;
    std::uint8_t* second = masks + static_cast<std::int64_t>(op.second) * kChunkBytes;
    const std::uint8_t* hot = masks + static_cast<std::int64_t>(op.hot) * kChunkBytes;
    route_split(forest, op.node, xt, rows, first);
    if (op.flip)
      for (int b = 0; b < bytes; ++b) first[b] = static_cast<std::uint8_t>(~first[b]);
    if (op.second >= 0)
      for (int b = 0; b < bytes; ++b)
        second[b] = static_cast<std::uint8_t>(~first[b] & (op.hot >= 0 ? hot[b] : 255));
    if (op.hot >= 0)
      for (int b = 0; b < bytes; ++b) first[b] &= hot[b];
  }
}

void run_values(const Run& run) {
  if (run.total != nullptr) return run_values_of<kMaxPoints, true>(run);
  switch (run.points) {
    case 1: return run_values_of<1, false>(run);
    case 2: return run_values_of<2, false>(run);
    case 3: return run_values_of<3, false>(run);
    case 4: return run_values_of<4, false>(run);
    case 5: return run_values_of<5, false>(run);
    case 6: return run_values_of<6, false>(run);
    case 7: return run_values_of<7, false>(run);
    default: return run_values_of<8, false>(run);
  }
}

void run_interactions(const Run& run, int order) {
  if (order == 2) return run_interactions_of_order<2>(run);
  run_interactions_of_order<3>(run);
}

}  // namespace whence::WHENCE_ISA
