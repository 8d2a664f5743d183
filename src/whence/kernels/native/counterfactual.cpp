#include "counterfactual.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
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

namespace counterfactual {
namespace {

constexpr std::int64_t kMany = 2'000;  // alternatives, from which on a rough search comes first
constexpr std::size_t kRough = 24;     // alternatives per player there

// A query with some of the alternatives of another.
class Excerpt {
 public:
  Excerpt(const Counterfactual& search, const CounterfactualQuery& whole,
          std::vector<std::int64_t> kept)
      : query(whole), kept_(std::move(kept)) {
    const std::int64_t columns = search.forest().columns(), players = search.forest().players;
    const std::int64_t all = whole.start[players];
    start_.push_back(0);
    for (std::int64_t p = 0; p < players; ++p)
      start_.push_back(std::lower_bound(kept_.begin(), kept_.end(), whole.start[p + 1]) -
                       kept_.begin());
    for (const std::int64_t a : kept_) {
      cost_.push_back(whole.cost[a]);
      encoded_.insert(encoded_.end(), whole.encoded + a * columns,
                      whole.encoded + (a + 1) * columns);
    }
    for (std::int64_t i = 0; i < whole.couplings; ++i)
      for (const std::int64_t a : kept_) A_.push_back(whole.A[i * all + a]);
    query.start = start_.data(), query.cost = cost_.data(), query.encoded = encoded_.data();
    query.A = A_.data();
  }

  CounterfactualFound run(const Counterfactual& search, const Deadline& deadline) const {
    CounterfactualFound found = Search(search, query, deadline).run();
    for (std::int64_t& a : found.choice) a = kept_[a];
    return found;
  }

  CounterfactualQuery query;

 private:
  std::vector<std::int64_t> kept_, start_;
  std::vector<double> cost_, encoded_, A_;
};

// The cheapest alternatives of each player, one by one, then ever fewer of the dearer ones.
std::vector<std::int64_t> rough(const CounterfactualQuery& query, std::int64_t players) {
  std::vector<std::int64_t> kept;
  for (std::int64_t p = 0; p < players; ++p) {
    std::vector<std::int64_t> order(query.start[p + 1] - query.start[p]);
    std::iota(order.begin(), order.end(), query.start[p]);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return query.cost[a] < query.cost[b];
    });
    const std::size_t from = kept.size();
    const double ratio = std::max(
        1.0, std::pow(static_cast<double>(order.size()), 1.0 / static_cast<double>(kRough)));
    double next = 0;
    for (std::size_t i = 0; i < order.size(); ++i)
      if (static_cast<double>(i) >= next)
        kept.push_back(order[i]), next = std::max(next + 1, next * ratio);
    std::sort(kept.begin() + static_cast<std::ptrdiff_t>(from), kept.end());
  }
  return kept;
}

// The alternatives that cost less than `most` beside the cheapest of all other players.
std::vector<std::int64_t> affordable(const CounterfactualQuery& query, std::int64_t players,
                                     double most) {
  std::vector<double> low;
  for (std::int64_t p = 0; p < players; ++p)
    low.push_back(*std::min_element(query.cost + query.start[p], query.cost + query.start[p + 1]));
  const double sum = std::accumulate(low.begin(), low.end(), 0.0);
  std::vector<std::int64_t> kept;
  for (std::int64_t p = 0; p < players; ++p)
    for (std::int64_t a = query.start[p]; a < query.start[p + 1]; ++a)
      if (query.cost[a] <= low[p] || sum - low[p] + query.cost[a] < most) kept.push_back(a);
  return kept;
}

}  // namespace
}  // namespace counterfactual

CounterfactualFound Counterfactual::cheapest(const CounterfactualQuery& query) const {
  using namespace counterfactual;
  const Deadline deadline(query.seconds);
  CounterfactualFound known{{}, kInfinity, 0, false, 0};
  try {
    if (query.start[forest_->players] <= kMany) return Search(*this, query, deadline).run();
    // Sets of many alternatives are slow: a choice from few of them rules most out.
    Excerpt first(*this, query, rough(query, forest_->players));
    first.query.boxes = 0;
    known = first.run(*this, deadline);
    known.bound = 0, known.proved = false;
    const double most = std::min(query.incumbent, known.cost);
    Excerpt rest(*this, query, affordable(query, forest_->players, most));
    rest.query.incumbent = most;
    CounterfactualFound found = rest.run(*this, deadline);
    if (found.choice.empty()) found.choice = known.choice, found.cost = known.cost;
    return found;
  } catch (const Expired&) {
    return known;
  }
}

}  // namespace whence
