#include "background_sets.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <stdexcept>
#include <string>

namespace whence {
namespace {

double binomial(int n, int k) {
  double value = 1;
  for (int i = 1; i <= std::min(k, n - k); ++i) value = value * (n - i + 1) / i;
  return value;
}

using Set = std::array<std::int32_t, 3>;

// Distinct players of the path to each leaf, in a walk that keeps one path at a time.
template <class Visit>
void for_each_leaf_path(const Forest& f, std::int64_t tree, Visit&& visit) {
  struct Step {
    std::int64_t node;
    std::size_t length;
  };
  std::vector<std::int32_t> path;
  std::vector<Step> todo{{f.start[tree], 0}};
  while (!todo.empty()) {
    const auto [v, length] = todo.back();
    todo.pop_back();
    path.resize(length);
    if (f.is_leaf(v)) {
      visit(path);
      continue;
    }
    const std::int32_t player = f.player[f.feature[v]];
    if (std::find(path.begin(), path.end(), player) == path.end()) path.push_back(player);
    todo.push_back({f.right[v], path.size()});
    todo.push_back({f.left[v], path.size()});
  }
}

}  // namespace

double cube_weight(Index index, int order, int a, int p, int q) {
  const int b = order - a, rest = p + q - order;
  if (p < a || q < b || a < 0 || b < 0) return 0;
  const double sign = b % 2 ? -1 : 1;
  if (index == Index::banzhaf) return std::ldexp(sign, -rest);
  return sign / ((rest + 1) * binomial(rest, p - a));
}

PlayerSets::PlayerSets(const Forest& forest, int order) : order_(order) {
  if (order < 1 || order > 3)
    throw std::invalid_argument("order is " + std::to_string(order) + ", not 1, 2 or 3.");
  if (order == 1) {
    for (std::int32_t i = 0; i < forest.players; ++i) members_.push_back(i);
    return;
  }
  std::set<Set> all;
  for (std::int64_t t = 0; t < forest.trees(); ++t)
    for_each_leaf_path(forest, t, [&](std::vector<std::int32_t> path) {
      std::sort(path.begin(), path.end());
      choose(static_cast<int>(path.size()), order, [&](const int* at) {
        Set set{};
        for (int i = 0; i < order; ++i) set[i] = path[at[i]];
        all.insert(set);
      });
    });
  for (const Set& set : all) members_.insert(members_.end(), set.begin(), set.begin() + order);
}

std::int64_t PlayerSets::find(const std::int32_t* set) const {
  if (order_ == 1) return set[0];
  std::int64_t low = 0, high = size();
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    const std::int32_t* at = members_.data() + middle * order_;
    if (std::lexicographical_compare(at, at + order_, set, set + order_))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace whence
