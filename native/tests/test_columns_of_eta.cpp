// Likelihoods whose eta has any number of columns, through the engine: rows that fill no register, several targets, and
// as many columns as there are. The gradient is that of log P, and the bits depend neither on the threads nor on where
// an example stands.
#include <cmath>
#include <string>

#include "engine/engine.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

constexpr std::ptrdiff_t kInputs = 3;

// x -> affine -> append: eta, of which the last columns are parameters.
struct Page {
  Likelihood likelihood;
  std::ptrdiff_t width, shared;

  Program program() const {
    Program program{{kInputs, width - shared}, {{kInputs, width - shared}, {1, width - shared}}, {}, likelihood, {}};
    program.steps.push_back({"affine", {0}, 1, {0, 1}, {}});
    if (shared == 0) return program;
    program.parameters.push_back({1, shared});
    program.values.push_back(width);
    program.steps.push_back({"append", {1}, 2, {2}, {}});
    return program;
  }
};

std::vector<double> quantiles(int count) {
  std::vector<double> constants{0.5, 0.0};
  for (int k = 1; k <= count; ++k) constants.push_back(k / (count + 1.0));
  return constants;
}

Page page(const std::string& name, const std::vector<double>& constants, std::ptrdiff_t components,
          std::ptrdiff_t shared, std::ptrdiff_t groups = 1, std::ptrdiff_t targets = 1, std::ptrdiff_t classes = 0) {
  return {{name, constants, constants, groups, targets, classes}, components * groups, shared * groups};
}

const std::vector<Page> pages = {
    page("bernoulli", {0}, 1, 0, 33, 33),
    page("bernoulli", {0.1}, 1, 0, 1, 1, 2),
    page("categorical", {0}, 2, 0, 1, 1, 2),
    page("categorical", {0.1}, 70, 0, 1, 1, 70),
    page("categorical", {0.1}, 5, 0, 7, 7),
    page("ordinal", {}, 2, 1, 1, 1, 2),
    page("ordinal", {}, 70, 69, 1, 1, 70),
    page("ordinal", {}, 4, 3, 5, 5),
    page("normal", {0, 0.1}, 2, 1, 3, 3),
    page("normal", {0.7, 0}, 1, 0, 9, 9),
    page("quantile", quantiles(1), 1, 0),
    page("quantile", quantiles(40), 40, 0),
    page("quantile", quantiles(3), 3, 0, 4, 4),
    page("multivariate_normal", {2, 0}, 5, 0, 1, 2),
    page("multivariate_normal", {12, 0.2}, 90, 78, 1, 12),
    page("normal_mixture", {1, 0, 0.1}, 2, 0),
    page("normal_mixture", {3, 0, 0}, 8, 0),  // two registers of rows at once
    page("normal_mixture", {3, 0, 0.1}, 8, 3),
    page("normal_mixture", {20, 0, 0}, 59, 20),
    page("normal_mixture", {2, 0.6, 0}, 3, 0, 6, 6),
};

template <class T>
class Run {
 public:
  Run(const Page& page, std::ptrdiff_t n, const std::string& isa)
      : page_(page),
        program_(page.program()),
        n_(n),
        X_(std::size_t(n * kInputs)),
        y_(std::size_t(n * page.likelihood.targets)),
        engine(make_engine(program_, sizeof(T) == 8, isa)) {
    const std::ptrdiff_t components = page.width / page.likelihood.groups;
    const std::string& name = page.likelihood.name;
    const std::ptrdiff_t classes = name == "bernoulli"                          ? 2
                                   : name == "categorical" || name == "ordinal" ? components
                                                                                : 0;
    for (std::size_t i = 0; i < X_.size(); ++i) X_[i] = T((i * 7919 + 13) % 997) / 500 - 1;
    for (std::size_t i = 0; i < y_.size(); ++i)
      y_[i] = classes ? T((i * 31 / 7) % std::size_t(classes)) : T((i * 37) % 101) / 50 - 1;
    for (std::size_t k = 0; k < program_.parameters.size(); ++k) {
      theta.emplace_back(std::size_t(program_.parameters[k].height * program_.parameters[k].columns));
      for (std::size_t i = 0; i < theta[k].size(); ++i) theta[k][i] = T(std::sin(double(i * 12.9898 + k)) * 0.5);
      engine->set(int(k), Engine::kTheta, theta[k].data());
    }
  }

  Examples examples(std::ptrdiff_t first, std::ptrdiff_t count) const {
    const Type type = sizeof(T) == 4 ? Type::f32 : Type::f64;
    const auto size = std::ptrdiff_t(sizeof(T));
    return {{X_.data() + first * kInputs, type, count, kInputs, kInputs * size, size},
            y_.data() + first * page_.likelihood.targets,
            nullptr};
  }
  std::vector<double> log_prob(std::ptrdiff_t first, std::ptrdiff_t count, int threads = 1) const {
    std::vector<double> out(static_cast<std::size_t>(count));
    engine->log_likelihood(examples(first, count), threads, out.data());
    return out;
  }
  std::vector<std::vector<T>> numbers(int which) const {
    std::vector<std::vector<T>> all = theta;
    for (std::size_t k = 0; k < all.size(); ++k) engine->get(int(k), which, all[k].data());
    return all;
  }

 private:
  const Page& page_;
  const Program program_;
  const std::ptrdiff_t n_;
  std::vector<T> X_, y_;

 public:
  std::vector<std::vector<T>> theta;
  const std::unique_ptr<Engine> engine;
};

void test_gradient(const Page& page, const std::string& isa) {
  const Run<double> run(page, 21, isa);
  run.engine->gradient(run.examples(0, 21), 2);
  const auto gradient = run.numbers(Engine::kGradient);
  const auto total = [&](std::size_t k, std::size_t i, double step) {
    std::vector<double> moved = run.theta[k];
    moved[i] += step;
    run.engine->set(int(k), Engine::kTheta, moved.data());
    double sum = 0;
    for (const double x : run.log_prob(0, 21)) sum += x;
    run.engine->set(int(k), Engine::kTheta, run.theta[k].data());
    return sum;
  };
  for (std::size_t k = 0; k < gradient.size(); ++k)
    for (std::size_t i = 0; i < gradient[k].size(); i += 1 + gradient[k].size() / 40) {
      const double difference = (total(k, i, 1e-5) - total(k, i, -1e-5)) / 2e-5;
      if (!CHECK(std::abs(difference - gradient[k][i]) <= 1e-6 * (1 + std::abs(difference))))
        std::printf("  %s, %td columns, %td targets: %g instead of %g\n", page.likelihood.name.c_str(), page.width,
                    page.likelihood.targets, gradient[k][i], difference);
    }
}

template <class T>
void test_rows(const Page& page, const std::string& isa) {
  const Run<T> run(page, 150, isa);
  const std::vector<double> whole = run.log_prob(0, 150, 3);
  for (const std::ptrdiff_t first : {0, 1, 15, 17, 140})
    for (const std::ptrdiff_t count : {1, 5, 10}) {
      const std::vector<double> part = run.log_prob(first, count);
      for (std::ptrdiff_t i = 0; i < count; ++i) CHECK(part[std::size_t(i)] == whole[std::size_t(first + i)]);
    }
  if (const std::ptrdiff_t classes = page.likelihood.classes) {
    std::vector<T> p(std::size_t(37 * classes));
    run.engine->probabilities(run.examples(0, 37).x, 1, p.data());
    for (std::size_t i = 0; i < 37; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < std::size_t(classes); ++k) sum += double(p[i * std::size_t(classes) + k]);
      CHECK(std::abs(sum - 1) <= 1e-5);
    }
  }
  std::vector<std::vector<T>> first;
  for (const int threads : {1, 2, 3}) {
    const Run<T> other(page, 150, isa);
    const std::vector<double> h{0.01}, factors(3, 1.0);
    const std::vector<std::int64_t> bounds{0, 67, 134, 150};
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < 150; ++i) order.push_back(i * 17 % 150);
    std::vector<double> totals(3);
    other.engine->start("gradient_ascent", h, h);
    CHECK(other.engine->train(other.examples(0, 150), {order.data(), bounds.data(), factors.data(), nullptr, 3, 1}, {},
                              -1e9, threads, totals.data()) == 3);
    if (threads == 1) first = other.numbers(Engine::kTheta);
    CHECK(other.numbers(Engine::kTheta) == first);
  }
}

}  // namespace

void test_columns_of_eta(bool quick) {
  for (const std::string& isa : available_isas())
    for (const Page& page : pages) {
      if (quick && isa != available_isas().back()) continue;
      test_gradient(page, isa);
      test_rows<float>(page, isa);
      test_rows<double>(page, isa);
    }
}

}  // namespace likeliest::tests
