// The engine's promises: the same bits for any number of threads, blocks that add up to the whole, steps that stop.
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/engine.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

struct Case {
  std::vector<std::ptrdiff_t> hidden;
  const char *activation, *likelihood;
  std::ptrdiff_t inputs, classes, n, batch;
};

Program program_of(const Case& c) {
  Program program{{c.inputs}, {}, {}, {c.likelihood, {0}, {0}, 1, 1, c.classes}, {}};
  const auto affine = [&](std::ptrdiff_t q) {
    const std::ptrdiff_t p = program.values.back().width();
    const int parameter = int(program.parameters.size()), input = int(program.values.size()) - 1;
    program.parameters.push_back({p, q});
    program.parameters.push_back({1, q});
    program.values.push_back(q);
    program.steps.push_back({"affine", {input}, input + 1, {parameter, parameter + 1}, {}});
  };
  for (const std::ptrdiff_t q : c.hidden) {
    affine(q);
    const int input = int(program.values.size()) - 1;
    program.values.push_back(q);
    program.steps.push_back({c.activation, {input}, input + 1, {}, {0.1}});
  }
  affine(c.classes == 2 ? 1 : c.classes);
  return program;
}

template <class T>
struct Data {
  std::vector<T> X, y;
  std::vector<std::uint32_t> order;
  std::vector<std::int64_t> bounds;
  explicit Data(const Case& c) : X(std::size_t(c.n * c.inputs)), y(std::size_t(c.n)) {
    for (std::size_t i = 0; i < X.size(); ++i) X[i] = T((i * 7919 + 13) % 997) / 500 - 1;
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = T((i * 31 / 7) % std::size_t(c.classes));
    for (std::ptrdiff_t i = 0; i < c.n; ++i) order.push_back(std::uint32_t((i * 17) % c.n));
    for (std::ptrdiff_t at = 0; at < c.n; at += c.batch) bounds.push_back(at);
    bounds.push_back(c.n);
  }
  Examples examples(const Case& c, const T* weight = nullptr) const {
    const Type type = sizeof(T) == 4 ? Type::f32 : Type::f64;
    const auto size = std::ptrdiff_t(sizeof(T));
    return {{X.data(), type, c.n, c.inputs, c.inputs * size, size}, y.data(), weight};
  }
};

template <class T>
void start(Engine& engine, const Program& program, const std::string& optimizer) {
  for (std::size_t k = 0; k < program.parameters.size(); ++k) {
    const Shape s = program.parameters[k];
    std::vector<T> theta(std::size_t(s.height * s.columns));
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = T(std::sin(double(i * 12.9898 + k)) * 0.3);
    engine.set(int(k), Engine::kTheta, theta.data());
  }
  const std::vector<double> h =
      optimizer == "adam" ? std::vector<double>{0.01, 0.9, 0.999, 1e-8} : std::vector<double>{0.05, 0.9};
  engine.start(optimizer, h, h);
}

// All minibatches of the data, once; returns how many totals there are.
template <class T>
std::ptrdiff_t train(Engine& engine, const Case& c, const Data<T>& data, std::int64_t t, double floor, int threads,
                     double* totals) {
  const std::vector<double> factors(data.bounds.size(), 1.0);
  const Steps steps{
      data.order.data(), data.bounds.data(), factors.data(), nullptr, std::ptrdiff_t(data.bounds.size()) - 1, t};
  return engine.train(data.examples(c), steps, {}, floor, threads, totals);
}

template <class T>
std::vector<T> all(const Engine& engine, const Program& program, int which) {
  std::vector<T> numbers;
  for (std::size_t k = 0; k < program.parameters.size(); ++k) {
    const Shape s = program.parameters[k];
    std::vector<T> part(std::size_t(s.height * s.columns));
    engine.get(int(k), which, part.data());
    numbers.insert(numbers.end(), part.begin(), part.end());
  }
  return numbers;
}

constexpr double kNoFloor = -std::numeric_limits<double>::infinity();

template <class T>
void test_threads(const Case& c, const std::string& isa, bool quick) {
  const Program program = program_of(c);
  const Data<T> data(c);
  const auto steps = std::ptrdiff_t(data.bounds.size()) - 1;
  for (const char* optimizer : {"gradient_ascent", "momentum", "adam"}) {
    std::vector<T> first, first_gradient;
    std::vector<double> first_totals;
    for (const int threads : {1, 2, 3, 8}) {
      if (quick && threads == 8) continue;
      const auto engine = make_engine(program, sizeof(T) == 8, isa);
      start<T>(*engine, program, optimizer);
      std::vector<double> totals(std::size_t(2 * steps), 0.0);
      for (int epoch = 0; epoch < 2; ++epoch)
        CHECK(train<T>(*engine, c, data, 1 + epoch * steps, kNoFloor, threads, totals.data() + epoch * steps) == steps);
      engine->gradient(data.examples(c), threads);
      const std::vector<T> theta = all<T>(*engine, program, Engine::kTheta);
      const std::vector<T> gradient = all<T>(*engine, program, Engine::kGradient);
      if (threads == 1) {
        first = theta, first_gradient = gradient, first_totals = totals;
        for (const T x : theta) CHECK(std::isfinite(x));
      }
      CHECK(theta == first && gradient == first_gradient && totals == first_totals);
    }
  }
}

// The gradient against central differences, and as a sum over blocks and over examples.
void test_gradient(const Case& c, const std::string& isa) {
  const Program program = program_of(c);
  const Data<double> data(c);
  const auto engine = make_engine(program, true, isa);
  start<double>(*engine, program, "gradient_ascent");
  engine->gradient(data.examples(c), 2);
  std::vector<double> log_prob(static_cast<std::size_t>(c.n));
  const auto total = [&] {
    engine->log_likelihood(data.examples(c), 2, log_prob.data());
    double sum = 0;
    for (const double x : log_prob) sum += x;
    return sum;
  };
  for (std::size_t k = 0; k < program.parameters.size(); ++k) {
    const Shape s = program.parameters[k];
    const auto size = std::size_t(s.height * s.columns);
    std::vector<double> theta(size), g(size), moved;
    engine->get(int(k), Engine::kTheta, theta.data());
    engine->get(int(k), Engine::kGradient, g.data());
    double largest = 0;
    for (const double x : g) largest = std::max(largest, std::abs(x));
    for (std::size_t i = 0; i < size; i += 1 + size / 7) {
      const double step = 1e-5;
      moved = theta, moved[i] += step;
      engine->set(int(k), Engine::kTheta, moved.data());
      const double up = total();
      moved[i] -= 2 * step;
      engine->set(int(k), Engine::kTheta, moved.data());
      const double difference = (up - total()) / (2 * step);
      CHECK(std::abs(difference - g[i]) <= 1e-6 * largest + 1e-7);
    }
    engine->set(int(k), Engine::kTheta, theta.data());
  }
}

void test_stops() {
  const Case c{{8}, "tanh", "bernoulli", 5, 2, 64, 16};
  const Program program = program_of(c);
  Data<float> data(c);
  const auto engine = make_engine(program, false, available_isas().back());
  start<float>(*engine, program, "adam");
  const std::vector<float> before = all<float>(*engine, program, Engine::kTheta);
  std::vector<double> totals(4);
  // No likelihood is above 1, so a floor of +1 stops at once, without an update.
  CHECK(train<float>(*engine, c, data, 1, 1.0, 2, totals.data()) == 1);
  CHECK(all<float>(*engine, program, Engine::kTheta) == before);
  // A NaN in the third minibatch stops there.
  data.X[std::size_t(data.order[40] * 5)] = std::numeric_limits<float>::quiet_NaN();
  engine->keep();
  CHECK(train<float>(*engine, c, data, 1, -1e9, 2, totals.data()) == 3);
  CHECK(std::isnan(totals[2]) && all<float>(*engine, program, Engine::kTheta) != before);
  for (const float x : all<float>(*engine, program, Engine::kTheta)) CHECK(std::isfinite(x));
  engine->restore();
  CHECK(all<float>(*engine, program, Engine::kTheta) == before);
  for (const float x : all<float>(*engine, program, 1)) CHECK(x == 0);
}

// A network that goes through in shards, with a replica of theta for each thread (6 or 50 units) or without (300): what
// is learned does not depend on the threads of this call or of those before, be it stopped or not.
template <class T>
void test_replicas(std::ptrdiff_t units, const std::string& isa) {
  const Case c{{units}, "relu", "bernoulli", 20, 2, 1300, 520};
  const Program program = program_of(c);
  const Data<T> good(c);
  Data<T> bad = good;
  bad.X[std::size_t(bad.order[600] * c.inputs)] = std::numeric_limits<T>::quiet_NaN();
  const std::vector<double> factors{1, 0.5, 1}, rates{0.5, 0, 0.25};
  const auto learned = [&](const char* optimizer, int slots, const std::vector<int>& threads) {
    const auto engine = make_engine(program, sizeof(T) == 8, isa);
    start<T>(*engine, program, optimizer);
    engine->average(true);
    std::vector<T> numbers;
    const auto keep_numbers = [&] {
      for (int which = Engine::kAverage; which <= slots; ++which)
        for (const T x : all<T>(*engine, program, which)) numbers.push_back(x);
    };
    std::int64_t t = 1;
    const auto train = [&](const Data<T>& data, int count) {
      std::vector<double> totals(3);
      const Steps steps{data.order.data(), data.bounds.data(), factors.data(), rates.data(), 3, t};
      const std::ptrdiff_t done = engine->train(data.examples(c), steps, {}, -1e9, count, totals.data());
      keep_numbers();
      for (std::ptrdiff_t k = 0; k < done; ++k)
        numbers.push_back(std::isnan(totals[std::size_t(k)]) ? T(0) : T(totals[std::size_t(k)]));
      t += done;
      return done;
    };
    for (const int count : threads) CHECK(train(good, count) == 3);
    engine->keep();
    CHECK(train(bad, threads.back()) == 2);
    for (const T x : all<T>(*engine, program, Engine::kTheta)) CHECK(std::isfinite(x));
    engine->restore();
    engine->swap();
    CHECK(train(good, threads.front()) == 3);
    return numbers;
  };
  for (const auto& [optimizer, slots] :
       {std::pair("gradient_ascent", 0), std::pair("momentum", 1), std::pair("adam", 2)}) {
    const std::vector<T> first = learned(optimizer, slots, {1, 1, 1});
    CHECK(learned(optimizer, slots, {2, 2, 2}) == first);
    CHECK(learned(optimizer, slots, {3, 1, 2}) == first);
    CHECK(learned(optimizer, slots, {1, 4, 3}) == first);
  }
}

bool refused(const Program& program) {
  try {
    make_engine(program, false, available_isas().back());
  } catch (const std::invalid_argument&) {
    return true;
  }
  return false;
}

void test_refusals() {
  const Program good = program_of({{8}, "tanh", "bernoulli", 5, 2, 64, 16});
  CHECK(!refused(good));
  Program bad = good;
  bad.steps[1].operation = "convolution";
  CHECK(refused(bad));
  bad = good, bad.likelihood.name = "cauchy";
  CHECK(refused(bad));
  bad = good, bad.parameters[0].height = 6;
  CHECK(refused(bad));
  bad = good, bad.steps[1].inputs = {2};
  CHECK(refused(bad));
  bad = good, bad.steps[0].parameters = {0, 7};
  CHECK(refused(bad));
  bad = good, bad.steps.clear();
  CHECK(refused(bad));
  bool threw = false;
  try {
    tables_for("z80");
  } catch (const std::invalid_argument&) {
    threw = true;
  }
  CHECK(threw);
}

}  // namespace

void test_engine(bool quick) {
  const std::vector<Case> cases = {
      {{32}, "logistic", "bernoulli", 300, 2, 75, 32},      // thin: cut along the inputs
      {{128, 70}, "relu", "categorical", 40, 10, 200, 64},  // wide: cut along the outputs
      {{17, 3}, "gelu", "categorical", 7, 5, 61, 5},        // odd widths, tiny minibatches
      {{}, "identity", "categorical", 20, 150, 90, 33},     // no hidden layer, many classes
      {{20}, "tanh", "bernoulli", 6, 2, 2300, 2300},        // more examples than fit into a block
      {{64, 64}, "elu", "bernoulli", 9, 2, 3, 1},           // one example a step
  };
  for (const std::string& isa : available_isas())
    for (const Case& c : cases) {
      if (quick && isa != available_isas().back()) continue;
      test_threads<float>(c, isa, quick);
      test_threads<double>(c, isa, quick);
      test_gradient(c, isa);
    }
  for (const std::string& isa : available_isas())
    for (const std::ptrdiff_t units : {6, 50, 300}) {
      if (quick && isa != available_isas().back()) continue;
      test_replicas<float>(units, isa);
      test_replicas<double>(units, isa);
    }
  test_stops();
  test_refusals();
}

}  // namespace likeliest::tests
