// A tree ensemble as the kernels see it: a validated copy of the node arrays of the Trees view.
#pragma once

#include <cstdint>
#include <vector>

namespace whence {

// How a node sends a number left; decided once, so that the hot loops branch on one byte.
enum class Split : std::uint8_t {
  leaf,
  ranked,                // as numeric, told by ranks
  ranked_missing_left,   // as numeric_missing_left, told by ranks
  numeric,               // x <= threshold, NaN right
  numeric_missing_left,  // x <= threshold, NaN left
  zero_missing,          // as numeric, and |x| <= 1e-35 follows missing_left
  category,              // membership in the bit set, NaN follows missing_left
};

struct Forest {
  std::vector<std::int64_t> start;  // (trees + 1)
  std::vector<std::int32_t> feature;
  std::vector<double> threshold;
  std::vector<std::int32_t> left, right;  // positions in these arrays, -1 at a leaf
  std::vector<std::uint8_t> missing_left, zero_missing;
  std::vector<std::int64_t> category_start;  // (nodes + 1)
  std::vector<std::uint64_t> category_words;
  std::vector<double> value;  // (nodes, width)
  std::vector<double> cover;
  std::vector<std::int32_t> target;  // (trees)
  std::vector<double> base;          // (outputs)
  std::vector<std::int32_t> player;  // (columns)
  std::int64_t width = 1;
  std::int64_t players = 0;

  // Filled by validate(). A ranked split compares ranks: x <= its threshold iff no more than
  // `rank` of the thresholds of its column are below x. Those of column c, each once and ascending,
  // are cuts[cut_start[c] .. cut_start[c + 1]), filled up with infinity to 2^k - 1 numbers, or none
  // where the splits are too many to be ranked, or too few to be worth it.
  std::vector<Split> split;          // (nodes)
  std::vector<std::uint16_t> rank;   // (nodes)
  std::vector<std::int64_t> cut_start;  // (columns + 1)
  std::vector<double> cuts;

  std::int64_t trees() const { return static_cast<std::int64_t>(start.size()) - 1; }
  std::int64_t nodes() const { return static_cast<std::int64_t>(feature.size()); }
  std::int64_t columns() const { return static_cast<std::int64_t>(player.size()); }
  std::int64_t outputs() const { return static_cast<std::int64_t>(base.size()); }
  bool is_leaf(std::int64_t v) const { return feature[v] < 0; }

  // Share of the training weight of split v that went left; one half where none arrived.
  double left_share(std::int64_t v) const {
    const double l = cover[left[v]], r = cover[right[v]];
    return l + r > 0 ? l / (l + r) : 0.5;
  }

  // Throws std::invalid_argument with the first fault found.
  void validate();
};

}  // namespace whence
