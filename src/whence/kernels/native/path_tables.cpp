#include "path_tables.hpp"

#include <algorithm>

namespace whence {
namespace {

// Nanoseconds per row, fitted on complete trees of depth 3 to 8 with 8 to 200 players (AVX-512).
constexpr double kPerLookup = 1.1, kPerBundle = 2.7, kPerSplitAndPoint = 0.22;
constexpr double kCache = 1e6;  // bytes of a tree's tables that make a look-up take twice as long

// Players on the longest path of a tree, and its splits.
struct Size {
  int longest = 0, splits = 0;
};

Size size_of(const Forest& f, std::int64_t tree) {
  Size size;
  std::vector<std::int32_t> path;
  std::vector<std::pair<std::int64_t, std::size_t>> todo{{f.start[tree], 0}};
  while (!todo.empty()) {
    const auto [v, length] = todo.back();
    todo.pop_back();
    path.resize(length);
    size.longest = std::max(size.longest, static_cast<int>(length));
    if (f.is_leaf(v)) continue;
    ++size.splits;
    const std::int32_t player = f.player[f.feature[v]];
    if (std::find(path.begin(), path.end(), player) == path.end()) path.push_back(player);
    todo.emplace_back(f.right[v], path.size());
    todo.emplace_back(f.left[v], path.size());
  }
  return size;
}

}  // namespace

std::unique_ptr<const PathTables> PathTables::make(const Forest& forest, double most_bytes, Isa isa) {
  std::unique_ptr<PathTables> made(new PathTables(forest, isa));
  if (!made->affordable(most_bytes)) return nullptr;
  for (std::int64_t t = 0; t < forest.trees(); ++t)
    made->plans_.push_back(plan_tree(forest, t, made->sets_, made->width(t)));
  if (!made->faster()) return nullptr;
  made->build();
  return made;
}

int PathTables::width(std::int64_t tree) const {
  return f_.target[tree] < 0 ? static_cast<int>(f_.outputs()) : 1;
}

bool PathTables::affordable(double most_bytes) const {
  double bytes = 0;
  for (std::int64_t t = 0; t < f_.trees() && bytes <= most_bytes; ++t)
    bytes += planned_bytes(f_, t, sets_, width(t));
  return bytes <= most_bytes;
}

bool PathTables::faster() const {
  double tables = 0, quadrature = 0;
  for (std::int64_t t = 0; t < f_.trees(); ++t) {
    const TreePlan& plan = plans_[t];
    if (!plan.sparse.empty()) return false;
    const Size size = size_of(f_, t);
    quadrature += kPerSplitAndPoint * size.splits * ((size.longest + 1) / 2) * width(t);
    const auto groups = static_cast<double>(plan.groups.size());
    const auto bundles = static_cast<double>(bundle_groups(plan, width(t)).size());
    const double slower = 1 + static_cast<double>(table_bytes(plan, width(t))) / kCache;
    tables += width(t) * (kPerLookup * slower * groups + kPerBundle * bundles);
  }
  return tables < quadrature;
}

void PathTables::build() {
  for (std::int64_t t = 0; t < f_.trees(); ++t)
    trees_.push_back(plans_[t].groups.empty()
                         ? nullptr
                         : std::make_unique<const TreeTables>(f_, t, plans_[t], nullptr, sets_,
                                                              Index::shapley, 1, isa_));
}

void PathTables::values(const double* X, std::int64_t rows, double* out) const {
  Masks masks;
  std::vector<std::uint16_t> index;
  const std::int64_t slots = sets_.size() * f_.outputs();
  sum_trees(
      f_, slots, X, rows,
      [&](std::int64_t tree, Columns x, int n, double* phi) {
        if (!trees_[tree]) return;
        masks.fill(f_, tree, plans_[tree], x, n, isa_);
        trees_[tree]->add(plans_[tree], masks.data(), n, phi, slots, isa_, index);
      },
      out);
}

}  // namespace whence
