#include "counterfactual_lattice.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "route.hpp"

namespace whence::counterfactual {
namespace {

// What the splits of one player answer for each of its alternatives, 64 splits a word.
std::vector<std::vector<Word>> answers(const Lattice& lattice, const CounterfactualQuery& query,
                                       std::int32_t p) {
  const Forest& f = lattice.search->forest();
  const std::int64_t from = query.start[p], count = query.start[p + 1] - from;
  std::vector<std::vector<Word>> of(count);
  int bit = 0;
  for (const auto& condition : lattice.search->conditions()) {
    if (condition.player != p) continue;
    lattice.deadline->check();
    const double* x = query.encoded + from * f.columns() + f.feature[condition.node];
    for (std::int64_t a = 0; a < count; ++a) {
      if (bit == 0) of[a].push_back(0);
      of[a].back() |= Word{special_goes_left(f, condition.node, x[a * f.columns()])} << bit;
    }
    bit = (bit + 1) % 64;
  }
  return of;
}

bool is_coupled(const CounterfactualQuery& query, std::int64_t a, std::int64_t total) {
  for (std::int64_t i = 0; i < query.couplings; ++i)
    if (query.A[i * total + a] != 0) return true;
  return false;
}

}  // namespace

Lattice::Lattice(const Counterfactual& search_, const CounterfactualQuery& query,
                 const Deadline& deadline_)
    : players(static_cast<std::int32_t>(search_.forest().players)),
      trees(static_cast<std::int32_t>(search_.forest().trees())),
      rows(static_cast<std::int32_t>(query.rows)),
      couplings(static_cast<std::int32_t>(query.couplings)),
      search(&search_),
      deadline(&deadline_) {
  keep(query);
  set_conditions(query);
  const Forest& f = search->forest();
  for (std::int32_t r = 0; r < rows; ++r) {
    double sum = 0, sum_size = std::abs(query.h[r]);
    for (std::int64_t k = 0; k < f.outputs(); ++k) {
      sum += query.G[r * f.outputs() + k] * f.base[k];
      sum_size += std::abs(query.G[r * f.outputs() + k] * f.base[k]);
    }
    for (std::int32_t t = 0; t < trees; ++t) {
      double most = 0;
      for (std::int64_t v = f.start[t]; v < f.start[t + 1]; ++v)
        if (f.is_leaf(v)) most = std::max(most, std::abs(weight_of(query, t, v, r)));
      sum_size += most;
    }
    base.push_back(sum);
    need.push_back(query.h[r]);
    size.push_back(sum_size);
    slack.push_back(1e-13 * sum_size);
  }
  for (std::int32_t i = 0; i < couplings; ++i) {
    const double* a = query.A + i * query.start[players];
    double most = std::abs(query.low[i]);
    for (std::int64_t j = 0; j < query.start[players]; ++j) most = std::max(most, std::abs(a[j]));
    low.push_back(query.low[i]);
    low_slack.push_back(1e-13 * most * players);
  }
}

// Of alternatives that no split and no coupling tells apart, the cheapest is kept.
void Lattice::keep(const CounterfactualQuery& query) {
  const std::int64_t total = query.start[players];
  first.push_back(0);
  word.push_back(0);
  for (std::int32_t p = 0; p < players; ++p) {
    deadline->check();
    const auto of = answers(*this, query, p);
    std::map<std::vector<Word>, std::int64_t> cheapest;
    std::vector<std::int64_t> kept;
    for (std::int64_t a = query.start[p]; a < query.start[p + 1]; ++a) {
      if (is_coupled(query, a, total)) {
        kept.push_back(a);
        continue;
      }
      const auto [at, is_new] = cheapest.try_emplace(of[a - query.start[p]], a);
      if (!is_new && query.cost[a] < query.cost[at->second]) at->second = a;
    }
    for (const auto& [answer, a] : cheapest) kept.push_back(a);
    std::sort(kept.begin(), kept.end());
    for (const std::int64_t a : kept) {
      original.push_back(a);
      cost.push_back(query.cost[a]);
    }
    first.push_back(static_cast<std::int32_t>(original.size()));
    word.push_back(word.back() + (count(p) + 63) / 64);
  }
  coupled.resize(static_cast<std::size_t>(couplings) * original.size());
  for (std::int32_t i = 0; i < couplings; ++i)
    for (std::size_t a = 0; a < original.size(); ++a)
      coupled[i * original.size() + a] = query.A[i * total + original[a]];
}

void Lattice::set_conditions(const CounterfactualQuery& query) {
  const Forest& f = search->forest();
  for (const auto& [p, node] : search->conditions()) {
    deadline->check();
    condition_at.push_back(static_cast<std::int64_t>(condition.size()));
    condition.resize(condition.size() + words(p), 0);
    Word* set = condition.data() + condition_at.back();
    for (std::int32_t a = 0; a < count(p); ++a) {
      const double x = query.encoded[original[first[p] + a] * f.columns() + f.feature[node]];
      set[a / 64] |= Word{special_goes_left(f, node, x)} << (a % 64);
    }
  }
}

std::vector<Word> Lattice::everything() const {
  std::vector<Word> mask(word.back(), 0);
  for (std::int32_t p = 0; p < players; ++p)
    for (std::int32_t a = 0; a < count(p); ++a) mask[word[p] + a / 64] |= Word{1} << (a % 64);
  return mask;
}

double Lattice::weight_of(const CounterfactualQuery& query, std::int64_t t, std::int64_t v,
                          std::int32_t r) const {
  const Forest& f = search->forest();
  const double* g = query.G + r * f.outputs();
  if (f.target[t] >= 0) return g[f.target[t]] * f.value[v * f.width];
  double sum = 0;
  for (std::int64_t k = 0; k < f.width; ++k) sum += g[k] * f.value[v * f.width + k];
  return sum;
}

// A walk of one tree: a node, what may be taken there, and the players asked on the way.
struct Lattice::Visit {
  std::int64_t node;
  std::vector<Word> mask;
  std::vector<std::int32_t> asked;
};

void Lattice::list_leaves(const CounterfactualQuery& query, const std::vector<Word>& mask) {
  leaf_start.assign(1, 0);
  part_start.assign(1, 0);
  asked_start.assign(1, 0);
  weight.clear(), parts.clear(), sets.clear(), asked.clear();
  for (std::int32_t t = 0; t < trees; ++t) {
    deadline->check();
    std::vector<Visit> leaves = walk(t, mask);
    std::vector<double> order;
    for (const Visit& leaf : leaves) order.push_back(weight_of(query, t, leaf.node, 0));
    std::vector<std::size_t> place(leaves.size());
    std::iota(place.begin(), place.end(), 0);
    std::stable_sort(place.begin(), place.end(),
                     [&](std::size_t a, std::size_t b) { return order[a] > order[b]; });
    for (const std::size_t i : place) add_leaf(query, t, leaves[i]);
    asked_start.push_back(static_cast<std::int64_t>(asked.size()));
    leaf_start.push_back(static_cast<std::int64_t>(part_start.size()) - 1);
  }
}

std::vector<Lattice::Visit> Lattice::walk(std::int32_t t, const std::vector<Word>& mask) const {
  const Forest& f = search->forest();
  std::vector<Visit> open(1, {f.start[t], mask, {}}), leaves;
  while (!open.empty()) {
    Visit at = std::move(open.back());
    open.pop_back();
    if (f.is_leaf(at.node)) {
      leaves.push_back(std::move(at));
      continue;
    }
    const std::int32_t c = search->condition_of(at.node), p = search->conditions()[c].player;
    const Word* left = condition.data() + condition_at[c];
    const Word* taken = at.mask.data() + word[p];
    const bool some_left = meet(taken, left, words(p));
    if (!some_left || within(taken, left, words(p))) {
      at.node = some_left ? f.left[at.node] : f.right[at.node];
      open.push_back(std::move(at));
      continue;
    }
    if (std::find(at.asked.begin(), at.asked.end(), p) == at.asked.end()) at.asked.push_back(p);
    Visit other = at;
    for (std::int32_t w = 0; w < words(p); ++w) {
      at.mask[word[p] + w] &= left[w];
      other.mask[word[p] + w] &= ~left[w];
    }
    other.node = f.right[at.node];
    at.node = f.left[at.node];
    open.push_back(std::move(other));
    open.push_back(std::move(at));
  }
  return leaves;
}

void Lattice::add_leaf(const CounterfactualQuery& query, std::int32_t t, const Visit& leaf) {
  for (const std::int32_t p : leaf.asked) {
    if (std::find(asked.begin() + asked_start.back(), asked.end(), p) == asked.end())
      asked.push_back(p);
    parts.push_back({p, static_cast<std::int64_t>(sets.size())});
    sets.insert(sets.end(), leaf.mask.begin() + word[p], leaf.mask.begin() + word[p + 1]);
  }
  part_start.push_back(static_cast<std::int64_t>(parts.size()));
  for (std::int32_t r = 0; r < rows; ++r) weight.push_back(weight_of(query, t, leaf.node, r));
}

}  // namespace whence::counterfactual
