// Trees compiled for the path-dependent game: what the hot loops run, instruction by instruction.
//
// At a split on player f let (h0, c0) be the state of f on arrival ((1, 1) where the path has not
// seen f): h0 says whether the row satisfies all earlier splits on f, c0 is the product of their
// shares of cover. With quadrature points t on [0, 1] and u0 = h0 t + c0 (1 - t), the child that is
// reached with share r carries the factor rho = (h t + c0 r (1 - t)) / u0 of the weight A of its
// parent, and the other child 1 - rho. Going up, with G the weighted value below a node,
//     D = G_first - G_second,   G = G_second + rho D,   phi_f += h0 (h c0 - c0 r) sum_m A D / u0^2.
// That is exact with ceil(d / 2) Gauss-Legendre points for d distinct players on a path. No number
// is divided by at run time, and none depends on the row except through two bits, h0 and h.
#pragma once

#include <cstdint>
#include <vector>

#include "forest.hpp"

namespace whence {

inline constexpr int kMaxPoints = 8;    // quadrature points that one pass carries
inline constexpr int kLargePoints = 4;  // most points that Fusion::large is for

// One split as the loops see it. Masks are slots; hot < 0: no earlier split on this player.
struct Place {
  std::int32_t player = 0, first = -1, second = -1, hot = -1;
  std::int32_t step = -1;
  std::int32_t live = -1;  // its list of partners (interactions only)
};

// The shape of a subtree that one instruction can work off in registers. Children are ordered by
// it: the first child of a split is of the smaller shape.
enum class Shape : std::uint8_t {
  leaf,
  twig,       // a split into two leaves
  leaf_twig,  // a split into a leaf and a twig
  twig_twig,
  larger,
};

enum class Kind : std::uint8_t {
  enter_leaf,  // go down; the first child is a leaf,
  enter_twig,  // a twig,
  enter,       // or larger
  join,        // come back up
  whole,       // a subtree of shape `first`
  pair,        // a split into subtrees of the shapes `first` and `second`
};

struct Op {
  Kind kind;
  Shape first = Shape::leaf, second = Shape::leaf;
  std::int32_t source = 0, target = 0;  // slots of A, and of G
  std::int32_t scratch = 0;             // first of the slots that belong to this split
  std::int32_t place = 0, places = 0;   // its splits: itself, those in the first child, ...
};

// Which mask to fill for which split: first = goes to the first child [and hot].
struct MaskOp {
  std::int32_t node;
  std::int32_t first, second, hot;  // slots; second and hot may be -1
  std::uint8_t flip;                // the first child is the right one
};

// One split of one tree, in the order of the program, from which the constants are made.
struct Step {
  std::int32_t node, player;
  double c0, share;          // state on arrival; share of the first child
  double value_first = 0, value_second = 0;  // of the children that are leaves
  bool seen;
};

struct Slots {  // numbering of the buffers of one block of rows
  static constexpr std::int32_t root = 0, result = 1, base = 2;
  static constexpr std::int32_t first = 0, second = 1, rho = 2, value = 3;  // from Op::scratch
  static constexpr std::int32_t g_first = 4, g_second = 5;                  // interactions only
  static constexpr std::int32_t fused = 4, unfused = 6;                     // slots per split
};

// How much one instruction does: a split (interactions, with lists of partners), a subtree of up
// to three splits, or of up to seven (with few points, which then fit the registers).
enum class Fusion { none, small, large };

struct Program {
  std::int64_t tree = 0;
  std::int32_t output = 0;
  Fusion fusion = Fusion::small;
  std::int32_t players = 0;  // d: distinct players on the path that has most
  std::int32_t slots = 0, masks = 0;
  std::vector<Op> ops;
  std::vector<Place> places;
  std::vector<MaskOp> mask_ops;  // one per step
  std::vector<Step> steps;
  std::vector<double> leaves;  // values of the leaves that are instructions of their own
  double expectation = 0, spread = 0;  // mean of the leaves by cover, and largest minus smallest
  // Interactions: the partners of list l are live_slot and live_player [live_start[l] ..
  // live_start[l + 1]): the slot that holds their g = (h - c) / u, and who they are.
  std::vector<std::int64_t> live_start;
  std::vector<std::int32_t> live_slot, live_player;
};

struct Rule {  // quadrature on [0, 1]
  std::vector<double> point, weight;
};
Rule gauss_legendre(int n);

Program compile_program(const Forest& forest, std::int64_t tree, std::int32_t output,
                        Fusion fusion);

// The numbers a program reads, in reading order, for up to kMaxPoints points t.
std::vector<double> make_constants(const Program& program, const double* t, int points);

}  // namespace whence
