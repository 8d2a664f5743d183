#include "forest.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace whence {
namespace {

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

template <class Array>
void need_length(const char* name, const Array& array, std::int64_t expected) {
  const auto got = static_cast<std::int64_t>(array.size());
  if (got != expected) refuse(name, " has ", got, " entries, ", expected, " are needed.");
}

void check_lengths(const Forest& f) {
  const std::int64_t nodes = f.nodes();
  if (f.start.empty()) refuse("start is empty, trees + 1 entries are needed.");
  if (nodes > std::numeric_limits<std::int32_t>::max())
    refuse("the ensemble has ", nodes, " nodes, at most 2**31 - 1 are supported.");
  need_length("threshold", f.threshold, nodes);
  need_length("left", f.left, nodes);
  need_length("right", f.right, nodes);
  need_length("missing_left", f.missing_left, nodes);
  need_length("zero_missing", f.zero_missing, nodes);
  need_length("category_start", f.category_start, nodes + 1);
  need_length("cover", f.cover, nodes);
  need_length("target", f.target, f.trees());
  if (f.width < 1) refuse("value has ", f.width, " columns, at least one is needed.");
  need_length("value", f.value, nodes * f.width);
  if (f.outputs() < 1) refuse("base is empty, one entry per output is needed.");
  if (f.start.front() != 0 || f.start.back() != nodes)
    refuse("start runs from ", f.start.front(), " to ", f.start.back(), ", 0 to ", nodes,
           " is needed.");
  if (f.category_start.front() != 0 ||
      f.category_start.back() != static_cast<std::int64_t>(f.category_words.size()))
    refuse("category_start runs from ", f.category_start.front(), " to ", f.category_start.back(),
           ", 0 to ", f.category_words.size(), " is needed.");
}

void check_outputs(const Forest& f) {
  for (std::int64_t k = 0; k < f.outputs(); ++k)
    if (!std::isfinite(f.base[k])) refuse("base[", k, "] is ", f.base[k], ", not a finite number.");
  for (std::int64_t c = 0; c < f.columns(); ++c)
    if (f.player[c] < 0 || f.player[c] >= f.players)
      refuse("player[", c, "] is ", f.player[c], ", not in 0 to ", f.players - 1, ".");
  for (std::int64_t t = 0; t < f.trees(); ++t) {
    if (f.start[t + 1] <= f.start[t]) refuse("tree ", t, " has no nodes.");
    if (f.target[t] < -1 || f.target[t] >= f.outputs())
      refuse("target[", t, "] is ", f.target[t], ", not in -1 to ", f.outputs() - 1, ".");
    if (f.target[t] < 0 && f.width != f.outputs())
      refuse("tree ", t, " adds to all ", f.outputs(), " outputs, but value has ", f.width,
             " columns.");
  }
}

void check_leaf(const Forest& f, std::int64_t v) {
  if (f.left[v] != -1 || f.right[v] != -1)
    refuse("leaf ", v, " has children ", f.left[v], " and ", f.right[v], ", -1 is needed.");
  for (std::int64_t k = 0; k < f.width; ++k)
    if (!std::isfinite(f.value[v * f.width + k]))
      refuse("leaf ", v, " has the value ", f.value[v * f.width + k], ", not a finite number.");
}

void check_split(const Forest& f, std::int64_t v, std::int64_t end,
                 std::vector<std::uint8_t>& has_parent) {
  if (f.feature[v] >= f.columns())
    refuse("node ", v, " splits on column ", f.feature[v], ", but there are ", f.columns(), ".");
  const bool numeric = f.category_start[v] == f.category_start[v + 1];
  if (numeric && std::isnan(f.threshold[v])) refuse("node ", v, " has the threshold NaN.");
  for (const std::int64_t child : {std::int64_t{f.left[v]}, std::int64_t{f.right[v]}}) {
    if (child <= v || child >= end)
      refuse("node ", v, " has the child ", child, ", not in ", v + 1, " to ", end - 1,
             ": children stand after their parent, in the same tree.");
    if (has_parent[child]) refuse("node ", child, " is a child twice.");
    has_parent[child] = 1;
  }
}

Split kind_of(const Forest& f, std::int64_t v) {
  if (f.feature[v] < 0) return Split::leaf;
  if (f.category_start[v] != f.category_start[v + 1]) return Split::category;
  if (f.zero_missing[v]) return Split::zero_missing;
  return f.missing_left[v] ? Split::numeric_missing_left : Split::numeric;
}

// More thresholds than 65,534 leave no rank for NaN. To rank a number takes about as long as to
// compare it at eight splits per step of the search, and two steps to begin with.
bool worth_ranks(std::size_t cuts, std::size_t splits) {
  return cuts <= 65'534 && splits >= 8 * (static_cast<std::size_t>(std::bit_width(cuts)) + 2);
}

std::vector<std::vector<std::int64_t>> numeric_splits(const Forest& f) {
  std::vector<std::vector<std::int64_t>> of(f.columns());
  for (std::int64_t v = 0; v < f.nodes(); ++v)
    if (f.split[v] == Split::numeric || f.split[v] == Split::numeric_missing_left)
      of[f.feature[v]].push_back(v);
  return of;
}

void rank_splits(Forest& f) {
  f.rank.assign(f.nodes(), 0);
  f.cut_start.assign(1, 0);
  f.cuts.clear();
  for (const auto& splits : numeric_splits(f)) {
    std::vector<double> cuts;
    for (const std::int64_t v : splits) cuts.push_back(f.threshold[v]);
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    if (worth_ranks(cuts.size(), splits.size())) {
      for (const std::int64_t v : splits) {
        const auto at = std::lower_bound(cuts.begin(), cuts.end(), f.threshold[v]);
        f.rank[v] = static_cast<std::uint16_t>(at - cuts.begin());
        f.split[v] = f.missing_left[v] ? Split::ranked_missing_left : Split::ranked;
      }
      cuts.resize(std::bit_ceil(cuts.size() + 1) - 1, std::numeric_limits<double>::infinity());
      f.cuts.insert(f.cuts.end(), cuts.begin(), cuts.end());
    }
    f.cut_start.push_back(static_cast<std::int64_t>(f.cuts.size()));
  }
}

}  // namespace

void Forest::validate() {
  check_lengths(*this);
  check_outputs(*this);
  std::vector<std::uint8_t> has_parent(nodes(), 0);
  split.resize(nodes());
  for (std::int64_t t = 0; t < trees(); ++t) {
    for (std::int64_t v = start[t]; v < start[t + 1]; ++v) {
      if (category_start[v + 1] < category_start[v])
        refuse("category_start falls from ", category_start[v], " to ", category_start[v + 1],
               " at node ", v, ".");
      if (!(cover[v] >= 0) || !std::isfinite(cover[v]))
        refuse("cover[", v, "] is ", cover[v], ", not a finite number >= 0.");
      if (feature[v] < 0)
        check_leaf(*this, v);
      else
        check_split(*this, v, start[t + 1], has_parent);
      split[v] = kind_of(*this, v);
    }
  }
  rank_splits(*this);
}

}  // namespace whence
