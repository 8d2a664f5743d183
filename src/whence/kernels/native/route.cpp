#include "route.hpp"

#include <cmath>

namespace whence {

bool special_goes_left(const Forest& f, std::int64_t v, double x) {
  if (std::isnan(x) || (f.zero_missing[v] && std::abs(x) <= 1e-35)) return f.missing_left[v];
  if (f.split[v] != Split::category) return x <= f.threshold[v];
  const auto words = f.category_start[v + 1] - f.category_start[v];
  if (!(x >= 0) || x >= 64.0 * static_cast<double>(words)) return false;
  const auto code = static_cast<std::int64_t>(x);
  return (f.category_words[f.category_start[v] + code / 64] >> (code % 64)) & 1;
}

std::uint8_t route_special8(const Forest& forest, std::int64_t v, const double* x) {
  unsigned bits = 0;
  for (int i = 0; i < 8; ++i)
    bits |= static_cast<unsigned>(special_goes_left(forest, v, x[i])) << i;
  return static_cast<std::uint8_t>(bits);
}

namespace {

// Ranks of eight numbers, side by side and without a jump; the cuts are 2^k - 1.
void rank8(const double* cuts, std::int64_t count, const double* x, std::uint16_t* rank) {
  std::uint32_t below[8] = {};
  for (auto step = static_cast<std::uint32_t>((count + 1) / 2); step > 0; step /= 2)
    for (int i = 0; i < 8; ++i)
      below[i] += step & -static_cast<std::uint32_t>(cuts[below[i] + step - 1] < x[i]);
  for (int i = 0; i < 8; ++i)
    rank[i] = std::isnan(x[i]) ? kMissing : static_cast<std::uint16_t>(below[i]);
}

}  // namespace

Columns load_chunk(const Forest& forest, const double* X, std::int64_t first, int rows,
                   double* number, std::uint16_t* rank) {
  const std::int64_t columns = forest.columns();
  const double* x = X + first * columns;
  const int padded = (rows + 7) / 8 * 8;
  for (int i = 0; i < rows; ++i)
    for (std::int64_t c = 0; c < columns; ++c) number[c * kChunk + i] = x[i * columns + c];
  for (std::int64_t c = 0; c < columns; ++c) {
    double* numbers = number + c * kChunk;
    std::uint16_t* ranks = rank + c * kChunk;
    for (int i = rows; i < padded; ++i) numbers[i] = 0;
    const double* cuts = forest.cuts.data() + forest.cut_start[c];
    const std::int64_t count = forest.cut_start[c + 1] - forest.cut_start[c];
    if (count == 0 || rows <= kFewRows) continue;
    for (int i = 0; i < padded; i += 8) rank8(cuts, count, numbers + i, ranks + i);
    for (int i = padded; i % 32 != 0; ++i) ranks[i] = 0;
  }
  return {number, rank};
}

}  // namespace whence
