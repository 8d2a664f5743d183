#include "path_program.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unordered_map>

namespace whence {
namespace {

struct State {  // where a player stands on the current path
  std::int32_t step = -1;
  int side = 0;             // 0: below the step's first child, 1: below its second
  std::int32_t partner = -1;  // position in the list of partners
};

struct Partner {
  std::int32_t player, slot;
};

struct Saved {  // what entering a child has changed
  State before;
  std::int32_t partner_slot = -1;
};

struct Frame {
  std::int32_t node, source, target, depth;
  int stage = 0;
  Op op{};
  Place place{};
  Saved saved{};
};

class Compiler {
 public:
  Compiler(const Forest& forest, std::int64_t tree, std::int32_t output, Fusion fusion)
      : f_(forest), root_(static_cast<std::int32_t>(forest.start[tree])) {
    p_.tree = tree;
    p_.fusion = fusion;
    p_.output = forest.target[tree] < 0 ? output : forest.target[tree];
    column_ = forest.target[tree] < 0 ? output : 0;
    stride_ = fused() ? Slots::fused : Slots::unfused;
    summarize();
  }

  Program compile() {
    if (!f_.is_leaf(root_)) stack_.push_back({root_, Slots::root, Slots::result, 0});
    while (!stack_.empty()) advance();
    p_.slots = Slots::base + stride_ * (deepest_ + 1);
    p_.live_start.push_back(static_cast<std::int64_t>(p_.live_slot.size()));
    return std::move(p_);
  }

 private:
  bool fused() const { return p_.fusion != Fusion::none; }
  double value(std::int32_t v) const { return f_.value[v * f_.width + column_]; }
  Shape shape(std::int32_t v) const { return shape_[v - root_]; }
  bool flipped(std::int32_t v) const { return shape(f_.left[v]) > shape(f_.right[v]); }
  std::int32_t child(std::int32_t v, int side) const {
    return (side == 0) != flipped(v) ? f_.left[v] : f_.right[v];
  }

  void summarize() {
    const std::int64_t last = f_.start[p_.tree + 1];
    std::vector<double> mean(last - root_);
    shape_.resize(last - root_);
    double low = INFINITY, high = -INFINITY;
    for (auto v = static_cast<std::int32_t>(last) - 1; v >= root_; --v) {
      if (f_.is_leaf(v)) {
        mean[v - root_] = value(v);
        shape_[v - root_] = Shape::leaf;
        low = std::min(low, value(v));
        high = std::max(high, value(v));
        continue;
      }
      const double share = f_.left_share(v);
      mean[v - root_] = share * mean[f_.left[v] - root_] + (1 - share) * mean[f_.right[v] - root_];
      const auto [small, big] = std::minmax({shape(f_.left[v]), shape(f_.right[v])});
      shape_[v - root_] = big == Shape::leaf     ? Shape::twig
                          : big > Shape::twig    ? Shape::larger
                          : small == Shape::leaf ? Shape::leaf_twig
                                                 : Shape::twig_twig;
    }
    p_.expectation = mean[0];
    p_.spread = high - low;
  }

  // Takes note of a split when the path reaches it.
  Place arrive(std::int32_t v) {
    Place place;
    place.player = f_.player[f_.feature[v]];
    place.step = static_cast<std::int32_t>(p_.steps.size());
    place.first = p_.masks++;
    const State at = states_[place.player];
    Step step{.node = v, .player = place.player, .c0 = 1, .share = f_.left_share(v),
              .seen = at.step >= 0};
    if (flipped(v)) step.share = 1 - step.share;
    if (step.seen) {
      const Step& above = p_.steps[at.step];
      step.c0 = above.c0 * (at.side == 0 ? above.share : 1 - above.share);
      MaskOp& mask = p_.mask_ops[at.step];
      if (at.side == 1 && mask.second < 0) mask.second = p_.masks++;
      place.hot = at.side == 0 ? mask.first : mask.second;
    }
    p_.players = std::max(p_.players, distinct_ + (step.seen ? 0 : 1));
    if (f_.is_leaf(child(v, 0))) step.value_first = value(child(v, 0));
    if (f_.is_leaf(child(v, 1))) step.value_second = value(child(v, 1));
    if (!fused() && shape(v) != Shape::twig) place.second = p_.masks++;
    p_.steps.push_back(step);
    p_.mask_ops.push_back(
        {v, place.first, place.second, place.hot, static_cast<std::uint8_t>(flipped(v))});
    if (!fused()) list_partners(place);
    p_.places.push_back(place);
    return place;
  }

  void list_partners(Place& place) {
    place.live = static_cast<std::int32_t>(p_.live_start.size());
    p_.live_start.push_back(static_cast<std::int64_t>(p_.live_slot.size()));
    for (const Partner& partner : partners_) {
      if (partner.player == place.player) continue;
      p_.live_slot.push_back(partner.slot);
      p_.live_player.push_back(partner.player);
    }
  }

  // Goes on below one side of a split, whose g is kept in `slot`.
  Saved enter(const Place& place, int side, std::int32_t slot) {
    State& s = states_[place.player];
    Saved saved{s};
    if (s.step < 0) {
      ++distinct_;
      s.partner = static_cast<std::int32_t>(partners_.size());
      partners_.push_back({place.player, slot});
    } else {
      saved.partner_slot = partners_[s.partner].slot;
      partners_[s.partner].slot = slot;
    }
    s.step = place.step;
    s.side = side;
    return saved;
  }

  void leave(const Place& place, const Saved& saved) {
    State& s = states_[place.player];
    if (saved.before.step < 0) {
      --distinct_;
      partners_.pop_back();
    } else {
      partners_[s.partner].slot = saved.partner_slot;
    }
    s = saved.before;
  }

  // Notes all splits of a subtree that one instruction works off.
  void arrive_below(std::int32_t v) {
    const Place place = arrive(v);
    for (int side = 0; side < 2; ++side) arrive_at_child(v, place, side);
  }
  void arrive_at_child(std::int32_t v, const Place& place, int side) {
    if (f_.is_leaf(child(v, side))) return;
    const Saved saved = enter(place, side, -1);
    arrive_below(child(v, side));
    leave(place, saved);
  }

  void emit(const Op& op) {
    p_.ops.push_back(op);
    p_.ops.back().places = static_cast<std::int32_t>(p_.places.size()) - op.place;
  }

  // Runs the top frame one stage further.
  void advance() {
    Frame& frame = stack_.back();
    switch (frame.stage++) {
      case 0:
        if (!open(frame)) stack_.pop_back();
        return;
      case 1:
        if (frame.op.kind == Kind::enter) descend(0);
        return;
      case 2:
        if (frame.op.kind == Kind::enter) leave(frame.place, frame.saved);
        return descend(1);
      default:
        leave(frame.place, frame.saved);
        frame.op.kind = Kind::join;
        p_.ops.push_back(frame.op);
        stack_.pop_back();
    }
  }

  // Emits what starts at a node; false: that was all of it.
  bool open(Frame& frame) {
    deepest_ = std::max(deepest_, frame.depth);
    const std::int32_t v = frame.node;
    Op& op = frame.op;
    op.source = frame.source;
    op.target = frame.target;
    op.scratch = Slots::base + stride_ * frame.depth;
    op.place = static_cast<std::int32_t>(p_.places.size());
    op.places = 1;
    op.kind = Kind::whole;
    op.first = shape(v);
    if (shape(v) < (fused() ? Shape::larger : Shape::leaf_twig)) {
      if (shape(v) == Shape::leaf)
        p_.leaves.push_back(value(v));
      else
        arrive_below(v);
      emit(op);
      return false;
    }
    frame.place = arrive(v);
    op.first = shape(child(v, 0));
    op.second = shape(child(v, 1));
    op.kind = Kind::enter;
    if (!fused()) {
      emit(op);
      return true;
    }
    const bool pair = p_.fusion == Fusion::large && op.second < Shape::larger;
    if (pair)
      op.kind = Kind::pair;
    else if (op.first < Shape::leaf_twig)
      op.kind = op.first == Shape::leaf ? Kind::enter_leaf : Kind::enter_twig;
    if (op.kind != Kind::enter) arrive_at_child(v, frame.place, 0);
    if (pair) arrive_at_child(v, frame.place, 1);
    emit(op);
    return !pair;
  }

  void descend(int side) {
    Frame& frame = stack_.back();
    const std::int32_t v = child(frame.node, side), scratch = frame.op.scratch,
                       depth = frame.depth;
    frame.saved =
        enter(frame.place, side, scratch + (side == 0 ? Slots::g_first : Slots::g_second));
    if (side == 0)
      stack_.push_back({v, scratch + Slots::first, scratch + Slots::value, depth + 1});
    else
      stack_.push_back({v, scratch + Slots::second, Slots::result, depth + 1});
  }

  const Forest& f_;
  Program p_;
  std::int32_t root_, column_ = 0, stride_ = 0, deepest_ = 0, distinct_ = 0;
  std::vector<Shape> shape_;
  std::unordered_map<std::int32_t, State> states_;
  std::vector<Partner> partners_;
  std::vector<Frame> stack_;
};

class Constants {
 public:
  Constants(const Program& program, const double* t, int points)
      : p_(program), t_(t), points_(points) {}

  std::vector<double> make() {
    for (const Op& op : p_.ops) add(op);
    return std::move(out_);
  }

 private:
  void add(const Op& op) {
    at_ = op.place;
    switch (op.kind) {
      case Kind::join:
        coefficients(next(), 1);
        break;
      case Kind::whole:
        if (op.first == Shape::leaf)
          out_.push_back(p_.leaves[leaf_++]);
        else
          part(op.first);
        break;
      case Kind::pair: {
        const Step& s = split();
        child(s.value_first, op.first);
        part(op.second);
        break;
      }
      default: {
        const Step& s = next();
        shares(s);
        if (op.kind != Kind::enter) child(s.value_first, op.first);
        if (p_.fusion == Fusion::none) partners(s);
      }
    }
  }

  const Step& next() { return p_.steps[p_.places[at_++].step]; }

  const Step& split() {
    const Step& s = next();
    shares(s);
    coefficients(s, 1);
    return s;
  }

  void child(double value, Shape shape) {
    if (shape == Shape::leaf)
      out_.push_back(value);
    else
      part(shape);
  }

  void part(Shape shape) {
    if (shape == Shape::twig) return twig(next());
    const Step& s = split();
    child(s.value_first, shape == Shape::leaf_twig ? Shape::leaf : Shape::twig);
    part(Shape::twig);
  }

  double u0(const Step& s, double t) const { return s.seen ? t + s.c0 * (1 - t) : 1; }
  double rho(const Step& s, double t, bool h) const {
    return ((h ? t : 0) + s.c0 * s.share * (1 - t)) / u0(s, t);
  }

  // rho of a row that goes first, of one that does not, and of one already cold.
  void shares(const Step& s) {
    for (const bool h : {true, false})
      for (int m = 0; m < points_; ++m) out_.push_back(rho(s, t_[m], h));
    if (s.seen) out_.push_back(s.share);
  }

  // h0 (h c0 - c0 r) for both h, and 1 / u0^2.
  void coefficients(const Step& s, double factor) {
    out_.push_back(s.c0 * (1 - s.share) * factor);
    out_.push_back(-s.c0 * s.share * factor);
    if (!s.seen) return;
    for (int m = 0; m < points_; ++m) out_.push_back(1 / (u0(s, t_[m]) * u0(s, t_[m])));
  }

  // As shares(), of the value below, and coefficients() with the difference of the leaves in.
  void twig(const Step& s) {
    const double difference = s.value_first - s.value_second;
    for (const bool h : {true, false})
      for (int m = 0; m < points_; ++m)
        out_.push_back(s.value_second + rho(s, t_[m], h) * difference);
    if (s.seen) out_.push_back(s.value_second + s.share * difference);
    coefficients(s, difference);
  }

  // g = (1 - c) / u of a row that is still hot in the first, and in the second child.
  void partners(const Step& s) {
    for (const double share : {s.share, 1 - s.share}) {
      const double c = s.c0 * share;
      for (int m = 0; m < points_; ++m) out_.push_back((1 - c) / (t_[m] + c * (1 - t_[m])));
    }
  }

  const Program& p_;
  const double* t_;
  int points_;
  std::int32_t at_ = 0;    // place whose turn it is
  std::size_t leaf_ = 0;
  std::vector<double> out_;
};

}  // namespace

Program compile_program(const Forest& forest, std::int64_t tree, std::int32_t output,
                        Fusion fusion) {
  return Compiler(forest, tree, output, fusion).compile();
}

std::vector<double> make_constants(const Program& program, const double* t, int points) {
  return Constants(program, t, points).make();
}

Rule gauss_legendre(int n) {
  Rule rule{std::vector<double>(n), std::vector<double>(n)};
  for (int i = 0; i < (n + 1) / 2; ++i) {
    long double x = std::cos(std::numbers::pi * (i + 0.75) / (n + 0.5)), slope = 1;
    for (int round = 0; round < 100; ++round) {
      long double p = x, before = 1;
      for (int k = 2; k <= n; ++k) {
        const long double next = ((2 * k - 1) * x * p - (k - 1) * before) / k;
        before = p;
        p = next;
      }
      slope = n * (x * p - before) / (x * x - 1);
      const long double change = p / slope;
      x -= change;
      if (std::abs(change) < 1e-18L) break;
    }
    const auto weight = static_cast<double>(1 / ((1 - x * x) * slope * slope));
    rule.point[i] = static_cast<double>((1 - x) / 2);
    rule.point[n - 1 - i] = static_cast<double>((1 + x) / 2);
    rule.weight[i] = rule.weight[n - 1 - i] = weight;
  }
  return rule;
}

}  // namespace whence
