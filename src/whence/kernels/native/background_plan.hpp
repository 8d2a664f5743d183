// Which leaves of a tree share a table, and what its index is made of.
//
// All leaves below a node v are functions of two kinds of bits: whether the row satisfies all
// splits on player j above v, for each player j of that path, and which way it goes at each split
// below v. A table over these bits holds, per player (or set of players), the sum of what the
// leaves below v give it.
#pragma once

#include <cstdint>
#include <vector>

#include "background_sets.hpp"
#include "forest.hpp"

namespace whence {

inline constexpr int kLine = 8;      // numbers that a row of a table is padded to: a cache line
inline constexpr int kMaxBits = 12;  // the largest table has 2^12 rows

// The conjunction of two masks, each possibly negated: a mask of its own.
struct Both {
  std::int32_t a, b;
  bool not_a, not_b;
};

// One player of a leaf's path: its bit is set iff (index & care) == want.
struct Condition {
  std::int32_t player;
  std::uint32_t care, want;
};

struct LeafPlan {
  std::int64_t node;
  std::vector<Condition> conditions;  // by ascending player
};

struct Group {
  std::vector<std::int32_t> bits;  // the mask behind each bit of the index
  std::vector<LeafPlan> leaves;
  std::vector<std::int32_t> sets;  // the sets of players it gives something to, ascending
};

struct TreePlan {
  std::int32_t splits = 0;           // masks 0 to splits - 1 are the tree's splits, in node order
  std::vector<Both> derived;         // masks from `splits` on
  std::vector<Group> groups;
  std::vector<std::int64_t> sparse;  // leaves whose path has too many players for a table
};

// `width`: outputs that each set has a number for.
TreePlan plan_tree(const Forest& forest, std::int64_t tree, const PlayerSets& sets, int width);

// An upper bound of the bytes of the tables of plan_tree, found without making the plan; infinite
// for a tree that should have no tables.
double planned_bytes(const Forest& forest, std::int64_t tree, const PlayerSets& sets, int width);

// Groups in turn, merged while their sets need no more than one line: [first, last) of `groups`.
struct Bundle {
  std::size_t first, last;
  std::vector<std::int32_t> sets;
};
std::vector<Bundle> bundle_groups(const TreePlan& plan, int width);

}  // namespace whence
