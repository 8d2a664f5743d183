#include "counterfactual_scores.hpp"

#include <algorithm>

namespace whence::counterfactual {

Scores::Scores(const Lattice& lattice, const CounterfactualQuery& query) : lattice_(lattice) {
  const Forest& f = lattice.search->forest();
  weight_.resize(f.nodes() * lattice.rows);
  for (std::int64_t t = 0; t < f.trees(); ++t)
    for (std::int64_t v = f.start[t]; v < f.start[t + 1]; ++v)
      for (std::int32_t r = 0; r < lattice.rows && f.is_leaf(v); ++r)
        weight_[v * lattice.rows + r] = lattice.weight_of(query, t, v, r);
}

void Scores::score(const Choice& choice, double* out) const {
  const Lattice& l = lattice_;
  const Forest& f = l.search->forest();
  std::copy(l.base.begin(), l.base.end(), out);
  for (std::int32_t t = 0; t < l.trees; ++t) {
    std::int64_t v = f.start[t];
    while (!f.is_leaf(v)) {
      const std::int32_t c = l.search->condition_of(v);
      const std::int32_t a = choice[l.search->conditions()[c].player];
      const bool left = (l.condition[l.condition_at[c] + a / 64] >> (a % 64)) & 1;
      v = left ? f.left[v] : f.right[v];
    }
    for (std::int32_t r = 0; r < l.rows; ++r) out[r] += weight_[v * l.rows + r];
  }
}

double Scores::cost(const Choice& choice) const {
  double sum = 0;
  for (std::int32_t p = 0; p < lattice_.players; ++p)
    sum += lattice_.cost[lattice_.first[p] + choice[p]];
  return sum;
}

// How far from what is wanted, 0: it fits.
double Scores::missing(const double* score, const Choice& choice) const {
  const Lattice& l = lattice_;
  double sum = 0;
  for (std::int32_t r = 0; r < l.rows; ++r) sum += std::max(0.0, l.need[r] - score[r]);
  return sum + uncoupled(choice);
}

double Scores::uncoupled(const Choice& choice) const {
  const Lattice& l = lattice_;
  double sum = 0;
  for (std::int32_t i = 0; i < l.couplings; ++i) {
    double had = 0;
    for (std::int32_t p = 0; p < l.players; ++p) had += l.coupled_of(i, p)[choice[p]];
    if (had < l.low[i] - l.low_slack[i]) sum += l.low[i] - had;
  }
  return sum;
}

bool Scores::fits(const Choice& choice) const {
  std::vector<double> said(lattice_.rows);
  score(choice, said.data());
  return missing(said.data(), choice) <= 0;
}

// One walk per tree for all alternatives: those of a set go together until a split on p parts them.
void Scores::scores_of(const Choice& choice, std::int32_t p, std::vector<double>& out) const {
  const Lattice& l = lattice_;
  const Forest& f = l.search->forest();
  const std::int32_t words = l.words(p), count = l.count(p);
  std::vector<double> rest(l.rows);
  score(choice, rest.data());
  out.resize(static_cast<std::size_t>(count) * l.rows);
  for (std::int32_t a = 0; a < count; ++a)
    std::copy(rest.begin(), rest.end(), out.begin() + static_cast<std::ptrdiff_t>(a) * l.rows);
  std::vector<Word> all(words, 0), sets;
  for (std::int32_t a = 0; a < count; ++a) all[a / 64] |= Word{1} << (a % 64);
  std::vector<std::int64_t> open;
  std::vector<std::pair<std::int64_t, std::vector<Word>>> reached;
  for (const std::int32_t t : l.search->trees_of()[p]) {
    open.assign(1, f.start[t]);
    sets.assign(all.begin(), all.end());
    reached.clear();
    std::int64_t present = -1;
    while (!open.empty()) {
      std::int64_t v = open.back();
      open.pop_back();
      std::vector<Word> set(sets.end() - words, sets.end());
      sets.resize(sets.size() - words);
      while (!f.is_leaf(v)) {
        const std::int32_t c = l.search->condition_of(v), q = l.search->conditions()[c].player;
        const Word* left = l.condition.data() + l.condition_at[c];
        if (q != p) {
          v = (left[choice[q] / 64] >> (choice[q] % 64)) & 1 ? f.left[v] : f.right[v];
        } else if (within(set.data(), left, words)) {
          v = f.left[v];
        } else if (!meet(set.data(), left, words)) {
          v = f.right[v];
        } else {
          open.push_back(f.right[v]);
          for (std::int32_t w = 0; w < words; ++w) {
            sets.push_back(set[w] & ~left[w]);
            set[w] &= left[w];
          }
          v = f.left[v];
        }
      }
      if ((set[choice[p] / 64] >> (choice[p] % 64)) & 1) present = v;
      reached.emplace_back(v, std::move(set));
    }
    for (const auto& [v, set] : reached) {
      if (v == present) continue;
      for (std::int32_t r = 0; r < l.rows; ++r) {
        const double more = weight_[v * l.rows + r] - weight_[present * l.rows + r];
        each_of(set.data(), words, [&](int a) { out[a * l.rows + r] += more; });
      }
    }
  }
}

bool Scores::repair(Choice& choice, const std::vector<Word>& mask,
                    const std::vector<Word>& all) const {
  const Lattice& l = lattice_;
  std::vector<double> said(l.rows), scores;
  for (std::int32_t round = 0; round < 2 * l.players; ++round) {
    if (l.deadline->over()) return false;
    score(choice, said.data());
    const double now = missing(said.data(), choice);
    if (now <= 0) return cheapen(choice, all);
    double best_rate = 0, best_cost = kInfinity;
    std::int32_t best_p = -1, best_a = 0;
    for (std::int32_t p = 0; p < l.players && !l.deadline->over(); ++p) {
      const double* cost = l.cost.data() + l.first[p];
      const std::int32_t had = choice[p];
      scores_of(choice, p, scores);
      each_of(mask.data() + l.word[p], l.words(p), [&](int a) {
        choice[p] = a;
        const double* said_then = scores.data() + static_cast<std::ptrdiff_t>(a) * l.rows;
        const double then = missing(said_then, choice);
        const double more = cost[a] - cost[had];
        const double rate = (now - then) / std::max(more, 1e-12);
        if (then <= 0 && more < best_cost) {
          best_cost = more, best_p = p, best_a = a;
        } else if (best_cost == kInfinity && then < now && rate > best_rate) {
          best_rate = rate, best_p = p, best_a = a;
        }
      });
      choice[p] = had;
    }
    if (best_p < 0) return false;
    choice[best_p] = best_a;
  }
  return false;
}

bool Scores::cheapen(Choice& choice, const std::vector<Word>& mask) const {
  const Lattice& l = lattice_;
  std::vector<double> scores;
  for (bool better = true; better && !l.deadline->over();) {
    better = false;
    for (std::int32_t p = 0; p < l.players && !l.deadline->over(); ++p) {
      const double* cost = l.cost.data() + l.first[p];
      scores_of(choice, p, scores);
      const Choice before = choice;
      each_of(mask.data() + l.word[p], l.words(p), [&](int a) {
        if (cost[a] >= cost[choice[p]]) return;
        Choice other = before;
        other[p] = a;
        if (missing(scores.data() + static_cast<std::ptrdiff_t>(a) * l.rows, other) <= 0 &&
            fits(other))
          choice = other;
      });
      better |= choice != before;
    }
  }
  return fits(choice);
}

}  // namespace whence::counterfactual
