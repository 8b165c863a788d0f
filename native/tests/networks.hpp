// Small networks, and what holds for every one of them: gradients are those of central differences, and the bits do not
// depend on the threads.
#pragma once
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {

using Sizes = std::vector<std::ptrdiff_t>;

class Net {
 public:
  Program program;
  // What x has in a row and a column, and y; else numbers, or classes.
  std::function<double(std::ptrdiff_t, std::ptrdiff_t)> x, y;

  Net(Sizes shape, const std::string& likelihood, std::ptrdiff_t classes = 0)
      : program{{Value(shape)}, {}, {}, {likelihood, {0, 0}, {0, 0}, 1, 1, classes}, {}} {}

  const Sizes& shape() const { return program.values.back().shape; }
  int last() const { return int(program.values.size()) - 1; }
  int parameter(Shape shape, bool learned = true) {
    program.parameters.push_back(std::move(shape));
    program.rules.push_back({"", {}, true, learned});
    return int(program.parameters.size()) - 1;
  }
  int step(const std::string& operation, Sizes out, std::vector<int> parameters, std::vector<double> constants,
           std::vector<int> inputs = {}) {
    if (inputs.empty()) inputs = {last()};
    program.values.push_back(Value(std::move(out)));
    program.steps.push_back({operation, inputs, last(), std::move(parameters), std::move(constants)});
    return last();
  }
  int activation(const std::string& name) {
    return step(name, shape(), {}, name == "leaky_relu" ? std::vector{0.1} : std::vector<double>{});
  }
  int flatten() { return step("reshape", {program.values.back().width()}, {}, {}); }
  int affine(std::ptrdiff_t q, bool bias = true) {
    Sizes out = shape();
    out.back() = q;
    std::vector<int> parameters{parameter({shape().back(), q})};
    if (bias) parameters.push_back(parameter({1, q}));
    return step("affine", out, parameters, {});
  }
};

inline double number(std::size_t i) { return std::sin(double(i) * 12.9898 + 0.3) * 0.7; }

template <class T>
struct Data {
  std::vector<T> X, y;
  std::vector<std::uint32_t> order;
  std::ptrdiff_t n, width;
  Data(const Net& net, std::ptrdiff_t n) : n(n), width(net.program.values[0].width()) {
    for (std::ptrdiff_t i = 0; i < n * width; ++i)
      X.push_back(T(net.x ? net.x(i / width, i % width) : number(std::size_t(i * 7 + 5))));
    const std::ptrdiff_t classes = net.program.likelihood.classes, targets = net.program.likelihood.targets;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      for (std::ptrdiff_t j = 0; j < targets; ++j)
        y.push_back(T(net.y ? net.y(i, j) : classes ? double((i + j) * 5 % classes) : number(std::size_t(i + j))));
      order.push_back(std::uint32_t(i * 17 % n));
    }
  }
  Examples examples() const {
    const auto size = std::ptrdiff_t(sizeof(T));
    return {{X.data(), sizeof(T) == 4 ? Type::f32 : Type::f64, n, width, width * size, size}, y.data(), nullptr};
  }
};

template <class T>
std::vector<std::vector<T>> start(Engine& engine, const Program& program) {
  std::vector<std::vector<T>> all;
  for (std::size_t k = 0; k < program.parameters.size(); ++k) {
    const Shape& s = program.parameters[k];
    std::vector<T> theta(std::size_t(s.height * s.columns));
    for (std::size_t i = 0; i < theta.size(); ++i)
      theta[i] = T(number(i * 3 + k * 101) * (s.height > 8 ? 2 / std::sqrt(double(s.height)) : 0.8) +
                   (program.rules[k].learned ? 0 : 1.2));
    engine.set(int(k), Engine::kTheta, theta.data());
    all.push_back(theta);
  }
  return all;
}

inline std::vector<double> gradient_of(Engine& engine, const Program& program, const Data<double>& data, int threads) {
  engine.gradient(data.examples(), threads);
  std::vector<double> all;
  for (std::size_t k = 0; k < program.parameters.size(); ++k) {
    std::vector<double> part(std::size_t(program.parameters[k].height * program.parameters[k].columns));
    engine.get(int(k), Engine::kGradient, part.data());
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// The gradient along some directions, each of which moves one parameter of every few numbers.
inline void test_gradient(const Net& net, const std::string& isa, const char* what) {
  const Program& program = net.program;
  const auto engine = make_engine(program, true, isa);
  const std::vector<std::vector<double>> theta = start<double>(*engine, program);
  const Data<double> data(net, 5);
  const std::vector<double> gradient = gradient_of(*engine, program, data, 1);
  const auto total = [&] {
    std::vector<double> each(5);
    engine->log_likelihood(data.examples(), 1, each.data());
    double sum = 0;
    for (const double x : each) sum += x;
    return sum;
  };
  std::size_t offset = 0;
  for (std::size_t k = 0; k < theta.size(); ++k) {
    if (program.rules[k].learned)
      for (std::size_t residue = 0; residue < 3; ++residue) {
        double expected = 0, size = 0;
        const auto moved = [&](double by) {
          std::vector<double> other = theta[k];
          for (std::size_t i = residue; i < other.size(); i += 3) other[i] += by * number(i + residue + 1);
          engine->set(int(k), Engine::kTheta, other.data());
          return total();
        };
        for (std::size_t i = residue; i < theta[k].size(); i += 3) {
          expected += gradient[offset + i] * number(i + residue + 1);
          size += std::abs(gradient[offset + i]);
        }
        const double epsilon = 1e-6, slope = (moved(epsilon) - moved(-epsilon)) / (2 * epsilon);
        engine->set(int(k), Engine::kTheta, theta[k].data());
        if (!CHECK(std::abs(slope - expected) < 1e-6 * (1 + size)))
          std::printf("  %s %s: parameter %zu, %g instead of %g\n", isa.c_str(), what, k, expected, slope);
      }
    offset += theta[k].size();
  }
}

template <class T>
void test_threads(const Net& net, std::ptrdiff_t n, std::ptrdiff_t batch, const std::string& isa, const char* what) {
  const Program& program = net.program;
  const Data<T> data(net, n);
  std::vector<T> first;
  for (const int threads : {1, 2, 3, 5}) {
    const auto engine = make_engine(program, sizeof(T) == 8, isa);
    start<T>(*engine, program);
    const std::vector<double> h{0.003, 0.9, 0.999, 1e-8};
    engine->start("adam", h, h);
    const std::vector<std::int64_t> bounds{0, batch, 2 * batch, n};
    const std::vector<double> factors{1, 1, 1};
    std::vector<double> totals(3);
    for (int epoch = 0; epoch < 2; ++epoch) {
      const Steps steps{data.order.data(), bounds.data(), factors.data(), nullptr, 3, 1 + 3 * epoch};
      CHECK(engine->train(data.examples(), steps, {0.0, std::numeric_limits<double>::infinity(), {3, 4}},
                          -std::numeric_limits<double>::infinity(), threads, totals.data()) == 3);
    }
    engine->gradient(data.examples(), threads);
    std::vector<T> all;
    for (const int which : {Engine::kTheta, Engine::kGradient})
      for (std::size_t k = 0; k < program.parameters.size(); ++k) {
        std::vector<T> part(std::size_t(program.parameters[k].height * program.parameters[k].columns));
        engine->get(int(k), which, part.data());
        all.insert(all.end(), part.begin(), part.end());
      }
    if (threads == 1) {
      first = all;
      bool finite = true;
      for (const T x : all) finite = finite && std::isfinite(x);
      CHECK(finite);
    }
    if (!CHECK(all == first)) std::printf("  %s %s: %d threads\n", isa.c_str(), what, threads);
  }
}

// One step of gradient ascent, in training: how far each parameter goes, and the log-likelihood before.
struct Stride {
  std::vector<std::vector<double>> moved;
  double total;
};
inline Stride stride_of(Engine& engine, const Data<double>& data, const std::vector<std::vector<double>>& theta,
                        double clip_norm) {
  for (std::size_t k = 0; k < theta.size(); ++k) engine.set(int(k), Engine::kTheta, theta[k].data());
  engine.start("gradient_ascent", {1.0}, {1.0});
  const std::vector<std::int64_t> bounds{0, data.n};
  const std::vector<double> factors{1};
  Stride stride;
  const Steps steps{data.order.data(), bounds.data(), factors.data(), nullptr, 1, 7};
  CHECK(engine.train(data.examples(), steps, {0.0, clip_norm, {3, 4}}, -1e300, 2, &stride.total) == 1);
  for (std::size_t k = 0; k < theta.size(); ++k) {
    std::vector<double> now(theta[k].size());
    engine.get(int(k), Engine::kTheta, now.data());
    for (std::size_t i = 0; i < now.size(); ++i) now[i] -= theta[k][i];
    stride.moved.push_back(std::move(now));
  }
  return stride;
}

// What training climbs, with the statistics of its minibatch and its noise: the same step again, from somewhere else,
// tells how the log-likelihood changes. A step that is cut back has the length that it is cut to.
inline void test_training(const Net& net, const std::string& isa, const char* what) {
  constexpr double kAnyNorm = std::numeric_limits<double>::infinity();
  const Program& program = net.program;
  const auto engine = make_engine(program, true, isa);
  const std::vector<std::vector<double>> theta = start<double>(*engine, program);
  const Data<double> data(net, 21);
  stride_of(*engine, data, theta, kAnyNorm);  // so that buffers have numbers of an earlier step
  const Stride whole = stride_of(*engine, data, theta, kAnyNorm);
  double length = 0, cut = 0;
  for (std::size_t k = 0; k < theta.size(); ++k) {
    if (!program.rules[k].learned) continue;
    double expected = 0, size = 0;
    std::vector<std::vector<double>> there = theta, back = theta;
    constexpr double epsilon = 1e-6;
    for (std::size_t i = 0; i < theta[k].size(); ++i) {
      const double direction = number(i + 2), gradient = whole.moved[k][i] * double(data.n);
      expected += gradient * direction, size += std::abs(gradient), length += whole.moved[k][i] * whole.moved[k][i];
      there[k][i] += epsilon * direction, back[k][i] -= epsilon * direction;
    }
    const double slope =
        (stride_of(*engine, data, there, kAnyNorm).total - stride_of(*engine, data, back, kAnyNorm).total) /
        (2 * epsilon);
    if (!CHECK(std::abs(slope - expected) < 2e-6 * (1 + size)))
      std::printf("  %s %s: training, parameter %zu, %g instead of %g\n", isa.c_str(), what, k, expected, slope);
  }
  const double longest = std::sqrt(length) / 3;
  const Stride short_one = stride_of(*engine, data, theta, longest);
  for (std::size_t k = 0; k < theta.size(); ++k)
    if (program.rules[k].learned)
      for (const double x : short_one.moved[k]) cut += x * x;
  if (!CHECK(std::abs(std::sqrt(cut) / longest - 1) < 1e-9)) std::printf("  %s %s: clipped\n", isa.c_str(), what);
}

}  // namespace likeliest::tests
