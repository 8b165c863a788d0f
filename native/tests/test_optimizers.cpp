// The optimizers' steps, against their formulae in double precision.
#include <cmath>
#include <string>
#include <vector>

#include "engine/isa.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

// One number's step in double precision, from the formula. h: the hyperparameters, in the order of the fields.
struct Number {
  double theta = 0.5, m = 0, v = 0;

  double adam(const std::vector<double>& h, double g, int t) {
    m = h[1] * m + (1 - h[1]) * g;
    v = h[2] * v + (1 - h[2]) * g * g;
    return h[0] * (m / (1 - std::pow(h[1], t))) / (std::sqrt(v / (1 - std::pow(h[2], t))) + h[3]);
  }

  bool step(const std::string& name, const std::vector<double>& h, double g, int t) {
    if (name == "gradient_ascent") {
      theta += h[0] * g;
    } else if (name == "momentum") {
      m = h[1] * m + g;
      theta += h[0] * m;
    } else if (name == "nesterov") {
      m = h[1] * m + g;
      theta += h[0] * (g + h[1] * m);
    } else if (name == "adagrad") {
      m += g * g;
      theta += h[0] * g / (std::sqrt(m) + h[1]);
    } else if (name == "rmsprop") {
      m = h[1] * m + (1 - h[1]) * g * g;
      theta += h[0] * g / (std::sqrt(m) + h[2]);
    } else if (name == "adam") {
      theta += adam(h, g, t);
    } else if (name == "adamw") {
      theta -= h[0] * h[4] * theta;
      theta += adam(h, g, t);
    } else if (name == "nadam") {
      m = h[1] * m + (1 - h[1]) * g;
      v = h[2] * v + (1 - h[2]) * g * g;
      const double ahead = h[1] * m / (1 - std::pow(h[1], t + 1)) + (1 - h[1]) * g / (1 - std::pow(h[1], t));
      theta += h[0] * ahead / (std::sqrt(v / (1 - std::pow(h[2], t))) + h[3]);
    } else if (name == "lion") {
      const double z = h[1] * m + (1 - h[1]) * g;
      theta += h[0] * (double((z > 0) - (z < 0)) - h[3] * theta);
      m = h[2] * m + (1 - h[2]) * g;
    } else {
      return false;
    }
    return true;
  }
};

std::vector<double> rule_of(const std::string& name) {
  if (name == "adagrad") return {0.1, 1e-10};
  if (name == "rmsprop") return {0.01, 0.9, 1e-8};
  if (name == "lion") return {0.01, 0.8, 0.95, 0.3};
  return {0.01, 0.9, 0.99, 1e-8, 0.3};  // the others take as many as they have
}

template <class T>
void test_steps(const Table<T>& table) {
  const double tolerance = std::is_same_v<T, float> ? 4e-6 : 1e-14;
  const std::size_t count = 4 * std::size_t(table.lanes);
  for (std::ptrdiff_t k = 0; k < table.optimizer_count; ++k) {
    const OptimizerKernel<T>& kernel = table.optimizers[k];
    const std::string name = kernel.name;
    std::vector<double> h = rule_of(name);
    const double rate = h[0];
    std::vector<T> theta(count, T(0.5)), g(count), m(count), v(count);
    std::vector<Number> numbers(count);
    for (int t = 1; t <= 20; ++t) {
      h[0] = t % 5 == 0 ? 0 : rate / t;  // a schedule, which may be 0
      T constants[kMaxConstants];
      kernel.constants(h.data(), t, constants);
      for (std::size_t i = 0; i < count; ++i) g[i] = T(std::sin(double(i) + t));
      kernel.step(theta.data(), g.data(), m.data(), v.data(), std::ptrdiff_t(count), constants);
      for (std::size_t i = 0; i < count; ++i)
        if (!CHECK(numbers[i].step(name, h, double(g[i]), t))) std::printf("  %s has no formula here\n", kernel.name);
    }
    double worst = 0;
    for (std::size_t i = 0; i < count; ++i) worst = std::max(worst, std::abs(double(theta[i]) - numbers[i].theta));
    if (!CHECK(worst <= tolerance)) std::printf("  %s %s: %g\n", table.isa, kernel.name, worst);
  }
}

// Where theta, its gradient and the state are 0, as in padding, they stay 0; a NaN in the gradient shows in theta.
template <class T>
void test_zeros_and_nan(const Table<T>& table) {
  const std::size_t count = 2 * std::size_t(table.lanes);
  for (std::ptrdiff_t k = 0; k < table.optimizer_count; ++k) {
    const OptimizerKernel<T>& kernel = table.optimizers[k];
    const std::vector<double> h = rule_of(kernel.name);
    std::vector<T> theta(count), g(count), m(count), v(count);
    g[1] = T(NAN);
    T constants[kMaxConstants];
    kernel.constants(h.data(), 1, constants);
    kernel.step(theta.data(), g.data(), m.data(), v.data(), std::ptrdiff_t(count), constants);
    bool zeros = true;
    for (std::size_t i = 0; i < count; ++i)
      if (i != 1) zeros = zeros && theta[i] == 0 && m[i] == 0 && v[i] == 0;
    if (!CHECK(zeros) || !CHECK(std::isnan(theta[1]))) std::printf("  %s %s\n", table.isa, kernel.name);
  }
}

}  // namespace

void test_optimizers() {
  for (const std::string& isa : available_isas()) {
    test_steps(*tables_for(isa).single);
    test_steps(*tables_for(isa).twice);
    test_zeros_and_nan(*tables_for(isa).single);
    test_zeros_and_nan(*tables_for(isa).twice);
  }
}

}  // namespace likeliest::tests
