// The scalar activations and their derivatives, against the C library in long double.
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "engine/isa.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

using Real = long double;
struct Function {
  std::function<Real(Real)> value, derivative;
};

Real sigma(Real z) { return 1 / (1 + std::exp(-z)); }
Real cdf(Real z) { return std::erfc(-z / std::sqrt(Real(2))) / 2; }

const std::map<std::string, Function> functions = {
    {"identity", {[](Real z) { return z; }, [](Real) { return Real(1); }}},
    {"logistic", {sigma, [](Real z) { return sigma(z) * sigma(-z); }}},
    {"tanh", {[](Real z) { return std::tanh(z); }, [](Real z) { return 1 / (std::cosh(z) * std::cosh(z)); }}},
    {"relu", {[](Real z) { return z > 0 ? z : 0; }, [](Real z) { return Real(z > 0); }}},
    {"leaky_relu", {[](Real z) { return z > 0 ? z : z / 8; }, [](Real z) { return z > 0 ? 1 : Real(1) / 8; }}},
    {"elu", {[](Real z) { return z > 0 ? z : std::expm1(z) / 8; }, [](Real z) { return z > 0 ? 1 : std::exp(z) / 8; }}},
    {"softplus", {[](Real z) { return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)); }, sigma}},
    {"gelu",
     {[](Real z) { return z * cdf(z); },
      [](Real z) { return cdf(z) + z * std::exp(-z * z / 2) / std::sqrt(2 * std::acos(Real(-1))); }}},
    {"silu", {[](Real z) { return z * sigma(z); }, [](Real z) { return sigma(z) * (1 + z * sigma(-z)); }}},
};

template <class T>
void test_scalars(const Table<T>& table) {
  CHECK(std::size_t(table.scalar_count) == functions.size());
  const Real epsilon = std::numeric_limits<T>::epsilon();
  std::vector<T> grid;
  for (int i = -4000; i <= 4000; ++i) grid.push_back(T(i) / T(50));
  for (int i = -30; i <= 30; ++i)
    for (const T sign : {T(-1), T(1)}) grid.push_back(sign * std::pow(T(10), T(i) / T(4)));
  while (std::ptrdiff_t(grid.size()) % table.lanes) grid.push_back(T(0));
  const std::ptrdiff_t n = std::ptrdiff_t(grid.size());
  const std::vector<T> constants(kMaxConstants, T(0.125));
  for (std::ptrdiff_t k = 0; k < table.scalar_count; ++k) {
    const ScalarKernel<T>& kernel = table.scalars[k];
    const Function& f = functions.at(kernel.name);
    std::vector<T> h(grid.size()), g(grid.size(), T(1));
    kernel.forward(grid.data(), n, {h.data(), 1, n, n}, constants.data());
    kernel.backward(kernel.keeps_input ? grid.data() : h.data(), n, {g.data(), 1, n, n}, constants.data());
    Real worst = 0, worst_slope = 0;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const Real z = grid[i], value = f.value(z), slope = f.derivative(z);
      // Relative where the result is not tiny; a result near 0 is right when it is small too.
      worst = std::max(worst, std::abs(h[i] - value) / (std::abs(value) + Real(1e-6) * epsilon + Real(1e-30)));
      worst_slope = std::max(worst_slope, std::abs(g[i] - slope) / (std::abs(slope) + Real(1e-3)));
    }
    // gelu far in its tail loses what rounding z^2 loses.
    const bool tail = std::string(kernel.name) == "gelu";
    if (!CHECK(worst <= (tail ? 400 : 16) * epsilon) || !CHECK(worst_slope <= 1e4 * epsilon))
      std::printf("  %s %s: value %.2Lg, derivative %.2Lg epsilon\n", table.isa, kernel.name, worst / epsilon,
                  worst_slope / epsilon);
    // The ends, and a NaN, which must show.
    const T big = T(1e30), infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    std::vector<T> ends(std::size_t(table.lanes), T(0)), out(std::size_t(table.lanes));
    ends[0] = nan, ends[1] = big;
    kernel.forward(ends.data(), table.lanes, {out.data(), 1, table.lanes, table.lanes}, constants.data());
    CHECK(std::isnan(out[0]));
    CHECK(!std::isnan(out[1]) && out[1] <= infinity);
    std::vector<T> slopes(std::size_t(table.lanes), nan);
    kernel.backward(out.data(), table.lanes, {slopes.data(), 1, table.lanes, table.lanes}, constants.data());
    CHECK(std::isnan(slopes[0]) && std::isnan(slopes[1]));
  }
}

}  // namespace

void test_mathematics() {
  for (const std::string& isa : available_isas()) {
    test_scalars(*tables_for(isa).single);
    test_scalars(*tables_for(isa).twice);
  }
}

}  // namespace likeliest::tests
