// Factors by which a step of each raw output moves a response between two rows.
//
// A response of one output moves by (F(x) - F(b)) = factor (x - b): the factor is the mean slope of
// F between the two, written so that it loses no digits when they are close. A response of several
// outputs has a mean gradient along the straight line between them; what the quadrature of that
// mean misses of the step is put along the line, so that the steps agree exactly.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "background.hpp"

namespace whence {
namespace {

constexpr int kPoints = 8;  // and their mirror images: 16-point Gauss-Legendre on [-1, 1]
constexpr double kNode[kPoints] = {0.0950125098376374401853193, 0.2816035507792589132304605,
                                   0.4580167776572273863424194, 0.6178762444026437484466718,
                                   0.7554044083550030338951012, 0.8656312023878317438804679,
                                   0.9445750230732325760779884, 0.9894009349916499325961542};
constexpr double kWeight[kPoints] = {0.1894506104550684962853967, 0.1826034150449235888667637,
                                     0.1691565193950025381893121, 0.1495959888165767320815017,
                                     0.1246289712555338720524763, 0.0951585116824927848099251,
                                     0.0622535239386478928628438, 0.0271524594117540948517806};
constexpr double kSmallest = 1e-15;  // a loss of a smaller probability is the loss of this one

double logistic(double r) {
  return r >= 0 ? 1 / (1 + std::exp(-r)) : std::exp(r) / (1 + std::exp(r));
}
double softplus(double r) { return std::max(r, 0.0) + std::log1p(std::exp(-std::abs(r))); }
// sinh(h) / h
double sinhc(double h) { return std::abs(h) < 1e-4 ? 1 + h * h / 6 : std::sinh(h) / h; }

double logistic_slope(double x, double b) {
  // F(x) - F(b) = sinh((x - b) / 2) / (2 cosh(x / 2) cosh(b / 2)), as long as nothing overflows
  if (std::max(std::abs(x), std::abs(b)) > 600)
    return x == b ? 0 : (logistic(x) - logistic(b)) / (x - b);
  return sinhc((x - b) / 2) / (4 * std::cosh(x / 2) * std::cosh(b / 2));
}

double softplus_slope(double x, double b) {
  if (std::abs(x - b) > 0.1) return (softplus(x) - softplus(b)) / (x - b);
  const double middle = (x + b) / 2, half = (x - b) / 2;
  double mean = 0;
  for (int i = 0; i < kPoints; ++i)
    mean += kWeight[i] / 2 *
            (logistic(middle + half * kNode[i]) + logistic(middle - half * kNode[i]));
  return mean;
}

// Of -log max(p, smallest).
double log_slope(double x, double b) {
  const double high = std::max(x, kSmallest), low = std::max(b, kSmallest);
  if (x == b) return x < kSmallest ? 0 : -1 / x;
  return -std::log1p((high - low) / low) / (x - b);
}

void softmax(const double* r, int k, double* p) {
  const double top = *std::max_element(r, r + k);
  double sum = 0;
  for (int o = 0; o < k; ++o) sum += p[o] = std::exp(r[o] - top);
  for (int o = 0; o < k; ++o) p[o] /= sum;
}

double log_sum(const double* r, int k) {
  const double top = *std::max_element(r, r + k);
  double sum = 0;
  for (int o = 0; o < k; ++o) sum += std::exp(r[o] - top);
  return top + std::log(sum);
}

// Adds along x - b what a row of factors misses of the step.
void close_gap(double step, const double* x, const double* b, int k, double* factors) {
  double length = 0;
  for (int o = 0; o < k; ++o) {
    length += (x[o] - b[o]) * (x[o] - b[o]);
    step -= factors[o * kChunk] * (x[o] - b[o]);
  }
  if (length > 0)
    for (int o = 0; o < k; ++o) factors[o * kChunk] += step * (x[o] - b[o]) / length;
}

// Rows of factors: one per class, or with a label the loss alone.
void softmax_factors(const double* x, const double* b, int k, std::int64_t label, bool loss,
                     double* factors) {
  const int rows = loss ? 1 : k;
  for (int f = 0; f < rows * k; ++f) factors[f * kChunk] = 0;
  std::vector<double> r(k), p(k), px(k), pb(k);
  for (int i = 0; i < 2 * kPoints; ++i) {
    const double t = (1 + (i % 2 ? kNode[i / 2] : -kNode[i / 2])) / 2, w = kWeight[i / 2] / 2;
    for (int o = 0; o < k; ++o) r[o] = b[o] + t * (x[o] - b[o]);
    softmax(r.data(), k, p.data());
    for (int c = 0; c < rows; ++c)
      for (int o = 0; o < k; ++o)
        factors[(c * k + o) * kChunk] +=
            w * (loss ? p[o] - (o == label) : p[c] * ((o == c) - p[o]));
  }
  if (loss) {
    close_gap(log_sum(x, k) - x[label] - log_sum(b, k) + b[label], x, b, k, factors);
    return;
  }
  softmax(x, k, px.data());
  softmax(b, k, pb.data());
  for (int c = 0; c < k; ++c) close_gap(px[c] - pb[c], x, b, k, factors + c * k * kChunk);
}

}  // namespace

int responses_of(Response response, int outputs) {
  const bool one = response == Response::log_loss_logistic ||
                   response == Response::log_loss_softmax ||
                   response == Response::log_loss_probability;
  return one ? 1 : outputs;
}

void response_factors(Response response, const double* x, const double* b, int k,
                      std::int64_t label, double* factors) {
  if (response == Response::softmax || response == Response::log_loss_softmax)
    return softmax_factors(x, b, k, label, response == Response::log_loss_softmax, factors);
  const int rows = responses_of(response, k);
  for (int f = 0; f < rows * k; ++f) factors[f * kChunk] = 0;
  switch (response) {
    case Response::logistic:
      for (int o = 0; o < k; ++o) factors[(o * k + o) * kChunk] = logistic_slope(x[o], b[o]);
      break;
    case Response::exp:
      for (int o = 0; o < k; ++o)
        factors[(o * k + o) * kChunk] =
            std::exp((x[o] + b[o]) / 2) * sinhc((x[o] - b[o]) / 2);
      break;
    case Response::log_loss_logistic:
      factors[0] = softplus_slope(x[0], b[0]) - static_cast<double>(label);
      break;
    case Response::log_loss_probability:
      if (k == 1)
        factors[0] = label == 1 ? log_slope(x[0], b[0]) : -log_slope(1 - x[0], 1 - b[0]);
      else
        factors[label * kChunk] = log_slope(x[label], b[label]);
      break;
    default:
      throw std::invalid_argument("This response has no factors.");
  }
}

// Every pair in turn: the descent over all leaves, each background row weighted by its factors.
void Background::rescaled(Response response, const double* X, std::int64_t n,
                          const double* margins_x, const double* margins_b,
                          const std::int64_t* labels, double* out) const {
  const int k = static_cast<int>(f_.outputs()), responses = responses_of(response, k);
  const Chunks& background = chunks();
  const Chunks rows(f_, X, n);
  std::fill(out, out + n * f_.players * responses, 0.0);
  const std::int64_t per_row = std::int64_t{responses} * k * kChunk;
  std::vector<double> factors(
      static_cast<std::size_t>(per_row * std::min<std::int64_t>(n, kChunk)));
  for (int c = 0; c < rows.count(); ++c)
    for (int bc = 0; bc < background.count(); ++bc) {
      std::fill(factors.begin(), factors.end(), 0.0);
      for (int r = 0; r < rows.rows(c); ++r) {
        const std::int64_t row = std::int64_t{c} * kChunk + r;
        for (int b = 0; b < background.rows(bc); ++b)
          response_factors(response, margins_x + row * k,
                           margins_b + (std::int64_t{bc} * kChunk + b) * k, k,
                           labels == nullptr ? 0 : labels[row],
                           factors.data() + r * per_row + b);
      }
      rescale_chunk(rows.at(c), rows.rows(c), background.at(bc), background.rows(bc), responses,
                    factors.data(), out + std::int64_t{c} * kChunk * f_.players * responses);
    }
}

}  // namespace whence
