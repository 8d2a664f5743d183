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

struct Frame {
  std::int32_t node, source, target, depth;
  int stage = 0;
  Op op{};
  bool entered = false;  // whether the player of this split stands inside one of its children
  State before{};        // and where it stood
  std::int32_t partner_slot = -1;
};

class Compiler {
 public:
  Compiler(const Forest& forest, std::int64_t tree, std::int32_t output, bool fused) : f_(forest) {
    p_.tree = tree;
    p_.fused = fused;
    p_.output = forest.target[tree] < 0 ? output : forest.target[tree];
    column_ = forest.target[tree] < 0 ? output : 0;
    stride_ = fused ? Slots::fused : Slots::unfused;
    summarize();
  }

  Program compile() {
    const auto root = static_cast<std::int32_t>(f_.start[p_.tree]);
    if (!f_.is_leaf(root)) stack_.push_back({root, Slots::root, Slots::result, 0});
    while (!stack_.empty()) advance();
    p_.slots = Slots::base + stride_ * (deepest_ + 1);
    p_.live_start.push_back(static_cast<std::int64_t>(p_.live_slot.size()));
    return std::move(p_);
  }

 private:
  double value(std::int32_t v) const { return f_.value[v * f_.width + column_]; }
  // 0: leaf, 1: twig, 2: larger
  int size_class(std::int32_t v) const {
    if (f_.is_leaf(v)) return 0;
    return f_.is_leaf(f_.left[v]) && f_.is_leaf(f_.right[v]) ? 1 : 2;
  }
  bool flipped(std::int32_t v) const {
    return size_class(f_.left[v]) > size_class(f_.right[v]);
  }
  std::int32_t child(std::int32_t v, int side) const {
    return (side == 0) != flipped(v) ? f_.left[v] : f_.right[v];
  }

  void summarize() {
    const std::int64_t first = f_.start[p_.tree], last = f_.start[p_.tree + 1];
    std::vector<double> mean(last - first);
    double low = INFINITY, high = -INFINITY;
    for (std::int64_t v = last - 1; v >= first; --v) {
      if (f_.is_leaf(v)) {
        mean[v - first] = value(static_cast<std::int32_t>(v));
        low = std::min(low, mean[v - first]);
        high = std::max(high, mean[v - first]);
      } else {
        const double share = f_.left_share(v);
        mean[v - first] =
            share * mean[f_.left[v] - first] + (1 - share) * mean[f_.right[v] - first];
      }
    }
    p_.expectation = mean[0];
    p_.spread = high - low;
  }

  State& state(std::int32_t player) { return states_[player]; }

  Place arrive(std::int32_t v) {
    Place place;
    place.player = f_.player[f_.feature[v]];
    place.step = static_cast<std::int32_t>(p_.steps.size());
    place.first = p_.masks++;
    const State at = state(place.player);
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
    if (!p_.fused && size_class(v) == 2) place.second = p_.masks++;
    p_.steps.push_back(step);
    p_.mask_ops.push_back(
        {v, place.first, place.second, place.hot, static_cast<std::uint8_t>(flipped(v))});
    if (!p_.fused) list_partners(place);
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

  void enter(Frame& frame, int side) {
    const Place& place = frame.op.place[0];
    State& s = state(place.player);
    frame.before = s;
    frame.entered = true;
    if (s.step < 0) ++distinct_;
    const std::int32_t slot = frame.op.scratch + (side == 0 ? Slots::g_first : Slots::g_second);
    if (s.partner < 0) {
      s.partner = static_cast<std::int32_t>(partners_.size());
      partners_.push_back({place.player, slot});
    } else {
      frame.partner_slot = partners_[s.partner].slot;
      partners_[s.partner].slot = slot;
    }
    s.step = place.step;
    s.side = side;
  }

  void leave(Frame& frame) {
    State& s = state(frame.op.place[0].player);
    if (frame.before.partner < 0)
      partners_.pop_back();
    else
      partners_[s.partner].slot = frame.partner_slot;
    s = frame.before;
    frame.entered = false;
    if (s.step < 0) --distinct_;
  }

  Place twig(Frame& frame, int side) {
    enter(frame, side);
    const Place place = arrive(child(frame.node, side));
    leave(frame);
    return place;
  }

  // Runs the top frame one stage further.
  void advance() {
    Frame& frame = stack_.back();
    switch (frame.stage++) {
      case 0:
        if (open(frame)) return;
        stack_.pop_back();
        return;
      case 1:
        return descend(0);
      case 2:
        if (frame.entered) leave(frame);
        return descend(1);
      default:
        leave(frame);
        frame.op.kind = Kind::join;
        p_.ops.push_back(frame.op);
        stack_.pop_back();
    }
  }

  // Emits what starts at a node; false: that was all of it.
  bool open(Frame& frame) {
    deepest_ = std::max(deepest_, frame.depth);
    Op& op = frame.op;
    op.source = frame.source;
    op.target = frame.target;
    op.scratch = Slots::base + stride_ * frame.depth;
    if (f_.is_leaf(frame.node)) {
      op.kind = Kind::leaf;
      op.value = value(frame.node);
      p_.ops.push_back(op);
      return false;
    }
    op.place[0] = arrive(frame.node);
    if (size_class(frame.node) == 1) {
      op.kind = Kind::twig;
      p_.ops.push_back(op);
      return false;
    }
    if (!p_.fused) {
      op.kind = Kind::enter;
      p_.ops.push_back(op);
      return true;
    }
    return open_fused(frame);
  }

  bool open_fused(Frame& frame) {
    Op& op = frame.op;
    const int first = size_class(child(frame.node, 0)), second = size_class(child(frame.node, 1));
    if (first == 0) op.value = value(child(frame.node, 0));
    if (first == 1) op.place[1] = twig(frame, 0);
    if (second == 1) op.place[2] = twig(frame, 1);
    if (second == 1)
      op.kind = first == 0 ? Kind::leaf_twig : Kind::twig_twig;
    else
      op.kind = first == 0 ? Kind::enter_leaf : first == 1 ? Kind::enter_twig : Kind::enter;
    p_.ops.push_back(op);
    return second == 2;
  }

  void descend(int side) {
    Frame& frame = stack_.back();
    const std::int32_t v = child(frame.node, side);
    if (side == 0 && p_.fused && size_class(v) < 2) return;  // done by the opening op
    enter(frame, side);
    const std::int32_t scratch = frame.op.scratch, depth = frame.depth;
    if (side == 0)
      stack_.push_back({v, scratch + Slots::first, scratch + Slots::value, depth + 1});
    else
      stack_.push_back({v, scratch + Slots::second, Slots::result, depth + 1});
  }

  const Forest& f_;
  Program p_;
  std::int32_t column_ = 0, stride_ = 0, deepest_ = 0, distinct_ = 0;
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
    switch (op.kind) {
      case Kind::enter_leaf:
        shares(step(op, 0));
        out_.push_back(op.value);
        break;
      case Kind::enter_twig:
        shares(step(op, 0));
        twig(step(op, 1));
        break;
      case Kind::enter:
        shares(step(op, 0));
        if (!p_.fused) partners(step(op, 0));
        break;
      case Kind::join:
        coefficients(step(op, 0), 1);
        break;
      case Kind::leaf_twig:
        shares(step(op, 0));
        coefficients(step(op, 0), 1);
        out_.push_back(op.value);
        twig(step(op, 2));
        break;
      case Kind::twig_twig:
        shares(step(op, 0));
        coefficients(step(op, 0), 1);
        twig(step(op, 1));
        twig(step(op, 2));
        break;
      case Kind::twig:
        twig(step(op, 0));
        break;
      case Kind::leaf:
        out_.push_back(op.value);
    }
  }

  const Step& step(const Op& op, int at) const { return p_.steps[op.place[at].step]; }

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
  std::vector<double> out_;
};

}  // namespace

Program compile_program(const Forest& forest, std::int64_t tree, std::int32_t output, bool fused) {
  return Compiler(forest, tree, output, fused).compile();
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
