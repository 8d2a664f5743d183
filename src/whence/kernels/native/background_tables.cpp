#include "background_tables.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <new>

namespace whence {
namespace {

std::int64_t stride_of(std::size_t sets, int width) {
  return (static_cast<std::int64_t>(sets) * width + kLine - 1) / kLine * kLine;
}

int width_of(const Forest& f, std::int64_t tree) {
  return f.target[tree] < 0 ? static_cast<int>(f.outputs()) : 1;
}

// weights[c, l]: the value of the l-th set of k players where exactly the players of c are known.
std::vector<double> pattern_weights(Index index, int order, int k, int lanes) {
  std::vector<double> weights((std::size_t{1} << k) * lanes, 0.0);
  for (std::uint32_t c = 0; c < 1u << k; ++c) {
    const int p = std::popcount(c);
    int l = 0;
    double by_inside[4];
    for (int a = 0; a <= order; ++a) by_inside[a] = cube_weight(index, order, a, p, k - p);
    choose(k, order, [&](const int* at) {
      int inside = 0;
      for (int i = 0; i < order; ++i) inside += (c >> at[i]) & 1;
      weights[c * lanes + l++] = by_inside[inside];
    });
  }
  return weights;
}

// Turns the counts of a group into its table, leaf by leaf.
class GroupSum {
 public:
  GroupSum(const Forest& forest, std::int64_t tree, const PlayerSets& sets, Index index,
           std::int64_t rows, Isa isa)
      : f_(forest), sets_(sets), index_(index), rows_(static_cast<double>(rows)),
        width_(width_of(forest, tree)), isa_(isa), first_(forest.start[tree]) {
    find_parents(tree);
  }

  // `count`: how often each index occurs in the background, or null.
  void add(const Group& group, const std::uint32_t* count, const std::vector<std::int32_t>& columns,
           std::int64_t stride, double* table) {
    for (const LeafPlan& leaf : group.leaves)
      if (static_cast<int>(leaf.conditions.size()) >= sets_.order())
        add_leaf(leaf, 1u << group.bits.size(), count, columns, stride, table);
  }

 private:
  void add_leaf(const LeafPlan& leaf, std::uint32_t entries, const std::uint32_t* count,
                const std::vector<std::int32_t>& columns, std::int64_t stride, double* table) {
    const int k = static_cast<int>(leaf.conditions.size());
    find_lanes(leaf, columns);
    const int lanes = static_cast<int>(stride_of(column_.size(), 1));
    auto& weights = weights_[k];
    if (weights.empty()) weights = pattern_weights(index_, sets_.order(), k, lanes);
    project(leaf, entries, count);
    sums_.resize((std::size_t{1} << k) * lanes);
    const LeafSum sum{k, lanes, weights.data(), share_.data(), sums_.data()};
    WHENCE_DISPATCH(isa_, sum_leaf, sum);
    scatter(leaf.node, entries, lanes, stride, table);
  }

  void find_lanes(const LeafPlan& leaf, const std::vector<std::int32_t>& columns) {
    column_.clear();
    choose(static_cast<int>(leaf.conditions.size()), sets_.order(), [&](const int* at) {
      std::int32_t set[3];
      for (int i = 0; i < sets_.order(); ++i) set[i] = leaf.conditions[at[i]].player;
      const auto id = static_cast<std::int32_t>(sets_.find(set));
      column_.push_back(static_cast<std::int32_t>(
          std::lower_bound(columns.begin(), columns.end(), id) - columns.begin()));
    });
  }

  void project(const LeafPlan& leaf, std::uint32_t entries, const std::uint32_t* count) {
    pattern_.assign(entries, 0);
    std::uint16_t bit = 1;
    for (const Condition& c : leaf.conditions) {
      for (std::uint32_t i = 0; i < entries; ++i)
        pattern_[i] = static_cast<std::uint16_t>(pattern_[i] | ((i & c.care) == c.want ? bit : 0));
      bit = static_cast<std::uint16_t>(bit << 1);
    }
    if (count == nullptr) return share_by_cover(leaf);
    counts_.assign(std::size_t{1} << leaf.conditions.size(), 0);
    for (std::uint32_t i = 0; i < entries; ++i) counts_[pattern_[i]] += count[i];
    share_.resize(counts_.size());
    for (std::size_t p = 0; p < counts_.size(); ++p)
      share_[p] = static_cast<double>(counts_[p]) / rows_;
  }

  // Each player of the path satisfies its splits with the product of their shares of weight,
  // independently of the others.
  void share_by_cover(const LeafPlan& leaf) {
    const std::size_t k = leaf.conditions.size();
    std::vector<double> hot(k, 1.0);
    for (std::int64_t v = leaf.node; v != first_; v = parent_[v - first_]) {
      const std::int64_t up = parent_[v - first_];
      const double left = f_.left_share(up);
      std::size_t j = 0;
      while (leaf.conditions[j].player != f_.player[f_.feature[up]]) ++j;
      hot[j] *= f_.left[up] == v ? left : 1 - left;
    }
    share_.assign(1, 1.0);
    for (std::size_t j = 0; j < k; ++j) {
      const std::size_t size = share_.size();
      share_.resize(2 * size);
      for (std::size_t p = 0; p < size; ++p) {
        share_[size + p] = share_[p] * hot[j];
        share_[p] *= 1 - hot[j];
      }
    }
  }

  void find_parents(std::int64_t tree) {
    parent_.assign(static_cast<std::size_t>(f_.start[tree + 1] - first_), -1);
    for (std::int64_t v = first_; v < f_.start[tree + 1]; ++v)
      if (!f_.is_leaf(v)) parent_[f_.left[v] - first_] = parent_[f_.right[v] - first_] = v;
  }

  void scatter(std::int64_t leaf, std::uint32_t entries, int lanes, std::int64_t stride,
               double* table) {
    const double* value = f_.value.data() + leaf * f_.width;
    const auto columns = column_.size();
    for (std::uint32_t i = 0; i < entries; ++i) {
      const double* from = sums_.data() + std::size_t{pattern_[i]} * lanes;
      double* to = table + i * stride;
      for (std::size_t l = 0; l < columns; ++l)
        for (int o = 0; o < width_; ++o) to[column_[l] * width_ + o] += value[o] * from[l];
    }
  }

  const Forest& f_;
  const PlayerSets& sets_;
  Index index_;
  double rows_;
  int width_;
  Isa isa_;
  std::int64_t first_;
  std::vector<std::int64_t> parent_;
  std::map<int, std::vector<double>> weights_;
  std::vector<std::int32_t> column_;
  std::vector<std::uint16_t> pattern_;
  std::vector<std::uint64_t> counts_;
  std::vector<double> share_, sums_;
};

}  // namespace

Chunks::Chunks(const Forest& forest, const double* X, std::int64_t rows)
    : rows_(rows), columns_(forest.columns()) {
  const std::int64_t size = columns_ * kChunk;
  numbers_.resize(static_cast<std::size_t>(count() * size));
  ranks_.resize(static_cast<std::size_t>(count() * size));
  for (int c = 0; c < count(); ++c)
    load_chunk(forest, X, std::int64_t{c} * kChunk, this->rows(c), numbers_.data() + c * size,
               ranks_.data() + c * size);
}

int Chunks::rows(int chunk) const {
  return static_cast<int>(std::min<std::int64_t>(kChunk, rows_ - std::int64_t{chunk} * kChunk));
}

void Masks::fill(const Forest& forest, std::int64_t tree, const TreePlan& plan, Columns x, int rows,
                 Isa isa) {
  const std::size_t size = (plan.splits + plan.derived.size()) * kChunkBytes;
  if (data_.size() < size) data_.resize(size, 0);
  std::uint8_t* mask = data_.data();
  for (std::int64_t v = forest.start[tree]; v < forest.start[tree + 1]; ++v) {
    if (forest.is_leaf(v)) continue;
    WHENCE_DISPATCH(isa, route_split, forest, v, x, rows, mask);
    mask += kChunkBytes;
  }
  WHENCE_DISPATCH(isa, derive_masks, plan.derived.data(), static_cast<int>(plan.derived.size()),
                  plan.splits, rows, data_.data());
}

std::int64_t table_bytes(const TreePlan& plan, int width) {
  std::int64_t total = 0;
  for (const Bundle& bundle : bundle_groups(plan, width))
    for (std::size_t g = bundle.first; g < bundle.last; ++g)
      total += stride_of(bundle.sets.size(), width) << plan.groups[g].bits.size();
  return total * static_cast<std::int64_t>(sizeof(double));
}

TreeCounts empty_counts(const TreePlan& plan) {
  TreeCounts counts;
  counts.first.push_back(0);
  for (const Group& group : plan.groups)
    counts.first.push_back(counts.first.back() + (std::int64_t{1} << group.bits.size()));
  counts.count.assign(static_cast<std::size_t>(counts.first.back()), 0);
  return counts;
}

void count_rows(const TreePlan& plan, const std::uint8_t* masks, int rows, TreeCounts& counts,
                Isa isa) {
  std::uint16_t index[kChunk];
  for (std::size_t g = 0; g < plan.groups.size(); ++g) {
    const auto& bits = plan.groups[g].bits;
    WHENCE_DISPATCH(isa, make_index, masks, bits.data(), static_cast<int>(bits.size()), rows,
                    index);
    std::uint32_t* count = counts.count.data() + counts.first[g];
    for (int r = 0; r < rows; ++r) ++count[index[r]];
  }
}

void add_mean(const Forest& forest, std::int64_t tree, const TreePlan& plan,
              const TreeCounts& counts, std::int64_t rows, double* mean) {
  for (std::size_t g = 0; g < plan.groups.size(); ++g)
    for (const LeafPlan& leaf : plan.groups[g].leaves) {
      std::uint32_t care = 0, want = 0;
      for (const Condition& c : leaf.conditions) {
        care |= c.care;
        want |= c.want;
      }
      const std::uint32_t loose = ((1u << plan.groups[g].bits.size()) - 1) & ~care;
      std::uint64_t reached = 0;
      for (std::uint32_t other = loose;; other = (other - 1) & loose) {
        reached += counts.count[counts.first[g] + (want | other)];
        if (other == 0) break;
      }
      const double share = static_cast<double>(reached) / static_cast<double>(rows);
      const double* value = forest.value.data() + leaf.node * forest.width;
      if (forest.target[tree] >= 0)
        mean[forest.target[tree]] += share * value[0];
      else
        for (std::int64_t o = 0; o < forest.outputs(); ++o) mean[o] += share * value[o];
    }
}

TreeTables::TreeTables(const Forest& forest, std::int64_t tree, const TreePlan& plan,
                       const TreeCounts* counts, const PlayerSets& sets, Index index,
                       std::int64_t rows, Isa isa) {
  const int width = width_of(forest, tree);
  const std::int64_t numbers =
      table_bytes(plan, width) / static_cast<std::int64_t>(sizeof(double));
  data_.reset(new (std::align_val_t{64}) double[static_cast<std::size_t>(numbers)]());
  tables_.resize(plan.groups.size());
  GroupSum sum(forest, tree, sets, index, rows, isa);
  double* next = data_.get();
  for (Bundle& bundle : bundle_groups(plan, width)) {
    Job job{bundle.first, bundle.last, {}, stride_of(bundle.sets.size(), width)};
    for (const std::int32_t set : bundle.sets)
      for (int o = 0; o < width; ++o)
        job.slots.push_back(static_cast<std::int32_t>(
            set * forest.outputs() + (forest.target[tree] < 0 ? o : forest.target[tree])));
    for (std::size_t g = bundle.first; g < bundle.last; ++g) {
      sum.add(plan.groups[g], counts ? counts->count.data() + counts->first[g] : nullptr,
              bundle.sets, job.stride, next);
      tables_[g] = next;
      next += job.stride << plan.groups[g].bits.size();
    }
    jobs_.push_back(std::move(job));
  }
}

void TreeTables::add(const TreePlan& plan, const std::uint8_t* masks, int rows, double* phi,
                     std::int64_t slots, Isa isa, std::vector<std::uint16_t>& scratch) const {
  for (int first = 0; first < rows; first += kTile) {
    const int here = std::min(kTile, rows - first);
    for (const Job& job : jobs_) {
      const std::size_t count = job.last - job.first;
      if (scratch.size() < count * kTile) scratch.resize(count * kTile);
      for (std::size_t g = job.first; g < job.last; ++g) {
        const auto& bits = plan.groups[g].bits;
        WHENCE_DISPATCH(isa, make_index, masks + first / 8, bits.data(),
                        static_cast<int>(bits.size()), here,
                        scratch.data() + (g - job.first) * kTile);
      }
      const Lookups lookups{tables_.data() + job.first, scratch.data(), static_cast<int>(count),
                            job.stride, job.slots.data(), static_cast<int>(job.slots.size())};
      WHENCE_DISPATCH(isa, add_lookups, lookups, here, phi + first * slots);
    }
  }
}

int chunks_per_block(std::int64_t numbers_per_row) {
  constexpr std::int64_t cache = 3 << 20;  // bytes
  const std::int64_t bytes = numbers_per_row * kChunk * static_cast<std::int64_t>(sizeof(double));
  return static_cast<int>(std::clamp<std::int64_t>(cache / std::max<std::int64_t>(bytes, 1), 1, 32));
}

void sum_trees(const Forest& forest, std::int64_t slots, const double* X, std::int64_t n,
               const std::function<void(std::int64_t, Columns, int, double*)>& add,
               double* out) {
  const std::int64_t columns = forest.columns();
  const int step = chunks_per_block(columns + slots);
  std::vector<double> phi;
  for (std::int64_t first = 0; first < n; first += step * kChunk) {
    const Chunks block(forest, X + first * columns,
                       std::min<std::int64_t>(step * kChunk, n - first));
    phi.assign(static_cast<std::size_t>(block.count() * slots * kChunk), 0.0);
    for (std::int64_t t = 0; t < forest.trees(); ++t)
      for (int c = 0; c < block.count(); ++c)
        add(t, block.at(c), block.rows(c), phi.data() + c * slots * kChunk);
    for (int c = 0; c < block.count(); ++c)
      for (int r = 0; r < block.rows(c); ++r) {
        const double* from = phi.data() + c * slots * kChunk + in_tile(r, slots);
        double* to = out + (first + std::int64_t{c} * kChunk + r) * slots;
        for (std::int64_t s = 0; s < slots; ++s) to[s] = from[s * kTile];
      }
  }
}

}  // namespace whence
