#include "curves.hpp"

#include <algorithm>
#include <memory>

#include "curves_list.hpp"

namespace whence {
namespace {

constexpr std::int64_t kWord = 64;
constexpr std::int64_t kLarge = 200;  // nodes of a tree from which on rows go as a list

std::uint64_t first_bits(std::int64_t count) {
  return count >= kWord ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

std::int64_t depth_of(const Forest& f) {
  std::vector<std::int64_t> depth(f.nodes(), 0);
  std::int64_t most = 0;
  for (std::int64_t v = 0; v < f.nodes(); ++v) {  // children stand after their parent
    most = std::max(most, depth[v]);
    if (!f.is_leaf(v)) depth[f.left[v]] = depth[f.right[v]] = depth[v] + 1;
  }
  return most;
}

}  // namespace

// The columns that move and the trees that read them.
struct Curves::Moves {
  std::vector<std::uint8_t> column;          // (columns) whether it moves
  std::vector<std::int64_t> place;           // (columns) among those that move
  std::vector<std::int64_t> splits;          // nodes on columns that move
  std::vector<std::int64_t> small, large;    // trees with such splits
  bool every;                                // whether these are all trees

  Moves(const Forest& f, const std::vector<std::int32_t>& moved)
      : column(f.columns(), 0), place(f.columns(), 0) {
    for (std::size_t j = 0; j < moved.size(); ++j)
      column[moved[j]] = 1, place[moved[j]] = static_cast<std::int64_t>(j);
    for (std::int64_t t = 0; t < f.trees(); ++t) {
      const std::size_t before = splits.size();
      for (std::int64_t v = f.start[t]; v < f.start[t + 1]; ++v)
        if (!f.is_leaf(v) && column[f.feature[v]]) splits.push_back(v);
      if (splits.size() > before)
        (f.start[t + 1] - f.start[t] < kLarge ? small : large).push_back(t);
    }
    every = static_cast<std::int64_t>(small.size() + large.size()) == f.trees();
  }
};

Curves::Curves(const Forest& forest, Isa isa)
    : forest_(forest), isa_(isa), depth_(depth_of(forest)) {}

void Curves::along(const double* X, const double* raw, std::int64_t rows,
                   const std::vector<std::int32_t>& moved, const double* cells,
                   std::int64_t positions, double* out) const {
  const Forest& f = forest_;
  const std::int64_t k = f.outputs();
  const auto count = static_cast<std::int64_t>(moved.size());
  const Moves moves(f, moved);
  const auto left = std::make_unique_for_overwrite<std::uint64_t[]>(f.nodes());
  // What each row has where it is not walked: the base, or its raw output less that of all walked.
  std::vector<double> rest(rows * k);
  for (std::int64_t i = 0; i < rows * k; ++i) rest[i] = moves.every ? f.base[i % k] : raw[i];
  std::fill(out, out + rows * positions * k, 0.0);
  if (!moves.large.empty()) {
    ListWalk list(f, X, rows, depth_);
    if (!moves.every) {
      const std::vector<std::uint8_t> none(f.columns(), 0);
      std::vector<double> own(rows * k, 0.0);
      for (const std::int64_t t : moves.large) list.walk(t, none.data(), left.get(), 1, own.data(), k);
      for (std::int64_t i = 0; i < rows * k; ++i) rest[i] -= own[i];
    }
    for (std::int64_t first = 0; first < positions; first += kWord) {
      mark(moves, cells, count, first, positions, left.get());
      for (const std::int64_t t : moves.large)
        list.walk(t, moves.column.data(), left.get(), first_bits(positions - first),
                  out + first * k, positions * k);
    }
  }
  for (std::int64_t first = 0; first < positions; first += kWord) {
    mark(moves, cells, count, first, positions, left.get());
    by_chunks(moves, X, rows, left.get(), first, positions, rest.data(), out);
  }
}

// Tells which of the positions from `first` on each split on a column that moves sends left.
void Curves::mark(const Moves& moves, const double* cells, std::int64_t count, std::int64_t first,
                  std::int64_t positions, std::uint64_t* left) const {
  const std::int64_t size = std::min(kWord, positions - first);
  for (const std::int64_t v : moves.splits) {
    const double* cell = cells + first * count + moves.place[forest_.feature[v]];
    std::uint64_t bits = 0;
    for (std::int64_t p = 0; p < size; ++p)
      bits |= std::uint64_t{goes_left(forest_, v, cell[p * count])} << p;
    left[v] = bits;
  }
}

// Walks the small trees, and sums up what all trees added where runs of positions begin and end.
void Curves::by_chunks(const Moves& moves, const double* X, std::int64_t rows,
                       const std::uint64_t* left, std::int64_t first, std::int64_t positions,
                       const double* rest, double* out) const {
  const Forest& f = forest_;
  const std::int64_t k = f.outputs(), size = std::min(kWord, positions - first);
  std::vector<double> number(f.columns() * kChunk), sums(size * k * kChunk), own(k * kChunk);
  std::vector<std::uint16_t> rank(f.columns() * kChunk);
  std::vector<Arrival> stack(depth_ + 2);
  for (std::int64_t begin = 0; begin < rows; begin += kChunk) {
    const int some = static_cast<int>(std::min<std::int64_t>(kChunk, rows - begin));
    std::fill(sums.begin(), sums.end(), 0.0);
    std::fill(own.begin(), own.end(), 0.0);
    const Walk walk{&f, moves.column.data(), left,
                    load_chunk(f, X, begin, some, number.data(), rank.data()), some,
                    first_bits(size), !moves.every, sums.data(), own.data(), stack.data()};
    for (const std::int64_t t : moves.small) WHENCE_DISPATCH(isa_, walk_tree, walk, t);
    for (int i = 0; i < some; ++i)
      for (std::int64_t c = 0; c < k; ++c) {
        double total = rest[(begin + i) * k + c] - own[c * kChunk + i];
        double* to = out + ((begin + i) * positions + first) * k + c;
        for (std::int64_t p = 0; p < size; ++p)
          to[p * k] = total += to[p * k] + sums[(p * k + c) * kChunk + i];
      }
  }
}

}  // namespace whence
