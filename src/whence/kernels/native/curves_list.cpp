#include "curves_list.hpp"

#include <bit>
#include <numeric>
#include <utility>

#include "route.hpp"

namespace whence {

bool goes_left(const Forest& f, std::int64_t v, double x) {
  switch (f.split[v]) {
    case Split::ranked:
    case Split::numeric:
      return x <= f.threshold[v];
    case Split::ranked_missing_left:
    case Split::numeric_missing_left:
      return !(x > f.threshold[v]);
    default:
      return special_goes_left(f, v, x);
  }
}

ListWalk::ListWalk(const Forest& forest, const double* X, std::int64_t rows, std::int64_t depth)
    : forest_(forest), rows_(rows), number_(forest.columns() * rows), row_(rows), stack_(depth + 2) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t c = 0; c < forest.columns(); ++c)
      number_[c * rows + i] = X[i * forest.columns() + c];
}

// Puts the rows that go left before the others, without a jump that depends on where they go.
std::int64_t ListWalk::partition(const Part& part) {
  const double* const x = number_.data() + forest_.feature[part.node] * rows_;
  std::int64_t middle = part.begin;
  const auto sort = [&](auto left) {
    for (std::int64_t i = part.begin; i < part.end; ++i) {
      const std::int32_t row = row_[i];
      row_[i] = row_[middle];
      row_[middle] = row;
      middle += left(x[row]);
    }
  };
  const double t = forest_.threshold[part.node];
  switch (forest_.split[part.node]) {
    case Split::ranked:
    case Split::numeric:
      sort([t](double number) { return number <= t; });
      break;
    case Split::ranked_missing_left:
    case Split::numeric_missing_left:
      sort([t](double number) { return !(number > t); });
      break;
    default:
      sort([&](double number) { return special_goes_left(forest_, part.node, number); });
  }
  return middle;
}

void ListWalk::add_leaf(const Part& part, std::int64_t tree, std::uint64_t all, double* sums,
                        std::int64_t stride) const {
  const std::int64_t outputs = forest_.outputs(), target = forest_.target[tree];
  const std::int64_t first = target < 0 ? 0 : target, width = target < 0 ? outputs : 1;
  const double* const value = &forest_.value[part.node * forest_.width];
  for (std::uint64_t here = part.positions; here;) {
    const int begin = std::countr_zero(here), end = begin + std::countr_one(here >> begin);
    const bool ends = end < 64 && (all >> end) != 0;
    for (std::int64_t i = part.begin; i < part.end; ++i) {
      double* const to = sums + row_[i] * stride + first;
      for (std::int64_t c = 0; c < width; ++c) {
        to[begin * outputs + c] += value[c];
        if (ends) to[end * outputs + c] -= value[c];
      }
    }
    here = end >= 64 ? 0 : here & (~std::uint64_t{0} << end);
  }
}

void ListWalk::walk(std::int64_t tree, const std::uint8_t* moves, const std::uint64_t* left,
                    std::uint64_t positions, double* sums, std::int64_t stride) {
  std::iota(row_.begin(), row_.end(), 0);
  Part* top = stack_.data();
  *top++ = {forest_.start[tree], positions, 0, rows_};
  const auto push = [&](Part part) {
    if (part.positions && part.begin < part.end) *top++ = part;
  };
  while (top != stack_.data()) {
    const Part at = *--top;
    const std::int64_t v = at.node;
    if (forest_.is_leaf(v)) {
      add_leaf(at, tree, positions, sums, stride);
    } else if (moves[forest_.feature[v]]) {  // the same rows, one after the other
      push({forest_.right[v], at.positions & ~left[v], at.begin, at.end});
      push({forest_.left[v], at.positions & left[v], at.begin, at.end});
    } else {
      const std::int64_t middle = partition(at);
      push({forest_.right[v], at.positions, middle, at.end});
      push({forest_.left[v], at.positions, at.begin, middle});
    }
  }
}

}  // namespace whence
