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

void transpose_chunk(const double* X, std::int64_t columns, std::int64_t first, int rows,
                     double* xt) {
  const double* x = X + first * columns;
  const int padded = (rows + 7) / 8 * 8;
  for (int i = 0; i < rows; ++i)
    for (std::int64_t c = 0; c < columns; ++c) xt[c * kChunk + i] = x[i * columns + c];
  for (std::int64_t c = 0; c < columns; ++c)
    for (int i = rows; i < padded; ++i) xt[c * kChunk + i] = 0;
}

}  // namespace whence
