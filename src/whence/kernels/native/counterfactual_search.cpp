#include "counterfactual_search.hpp"

#include <algorithm>
#include <utility>

namespace whence::counterfactual {

Search::Search(const Counterfactual& prepared, const CounterfactualQuery& query,
               const Deadline& deadline)
    : query_(query),
      deadline_(deadline),
      lattice_(prepared, query, deadline),
      scores_(lattice_, query),
      everything_(lattice_.everything()),
      best_(query.incumbent) {
  for (std::int32_t p = 0; p < lattice_.players; ++p)
    most_ += *std::max_element(lattice_.cost.begin() + lattice_.first[p],
                               lattice_.cost.begin() + lattice_.first[p + 1]);
}

// A bound at or above it rules a box out. Where nothing is known yet: more than any choice costs.
double Search::cutoff() const {
  return std::min(best_ * (1 - kSame), most_ * (1 + kSame) + (most_ > 0 ? 0.0 : 1.0));
}

Choice Search::cheapest(const Box& box) const {
  const Lattice& l = lattice_;
  Choice choice(l.players);
  for (std::int32_t p = 0; p < l.players; ++p) {
    double low = kInfinity;
    each_of(box.mask.data() + l.word[p], l.words(p), [&](int a) {
      if (l.cost[l.first[p] + a] < low) low = l.cost[l.first[p] + a], choice[p] = a;
    });
  }
  return choice;
}

void Search::offer(Choice choice) {
  const double cost = scores_.cost(choice);
  if (cost < best_ && scores_.fits(choice)) best_ = cost, choice_ = std::move(choice);
}

// Looks for a good choice, without proof, from the cheapest of a box.
void Search::repair(const Box& box) {
  Choice choice = cheapest(box);
  if (scores_.repair(choice, box.mask, everything_)) offer(std::move(choice));
}

// The root, without what a good choice rules out. False: nothing is left.
bool Search::prepare(Box& root) {
  root.mask = everything_;
  repair(root);
  lattice_.list_leaves(query_, root.mask);
  narrowing_.emplace(lattice_);
  root.alive = narrowing_->all_alive();
  if (!narrowing_->narrow(root, cutoff(), -1)) return false;
  lattice_.list_leaves(query_, root.mask);  // few are left
  narrowing_.emplace(lattice_);
  branching_.emplace(lattice_, *narrowing_);
  root.alive = narrowing_->all_alive();
  return narrowing_->narrow(root, cutoff(), -1);
}

void Search::put(Box&& box) {
  const double bytes = 8.0 * static_cast<double>(box.mask.size() + box.alive.size()) + 100;
  open_.push_back(std::move(box));
  if (!youngest_first_ && static_cast<double>(open_.size()) * bytes > kBytes) {
    youngest_first_ = true;
    std::make_heap(open_.begin(), open_.end(), Later{youngest_first_});
  } else {
    std::push_heap(open_.begin(), open_.end(), Later{youngest_first_});
  }
}

Box Search::next() {
  std::pop_heap(open_.begin(), open_.end(), Later{youngest_first_});
  Box box = std::move(open_.back());
  open_.pop_back();
  return box;
}

void Search::part(const Box& box, const Cut& cut) {
  const std::int32_t p = cut.player;
  for (const bool inside : {true, false}) {
    Box child = box;
    child.number = ++boxes_;
    for (std::int32_t w = 0; w < lattice_.words(p); ++w)
      child.mask[lattice_.word[p] + w] &= inside ? cut.set[w] : ~cut.set[w];
    if (narrowing_->narrow(child, cutoff(), p)) put(std::move(child));
  }
}

void Search::split(const Box& box) {
  if (splits_++ % kRepairs == kRepairs / 2) repair(box);
  std::optional<Cut> cut = branching_->choose(box, cutoff());
  if (!cut) {
    // Every player takes its cheapest, unless a coupling forbids it.
    const Choice choice = cheapest(box);
    offer(choice);
    if (!scores_.coupled(choice)) cut = coupled_cut(box, choice);
  }
  if (cut) part(box, *cut);
}

// Parts the choice from alternatives that the couplings tell from it.
std::optional<Cut> Search::coupled_cut(const Box& box, const Choice& choice) const {
  const Lattice& l = lattice_;
  for (std::int32_t p = 0; p < l.players; ++p) {
    bool differs = false;
    each_of(box.mask.data() + l.word[p], l.words(p), [&](int a) {
      for (std::int32_t i = 0; i < l.couplings; ++i)
        differs |= l.coupled_of(i, p)[a] != l.coupled_of(i, p)[choice[p]];
    });
    if (!differs) continue;
    Cut cut{p, std::vector<Word>(l.words(p), 0)};
    cut.set[choice[p] / 64] |= Word{1} << (choice[p] % 64);
    return cut;
  }
  return std::nullopt;
}

CounterfactualFound Search::found(double bound, bool proved) const {
  CounterfactualFound found{{}, choice_.empty() ? kInfinity : best_, bound, proved, boxes_};
  for (std::size_t p = 0; p < choice_.size(); ++p)
    found.choice.push_back(lattice_.original[lattice_.first[p] + choice_[p]]);
  return found;
}

CounterfactualFound Search::run() {
  try {
    Box root;
    if (prepare(root)) put(std::move(root));
  } catch (const Expired&) {
    return found(0, false);
  }
  while (!open_.empty()) {
    if (deadline_.over() || boxes_ >= query_.boxes) {
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
