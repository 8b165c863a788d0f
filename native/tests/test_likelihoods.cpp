// The likelihoods that need special functions, against their textbook densities by the C library in long double.
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "engine/isa.hpp"
#include "engine/memory.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

using Real = long double;
using Numbers = std::vector<Real>;

Real log_gamma(Real a) { return std::lgamma(a); }
Real sigma(Real z) { return 1 / (1 + std::exp(-z)); }
Real log_upper(Real z) { return std::log(std::erfc(z / std::sqrt(Real(2))) / 2); }  // log Phi(-z)

struct Page {
  const char* name;
  std::vector<double> constants;
  std::ptrdiff_t components;
  std::vector<std::vector<double>> y;
  std::function<Real(const Numbers& eta, const Numbers& y)> log_prob;
};

Real student_t(Real y, Real mu, Real r, Real v) {
  const Real nu = std::exp(v), pi = std::acos(Real(-1)), z = (y - mu) / std::exp(r / 2);
  return log_gamma((nu + 1) / 2) - log_gamma(nu / 2) - (std::log(pi * nu) + r + (nu + 1) * std::log1p(z * z / nu)) / 2;
}
Real gamma(Real y, Real log_mu, Real log_a) {
  const Real a = std::exp(log_a), rate = std::exp(log_a - log_mu);
  return a * std::log(rate) + (a - 1) * std::log(y) - rate * y - log_gamma(a);
}
Real beta(Real y, Real m, Real log_phi) {
  const Real phi = std::exp(log_phi), a = phi * sigma(m), b = phi * sigma(-m);
  return (a - 1) * std::log(y) + (b - 1) * std::log1p(-y) + log_gamma(phi) - log_gamma(a) - log_gamma(b);
}
Real poisson(Real y, Real log_mu) { return y * log_mu - std::exp(log_mu) - log_gamma(y + 1); }
Real negative_binomial(Real y, Real log_mu, Real log_alpha) {
  const Real r = std::exp(-log_alpha), odds = std::exp(log_mu + log_alpha);
  return log_gamma(y + r) - log_gamma(r) - log_gamma(y + 1) - (y + r) * std::log1p(odds) + y * (log_mu + log_alpha);
}

const std::vector<std::vector<double>> counts = {{0}, {1}, {2}, {3}, {6}, {7}, {8}, {40}};
const std::vector<std::vector<double>> positive = {{0.015625}, {0.5}, {1}, {2.5}, {40}};
const std::vector<std::vector<double>> times = {{0.015625, 0}, {1, 0}, {40, 0}, {0.5, 1}, {2.5, 1}};

const std::vector<Page> pages = {
    {"student_t",
     {0, 0, 0, 1, 2},
     3,
     {{-7}, {0}, {0.5}, {100}},
     [](const Numbers& eta, const Numbers& y) { return student_t(y[0], eta[0], eta[1], eta[2]); }},
    {"student_t",
     {0, 0, 3, 1, 2},
     2,
     {{-7}, {0}, {0.5}, {100}},
     [](const Numbers& eta, const Numbers& y) { return student_t(y[0], eta[0], eta[1], std::log(Real(3))); }},
    {"log_normal",
     {0, 0, 1},
     2,
     times,
     [](const Numbers& eta, const Numbers& y) {
       const Real log_y = std::log(y[0]), z = (log_y - eta[0]) / std::exp(eta[1] / 2);
       return y[1] > 0 ? -log_y - (std::log(2 * std::acos(Real(-1))) + eta[1] + z * z) / 2 : log_upper(z);
     }},
    {"gamma", {0}, 2, positive, [](const Numbers& eta, const Numbers& y) { return gamma(y[0], eta[0], eta[1]); }},
    {"gamma",
     {2.5},
     1,
     positive,
     [](const Numbers& eta, const Numbers& y) { return gamma(y[0], eta[0], std::log(Real(2.5))); }},
    {"beta",
     {0},
     2,
     {{0.0009765625}, {0.25}, {0.5}, {0.875}, {0.9990234375}},
     [](const Numbers& eta, const Numbers& y) { return beta(y[0], eta[0], eta[1]); }},
    {"poisson", {0}, 1, counts, [](const Numbers& eta, const Numbers& y) { return poisson(y[0], eta[0]); }},
    {"negative_binomial",
     {0},
     2,
     counts,
     [](const Numbers& eta, const Numbers& y) { return negative_binomial(y[0], eta[0], eta[1]); }},
    {"zero_inflated_poisson",
     {},
     2,
     counts,
     [](const Numbers& eta, const Numbers& y) {
       return y[0] > 0 ? std::log(sigma(-eta[1])) + poisson(y[0], eta[0])
                       : std::log(sigma(eta[1]) + sigma(-eta[1]) * std::exp(-std::exp(eta[0])));
     }},
};

// By differences of eighth order, whose error is below double precision.
Real slope(const Page& page, Numbers eta, const Numbers& y, std::size_t column) {
  constexpr Real h = Real(1) / 1024;
  const Real at = eta[column];
  const auto difference = [&](int steps) {
    eta[column] = at + steps * h;
    const Real up = page.log_prob(eta, y);
    eta[column] = at - steps * h;
    return up - page.log_prob(eta, y);
  };
  return (672 * difference(1) - 168 * difference(2) + 32 * difference(3) - 3 * difference(4)) / (840 * h);
}

template <class T>
const LikelihoodKernel<T>& find(const Table<T>& table, const std::string& name) {
  for (std::ptrdiff_t k = 0; k < table.likelihood_count; ++k)
    if (table.likelihoods[k].name == name) return table.likelihoods[k];
  CHECK(!"no such likelihood");
  return table.likelihoods[0];
}

// eta and y row by row, eta padded to `stride` with NaN, which nothing may read.
template <class T>
struct Rows {
  std::ptrdiff_t stride, n = 0;
  std::vector<T> eta{}, y{};
  void add(const std::vector<T>& row, const std::vector<double>& target) {
    eta.insert(eta.end(), row.begin(), row.end());
    eta.resize(std::size_t(++n * stride), std::numeric_limits<T>::quiet_NaN());
    y.insert(y.end(), target.begin(), target.end());
  }
};

template <class T>
void score(const Table<T>& table, const Page& page, const Rows<T>& rows, std::vector<T>& log_prob, std::vector<T>& g) {
  std::vector<T> weight(std::size_t(rows.n), T(1)), constants(page.constants.begin(), page.constants.end());
  constants.resize(kMaxConstants);
  const auto targets = std::ptrdiff_t(page.y[0].size());
  std::vector<T> y = rows.y;
  y.resize(y.size() + std::size_t(table.lanes), std::numeric_limits<T>::quiet_NaN());
  const Memory<T> scratch(std::size_t(table.lanes * (2 * page.components + targets + kSpare)));
  log_prob.assign(std::size_t(rows.n), T(0)), g.assign(rows.eta.size(), T(0));
  find(table, page.name)
      .score({{rows.eta.data(), rows.n, rows.stride, rows.stride},
              page.components,
              1,
              targets,
              y.data(),
              weight.data(),
              T(1),
              constants.data(),
              log_prob.data(),
              g.data(),
              scratch.data()});
}

template <class T>
void test_page(const Table<T>& table, const Page& page) {
  const auto columns = std::size_t(page.components);
  Rows<T> rows{2 * table.lanes};
  std::vector<T> eta(columns);
  const std::function<void(std::size_t)> product = [&](std::size_t column) {
    if (column == columns)
      for (const auto& y : page.y) rows.add(eta, y);
    else
      for (const double x : {-3.0, -2.0, -1.0, -0.125, 0.0, 0.75, 1.5, 2.0, 2.5, 3.0})
        eta[column] = T(x), product(column + 1);
  };
  product(0);
  std::vector<T> log_prob, g;
  score(table, page, rows, log_prob, g);
  const auto stride = std::size_t(rows.stride);
  Real worst = 0, worst_slope = 0;
  for (std::size_t i = 0; i < log_prob.size(); ++i) {
    const Numbers at(rows.eta.begin() + std::ptrdiff_t(i * stride),
                     rows.eta.begin() + std::ptrdiff_t(i * stride + columns));
    const std::size_t targets = page.y[0].size();
    const Numbers y(rows.y.begin() + std::ptrdiff_t(i * targets), rows.y.begin() + std::ptrdiff_t((i + 1) * targets));
    const Real expected = page.log_prob(at, y);
    Numbers slopes;
    Real size = 1 + std::abs(expected);  // what rounding eta once more would change, too
    for (std::size_t j = 0; j < columns; ++j) {
      slopes.push_back(slope(page, at, y, j));
      size += std::abs(slopes[j]);
    }
    const auto error = [&](T found, Real exact) { return std::abs(Real(found) - exact) / size; };
    worst = std::max(worst, error(log_prob[i], expected));
    for (std::size_t j = 0; j < columns; ++j) worst_slope = std::max(worst_slope, error(g[i * stride + j], slopes[j]));
    for (std::size_t j = columns; j < stride; ++j) CHECK(g[i * stride + j] == 0);
  }
  constexpr Real epsilon = std::numeric_limits<T>::epsilon();
  if (!CHECK(worst <= 32 * epsilon) || !CHECK(worst_slope <= 64 * epsilon))
    std::printf("  %s %s: log P %.2Lg, score %.2Lg epsilon\n", table.isa, page.name, worst / epsilon,
                worst_slope / epsilon);
}

// A NaN shows in its own row, and every row has the bits that it has alone, wherever it stands.
template <class T>
void test_rows(const Table<T>& table, const Page& page) {
  const auto columns = std::size_t(page.components);
  Rows<T> rows{2 * table.lanes};
  for (std::size_t i = 0; i < 37; ++i) {
    std::vector<T> eta;
    for (std::size_t j = 0; j < columns; ++j) eta.push_back(T(int(i * 7 + j * 11) % 23 - 11) / T(4));
    if (i % 5 == 3) eta[i % columns] = std::numeric_limits<T>::quiet_NaN();
    rows.add(eta, page.y[i % page.y.size()]);
  }
  std::vector<T> log_prob, g, alone, slopes;
  score(table, page, rows, log_prob, g);
  const auto stride = std::size_t(rows.stride);
  for (std::size_t i = 0; i < log_prob.size(); ++i) {
    Rows<T> row{2 * table.lanes};
    row.add({rows.eta.begin() + std::ptrdiff_t(i * stride), rows.eta.begin() + std::ptrdiff_t(i * stride + columns)},
            page.y[i % page.y.size()]);
    score(table, page, row, alone, slopes);
    const bool spoilt = i % 5 == 3;
    CHECK(spoilt ? std::isnan(log_prob[i]) : log_prob[i] == alone[0]);
    for (std::size_t j = 0; j < columns && !spoilt; ++j) CHECK(g[i * stride + j] == slopes[j]);
    if (spoilt) CHECK(std::isnan(g[i * stride + i % columns]));
  }
}

}  // namespace

void test_likelihoods() {
  for (const std::string& isa : available_isas())
    for (const Page& page : pages) {
      test_page(*tables_for(isa).single, page), test_page(*tables_for(isa).twice, page);
      test_rows(*tables_for(isa).single, page), test_rows(*tables_for(isa).twice, page);
    }
}

}  // namespace likeliest::tests
