// One query, prepared: the alternatives that differ to the trees, and the set of them, by player,
// that leads to each leaf.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "counterfactual.hpp"

namespace whence::counterfactual {

using Word = std::uint64_t;

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Calls take(i) for each member of both sets, ascending.
template <class Take>
inline void each_of_both(const Word* a, const Word* b, std::int32_t words, Take take) {
  for (std::int32_t w = 0; w < words; ++w)
    for (Word bits = a[w] & b[w]; bits != 0; bits &= bits - 1)
      take(w * 64 + std::countr_zero(bits));
}

template <class Take>
inline void each_of(const Word* a, std::int32_t words, Take take) {
  each_of_both(a, a, words, take);
}

template <class Take>
inline void each_of(std::span<const Word> a, Take take) {
  each_of(a.data(), static_cast<std::int32_t>(a.size()), take);
}

inline bool meet(const Word* a, const Word* b, std::int32_t words) {
  for (std::int32_t w = 0; w < words; ++w)
    if (a[w] & b[w]) return true;
  return false;
}

inline bool within(const Word* a, const Word* b, std::int32_t words) {
  for (std::int32_t w = 0; w < words; ++w)
    if (a[w] & ~b[w]) return false;
  return true;
}

// The time limit. Setting up throws Expired where it is over; the search looks for itself.
struct Expired {};

class Deadline {
 public:
  explicit Deadline(double seconds)
      : end_(std::chrono::steady_clock::now() +
             std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                 std::chrono::duration<double>(std::min(seconds, 1e8)))) {}
  bool over() const { return std::chrono::steady_clock::now() >= end_; }
  void check() const {
    if (over()) throw Expired{};
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

// A leaf is reached only if its player `player` takes one of a set.
struct Part {
  std::int32_t player;
  std::int64_t set;   // first word
};

struct Lattice {
  std::int32_t players, trees, rows, couplings;
  std::vector<std::int32_t> first;     // (players + 1) alternatives that are left
  std::vector<std::int32_t> word;      // (players + 1) words of their sets
  std::vector<double> cost;            // (alternatives)
  std::vector<std::int64_t> original;  // (alternatives) position in the query
  std::vector<double> coupled;         // (couplings, alternatives)

  std::vector<Word> condition;             // members that go left
  std::vector<std::int64_t> condition_at;  // (conditions)

  std::vector<std::int64_t> leaf_start;  // (trees + 1)
  std::vector<double> weight;            // (leaves, rows)
  std::vector<std::int64_t> part_start;  // (leaves + 1)
  std::vector<Part> parts;
  std::vector<Word> sets;
  std::vector<std::int64_t> asked_start;  // (trees + 1)
  std::vector<std::int32_t> asked;        // players that the tree's leaves ask

  std::vector<double> base, need;         // (rows)
  std::vector<double> size, slack;        // (rows) of all that is summed; of its rounding errors
  std::vector<double> low, low_slack;     // (couplings)

  const Counterfactual* search;
  const Deadline* deadline;

  std::int32_t words(std::int32_t p) const { return word[p + 1] - word[p]; }
  std::int32_t count(std::int32_t p) const { return first[p + 1] - first[p]; }
  const double* coupled_of(std::int32_t i, std::int32_t p) const {
    return coupled.data() + static_cast<std::size_t>(i) * cost.size() + first[p];
  }

  // Whether player p can take one of `mask` on the way to a leaf.
  bool may_take(std::int64_t leaf, std::int32_t p, const Word* mask) const {
    for (std::int64_t at = part_start[leaf]; at < part_start[leaf + 1]; ++at)
      if (parts[at].player == p) return meet(mask, sets.data() + parts[at].set, words(p));
    return true;
  }

  Lattice(const Counterfactual& search, const CounterfactualQuery& query, const Deadline& deadline);

  // The leaves that can be reached within `mask`, of each tree, most weight in row 0 first: who
  // looks for the best leaf then needs to test few.
  void list_leaves(const CounterfactualQuery& query, const std::vector<Word>& mask);

  std::vector<Word> everything() const;

  // The weight of leaf v of tree t in row r.
  double weight_of(const CounterfactualQuery& query, std::int64_t t, std::int64_t v,
                   std::int32_t r) const;

 private:
  struct Visit;
  std::vector<Visit> walk(std::int32_t t, const std::vector<Word>& mask) const;
  void add_leaf(const CounterfactualQuery& query, std::int32_t t, const Visit& leaf);
  void keep(const CounterfactualQuery& query);
  void set_conditions(const CounterfactualQuery& query);
};

}  // namespace whence::counterfactual
