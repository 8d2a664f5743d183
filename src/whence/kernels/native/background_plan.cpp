#include "background_plan.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <tuple>

namespace whence {
namespace {

struct Bit {
  std::int32_t mask;
  bool negated;
};

// A split on the way down, and the side that was taken.
struct Edge {
  std::int64_t node;
  bool right;
};

constexpr double kNoTable = 1e9;  // cost of a leaf that gets none

double choices(int n, int k) {
  double value = 1;
  for (int i = 1; i <= k; ++i) value = value * (n - i + 1) / i;
  return value;
}

class Planner {
 public:
  Planner(const Forest& forest, std::int64_t tree, const PlayerSets& sets, int width)
      : f_(forest), first_(forest.start[tree]), last_(forest.start[tree + 1]), sets_(sets),
        width_(width) {}

  TreePlan run() {
    number_splits();
    measure();
    walk();
    return std::move(plan_);
  }

  double bytes() {
    measure();
    // Where the descent has to visit much of a tree anyway, tables for the rest save nothing.
    const double leaves = static_cast<double>(at(last_) + 1) / 2;
    const bool too_deep = cost_[0] / kNoTable > leaves / 4;
    return too_deep ? std::numeric_limits<double>::infinity() : bytes_[0];
  }

 private:
  std::size_t at(std::int64_t v) const { return static_cast<std::size_t>(v - first_); }
  std::int32_t player(std::int64_t v) const { return f_.player[f_.feature[v]]; }

  void number_splits() {
    mask_.assign(at(last_), -1);
    for (std::int64_t v = first_; v < last_; ++v)
      if (!f_.is_leaf(v)) mask_[at(v)] = plan_.splits++;
  }

  // The least cost of looking up all leaves below a node: one look-up per line of a table, plus
  // a share for the caches that a larger table presses on. Children stand after their parent.
  void measure() {
    std::vector<int> above(at(last_), 0), below(at(last_), 0);
    count_players(above);
    cost_.assign(at(last_), 0);
    whole_.assign(at(last_), 0);
    bytes_.assign(at(last_), 0);
    for (std::int64_t v = last_ - 1; v >= first_; --v) {
      const bool leaf = f_.is_leaf(v);
      if (!leaf) below[at(v)] = 1 + below[at(f_.left[v])] + below[at(f_.right[v])];
      const double apart = leaf ? kNoTable : cost_[at(f_.left[v])] + cost_[at(f_.right[v])];
      const int bits = above[at(v)] + below[at(v)];
      const double together = table_cost(bits);
      whole_[at(v)] = together <= apart && together < kNoTable;
      cost_[at(v)] = std::min(together, apart);
      if (whole_[at(v)])
        bytes_[at(v)] = 64 * lines(bits) * (1 << bits);
      else if (!leaf)
        bytes_[at(v)] = bytes_[at(f_.left[v])] + bytes_[at(f_.right[v])];
    }
  }

  double table_cost(int bits) const {
    if (bits > kMaxBits) return kNoTable;
    return lines(bits) * (1 + static_cast<double>(1 << bits) / 512);
  }

  double lines(int bits) const {
    return std::ceil(std::max(1.0, choices(bits, sets_.order())) * width_ / kLine);
  }

  // Distinct players on the path to each node.
  void count_players(std::vector<int>& above) {
    std::vector<std::int32_t> path;
    std::vector<std::pair<std::int64_t, std::size_t>> todo{{first_, 0}};
    while (!todo.empty()) {
      const auto [v, length] = todo.back();
      todo.pop_back();
      path.resize(length);
      above[at(v)] = static_cast<int>(length);
      if (f_.is_leaf(v)) continue;
      if (std::find(path.begin(), path.end(), player(v)) == path.end()) path.push_back(player(v));
      todo.emplace_back(f_.right[v], path.size());
      todo.emplace_back(f_.left[v], path.size());
    }
  }

  void walk() {
    struct Step {
      std::int64_t node;
      std::size_t length;
      Edge edge;
    };
    std::vector<Step> todo{{first_, 0, {-1, false}}};
    std::vector<Edge> path;
    while (!todo.empty()) {
      const Step step = todo.back();
      todo.pop_back();
      path.resize(step.length);
      if (step.edge.node >= 0) path.push_back(step.edge);
      const std::int64_t v = step.node;
      if (whole_[at(v)]) {
        add_group(v, path);
      } else if (f_.is_leaf(v)) {
        plan_.sparse.push_back(v);
      } else {
        todo.push_back({f_.right[v], path.size(), {v, true}});
        todo.push_back({f_.left[v], path.size(), {v, false}});
      }
    }
  }

  Bit both(Bit a, Bit b) {
    const auto key = std::make_tuple(a.mask, a.negated, b.mask, b.negated);
    const auto found = derived_.find(key);
    if (found != derived_.end()) return {found->second, false};
    const auto mask = static_cast<std::int32_t>(plan_.splits + plan_.derived.size());
    plan_.derived.push_back({a.mask, b.mask, a.negated, b.negated});
    derived_.emplace(key, mask);
    return {mask, false};
  }

  void add_group(std::int64_t root, const std::vector<Edge>& path) {
    std::map<std::int32_t, Bit> above;
    for (const Edge& edge : path) {
      const Bit bit{mask_[at(edge.node)], edge.right};
      const auto [it, fresh] = above.try_emplace(player(edge.node), bit);
      if (!fresh) it->second = both(it->second, bit);
    }
    Group group;
    std::map<std::int32_t, Condition> conditions;
    for (const auto& [who, bit] : above) {
      const std::uint32_t position = 1u << group.bits.size();
      group.bits.push_back(bit.mask);
      conditions[who] = {who, position, bit.negated ? 0 : position};
    }
    add_leaves(group, root, conditions);
    if (group.sets.empty()) return;
    std::sort(group.sets.begin(), group.sets.end());
    group.sets.erase(std::unique(group.sets.begin(), group.sets.end()), group.sets.end());
    plan_.groups.push_back(std::move(group));
  }

  // Depth of the recursion: at most kMaxBits, the splits below the root of a group.
  void add_leaves(Group& group, std::int64_t v,
                  const std::map<std::int32_t, Condition>& conditions) {
    if (f_.is_leaf(v)) {
      LeafPlan leaf{v, {}};
      for (const auto& [who, condition] : conditions) leaf.conditions.push_back(condition);
      choose(static_cast<int>(leaf.conditions.size()), sets_.order(), [&](const int* at) {
        std::int32_t set[3];
        for (int i = 0; i < sets_.order(); ++i) set[i] = leaf.conditions[at[i]].player;
        group.sets.push_back(static_cast<std::int32_t>(sets_.find(set)));
      });
      group.leaves.push_back(std::move(leaf));
      return;
    }
    const std::uint32_t position = 1u << group.bits.size();
    group.bits.push_back(mask_[at(v)]);
    for (const bool right : {false, true}) {
      auto below = conditions;
      Condition& condition = below.try_emplace(player(v), Condition{player(v), 0, 0}).first->second;
      condition.care |= position;
      if (!right) condition.want |= position;
      add_leaves(group, right ? f_.right[v] : f_.left[v], below);
    }
  }

  const Forest& f_;
  std::int64_t first_, last_;
  const PlayerSets& sets_;
  int width_;
  TreePlan plan_;
  std::vector<std::int32_t> mask_;
  std::vector<double> cost_, bytes_;
  std::vector<char> whole_;
  std::map<std::tuple<std::int32_t, bool, std::int32_t, bool>, std::int32_t> derived_;
};

}  // namespace

TreePlan plan_tree(const Forest& forest, std::int64_t tree, const PlayerSets& sets, int width) {
  return Planner(forest, tree, sets, width).run();
}

double planned_bytes(const Forest& forest, std::int64_t tree, const PlayerSets& sets, int width) {
  return Planner(forest, tree, sets, width).bytes();
}

std::vector<Bundle> bundle_groups(const TreePlan& plan, int width) {
  std::vector<Bundle> bundles;
  const auto most = static_cast<std::size_t>(kLine / width);
  for (std::size_t g = 0; g < plan.groups.size(); ++g) {
    const auto& sets = plan.groups[g].sets;
    if (!bundles.empty()) {
      std::vector<std::int32_t> merged;
      Bundle& last = bundles.back();
      std::set_union(last.sets.begin(), last.sets.end(), sets.begin(), sets.end(),
                     std::back_inserter(merged));
      if (merged.size() <= most || merged.size() == last.sets.size()) {
        last.last = g + 1;
        last.sets = std::move(merged);
        continue;
      }
    }
    bundles.push_back({g, g + 1, sets});
  }
  return bundles;
}

}  // namespace whence
