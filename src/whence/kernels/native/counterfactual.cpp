#include "counterfactual.hpp"

#include <map>
#include <tuple>
#include <utility>

#include "counterfactual_search.hpp"

namespace whence {

Counterfactual::Counterfactual(const Forest& forest) : forest_(&forest) {
  const Forest& f = forest;
  condition_of_.assign(f.nodes(), -1);
  trees_of_.resize(f.players);
  using Key = std::tuple<std::int32_t, double, std::uint8_t, std::uint8_t,
                         std::vector<std::uint64_t>>;
  std::map<Key, std::int32_t> known;
  for (std::int64_t t = 0; t < f.trees(); ++t) {
    for (std::int64_t v = f.start[t]; v < f.start[t + 1]; ++v) {
      if (f.is_leaf(v)) continue;
      const auto from = f.category_words.begin() + f.category_start[v];
      std::vector<std::uint64_t> members(from, f.category_words.begin() + f.category_start[v + 1]);
      const double threshold = members.empty() ? f.threshold[v] : 0.0;
      const std::int32_t p = f.player[f.feature[v]];
      const auto [at, is_new] = known.try_emplace(
          Key{f.feature[v], threshold, f.missing_left[v], f.zero_missing[v], std::move(members)},
          static_cast<std::int32_t>(conditions_.size()));
      if (is_new) conditions_.push_back({p, v});
      condition_of_[v] = at->second;
      if (trees_of_[p].empty() || trees_of_[p].back() != t)
        trees_of_[p].push_back(static_cast<std::int32_t>(t));
    }
  }
}

CounterfactualFound Counterfactual::cheapest(const CounterfactualQuery& query) const {
  return counterfactual::Search(*this, query).run();
}

}  // namespace whence
