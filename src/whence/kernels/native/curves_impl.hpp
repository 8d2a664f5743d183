// Bodies of the walk along positions; included once per instruction set.
#pragma once

#include "curves.hpp"
#include "route_words.hpp"

namespace whence::WHENCE_ISA {

inline constexpr int kDense = 24;  // rows from which on a leaf is added to all lanes of the chunk

// Bits of the rows of a chunk, held and passed on as a whole: a processor is slow at loading what
// was just stored in other sizes.
typedef std::uint64_t Words __attribute__((vector_size(8 * kChunkWords)));
static_assert(kChunkWords == 4);

struct Rows {
  Words word;

  bool any() const { return (word[0] | word[1] | word[2] | word[3]) != 0; }
  int count() const {
    return __builtin_popcountll(word[0]) + __builtin_popcountll(word[1]) +
           __builtin_popcountll(word[2]) + __builtin_popcountll(word[3]);
  }
};

inline Rows load(const std::uint64_t* words) {
  Rows rows;
  __builtin_memcpy(&rows.word, words, sizeof rows.word);
  return rows;
}
inline void store(std::uint64_t* words, const Rows& rows) {
  __builtin_memcpy(words, &rows.word, sizeof rows.word);
}

template <class Each>
inline void each_row(const Rows& rows, Each each) {
  for (int w = 0; w < kChunkWords; ++w)
    for (std::uint64_t bits = rows.word[w]; bits; bits &= bits - 1)
      each(w * 64 + __builtin_ctzll(bits));
}

// Which of some rows go left. Codes and zeros are looked at row by row, numbers side by side.
inline Rows going_left(const Walk& walk, std::int64_t v, const Rows& rows) {
  const Forest& f = *walk.forest;
  std::uint64_t left[kChunkWords] = {};
  const auto split = f.split.data()[v];
  if (split == whence::Split::category || split == whence::Split::zero_missing) {
    const double* x = walk.x.number + static_cast<std::int64_t>(f.feature.data()[v]) * kChunk;
    each_row(rows, [&](int i) {
      left[i / 64] |= std::uint64_t{special_goes_left(f, v, x[i])} << (i % 64);
    });
  } else {
    route_words(f, v, walk.x, walk.rows, [&](int byte, std::uint32_t bits) {
      left[byte / 8] |= static_cast<std::uint64_t>(bits) << (byte % 8 * 8);
    });
  }
  return {Words{left[0], left[1], left[2], left[3]} & rows.word};
}

// Adds a number to the sums of some rows.
inline void add(double* sums, const Rows& rows, bool dense, int count, double number) {
  if (!dense) {
    each_row(rows, [&](int i) { sums[i] += number; });
    return;
  }
  const auto plus = Simd::set(number), nothing = Simd::set(0.0);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&rows.word);
  for (int block = 0; block * Simd::lanes < count; ++block) {
    double* at = sums + block * Simd::lanes;
    Simd::store(at, Simd::add(Simd::load(at), Simd::select(Simd::bits(bytes, block), plus, nothing)));
  }
}

inline void add_leaf(const Walk& walk, std::int64_t tree, std::int64_t node,
                     std::uint64_t positions, const Rows& rows, const Rows& own) {
  const Forest& f = *walk.forest;
  const std::int64_t outputs = static_cast<std::int64_t>(f.base.size());
  const std::int64_t target = f.target.data()[tree];
  const std::int64_t first = target < 0 ? 0 : target, last = target < 0 ? outputs : target + 1;
  const double* value = f.value.data() + node * f.width - (target < 0 ? 0 : target);
  const bool dense = rows.count() >= kDense;
  if (own.any())
    for (std::int64_t c = first; c < last; ++c)
      add(walk.own_sums + c * kChunk, own, dense, walk.rows, value[c]);
  for (std::uint64_t here = positions; here;) {
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

template <bool with_own>
inline void walk_down(const Walk& walk, std::int64_t tree) {
  const Forest& f = *walk.forest;
  std::uint64_t all[kChunkWords] = {};
  for (int i = 0; i < walk.rows; ++i) all[i / 64] |= std::uint64_t{1} << (i % 64);
  std::int64_t v = f.start.data()[tree];
  std::uint64_t positions = walk.positions;
  Rows rows = load(all), own = with_own ? rows : Rows{};
  for (Arrival* top = walk.stack;;) {
    while (f.feature.data()[v] >= 0) {
      const std::int64_t l = f.left.data()[v], r = f.right.data()[v];
      std::uint64_t go = positions, stay = positions;
      Rows left = rows, right = rows, own_left = own, own_right = own;
      if (walk.moves[f.feature.data()[v]]) {
        go &= walk.left[v];
        stay ^= go;
        if (with_own) own_left = going_left(walk, v, own);
      } else {
        left = going_left(walk, v, with_own ? Rows{rows.word | own.word} : rows);
        if (with_own) own_left = {left.word & own.word};
        if (with_own) left = {left.word & rows.word};
        right = {rows.word & ~left.word};
      }
      if (with_own) own_right = {own.word & ~own_left.word};
      const bool to_left = (go && left.any()) || (with_own && own_left.any());
      const bool to_right = (stay && right.any()) || (with_own && own_right.any());
      if (to_left && to_right) {
        top->node = r;
        top->positions = stay;
        store(top->rows, right);
        if (with_own) store(top->own, own_right);
        ++top;
      }
      v = to_left ? l : r;
      positions = to_left ? go : stay;
      rows = to_left ? left : right;
      if (with_own) own = to_left ? own_left : own_right;
    }
    add_leaf(walk, tree, v, positions, rows, own);
    if (top == walk.stack) return;
    --top;
    v = top->node;
    positions = top->positions;
    rows = load(top->rows);
    if (with_own) own = load(top->own);
  }
}

void walk_tree(const Walk& walk, std::int64_t tree) {
  if (walk.own)
    walk_down<true>(walk, tree);
  else
    walk_down<false>(walk, tree);
}

}  // namespace whence::WHENCE_ISA
