#include "counterfactual_search.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace whence::counterfactual {

Search::Search(const Counterfactual& prepared, const CounterfactualQuery& query)
    : query_(query),
      end_(std::chrono::steady_clock::now() +
           std::chrono::duration_cast<std::chrono::steady_clock::duration>(
               std::chrono::duration<double>(std::min(query.seconds, 1e8)))),
      lattice_(prepared, query),
      scores_(lattice_, query),
      best_(query.incumbent) {
  for (std::int32_t p = 0; p < lattice_.players; ++p)
    most_ += *std::max_element(lattice_.cost.begin() + lattice_.first[p],
                               lattice_.cost.begin() + lattice_.first[p + 1]);
}

// A bound at or above it rules a box out. Where nothing is known yet: more than any choice costs.
double Search::cutoff() const {
  return std::min(best_ * (1 - kSame), most_ * (1 + kSame) + (most_ > 0 ? 0.0 : 1.0));
}

template <class Cost>
Choice Search::cheapest(const Box& box, Cost cost) const {
  const Lattice& l = lattice_;
  Choice choice(l.players);
  for (std::int32_t p = 0; p < l.players; ++p) {
    double least = kInfinity;
    each_of(box.mask.data() + l.word[p], l.words(p), [&](int a) {
      if (cost(p, a) < least) least = cost(p, a), choice[p] = a;
    });
  }
  return choice;
}

void Search::offer(Choice choice) {
  const double cost = scores_.cost(choice);
  if (cost < best_ && scores_.fits(choice)) best_ = cost, choice_ = std::move(choice);
}

// The leaves within the box, and all that is kept by leaf.
void Search::list(Box& box) {
  lattice_.list_leaves(query_, box.mask);
  narrowing_ = std::make_unique<Narrowing>(lattice_);
  shares_ = std::make_unique<Shares>(lattice_, *narrowing_);
  box.alive = narrowing_->all_alive();
}

// The root, without what a good choice rules out. False: nothing is left.
bool Search::prepare(Box& root) {
  root.mask = lattice_.everything();
  Choice start =
      cheapest(root, [&](std::int32_t p, int a) { return lattice_.cost[lattice_.first[p] + a]; });
  if (scores_.repair(start, root.mask)) offer(std::move(start));
  list(root);
  if (!narrowing_->narrow(root, cutoff())) return false;
  list(root);
  warm(root);
  return process(root);
}

// Finds shares and multipliers to begin with.
void Search::warm(Box& root) {
  std::vector<double> multiplier(lattice_.rows);
  for (std::int32_t r = 0; r < lattice_.rows; ++r)
    multiplier[r] = std::max(std::min(best_, most_), 1e-300) / std::max(lattice_.size[r], 1e-300);
  shares_->set_multipliers(multiplier);
  double best = -kInfinity, step = 1;
  for (int i = 0; i < kWarmPasses && !over(); ++i) {
    const double bound = shares_->pass(root, cutoff(), false);
    if (bound > best) best = bound, multiplier = shares_->multipliers();
    root.bound = std::max(root.bound, bound);
    if (!(bound < cutoff())) break;
    shares_->adjust(step);
    step = std::max(kSteady, step * 0.85);
  }
  shares_->set_multipliers(multiplier);
}

// Narrows a box and bounds it. False: it holds nothing better.
bool Search::process(Box& box) {
  box.number = boxes_++;
  if (boxes_ % 16 == 0) shares_->settle();
  if (!(box.bound < cutoff()) || !narrowing_->narrow(box, cutoff())) return false;
  for (int i = 0; i < kPasses; ++i) {
    box.bound = std::max(box.bound, shares_->pass(box, cutoff(), i > 0));
    if (!(box.bound < cutoff())) return false;
    if (i > 0 && !narrowing_->narrow(box, cutoff())) return false;
  }
  offer(cheapest(box, [&](std::int32_t p, int a) { return shares_->own(p, a); }));
  shares_->adjust(kSteady);
  return box.bound < cutoff();
}

void Search::put(Box&& box) {
  const double bytes = 8.0 * static_cast<double>(box.mask.size() + box.alive.size()) + 100;
  const auto later = [this](const Box& a, const Box& b) {
    if (youngest_first_ || a.bound == b.bound) return a.number < b.number;
    return a.bound > b.bound;
  };
  open_.push_back(std::move(box));
  if (!youngest_first_ && static_cast<double>(open_.size()) * bytes > kBytes) {
    youngest_first_ = true;
    std::make_heap(open_.begin(), open_.end(), later);
  } else {
    std::push_heap(open_.begin(), open_.end(), later);
  }
}

Box Search::next() {
  const auto later = [this](const Box& a, const Box& b) {
    if (youngest_first_ || a.bound == b.bound) return a.number < b.number;
    return a.bound > b.bound;
  };
  std::pop_heap(open_.begin(), open_.end(), later);
  Box box = std::move(open_.back());
  open_.pop_back();
  return box;
}

void Search::make(const Box& box, std::int32_t p, const Word* set, bool inside) {
  Box child = box;
  for (std::int32_t w = 0; w < lattice_.words(p); ++w)
    child.mask[lattice_.word[p] + w] &= inside ? set[w] : ~set[w];
  if (process(child)) put(std::move(child));
}

// The condition that matters most to the trees that are not decided; -1: all are.
std::int32_t Search::deciding_condition(const Box& box) const {
  const Lattice& l = lattice_;
  const Forest& f = l.search->forest();
  std::map<std::int32_t, double> votes;
  for (std::int32_t t = 0; t < l.trees; ++t) {
    double low = kInfinity, high = -kInfinity;
    int count = 0;
    const auto alive = narrowing_->alive(box, t);
    each_of(alive.data(), static_cast<std::int32_t>(alive.size()), [&](int i) {
      const double e = shares_->energy(l.leaf_start[t] + i);
      low = std::min(low, e), high = std::max(high, e), ++count;
    });
    if (count < 2) continue;
    for (std::int64_t v = f.start[t]; !f.is_leaf(v);) {
      const std::int32_t c = l.search->condition_of(v), p = l.search->conditions()[c].player;
      const Word* set = l.condition.data() + l.condition_at[c];
      const Word* mask = box.mask.data() + l.word[p];
      const bool some_left = meet(mask, set, l.words(p));
      if (some_left && !within(mask, set, l.words(p))) {
        votes[c] += high - low;
        break;
      }
      v = some_left ? f.left[v] : f.right[v];
    }
  }
  std::int32_t chosen = -1;
  double most = -1;
  for (const auto& [c, vote] : votes)
    if (vote > most) most = vote, chosen = c;
  return chosen;
}

void Search::split(const Box& box) {
  const std::int32_t c = deciding_condition(box);
  if (c < 0) return split_coupled(box);
  const Word* set = lattice_.condition.data() + lattice_.condition_at[c];
  for (const bool inside : {true, false})
    make(box, lattice_.search->conditions()[c].player, set, inside);
}

// All trees are decided: the cheapest of each player is the best, unless a coupling forbids it.
void Search::split_coupled(const Box& box) {
  const Lattice& l = lattice_;
  const Choice choice =
      cheapest(box, [&](std::int32_t p, int a) { return l.cost[l.first[p] + a]; });
  offer(choice);
  if (scores_.coupled(choice)) return;
  for (std::int32_t p = 0; p < l.players; ++p) {
    std::vector<Word> one(l.words(p), 0);
    one[choice[p] / 64] |= Word{1} << (choice[p] % 64);
    if (within(box.mask.data() + l.word[p], one.data(), l.words(p))) continue;
    bool differs = false;
    each_of(box.mask.data() + l.word[p], l.words(p), [&](int a) {
      for (std::int32_t i = 0; i < l.couplings; ++i)
        differs |= l.coupled_of(i, p)[a] != l.coupled_of(i, p)[choice[p]];
    });
    if (!differs) continue;
    for (const bool inside : {true, false}) make(box, p, one.data(), inside);
    return;
  }
}

CounterfactualFound Search::found(double bound, bool proved) const {
  CounterfactualFound found{{}, choice_.empty() ? kInfinity : best_, bound, proved, boxes_};
  for (std::size_t p = 0; p < choice_.size(); ++p)
    found.choice.push_back(lattice_.original[lattice_.first[p] + choice_[p]]);
  return found;
}

CounterfactualFound Search::run() {
  Box root;
  if (prepare(root)) put(std::move(root));
  while (!open_.empty()) {
    if (over() || boxes_ >= query_.boxes) {
      double bound = best_;
      for (const Box& box : open_) bound = std::min(bound, box.bound);
      return found(bound, !(bound < cutoff()));
    }
    const Box box = next();
    if (box.bound < cutoff()) split(box);
  }
  return found(best_, true);
}

}  // namespace whence::counterfactual
