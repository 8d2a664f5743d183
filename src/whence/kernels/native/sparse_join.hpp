// Joint descent of a row and a chunk of background rows, for leaves that no table covers.
//
// Down the tree go the state of the row on each player of the path (does it satisfy all splits so
// far?), the same of all background rows as bits, and the set of background rows still in play:
// those that satisfy every player that the row does not. An empty set prunes the branch, so the
// cost follows the pairs that reach a leaf. At a leaf, a background row that fails p players, of
// which the row satisfies all, gives each of them alpha(p, q), and takes beta(p, q) from each of
// the q players that the row fails. Any depth and any number of players.
//
// In a tree of many leaves hardly two background rows meet at one, so there each pair of rows goes
// down alone, with one bit per split and row: where both go the same way, or the player is already
// taken from one of them, there is one way; else there are two, and the player earns what comes
// back from the row's side and pays what comes back from the background's.
#pragma once

#include <cstdint>
#include <vector>

#include "background_sets.hpp"
#include "isa.hpp"
#include "route.hpp"

namespace whence {

inline constexpr int kWords = kChunk / 64;

// A tree as the descent reads it.
struct JoinTree {
  std::int64_t first;                  // its first node in the forest
  std::vector<std::int32_t> left, right;   // within the tree, -1 at a leaf
  std::vector<std::int32_t> player;        // per split: position in `players`
  std::vector<std::uint8_t> wanted;        // whether a leaf to handle is at or below the node
  std::vector<std::int32_t> players;       // distinct players of the tree
  struct Node {
    // Right, left, so that a bit picks the way. Player -1: a leaf; next[1] is its node, -1: none.
    std::int32_t next[2], player;
  };
  std::vector<Node> nodes;  // as above, unwanted subtrees replaced by a leaf without a value
  int depth = 0;                           // most splits on a path
  int longest = 0;                         // most players on a path

  JoinTree(const Forest& forest, std::int64_t tree, const std::vector<std::int64_t>* leaves);
  bool pairwise() const { return left.size() > 1024 && longest > 12; }
  std::size_t words() const { return (left.size() + 63) / 64; }  // of the bits of one row
};

// Row by row the bits of a chunk of masks: out is (rows, words), bit v % 64 of word v / 64.
void bits_by_row(const std::uint8_t* masks, std::size_t nodes, int rows, std::uint64_t* out);

// cube_weight(index, order, a, p, q) for all p + q <= longest.
class CubeWeights {
 public:
  CubeWeights(Index index, int order, int longest);
  // Over p, for one q.
  const double* row(int a, int q) const {
    return weights_.data() + (static_cast<std::size_t>(a) * side_ + q) * side_;
  }

 private:
  std::size_t side_;
  std::vector<double> weights_;
};

struct JoinFrame {
  std::int32_t node, player;
  std::uint8_t stage, fresh, old_x;
  std::int32_t old_q;
  std::uint64_t alive[kWords], old_b[kWords];
};

// The state of one descent; its arrays belong to JoinScratch.
struct JoinPath {
  const std::int32_t *left, *right, *player;
  const std::uint8_t* wanted;
  const std::uint8_t *x_masks, *b_masks;  // one kChunkBytes row per node of the tree
  int x_row, b_rows;
  JoinFrame* frames;
  std::int32_t* path;     // players in order of appearance
  std::uint8_t* x;        // per player
  std::uint64_t* b;       // per player, kWords
  std::uint8_t* on_path;  // per player
  int length, q;
};

// What a leaf adds for one player: `responses` numbers, by lanes of eight background rows.
struct JoinLeaf {
  const double* const* by_known;    // weights of a known player, row per q, over p
  const double* const* by_unknown;  // weights of an unknown player
  const double* value;              // of the forest, (nodes, width)
  std::int64_t first, width;
  int responses;
  const double* gains;  // (responses, outputs, kChunk) factors per background row, or null
  double* sums;         // (players, responses, 8)
  std::int64_t used = 0, gain_stride = 0;  // with gains: numbers of a leaf; a response's factors
};

#define WHENCE_JOIN_DECLARATION void join_players(JoinPath& path, const JoinLeaf& leaf);
namespace avx512 {
WHENCE_JOIN_DECLARATION
}
namespace avx2 {
WHENCE_JOIN_DECLARATION
}
namespace portable {
WHENCE_JOIN_DECLARATION
}
#undef WHENCE_JOIN_DECLARATION

// Walks all leaves that some background row is still in play at; visit(node, alive).
template <class Visit>
inline void join_descend(JoinPath& s, Visit&& visit) {
  int top = 0;
  s.length = s.q = 0;
  JoinFrame& root = s.frames[0];
  root.node = 0;
  root.stage = 0;
  for (int w = 0; w < kWords; ++w) {
    const int rows = s.b_rows - 64 * w;
    root.alive[w] = rows >= 64 ? ~std::uint64_t{0} : rows <= 0 ? 0 : (std::uint64_t{1} << rows) - 1;
  }
  while (top >= 0) {
    JoinFrame& f = s.frames[top];
    const std::int32_t v = f.node;
    if (s.left[v] < 0) {
      visit(v, f.alive);
      --top;
      continue;
    }
    if (f.stage == 0) {
      const std::int32_t j = f.player = s.player[v];
      f.fresh = !s.on_path[j];
      if (f.fresh) {
        s.on_path[j] = 1;
        s.path[s.length++] = j;
        s.x[j] = 1;
        for (int w = 0; w < kWords; ++w) s.b[j * kWords + w] = ~std::uint64_t{0};
      }
      f.old_x = s.x[j];
      f.old_q = s.q;
      for (int w = 0; w < kWords; ++w) f.old_b[w] = s.b[j * kWords + w];
    }
    if (f.stage == 2) {
      const std::int32_t j = f.player;
      s.x[j] = f.old_x;
      s.q = f.old_q;
      for (int w = 0; w < kWords; ++w) s.b[j * kWords + w] = f.old_b[w];
      if (f.fresh) {
        s.on_path[j] = 0;
        --s.length;
      }
      --top;
      continue;
    }
    const bool right = f.stage++ != 0;
    const std::int32_t child = right ? s.right[v] : s.left[v];
    if (!s.wanted[child]) continue;
    const std::uint8_t* masks = s.b_masks + std::int64_t{v} * kChunkBytes;
    const bool x_left =
        (s.x_masks[std::int64_t{v} * kChunkBytes + s.x_row / 8] >> (s.x_row % 8)) & 1;
    const bool x = f.old_x && x_left != right;
    const std::uint64_t negate = right ? ~std::uint64_t{0} : 0;
    JoinFrame& next = s.frames[top + 1];
    std::uint64_t any = 0, b[kWords];
    for (int w = 0; w < kWords; ++w) {
      std::uint64_t mask;
      __builtin_memcpy(&mask, masks + 8 * w, 8);
      b[w] = f.old_b[w] & (mask ^ negate);
      next.alive[w] = x ? f.alive[w] : f.alive[w] & b[w];
      any |= next.alive[w];
    }
    if (any == 0) continue;
    for (int w = 0; w < kWords; ++w) s.b[f.player * kWords + w] = b[w];
    s.x[f.player] = x;
    s.q = f.old_q + (f.old_x && !x);
    next.node = child;
    next.stage = 0;
    ++top;
  }
}

class JoinScratch {
 public:
  JoinPath prepare(const JoinTree& tree);
  // Adds to sums (players, responses, 8), first lane, for one row and one background row, at
  // position `at` of the gains.
  void join_pair(const JoinTree& tree, const JoinLeaf& leaf, const std::uint64_t* x,
                 const std::uint64_t* b, int at);

 private:
  struct Branch {
    std::int32_t node, player;
    int p, q;
    bool second;
  };
  std::vector<Branch> branches_;
  std::vector<std::uint8_t> side_;  // per player: 0 none yet, 1 the row's, 2 the background's
  std::vector<double> earned_, paid_;  // per open branch and response
  std::vector<JoinFrame> frames_;
  std::vector<std::int32_t> path_;
  std::vector<std::uint8_t> x_, on_path_;
  std::vector<std::uint64_t> b_;
};

// Adds what each of `order` >= 2 players get together; sums is (sets, outputs), slow and general.
void join_sets(JoinPath& path, const JoinTree& tree, const Forest& forest, std::int64_t target,
               const PlayerSets& sets, const CubeWeights& weights, double* sums);

}  // namespace whence
