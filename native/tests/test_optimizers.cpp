// The optimizers' steps, against their formulae in double precision.
#include <cmath>
#include <string>
#include <vector>

#include "engine/isa.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

template <class T>
void test_steps(const Table<T>& table) {
  const double tolerance = std::is_same_v<T, float> ? 2e-6 : 1e-14;
  const std::ptrdiff_t n = 4 * table.lanes;
  for (std::ptrdiff_t k = 0; k < table.optimizer_count; ++k) {
    const OptimizerKernel<T>& kernel = table.optimizers[k];
    const std::string name = kernel.name;
    const std::vector<double> rule =
        name == "adam" ? std::vector<double>{0.01, 0.9, 0.99, 1e-8} : std::vector<double>{0.1, 0.8};
    const std::size_t count = std::size_t(n);
    std::vector<T> theta(count, T(0.5)), g(count), m(count), v(count);
    std::vector<double> theta2(count, 0.5), m2(count), v2(count);
    for (int t = 1; t <= 20; ++t) {
      T constants[kMaxConstants];
      kernel.constants(rule.data(), t, constants);
      for (std::size_t i = 0; i < count; ++i) g[i] = T(std::sin(double(i) + t));
      kernel.step(theta.data(), g.data(), m.data(), v.data(), n, constants);
      for (std::size_t i = 0; i < count; ++i) {
        const double gi = double(g[i]);
        if (name == "gradient_ascent") {
          theta2[i] += 0.1 * gi;
        } else if (name == "momentum") {
          m2[i] = 0.8 * m2[i] + gi;
          theta2[i] += 0.1 * m2[i];
        } else {
          m2[i] = 0.9 * m2[i] + 0.1 * gi;
          v2[i] = 0.99 * v2[i] + 0.01 * gi * gi;
          theta2[i] += 0.01 * (m2[i] / (1 - std::pow(0.9, t))) / (std::sqrt(v2[i] / (1 - std::pow(0.99, t))) + 1e-8);
        }
      }
    }
    double worst = 0;
    for (std::size_t i = 0; i < count; ++i) worst = std::max(worst, std::abs(double(theta[i]) - theta2[i]));
    if (!CHECK(worst <= tolerance)) std::printf("  %s %s: %g\n", table.isa, kernel.name, worst);
  }
}

}  // namespace

void test_optimizers() {
  for (const std::string& isa : available_isas()) {
    test_steps(*tables_for(isa).single);
    test_steps(*tables_for(isa).twice);
  }
}

}  // namespace likeliest::tests
