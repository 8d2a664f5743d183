// The values of all players: phi_f += coefficient * sum_m A D / u0^2 at every split.
#pragma once

#include "path_block.hpp"

namespace whence::WHENCE_ISA {
namespace {

// Adds to a player's value, and to the row's total where it is asked for.
template <int Q, bool Total, Seen S>
WHENCE_INLINE void pay(const Tile<Q>& tile, const Split<Q, S>& split, int block,
                       typename Split<Q, S>::Bits bits, Reg weight) {
  const Reg coefficient = split.coefficient(bits);
  double* phi = split.phi + block * Simd::lanes;
  Simd::store(phi, Simd::fma(coefficient, weight, Simd::load(phi)));
  if constexpr (Total) {
    double* total = tile.run.total + (tile.first + block) * Simd::lanes;
    Simd::store(total, Simd::fma(coefficient, weight, Simd::load(total)));
  }
}

// Subtrees that one instruction works off in registers, from A on top to G on top. The
// constructors take what the subtree needs from the streams of places and constants.
template <int Q, bool Total>
struct Leaf {
  const double* value;

  WHENCE_INLINE Leaf(const Tile<Q>&, const Place*&, const double*& c) : value(c++) {}

  WHENCE_INLINE void run(const Tile<Q>&, int, const Reg (&)[Q], Reg (&G)[Q]) const {
    WHENCE_POINTS G[m] = Simd::set(*value);
  }
};

// A split into two leaves: G is a choice of constants, and the sum over points needs A only.
template <int Q, bool Total, Seen S>
struct Twig {
  Split<Q, S> split;

  WHENCE_INLINE Twig(const Tile<Q>& tile, const Place*& place, const double*& c)
      : split(tile, place, c) {}

  WHENCE_INLINE void run(const Tile<Q>& tile, int block, const Reg (&A)[Q], Reg (&G)[Q]) const {
    const auto bits = split.bits(block);
    split.choose(bits, G);
    Reg scaled[Q];
    split.by_u0(A, scaled);
    pay<Q, Total>(tile, split, block, bits, sum(scaled));
  }
};

template <int Q, bool Total, Seen S, class First, class Second>
struct Node {
  Split<Q, S> split;
  First first;
  Second second;

  WHENCE_INLINE Node(const Tile<Q>& tile, const Place*& place, const double*& c)
      : split(tile, place, c), first(tile, place, c), second(tile, place, c) {}

  WHENCE_INLINE void run(const Tile<Q>& tile, int block, const Reg (&A)[Q], Reg (&G)[Q]) const {
    const auto bits = split.bits(block);
    Reg rho[Q], A_child[Q], D[Q];
    split.choose(bits, rho);
    WHENCE_POINTS A_child[m] = Simd::mul(A[m], rho[m]);
    first.run(tile, block, A_child, D);
    WHENCE_POINTS A_child[m] = Simd::sub(A[m], A_child[m]);
    second.run(tile, block, A_child, G);
    WHENCE_POINTS D[m] = Simd::sub(D[m], G[m]);
    Reg scaled[Q];
    split.by_u0(A, scaled);
    pay<Q, Total>(tile, split, block, bits, dot(scaled, D));
    WHENCE_POINTS G[m] = Simd::fma(rho[m], D[m], G[m]);
  }
};

template <int Q, bool Total>
struct Values {
  const Tile<Q> tile;

  template <Seen S>
  using Twig = WHENCE_ISA::Twig<Q, Total, S>;
  using Leaf = WHENCE_ISA::Leaf<Q, Total>;
  template <Seen S, class First, class Second>
  using Node = WHENCE_ISA::Node<Q, Total, S, First, Second>;

  const Place* place(const Op& op) const { return tile.run.places + op.place; }

  template <class Part>
  const double* whole(const Op& op, const double* c) const {
    const Place* p = place(op);
    const Part part(tile, p, c);
    const double* source = tile.slot(op.source);
    double* target = tile.slot(op.target);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], G[Q];
      load(source, b, A);
      part.run(tile, b, A, G);
      store(target, b, G);
    }
    return c;
  }

  // The first child is an instruction of its own,
  template <Seen S>
  const double* enter(const Op& op, const double* c) const {
    const Place* p = place(op);
    const Split<Q, S> split(tile, p, c, true, false);
    const double* source = tile.slot(op.source);
    double *first = tile.slot(op.scratch + Slots::first),
           *second = tile.slot(op.scratch + Slots::second),
           *rho_slot = tile.slot(op.scratch + Slots::rho);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], A_first[Q], rho[Q];
      load(source, b, A);
      split.choose(split.bits(b), rho);
      store(rho_slot, b, rho);
      WHENCE_POINTS A_first[m] = Simd::mul(A[m], rho[m]);
      store(first, b, A_first);
      WHENCE_POINTS A[m] = Simd::sub(A[m], A_first[m]);
      store(second, b, A);
    }
    return c;
  }

  // or is done at once.
  template <Seen S, class First>
  const double* enter_with(const Op& op, const double* c) const {
    const Place* p = place(op);
    const Split<Q, S> split(tile, p, c, true, false);
    const First child(tile, p, c);
    const double* source = tile.slot(op.source);
    double *second = tile.slot(op.scratch + Slots::second),
           *value = tile.slot(op.scratch + Slots::value),
           *rho_slot = tile.slot(op.scratch + Slots::rho);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], A_first[Q], rho[Q], G[Q];
      load(source, b, A);
      split.choose(split.bits(b), rho);
      store(rho_slot, b, rho);
      WHENCE_POINTS A_first[m] = Simd::mul(A[m], rho[m]);
      WHENCE_POINTS A[m] = Simd::sub(A[m], A_first[m]);
      store(second, b, A);
      child.run(tile, b, A_first, G);
      store(value, b, G);
    }
    return c;
  }

  template <Seen S>
  const double* join(const Op& op, const double* c) const {
    const Place* p = place(op);
    const Split<Q, S> split(tile, p, c, false, true);
    const double *source = tile.slot(op.source), *result = tile.slot(Slots::result),
                 *value = tile.slot(op.scratch + Slots::value),
                 *rho_slot = tile.slot(op.scratch + Slots::rho);
    double* target = tile.slot(op.target);
    for (int b = 0; b < tile.blocks; ++b) {
      Reg A[Q], D[Q], G[Q], rho[Q], scaled[Q];
      load(value, b, D);
      load(result, b, G);
      WHENCE_POINTS D[m] = Simd::sub(D[m], G[m]);
      load(source, b, A);
      split.by_u0(A, scaled);
      pay<Q, Total>(tile, split, b, split.bits(b), dot(scaled, D));
      load(rho_slot, b, rho);
      WHENCE_POINTS G[m] = Simd::fma(rho[m], D[m], G[m]);
      store(target, b, G);
    }
    return c;
  }

  // S0, S1, S2: of the split and of the twigs in its children; what does not exist is `no`.
  template <Seen S0, Seen S1, Seen S2>
  const double* step_of(const Op& op, const double* c) const {
    if (op.kind == Kind::whole) {
      if (op.first == Shape::twig_twig) return whole<Node<S0, Twig<S1>, Twig<S2>>>(op, c);
      if constexpr (S2 == Seen::no) {
        if (op.first == Shape::leaf_twig) return whole<Node<S0, Leaf, Twig<S1>>>(op, c);
        if constexpr (S1 == Seen::no) return whole<Twig<S0>>(op, c);
      }
    }
    if constexpr (S2 == Seen::no) {
      if (op.kind == Kind::enter_twig) return enter_with<S0, Twig<S1>>(op, c);
      if constexpr (S1 == Seen::no) {
        if (op.kind == Kind::enter) return enter<S0>(op, c);
        if (op.kind == Kind::join) return join<S0>(op, c);
        if (op.kind == Kind::enter_leaf) return enter_with<S0, Leaf>(op, c);
      }
    }
    return c;  // no other combination exists
  }

  template <Seen S>
  const double* pair(const Op& op, const double* c) const {
    using LeafTwig = Node<S, Leaf, Twig<S>>;
    using TwigTwig = Node<S, Twig<S>, Twig<S>>;
    if (op.second == Shape::leaf_twig) {
      if (op.first == Shape::leaf) return whole<Node<S, Leaf, LeafTwig>>(op, c);
      if (op.first == Shape::twig) return whole<Node<S, Twig<S>, LeafTwig>>(op, c);
      return whole<Node<S, LeafTwig, LeafTwig>>(op, c);
    }
    if (op.first == Shape::leaf) return whole<Node<S, Leaf, TwigTwig>>(op, c);
    if (op.first == Shape::twig) return whole<Node<S, Twig<S>, TwigTwig>>(op, c);
    if (op.first == Shape::leaf_twig) return whole<Node<S, LeafTwig, TwigTwig>>(op, c);
    return whole<Node<S, TwigTwig, TwigTwig>>(op, c);
  }

  const double* step(const Op& op, const double* c) const {
    const Place* p = place(op);
    int seen = 0;
    for (int i = 0; i < op.places; ++i) seen |= (p[i].hot >= 0) << i;
    if constexpr (Q <= kLargePoints && !Total)
      if (op.kind == Kind::pair) return seen ? pair<Seen::maybe>(op, c) : pair<Seen::no>(op, c);
    constexpr Seen no = Seen::no, yes = Seen::yes;
    switch (seen) {
      case 0: return step_of<no, no, no>(op, c);
      case 1: return step_of<yes, no, no>(op, c);
      case 2: return step_of<no, yes, no>(op, c);
      case 3: return step_of<yes, yes, no>(op, c);
      case 4: return step_of<no, no, yes>(op, c);
      case 5: return step_of<yes, no, yes>(op, c);
      case 6: return step_of<no, yes, yes>(op, c);
      default: return step_of<yes, yes, yes>(op, c);
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
