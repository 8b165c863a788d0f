// A network with everything that a step may hold besides products and scalar functions: an embedding, noise, norms,
// appended parameters, priors, max-norm, clipping, an average, a likelihood of the caller's. The bits do not depend on
// the threads.
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/engine.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

constexpr std::ptrdiff_t kInputs = 9;
struct Size {
  std::ptrdiff_t examples, batch, units = 70;  // of the first hidden layer
  bool in_blocks() const { return batch > 1024; }
};
// A small minibatch; one in shards; the same of a network of which each thread has a replica.
constexpr Size kSmall{150, 64}, kLarge{2300, 1100}, kReplicas{2300, 1100, 12};

// x with two columns of codes -> embedding -> dropout -> affine -> batch_norm -> relu -> noise -> affine -> layer_norm
// -> affine -> rms_norm -> affine -> append. Without batch_norm, large minibatches go through in blocks.
class Net {
 public:
  Program program{{kInputs}, {}, {}, {}, {}};

  explicit Net(const std::string& likelihood, bool in_blocks = false, std::ptrdiff_t units = kSmall.units) {
    program.likelihood = {likelihood, {0, 0}, {0, 0}, 1, 1, 0};
    const int cities = parameter(5, 3, {"laplace", {0.7}, true}), days = parameter(7, 18, {"normal", {2.0}, true});
    step("embedding", kInputs - 2 + 3 + 18, {cities, days}, {2, 5});
    step("dropout", width(), {}, {0.25});
    affine(units, {"horseshoe", {0.3}, true, true, 1.5});
    if (!in_blocks) norm("batch_norm", {1e-5, 0.9});
    step("relu", width(), {}, {});
    step("gaussian_noise", width(), {}, {0.1});
    affine(33, {"student_t", {1.0, 4.0}, true});
    norm("layer_norm", {1e-5});
    affine(17, {"flat", {}, true, true, 0.4});
    norm("rms_norm", {1e-5});
    affine(1, {"normal", {1.0}, true});
    step("append", 2, {parameter(1, 1, {})}, {});
  }

 private:
  std::ptrdiff_t width() const { return program.values.back().width(); }
  int parameter(std::ptrdiff_t height, std::ptrdiff_t columns, Rule rule) {
    program.parameters.push_back({height, columns});
    program.rules.push_back(std::move(rule));
    return int(program.parameters.size()) - 1;
  }
  void step(const std::string& operation, std::ptrdiff_t q, std::vector<int> parameters,
            std::vector<double> constants) {
    const int input = int(program.values.size()) - 1;
    program.values.push_back(q);
    program.steps.push_back({operation, {input}, input + 1, std::move(parameters), std::move(constants)});
  }
  void affine(std::ptrdiff_t q, Rule rule) {
    const int W = parameter(width(), q, std::move(rule));
    step("affine", q, {W, parameter(1, q, {"", {}, false})}, {});
  }
  void norm(const std::string& operation, std::vector<double> constants) {
    const std::ptrdiff_t q = width();
    std::vector<int> parameters{parameter(1, q, {"", {}, false})};
    if (operation != "rms_norm") parameters.push_back(parameter(1, q, {"", {}, false}));
    if (operation == "batch_norm")
      for (int i = 0; i < 2; ++i) parameters.push_back(parameter(1, q, {"", {}, false, false}));
    step(operation, q, std::move(parameters), std::move(constants));
  }
};

template <class T>
struct Data {
  std::vector<T> X, y;
  std::vector<std::uint32_t> order;
  explicit Data(Size n) : X(std::size_t(n.examples * kInputs)), y(std::size_t(n.examples)) {
    for (std::size_t i = 0; i < X.size(); ++i) X[i] = T((i * 7919 + 13) % 997) / 500 - 1;
    for (std::size_t i = 0; i < y.size(); ++i) {
      X[i * kInputs + 2] = T(i % 5), X[i * kInputs + 5] = T(i * 3 % 7);
      y[i] = T((i * 31 / 7) % 11) / 5;
      order.push_back(std::uint32_t(i * 17 % y.size()));
    }
  }
  Examples examples(const Custom* custom) const {
    const Type type = sizeof(T) == 4 ? Type::f32 : Type::f64;
    const auto size = std::ptrdiff_t(sizeof(T));
    return {{X.data(), type, std::ptrdiff_t(y.size()), kInputs, kInputs * size, size}, y.data(), nullptr, custom};
  }
};

// The Normal with a scale of 1, written by the caller.
template <class T>
bool by_hand(std::ptrdiff_t rows, std::ptrdiff_t width, std::ptrdiff_t stride, const void* eta, const void* y,
             void* log_prob, void* score) {
  for (std::ptrdiff_t i = 0; i < rows; ++i) {
    const T error = static_cast<const T*>(y)[i] - static_cast<const T*>(eta)[i * stride];
    static_cast<T*>(log_prob)[i] = T(-0.5) * error * error;
    static_cast<T*>(score)[i * stride] = error;
  }
  return width == 2;
}

template <class T>
std::vector<T> all(const Engine& engine, const Program& program, int which) {
  std::vector<T> numbers;
  for (std::size_t k = 0; k < program.parameters.size(); ++k) {
    std::vector<T> part(std::size_t(program.parameters[k].height * program.parameters[k].columns));
    engine.get(int(k), which, part.data());
    numbers.insert(numbers.end(), part.begin(), part.end());
  }
  return numbers;
}

template <class T>
std::vector<T> trained(const Net& net, Size n, const std::string& isa, double clip_norm, int threads) {
  const Data<T> data(n);
  const Custom custom = by_hand<T>;
  const Examples examples = data.examples(net.program.likelihood.name == "custom" ? &custom : nullptr);
  const auto engine = make_engine(net.program, sizeof(T) == 8, isa);
  for (std::size_t k = 0; k < net.program.parameters.size(); ++k) {
    const Shape s = net.program.parameters[k];
    std::vector<T> theta(std::size_t(s.height * s.columns));
    for (std::size_t i = 0; i < theta.size(); ++i)
      theta[i] = T(std::sin(double(i * 12.9898 + k)) * 0.3 + (s.height == 1));
    engine->set(int(k), Engine::kTheta, theta.data());
  }
  const std::vector<double> h{0.01, 0.9, 0.999, 1e-8};
  engine->start("adam", h, h);
  engine->average(true);
  const std::vector<std::int64_t> bounds{0, n.batch, 2 * n.batch, n.examples};
  const std::vector<double> factors{1, 0.5, 1}, rates{1, 0, 0.5};
  std::vector<double> totals(3);
  for (int epoch = 0; epoch < 3; ++epoch) {
    const Steps steps{data.order.data(), bounds.data(), factors.data(), rates.data(), 3, 1 + 3 * epoch};
    CHECK(engine->train(examples, steps, {0.01, clip_norm, {1, 2}}, -1e9, threads, totals.data()) == 3);
  }
  engine->gradient(examples, threads);
  std::vector<T> numbers;
  for (const int which : {Engine::kTheta, Engine::kAverage, Engine::kGradient, 1, 2})
    for (const T x : all<T>(*engine, net.program, which)) numbers.push_back(x);
  for (const double x : totals) numbers.push_back(T(x));
  return numbers;
}

template <class T>
void test_threads(const std::string& isa, bool quick) {
  for (const char* likelihood : {"normal", "custom"})
    for (const double clip_norm : {std::numeric_limits<double>::infinity(), 0.5})
      for (const Size n : {kSmall, kLarge, kReplicas}) {
        const Net net(likelihood, n.in_blocks(), n.units);
        const std::vector<T> first = trained<T>(net, n, isa, clip_norm, 1);
        for (const T x : first) CHECK(std::isfinite(x));
        for (const int threads : {2, 3, 8})
          if (!quick || threads < 8) CHECK(trained<T>(net, n, isa, clip_norm, threads) == first);
      }
}

// A likelihood that fails stops the step before its update; one that calls the engine is refused, and does not hang.
void test_custom_that_fails() {
  const Net net("custom");
  const Data<double> data(kSmall);
  const auto engine = make_engine(net.program, true, available_isas().back());
  const std::vector<double> h{0.1};
  engine->start("gradient_ascent", h, h);
  int calls = 0;
  bool refused = false;
  const Custom fails = [&](std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t, const void*, const void*, void*, void*) {
    ++calls;
    try {
      engine->keep();
    } catch (const std::logic_error&) {
      refused = true;
    }
    return false;
  };
  const std::vector<std::int64_t> bounds{0, kSmall.batch, kSmall.examples};
  const std::vector<double> factors{1, 1};
  const std::vector<double> before = all<double>(*engine, net.program, Engine::kTheta);
  std::vector<double> totals(2);
  const Steps steps{data.order.data(), bounds.data(), factors.data(), nullptr, 2, 1};
  CHECK(engine->train(data.examples(&fails), steps, {}, -1e9, 2, totals.data()) == 1);
  CHECK(std::isnan(totals[0]) && calls == 1 && refused);
  // Running statistics are observed while the values go through; what is learned has not moved.
  const std::vector<double> after = all<double>(*engine, net.program, Engine::kTheta);
  std::size_t at = 0;
  for (std::size_t k = 0; k < net.program.parameters.size(); ++k)
    for (std::ptrdiff_t i = 0; i < net.program.parameters[k].height * net.program.parameters[k].columns; ++i, ++at)
      if (net.program.rules[k].learned) CHECK(after[at] == before[at]);
  engine->keep();  // and the turn has been given back
}

}  // namespace

void test_regularization(bool quick) {
  for (const std::string& isa : available_isas()) {
    if (quick && isa != available_isas().back()) continue;
    test_threads<float>(isa, quick);
    test_threads<double>(isa, quick);
  }
  test_custom_that_fails();
}

}  // namespace likeliest::tests
