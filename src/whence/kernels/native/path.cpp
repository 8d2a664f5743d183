#include "path.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>

#include "path_loops.hpp"
#include "route.hpp"

namespace whence {
namespace {

constexpr double kCertificate = 1e-12;  // of the spread of the leaves, per row
constexpr std::int64_t kTileBytes = 65'536;
constexpr std::int64_t kMostTerms = 100'000'000;  // memory of the tables of interactions

// Uninitialized numbers, aligned to a cache line, that grow and never shrink.
template <class Number>
class Buffer {
 public:
  Number* need(std::int64_t count) {
    if (count > size_) {
      data_.reset(static_cast<Number*>(
          ::operator new(static_cast<std::size_t>(count) * sizeof(Number), std::align_val_t{64})));
      size_ = count;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(Number* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::unique_ptr<Number, Free> data_;
  std::int64_t size_ = 0;
};

int points_needed(const Program& program, Index index, int order) {
  return index == Index::banzhaf ? 1 : std::max(1, (program.players - order + 2) / 2);
}

Rule rule_of(Index index, int points) {
  return index == Index::banzhaf ? Rule{{0.5}, {1.0}} : gauss_legendre(points);
}

// Splits a rule into passes of at most kMaxPoints points, without the constants.
std::vector<Pass> split_rule(const Rule& rule) {
  std::vector<Pass> passes;
  for (std::size_t first = 0; first < rule.point.size(); first += kMaxPoints) {
    const std::size_t last = std::min(rule.point.size(), first + kMaxPoints);
    Pass pass;
    pass.point.assign(rule.point.begin() + first, rule.point.begin() + last);
    pass.weight.assign(rule.weight.begin() + first, rule.weight.begin() + last);
    for (const double t : pass.point) pass.cold.push_back(-1 / (1 - t));
    passes.push_back(std::move(pass));
  }
  return passes;
}

// Rows per tile, such that what the instructions pass on stays in the first-level cache.
int tile_of(const Program& program, int points) {
  const std::int64_t per_row = static_cast<std::int64_t>(program.slots) * points * 8;
  return static_cast<int>(std::clamp<std::int64_t>(kTileBytes / per_row / 8 * 8, 8, 64));
}

// Walks several rows down one tree side by side, without a jump that depends on where they go.
constexpr int kWalkers = 16;
void leaves_of(const Forest& f, std::int64_t tree, const double* X, int rows, std::int64_t* at) {
  std::fill_n(at, rows, f.start[tree]);
  for (bool moving = true; moving;) {
    moving = false;
    for (int r = 0; r < rows; ++r) {
      const std::int64_t v = at[r];
      if (f.is_leaf(v)) continue;
      moving = true;
      const double x = X[r * f.columns() + f.feature[v]];
      const bool left = f.split[v] <= Split::numeric_missing_left
                            ? (x <= f.threshold[v]) | (std::isnan(x) & (f.missing_left[v] != 0))
                            : special_goes_left(f, v, x);
      // A conditional move: compilers make a jump of `left ? f.left[v] : f.right[v]`.
      at[r] = f.right[v] ^ ((f.left[v] ^ f.right[v]) & -static_cast<std::int32_t>(left));
    }
  }
}

void add_leaf(const Forest& f, std::int64_t tree, std::int64_t leaf, double* out) {
  const double* value = f.value.data() + leaf * f.width;
  if (f.target[tree] >= 0)
    out[f.target[tree]] += value[0];
  else
    for (std::int64_t k = 0; k < f.outputs(); ++k) out[k] += value[k];
}

double value_of(const Forest& f, const Program& program, const double* row) {
  const std::int64_t column = f.target[program.tree] < 0 ? program.output : 0;
  std::int64_t leaf;
  leaves_of(f, program.tree, row, 1, &leaf);
  return f.value[leaf * f.width + column];
}

}  // namespace

// Rows that are worked on together, and the buffers for it; one per thread.
class Path::Chunk {
 public:
  Chunk(const Path& path, std::int64_t slabs)
      : path_(path), slabs_(slabs) {
    // The numbers that are added to should stay in the second-level cache.
    const std::int64_t per_row = std::max<std::int64_t>(1, slabs * 8);
    most_ = static_cast<int>(std::clamp<std::int64_t>((1 << 20) / per_row / 16 * 16, 16, kChunk));
  }

  int most() const { return most_; }

  void load(const double* X, std::int64_t first, int rows) {
    const std::int64_t columns = path_.forest_.columns();
    rows_ = rows;
    x_ = X + first * columns;
    columns_ = load_chunk(path_.forest_, X, first, rows, numbers_.need(columns * kChunk),
                          ranks_.need(columns * kChunk));
    std::fill_n(slab_.need(slabs_ * stride()), slabs_ * stride(), 0.0);
    routed_ = -1;
  }

  int rows() const { return rows_; }
  std::int64_t stride() const { return most_ + 8; }
  double* slab(std::int64_t s) { return slab_.need(0) + s * stride(); }
  const double* row(int i) const { return x_ + i * path_.forest_.columns(); }

  // Runs one pass of a program, adding to phi.
  Run prepare(const Program& program, const Pass& pass, const std::vector<double>& constants,
              double* phi) {
    const int points = static_cast<int>(pass.point.size());
    route(program);
    Run run{};
    run.ops = program.ops.data();
    run.count = static_cast<std::int64_t>(program.ops.size());
    run.places = program.places.data();
    run.constants = constants.data();
    run.weight = pass.weight.data();
    run.points = points;
    run.slots = program.slots;
    run.masks = masks_.data();
    run.rows = rows_;
    run.phi = phi;
    run.stride = stride();
    run.total = nullptr;
    run.tile = tile_of(program, points);
    run.scratch = scratch_.need(static_cast<std::int64_t>(program.slots) * points * run.tile);
    run.cold = pass.cold.data();
    return run;
  }

 private:
  void route(const Program& program) {
    // The programs of one tree with several outputs route alike, and stand side by side.
    if (routed_ == program.tree) return;
    routed_ = program.tree;
    const std::size_t bytes = static_cast<std::size_t>(program.masks) * kChunkBytes;
    if (masks_.size() < bytes) masks_.resize(bytes);
    WHENCE_DISPATCH(path_.isa_, fill_masks, path_.forest_, program.mask_ops.data(),
                    static_cast<std::int64_t>(program.mask_ops.size()), columns_, rows_,
                    masks_.data());
  }

  const Path& path_;
  std::int64_t slabs_;
  int most_ = kChunk, rows_ = 0;
  const double* x_ = nullptr;
  std::int64_t routed_ = -1;
  Columns columns_{};
  Buffer<double> numbers_, slab_, scratch_;
  Buffer<std::uint16_t> ranks_;
  std::vector<std::uint8_t> masks_;
};

Path::Path(const Forest& forest, Isa isa, double table_bytes)
    : forest_(forest), isa_(isa), table_bytes_(table_bytes) {}

std::vector<std::shared_ptr<const Program>> Path::compile(Index index, int order) const {
  std::vector<std::shared_ptr<const Program>> programs;
  for (std::int64_t tree = 0; tree < forest_.trees(); ++tree) {
    const std::int32_t outputs =
        forest_.target[tree] < 0 ? static_cast<std::int32_t>(forest_.outputs()) : 1;
    for (std::int32_t k = 0; k < outputs; ++k) {
      Program program =
          compile_program(forest_, tree, k, order > 1 ? Fusion::none : Fusion::large);
      if (order == 1 && points_needed(program, index, order) > kLargePoints)
        program = compile_program(forest_, tree, k, Fusion::small);
      programs.push_back(std::make_shared<const Program>(std::move(program)));
    }
  }
  // Trees of one output one after another: what they add to stays in the cache.
  if (!std::count(forest_.target.begin(), forest_.target.end(), -1))
    std::stable_sort(programs.begin(), programs.end(),
                     [](const auto& a, const auto& b) { return a->output < b->output; });
  return programs;
}

Plan Path::make_plan(Index index, int order) const {
  Plan plan;
  plan.index = index;
  plan.programs = compile(index, order);
  std::map<int, std::vector<Pass>> rules;
  for (const auto& program : plan.programs) {
    int points = points_needed(*program, index, order);
    // Values of deep trees start with few points; refine() adds more where they do not suffice.
    if (order == 1) points = std::min(points, kMaxPoints);
    if (!rules.contains(points)) rules[points] = split_rule(rule_of(index, points));
    std::vector<Pass> passes = rules[points];
    for (Pass& pass : passes)
      pass.constants =
          make_constants(*program, pass.point.data(), static_cast<int>(pass.point.size()));
    plan.passes.push_back(std::move(passes));
  }
  if (order > 1) number_sets(plan, order);
  return plan;
}

const Plan& Path::plan(Index index, int order) const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<const Plan>& plan = plans_[{index, order}];
  if (!plan) plan = std::make_unique<const Plan>(make_plan(index, order));
  return *plan;
}

const PathTables* Path::tables() const {
  std::call_once(tabled_, [this] { tables_ = PathTables::make(forest_, table_bytes_, isa_); });
  return tables_.get();
}

void Path::values(const double* X, std::int64_t rows, Index index, double* out) const {
  if (const PathTables* by_tables = index == Index::shapley ? tables() : nullptr)
    return by_tables->values(X, rows, out);
  const Plan& plan = this->plan(index, 1);
  const std::int64_t players = forest_.players, outputs = forest_.outputs();
  Chunk chunk(*this, players * outputs);
  for (std::int64_t first = 0; first < rows; first += chunk.most()) {
    const int n = static_cast<int>(std::min<std::int64_t>(chunk.most(), rows - first));
    chunk.load(X, first, n);
    values_of_chunk(plan, chunk);
    double* to = out + first * players * outputs;
    for (int i = 0; i < n; ++i)
      for (std::int64_t p = 0; p < players; ++p)
        for (std::int64_t k = 0; k < outputs; ++k) *to++ = chunk.slab(k * players + p)[i];
  }
}

void Path::values_of_chunk(const Plan& plan, Chunk& chunk) const {
  std::vector<std::uint8_t> deep(forest_.outputs(), 0);
  for (std::size_t i = 0; i < plan.programs.size(); ++i) {
    const Program& program = *plan.programs[i];
    const Pass& pass = plan.passes[i][0];
    if (points_needed(program, plan.index, 1) > kMaxPoints) {
      deep[program.output] = 1;
      continue;
    }
    const Run run = chunk.prepare(program, pass, pass.constants,
                                  chunk.slab(program.output * forest_.players));
    WHENCE_DISPATCH(isa_, run_values, run);
  }
  for (std::int32_t k = 0; k < forest_.outputs(); ++k)
    if (deep[k]) deep_values(plan, chunk, k);
}

void Path::deep_values(const Plan& plan, Chunk& chunk, std::int32_t output) const {
  const std::int64_t stride = chunk.stride();
  std::vector<double> phi(forest_.players * stride, 0.0), total(stride), residual(stride, 0.0);
  double spread = 0;
  for (std::size_t i = 0; i < plan.programs.size(); ++i) {
    const Program& program = *plan.programs[i];
    if (program.output != output || points_needed(program, Index::shapley, 1) <= kMaxPoints)
      continue;
    std::fill(total.begin(), total.end(), 0.0);
    Run run = chunk.prepare(program, plan.passes[i][0], plan.passes[i][0].constants, phi.data());
    run.total = total.data();
    WHENCE_DISPATCH(isa_, run_values, run);
    spread += program.spread;
    for (int r = 0; r < chunk.rows(); ++r)
      residual[r] +=
          std::abs(total[r] - (value_of(forest_, program, chunk.row(r)) - program.expectation));
  }
  std::vector<int> failed;
  for (int r = 0; r < chunk.rows(); ++r)
    if (!(residual[r] <= kCertificate * spread)) failed.push_back(r);
  if (!failed.empty()) refine(plan, chunk, output, failed, phi);
  for (std::int64_t p = 0; p < forest_.players; ++p)
    for (int r = 0; r < chunk.rows(); ++r)
      chunk.slab(output * forest_.players + p)[r] += phi[p * stride + r];
}

void Path::refine(const Plan& plan, const Chunk& chunk, std::int32_t output,
                  const std::vector<int>& rows, std::vector<double>& phi) const {
  std::vector<double> X;
  for (const int r : rows) X.insert(X.end(), chunk.row(r), chunk.row(r) + forest_.columns());
  Chunk again(*this, forest_.players);
  std::map<int, std::vector<Pass>> rules;
  for (std::size_t first = 0; first < rows.size(); first += again.most()) {
    const int n = static_cast<int>(std::min<std::size_t>(again.most(), rows.size() - first));
    again.load(X.data(), static_cast<std::int64_t>(first), n);
    for (const auto& program : plan.programs) {
      const int points = points_needed(*program, Index::shapley, 1);
      if (program->output != output || points <= kMaxPoints) continue;
      if (!rules.contains(points)) rules[points] = split_rule(rule_of(Index::shapley, points));
      for (const Pass& pass : rules[points]) {
        const std::vector<double> constants =
            make_constants(*program, pass.point.data(), static_cast<int>(pass.point.size()));
        const Run run = again.prepare(*program, pass, constants, again.slab(0));
        WHENCE_DISPATCH(isa_, run_values, run);
      }
    }
    for (std::int64_t p = 0; p < forest_.players; ++p)
      for (int i = 0; i < n; ++i)
        phi[p * chunk.stride() + rows[first + i]] = again.slab(p)[i];
  }
}

void Path::number_sets(Plan& plan, int order) const {
  struct Key {
    std::int32_t player[3];
    auto operator<=>(const Key&) const = default;
  };
  const auto visit = [&](const Program& program, auto&& visitor) {
    for (std::size_t s = 0; s < program.steps.size(); ++s) {
      const std::int64_t first = program.live_start[s], last = program.live_start[s + 1];
      for (std::int64_t j = first; j < last; ++j) {
        Key key{{program.steps[s].player, program.live_player[j], -1}};
        if (order == 2) {
          std::sort(key.player, key.player + 2);
          visitor(s, key);
          continue;
        }
        for (std::int64_t k = j + 1; k < last; ++k) {
          Key three{{key.player[0], key.player[1], program.live_player[k]}};
          std::sort(three.player, three.player + 3);
          visitor(s, three);
        }
      }
    }
  };
  std::int64_t terms = 0;
  for (const auto& program : plan.programs)
    for (std::size_t s = 0; s < program->steps.size(); ++s) {
      const std::int64_t live = program->live_start[s + 1] - program->live_start[s];
      terms += order == 2 ? live : live * (live - 1) / 2;
    }
  if (terms > kMostTerms)
    throw std::length_error("Interactions of order " + std::to_string(order) + 
                            " of these trees have " +
                            std::to_string(terms) + " terms, at most " +
                            std::to_string(kMostTerms) + " are supported. Ask for a lower order.");
  std::vector<Key> keys;
  for (const auto& program : plan.programs) {
    visit(*program, [&](std::size_t, const Key& key) { keys.push_back(key); });
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  }
  for (const Key& key : keys) plan.sets.insert(plan.sets.end(), key.player, key.player + order);
  for (const auto& program : plan.programs) {
    std::vector<std::int64_t> start(program->steps.size() + 1, 0);
    std::vector<std::int32_t> ids;
    visit(*program, [&](std::size_t s, const Key& key) {
      ids.push_back(static_cast<std::int32_t>(
          std::lower_bound(keys.begin(), keys.end(), key) - keys.begin()));
      start[s + 1] = static_cast<std::int64_t>(ids.size());
    });
    for (std::size_t s = 1; s < start.size(); ++s) start[s] = std::max(start[s], start[s - 1]);
    plan.set_start.push_back(std::move(start));
    plan.set_ids.push_back(std::move(ids));
  }
}

const std::vector<std::int32_t>& Path::interaction_sets(int order) const {
  return plan(Index::shapley, order).sets;
}

void Path::interactions(const double* X, std::int64_t rows, int order, Index index,
                        double* out) const {
  const Plan& plan = this->plan(index, order);
  const auto sets = static_cast<std::int64_t>(plan.sets.size()) / order;
  const std::int64_t outputs = forest_.outputs();
  Chunk chunk(*this, sets * outputs);
  for (std::int64_t first = 0; first < rows; first += chunk.most()) {
    const int n = static_cast<int>(std::min<std::int64_t>(chunk.most(), rows - first));
    chunk.load(X, first, n);
    for (std::size_t i = 0; i < plan.programs.size(); ++i) {
      const Program& program = *plan.programs[i];
      for (const Pass& pass : plan.passes[i]) {
        Run run = chunk.prepare(program, pass, pass.constants, chunk.slab(program.output * sets));
        run.live_start = program.live_start.data();
        run.live_slot = program.live_slot.data();
        run.set_start = plan.set_start[i].data();
        run.sets = plan.set_ids[i].data();
        WHENCE_DISPATCH(isa_, run_interactions, run, order);
      }
    }
    double* to = out + first * sets * outputs;
    for (int i = 0; i < n; ++i)
      for (std::int64_t s = 0; s < sets; ++s)
        for (std::int64_t k = 0; k < outputs; ++k) *to++ = chunk.slab(k * sets + s)[i];
  }
}

void Path::predict(const double* X, std::int64_t rows, double* out) const {
  const std::int64_t outputs = forest_.outputs(), columns = forest_.columns();
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t k = 0; k < outputs; ++k) out[i * outputs + k] = forest_.base[k];
  for (std::int64_t block = 0; block < rows; block += kChunk) {
    const std::int64_t end = std::min(rows, block + kChunk);
    for (std::int64_t tree = 0; tree < forest_.trees(); ++tree)
      for (std::int64_t i = block; i < end; i += kWalkers) {
        const int n = static_cast<int>(std::min<std::int64_t>(kWalkers, end - i));
        std::int64_t at[kWalkers];
        leaves_of(forest_, tree, X + i * columns, n, at);
        for (int r = 0; r < n; ++r) add_leaf(forest_, tree, at[r], out + (i + r) * outputs);
      }
  }
}

std::vector<double> Path::expectation() const {
  std::vector<double> mean = forest_.base;
  for (const auto& program : plan(Index::shapley, 1).programs)
    mean[program->output] += program->expectation;
  return mean;
}

}  // namespace whence
