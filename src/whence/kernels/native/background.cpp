#include "background.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace whence {
struct Background::Buffers {
  Masks masks;
  std::vector<std::uint16_t> index;
  std::vector<std::uint8_t> x_masks, b_masks;
  std::vector<std::uint64_t> x_bits, b_bits;
  const std::uint64_t* background = nullptr;  // b_bits, or those that were kept
  JoinScratch join;
  std::vector<double> sums;
  std::vector<const double*> known, unknown;  // weights by q
  void point_at(const CubeWeights& weights, int longest);
};

Background::Background(const Forest& forest, const double* Z, std::int64_t rows,
                       double table_bytes, Isa isa)
    : f_(forest), Z_(Z), rows_(rows), bytes_(table_bytes), isa_(isa) {
  if (rows < 1) throw std::invalid_argument("The background has no rows, at least one is needed.");
  tables(Index::shapley, 1);
  find_mean();
}

int Background::width(std::int64_t tree) const {
  return f_.target[tree] < 0 ? static_cast<int>(f_.outputs()) : 1;
}

std::unique_ptr<Background::Joint> Background::make_joint(int order) const {
  auto joint = std::make_unique<Joint>(f_, order);
  choose_tables(*joint);
  count_background(*joint);
  keep_bits(*joint);
  return joint;
}

// Bits of the background for the trees that are joined in pairs, within the same bound of memory:
// without them each call routes the background again, which costs more than a single row.
void Background::keep_bits(Joint& joint) const {
  joint.bits.resize(f_.trees());
  double left = bytes_;
  for (std::int64_t t = 0; t < f_.trees(); ++t) {
    if (joint.sets.order() > 1 || !joint.joins[t] || !joint.joins[t]->pairwise()) continue;
    const std::size_t words = joint.joins[t]->words();
    left -= 8.0 * static_cast<double>(words) * static_cast<double>(rows_);
    if (left < 0) return;
    const Chunks& background = chunks_while_locked();
    joint.bits[t].resize(words * rows_);
    std::vector<std::uint8_t> masks(joint.joins[t]->left.size() * kChunkBytes, 0);
    for (int c = 0; c < background.count(); ++c) {
      WHENCE_DISPATCH(isa_, route_tree, f_, t, background.at(c), background.rows(c), masks.data());
      bits_by_row(masks.data(), joint.joins[t]->left.size(), background.rows(c),
                  joint.bits[t].data() + std::size_t{words} * c * kChunk);
    }
  }
}

// Trees get tables, the cheapest first, until the memory is spent; the descent takes the rest.
void Background::choose_tables(Joint& joint) const {
  const std::int64_t trees = f_.trees();
  std::vector<double> bytes(trees);
  for (std::int64_t t = 0; t < trees; ++t)
    bytes[t] = planned_bytes(f_, t, joint.sets, width(t));
  std::vector<std::int64_t> cheapest(trees);
  std::iota(cheapest.begin(), cheapest.end(), 0);
  std::stable_sort(cheapest.begin(), cheapest.end(),
                   [&](std::int64_t a, std::int64_t b) { return bytes[a] < bytes[b]; });
  joint.plans.resize(trees);
  joint.counts.resize(trees);
  joint.joins.resize(trees);
  for (const std::int64_t t : cheapest) {
    const bool fits = joint.bytes + bytes[t] <= bytes_;
    if (fits) {
      joint.bytes += bytes[t];
      joint.plans[t] = plan_tree(f_, t, joint.sets, width(t));
    }
    const auto& sparse = joint.plans[t].sparse;
    if (fits && sparse.empty()) continue;
    auto join = std::make_unique<JoinTree>(f_, t, fits ? &sparse : nullptr);
    joint.joined += fits ? static_cast<std::int64_t>(sparse.size())
                         : (f_.start[t + 1] - f_.start[t] + 1) / 2;
    joint.longest = std::max(joint.longest, join->longest);
    joint.joins[t] = std::move(join);
  }
}

void Background::count_background(Joint& joint) const {
  const int step = chunks_per_block(f_.columns());
  for (std::int64_t t = 0; t < f_.trees(); ++t) joint.counts[t] = empty_counts(joint.plans[t]);
  Masks masks;
  for (std::int64_t first = 0; first < rows_; first += step * kChunk) {
    const Chunks block(f_, Z_ + first * f_.columns(),
                       std::min<std::int64_t>(step * kChunk, rows_ - first));
    for (std::int64_t t = 0; t < f_.trees(); ++t) {
      if (joint.plans[t].groups.empty()) continue;
      for (int c = 0; c < block.count(); ++c) {
        masks.fill(f_, t, joint.plans[t], block.at(c), block.rows(c), isa_);
        count_rows(joint.plans[t], masks.data(), block.rows(c), joint.counts[t], isa_);
      }
    }
  }
}

void Background::find_mean() {
  const Joint& joint = this->joint(1);
  mean_ = f_.base;
  for (std::int64_t t = 0; t < f_.trees(); ++t) {
    const std::int64_t root = f_.start[t];
    if (!joint.joins[t] && !f_.is_leaf(root)) {
      add_mean(f_, t, joint.plans[t], joint.counts[t], rows_, mean_.data());
      continue;
    }
    std::vector<std::int64_t> reached(f_.start[t + 1] - root, 0);
    const Chunks& rows = chunks();
    std::vector<std::uint8_t> masks(reached.size() * kChunkBytes, 0);
    for (int c = 0; c < rows.count(); ++c) {
      WHENCE_DISPATCH(isa_, route_tree, f_, t, rows.at(c), rows.rows(c), masks.data());
      for (int r = 0; r < rows.rows(c); ++r) {
        std::int64_t v = root;
        while (!f_.is_leaf(v)) {
          const bool left = (masks[(v - root) * kChunkBytes + r / 8] >> (r % 8)) & 1;
          v = left ? f_.left[v] : f_.right[v];
        }
        ++reached[v - root];
      }
    }
    for (std::int64_t v = root; v < f_.start[t + 1]; ++v)
      for (int o = 0; o < width(t); ++o)
        mean_[std::max(f_.target[t], 0) + o] += static_cast<double>(reached[v - root]) /
                                                static_cast<double>(rows_) *
                                                (f_.is_leaf(v) ? f_.value[v * f_.width + o] : 0);
  }
}

const Background::Joint& Background::joint(int order) const {
  const std::lock_guard lock(making_);
  auto& found = joints_[order];
  if (!found) found = make_joint(order);
  return *found;
}

const Background::Tables& Background::tables(Index index, int order) const {
  const Joint& joint = this->joint(order);
  const std::lock_guard lock(making_);
  auto& found = tables_[{index, order}];
  if (!found) {
    auto made = std::make_unique<Tables>(
        Tables{{}, CubeWeights(index, order, joint.longest)});
    for (std::int64_t t = 0; t < f_.trees(); ++t)
      made->trees.push_back(joint.plans[t].groups.empty()
                                ? nullptr
                                : std::make_unique<const TreeTables>(f_, t, joint.plans[t],
                                                                     &joint.counts[t], joint.sets,
                                                                     index, rows_, isa_));
    found = std::move(made);
  }
  return *found;
}

const Chunks& Background::chunks() const {
  const std::lock_guard lock(making_);
  return chunks_while_locked();
}

const Chunks& Background::chunks_while_locked() const {
  if (!chunks_) chunks_ = std::make_unique<const Chunks>(f_, Z_, rows_);
  return *chunks_;
}

void Background::explain(Index index, int order, const double* X, std::int64_t n,
                         double* out) const {
  const Joint& joint = this->joint(order);
  const Tables& tables = this->tables(index, order);
  Buffers buffers;
  sum_trees(
      f_, joint.sets.size() * f_.outputs(), X, n,
      [&](std::int64_t tree, Columns x, int rows, double* phi) {
        add_tree(joint, tables, tree, x, rows, phi, buffers);
      },
      out);
}

void Background::add_tree(const Joint& joint, const Tables& tables, std::int64_t tree,
                          Columns x, int rows, double* phi, Buffers& buffers) const {
  if (tables.trees[tree]) {
    buffers.masks.fill(f_, tree, joint.plans[tree], x, rows, isa_);
    tables.trees[tree]->add(joint.plans[tree], buffers.masks.data(), rows, phi,
                            joint.sets.size() * f_.outputs(), isa_, buffers.index);
  }
  if (joint.joins[tree]) add_joined(joint, tables, tree, x, rows, phi, buffers);
}

// Routes a chunk of the background before its rows are joined.
void Background::route_background(const JoinTree& tree, std::int64_t at, Columns z,
                                  JoinPath& path, Buffers& buffers) const {
  const int rows = path.b_rows;
  buffers.b_masks.resize(std::max(buffers.b_masks.size(), tree.left.size() * kChunkBytes), 0);
  path.b_masks = buffers.b_masks.data();
  WHENCE_DISPATCH(isa_, route_tree, f_, at, z, rows, buffers.b_masks.data());
  if (!tree.pairwise()) return;
  buffers.b_bits.resize(tree.words() * kChunk);
  bits_by_row(buffers.b_masks.data(), tree.left.size(), rows, buffers.b_bits.data());
  buffers.background = buffers.b_bits.data();
}

// Runs one descent and leaves the sums over the lanes in the first lane of each player.
void Background::join_row(const JoinTree& tree, JoinPath& path, JoinLeaf& leaf,
                          Buffers& buffers) const {
  const std::size_t sums = tree.players.size() * leaf.responses;
  buffers.sums.assign(sums * 8, 0.0);
  leaf.sums = buffers.sums.data();
  if (tree.pairwise()) {
    const std::uint64_t* x = buffers.x_bits.data() + path.x_row * tree.words();
    for (int b = 0; b < path.b_rows; ++b)
      buffers.join.join_pair(tree, leaf, x, buffers.background + b * tree.words(), b);
    return;
  }
  WHENCE_DISPATCH(isa_, join_players, path, leaf);
  for (std::size_t s = 0; s < sums; ++s) {
    double* lanes = buffers.sums.data() + s * 8;
    for (int i = 1; i < 8; ++i) lanes[0] += lanes[i];
  }
}

JoinPath Background::begin_join(const JoinTree& tree, std::int64_t at, Columns x, int rows,
                                Buffers& buffers) const {
  buffers.x_masks.resize(std::max(buffers.x_masks.size(), tree.left.size() * kChunkBytes), 0);
  WHENCE_DISPATCH(isa_, route_tree, f_, at, x, rows, buffers.x_masks.data());
  if (tree.pairwise()) {
    buffers.x_bits.resize(tree.words() * kChunk);
    bits_by_row(buffers.x_masks.data(), tree.left.size(), rows, buffers.x_bits.data());
  }
  JoinPath path = buffers.join.prepare(tree);
  path.x_masks = buffers.x_masks.data();
  return path;
}

void Background::Buffers::point_at(const CubeWeights& weights, int longest) {
  known.clear();
  unknown.clear();
  for (int q = 0; q <= longest; ++q) {
    known.push_back(weights.row(1, q));
    unknown.push_back(weights.row(0, q));
  }
}

void Background::add_joined(const Joint& joint, const Tables& tables, std::int64_t tree,
                            Columns x, int rows, double* phi, Buffers& buffers) const {
  const JoinTree& join = *joint.joins[tree];
  const int order = joint.sets.order();
  const std::int64_t outputs = f_.outputs(), target = f_.target[tree];
  const std::int64_t slots = joint.sets.size() * outputs;
  const Chunks& background = chunks();
  const double share = 1 / static_cast<double>(rows_);
  buffers.point_at(tables.weights, joint.longest);
  JoinPath path = begin_join(join, tree, x, rows, buffers);
  JoinLeaf leaf{buffers.known.data(), buffers.unknown.data(), f_.value.data(), join.first,
                f_.width,             width(tree),            nullptr,         nullptr};
  std::vector<double> sets(order == 1 ? 0 : slots);
  for (int c = 0; c < background.count(); ++c) {
    path.b_rows = background.rows(c);
    if (joint.bits[tree].empty())
      route_background(join, tree, background.at(c), path, buffers);
    else
      buffers.background = joint.bits[tree].data() + join.words() * c * kChunk;
    for (path.x_row = 0; path.x_row < rows; ++path.x_row) {
      double* to = phi + in_tile(path.x_row, slots);
      if (order > 1) {
        std::fill(sets.begin(), sets.end(), 0.0);
        join_sets(path, join, f_, target, joint.sets, tables.weights, sets.data());
        for (std::size_t s = 0; s < sets.size(); ++s) to[s * kTile] += share * sets[s];
        continue;
      }
      join_row(join, path, leaf, buffers);
      for (std::size_t j = 0; j < join.players.size(); ++j)
        for (int o = 0; o < leaf.responses; ++o)
          to[(join.players[j] * outputs + std::max<std::int64_t>(target, 0) + o) * kTile] +=
              share * buffers.sums[(j * leaf.responses + o) * 8];
    }
  }
}

const std::vector<JoinTree>& Background::whole_trees() const {
  const std::lock_guard lock(making_);
  if (whole_trees_.empty()) {
    int longest = 0;
    for (std::int64_t t = 0; t < f_.trees(); ++t) {
      whole_trees_.emplace_back(f_, t, nullptr);
      longest = std::max(longest, whole_trees_.back().longest);
    }
    whole_weights_ = std::make_unique<const CubeWeights>(Index::shapley, 1, longest);
  }
  return whole_trees_;
}

void Background::rescale_chunk(Columns x, int rows, Columns z, int background,
                               int responses, const double* factors, double* out) const {
  const auto& trees = whole_trees();
  const double share = 1 / static_cast<double>(rows_);
  Buffers buffers;
  for (std::int64_t t = 0; t < f_.trees(); ++t) {
    const JoinTree& tree = trees[t];
    const std::int64_t outputs = f_.outputs(), target = f_.target[t];
    buffers.point_at(*whole_weights_, tree.longest);
    JoinPath path = begin_join(tree, t, x, rows, buffers);
    path.b_rows = background;
    route_background(tree, t, z, path, buffers);
    JoinLeaf leaf{buffers.known.data(), buffers.unknown.data(), f_.value.data(), tree.first,
                  f_.width,             responses,              nullptr,         nullptr};
    leaf.used = width(t);
    leaf.gain_stride = outputs * kChunk;
    for (path.x_row = 0; path.x_row < rows; ++path.x_row) {
      leaf.gains = factors + (path.x_row * responses * outputs + std::max<std::int64_t>(target, 0)) *
                                 kChunk;
      join_row(tree, path, leaf, buffers);
      for (std::size_t j = 0; j < tree.players.size(); ++j)
        for (int c = 0; c < responses; ++c)
          out[(path.x_row * f_.players + tree.players[j]) * responses + c] +=
              share * buffers.sums[(j * responses + c) * 8];
    }
  }
}

}  // namespace whence
