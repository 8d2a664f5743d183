// Bodies of the walk along positions; included once per instruction set.
#pragma once

#include "curves.hpp"
#include "route_words.hpp"

namespace whence::WHENCE_ISA {

inline constexpr int kDense = 24;  // rows from which on a leaf is added to all lanes of the chunk

struct Rows {
  std::uint64_t word[kChunkWords];

  bool any() const { return (word[0] | word[1] | word[2] | word[3]) != 0; }
  int count() const {
    int sum = 0;
    for (const std::uint64_t w : word) sum += __builtin_popcountll(w);
    return sum;
  }
};
static_assert(kChunkWords == 4);

inline Rows of(const std::uint64_t* words) { return {{words[0], words[1], words[2], words[3]}}; }
inline Rows both(Rows a, Rows b) {
  for (int w = 0; w < kChunkWords; ++w) a.word[w] &= b.word[w];
  return a;
}
inline Rows without(Rows a, Rows b) {
  for (int w = 0; w < kChunkWords; ++w) a.word[w] &= ~b.word[w];
  return a;
}
inline Rows either(Rows a, Rows b) {
  for (int w = 0; w < kChunkWords; ++w) a.word[w] |= b.word[w];
  return a;
}

template <class Each>
inline void each_row(Rows rows, Each each) {
  for (int w = 0; w < kChunkWords; ++w)
    for (std::uint64_t bits = rows.word[w]; bits; bits &= bits - 1)
      each(w * 64 + __builtin_ctzll(bits));
}

// Which of some rows go left. Codes and zeros are looked at row by row, numbers side by side.
inline Rows going_left(const Walk& walk, std::int64_t v, Rows rows) {
  const Forest& f = *walk.forest;
  Rows left{};
  const auto split = f.split.data()[v];
  if (split == whence::Split::category || split == whence::Split::zero_missing) {
    const double* x = walk.x.number + static_cast<std::int64_t>(f.feature.data()[v]) * kChunk;
    each_row(rows, [&](int i) {
      left.word[i / 64] |= std::uint64_t{special_goes_left(f, v, x[i])} << (i % 64);
    });
    return left;
  }
  route_words(f, v, walk.x, walk.rows, [&](int byte, std::uint32_t bits) {
    left.word[byte / 8] |= static_cast<std::uint64_t>(bits) << (byte % 8 * 8);
  });
  return both(left, rows);
}

// Adds a number to the sums of some rows.
inline void add(double* sums, Rows rows, bool dense, int count, double number) {
  if (!dense) {
    each_row(rows, [&](int i) { sums[i] += number; });
    return;
  }
  const auto plus = Simd::set(number), nothing = Simd::set(0.0);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(rows.word);
  for (int block = 0; block * Simd::lanes < count; ++block) {
    double* at = sums + block * Simd::lanes;
    Simd::store(at, Simd::add(Simd::load(at), Simd::select(Simd::bits(bytes, block), plus, nothing)));
  }
}

inline void add_leaf(const Walk& walk, std::int64_t tree, const Arrival& at, Rows rows, Rows own) {
  const Forest& f = *walk.forest;
  const std::int64_t outputs = static_cast<std::int64_t>(f.base.size());
  const std::int64_t target = f.target.data()[tree];
  const std::int64_t first = target < 0 ? 0 : target, last = target < 0 ? outputs : target + 1;
  const double* value = f.value.data() + at.node * f.width - (target < 0 ? 0 : target);
  const bool dense = rows.count() >= kDense;
  if (own.any())
    for (std::int64_t c = first; c < last; ++c)
      add(walk.own_sums + c * kChunk, own, dense, walk.rows, value[c]);
  for (std::uint64_t here = at.positions; here;) {
    const int begin = __builtin_ctzll(here);
    const std::uint64_t rest = ~(here >> begin);
    const int end = rest ? begin + __builtin_ctzll(rest) : 64;
    for (std::int64_t c = first; c < last; ++c) {
      add(walk.sums + (begin * outputs + c) * kChunk, rows, dense, walk.rows, value[c]);
      if (end < 64 && (walk.positions >> end) != 0)
        add(walk.sums + (end * outputs + c) * kChunk, rows, dense, walk.rows, -value[c]);
    }
    here = end >= 64 ? 0 : here & (~std::uint64_t{0} << end);
  }
}

inline Arrival* push(Arrival* top, std::int64_t node, std::uint64_t positions, Rows rows,
                     Rows own) {
  if (!(positions && rows.any()) && !own.any()) return top;
  top->node = node;
  top->positions = rows.any() ? positions : 0;
  for (int w = 0; w < kChunkWords; ++w) top->rows[w] = rows.word[w], top->own[w] = own.word[w];
  return top + 1;
}

void walk_tree(const Walk& walk, std::int64_t tree) {
  const Forest& f = *walk.forest;
  Rows all{};
  for (int i = 0; i < walk.rows; ++i) all.word[i / 64] |= std::uint64_t{1} << (i % 64);
  Arrival* top = push(walk.stack, f.start.data()[tree], walk.positions, all,
                      walk.own ? all : Rows{});
  while (top != walk.stack) {
    const Arrival at = *--top;
    const std::int64_t v = at.node;
    const Rows rows = of(at.rows), own = of(at.own);
    if (f.feature.data()[v] < 0) {
      add_leaf(walk, tree, at, rows, own);
      continue;
    }
    const std::int64_t l = f.left.data()[v], r = f.right.data()[v];
    if (walk.moves[f.feature.data()[v]]) {
      const std::uint64_t go = at.positions & walk.left[v];
      const Rows own_left = own.any() ? going_left(walk, v, own) : own;
      top = push(top, r, at.positions ^ go, rows, without(own, own_left));
      top = push(top, l, go, rows, own_left);
    } else {
      const Rows left = going_left(walk, v, either(rows, own));
      top = push(top, r, at.positions, without(rows, left), without(own, left));
      top = push(top, l, at.positions, both(rows, left), both(own, left));
    }
  }
}

}  // namespace whence::WHENCE_ISA
