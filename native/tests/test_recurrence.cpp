// Recurrences against plain loops over rows, steps and cells; a sequence with a length against the shorter one;
// gradients and threads as in networks.hpp.
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "tests/networks.hpp"

namespace likeliest::tests {
namespace {

constexpr double kEpsilon = 1e-3;

// A recurrence and what it takes.
struct Kind {
  std::string cell;
  bool lengths = false, state = false, keep = false, every = false, with_cell = false, reverse = false, relu = false;
  int truncate = 0;

  // "gru_before" is the gru with its reset before the product.
  bool is_gru() const { return cell == "gru" || cell == "gru_before"; }
  bool is_lstm() const { return cell == "lstm" || cell == "layer_norm_lstm"; }
  std::string operation() const { return is_gru() ? "gru" : cell; }
  std::ptrdiff_t gates() const { return is_lstm() ? 4 : is_gru() ? 3 : 1; }
  std::ptrdiff_t states() const { return is_lstm() ? 2 : 1; }
  std::vector<double> constants() const {
    std::vector<double> all{double(lengths), double(state), double(keep), double(every)};
    if (is_lstm()) all.push_back(with_cell);
    all.push_back(reverse), all.push_back(truncate);
    if (is_gru()) all.push_back(cell == "gru");
    if (cell == "layer_norm_lstm") all.push_back(kEpsilon);
    if (cell == "rnn") all.push_back(relu);
    return all;
  }
};

// x of these networks: a sequence (T, p), what multiplies h, and the length.
constexpr std::ptrdiff_t length_of(std::ptrdiff_t row, std::ptrdiff_t T) { return T - row * 5 % T; }

class Sequences : public Net {
 public:
  std::ptrdiff_t T, p;
  int sequence, keep, lengths;

  Sequences(std::ptrdiff_t T, std::ptrdiff_t p, std::ptrdiff_t q, const std::string& likelihood,
            std::ptrdiff_t classes = 0)
      : Net({T * p + q + 1}, likelihood, classes), T(T), p(p) {
    sequence = take(0, {T, p}), keep = take(T * p, {q}), lengths = take(T * p + q, {1});
    x = [=](std::ptrdiff_t row, std::ptrdiff_t column) {
      if (column == T * p + q) return double(length_of(row, T));
      return column < T * p || column % 3 != 0 ? number(std::size_t(row * 131 + column * 7 + 5)) : 0.0;
    };
    program.steps.pop_back(), program.steps.pop_back(), program.steps.pop_back();
    program.values.erase(program.values.begin() + 1, program.values.end());
  }
  // Some numbers of x, each time it is asked for, so that no value is left that nothing takes.
  int take(std::ptrdiff_t begin, Sizes out) {
    std::ptrdiff_t count = 1;
    for (const std::ptrdiff_t size : out) count *= size;
    std::vector<double> constants{double(begin), double(begin + count)};
    constants.insert(constants.end(), out.begin(), out.end());
    return step("slice", std::move(out), {}, constants, {0});
  }
  int lengths_of() { return take(program.values[0].width() - 1, {1}); }
  // The sequence is `from`; the state too, and where there is none, a learned one.
  int recurrence(const Kind& kind, std::ptrdiff_t q, int from) {
    const std::ptrdiff_t in = program.values[std::size_t(from)].shape.back(), columns = kind.gates() * q;
    std::vector<int> inputs{from};
    if (kind.lengths) inputs.push_back(lengths_of());
    if (kind.state) {
      const int zeros = step("fill", {1}, {}, {0, 1}, {0});
      const std::ptrdiff_t width = kind.states() * q;
      const int W = parameter({1, width}), b = parameter({1, width});
      inputs.push_back(step("affine", {width}, {W, b}, {}, {zeros}));
    }
    if (kind.keep) inputs.push_back(take(T * p, {q}));
    std::vector<int> parameters{parameter({in, columns}), parameter({q, columns}), parameter({1, columns})};
    if (kind.is_gru()) parameters.push_back(parameter({1, columns}));
    if (kind.cell == "layer_norm_lstm")
      for (const std::ptrdiff_t width : {columns, columns, q, q}) parameters.push_back(parameter({1, width}));
    const Sizes out = kind.every ? Sizes{T, q} : Sizes{q * (kind.with_cell ? 2 : 1)};
    return step(kind.operation(), out, parameters, kind.constants(), inputs);
  }
};

// The norm of a row.
std::vector<double> normalized(const std::vector<double>& z) {
  double mean = 0, variance = 0;
  for (const double x : z) mean += x / double(z.size());
  for (const double x : z) variance += (x - mean) * (x - mean) / double(z.size());
  std::vector<double> all;
  for (const double x : z) all.push_back((x - mean) / std::sqrt(variance + kEpsilon));
  return all;
}

double sigma(double z) { return 1 / (1 + std::exp(-z)); }

// The output for one row, in double; theta has the state's W and b first, where there is one.
template <class T>
std::vector<double> loops(const Kind& kind, std::ptrdiff_t steps, std::ptrdiff_t p, std::ptrdiff_t q, const T* x,
                          const std::vector<std::vector<T>>& theta) {
  const std::ptrdiff_t length = kind.lengths ? std::ptrdiff_t(x[steps * p + q]) : steps, G = kind.gates() * q;
  const std::size_t first = kind.state ? 2 : 0;
  std::vector<double> h(std::size_t(q), 0.0), c(h);
  for (std::ptrdiff_t j = 0; j < q && kind.state; ++j) {
    h[std::size_t(j)] = double(theta[1][std::size_t(j)]);
    if (kind.is_lstm()) c[std::size_t(j)] = double(theta[1][std::size_t(q + j)]);
  }
  std::vector<double> all(std::size_t(steps * q), 0.0);
  const auto at = [](const std::vector<T>& theta, std::ptrdiff_t i) { return double(theta[std::size_t(i)]); };
  for (std::ptrdiff_t s = 0; s < length; ++s) {
    const std::ptrdiff_t t = kind.reverse ? length - 1 - s : s;
    std::vector<double> z(std::size_t(G), 0.0), v(z), next(h);
    for (std::ptrdiff_t k = 0; k < G; ++k) {
      double &of_x = z[std::size_t(k)], &of_h = v[std::size_t(k)];
      for (std::ptrdiff_t i = 0; i < p; ++i) of_x += double(x[t * p + i]) * at(theta[first], i * G + k);
      for (std::ptrdiff_t i = 0; i < q; ++i)
        of_h += h[std::size_t(i)] * (kind.keep ? double(x[steps * p + i]) : 1) * at(theta[first + 1], i * G + k);
      if (kind.cell != "layer_norm_lstm") of_x += at(theta[first + 2], k);
      if (kind.is_gru()) of_h += at(theta[first + 3], k);
    }
    if (kind.cell == "layer_norm_lstm") {
      z = normalized(z), v = normalized(v);
      for (std::ptrdiff_t k = 0; k < G; ++k) {
        z[std::size_t(k)] = at(theta[first + 3], k) * z[std::size_t(k)] + at(theta[first + 2], k);
        v[std::size_t(k)] *= at(theta[first + 4], k);
      }
    }
    if (kind.cell == "gru_before") {  // n of r h, instead of r times what comes of h
      std::vector<double> reset;
      for (std::ptrdiff_t i = 0; i < q; ++i)
        reset.push_back(sigma(z[std::size_t(i)] + v[std::size_t(i)]) * h[std::size_t(i)] *
                        (kind.keep ? double(x[steps * p + i]) : 1));
      for (std::ptrdiff_t k = 2 * q; k < G; ++k) {
        v[std::size_t(k)] = at(theta[first + 3], k);
        for (std::ptrdiff_t i = 0; i < q; ++i)
          v[std::size_t(k)] += reset[std::size_t(i)] * at(theta[first + 1], i * G + k);
      }
    }
    std::vector<double> cells(std::size_t(q), 0.0);
    for (std::ptrdiff_t j = 0; j < q && kind.cell == "layer_norm_lstm"; ++j) {
      const auto both = [&](std::ptrdiff_t gate) {
        return z[std::size_t(gate * q + j)] + v[std::size_t(gate * q + j)];
      };
      c[std::size_t(j)] = sigma(both(1)) * c[std::size_t(j)] + sigma(both(0)) * std::tanh(both(2));
    }
    if (kind.cell == "layer_norm_lstm") cells = normalized(c);
    for (std::ptrdiff_t j = 0; j < q; ++j) {
      const auto both = [&](std::ptrdiff_t gate) {
        return z[std::size_t(gate * q + j)] + v[std::size_t(gate * q + j)];
      };
      double& now = next[std::size_t(j)];
      if (kind.cell == "lstm") {
        double& cell = c[std::size_t(j)];
        cell = sigma(both(1)) * cell + sigma(both(0)) * std::tanh(both(2));
        now = sigma(both(3)) * std::tanh(cell);
      } else if (kind.cell == "layer_norm_lstm") {
        now = sigma(both(3)) * std::tanh(at(theta[first + 5], j) * cells[std::size_t(j)] + at(theta[first + 6], j));
      } else if (kind.is_gru()) {
        const double r = sigma(both(0)), u = sigma(both(1));
        now =
            (1 - u) * std::tanh(z[std::size_t(2 * q + j)] + (kind.cell == "gru" ? r : 1) * v[std::size_t(2 * q + j)]) +
            u * now;
      } else {
        now = kind.relu ? std::max(both(0), 0.0) : std::tanh(both(0));
      }
    }
    h = next;
    std::copy(h.begin(), h.end(), all.begin() + t * q);
  }
  if (kind.every) return all;
  if (kind.with_cell) h.insert(h.end(), c.begin(), c.end());
  return h;
}

template <class T>
void test_forward(const Kind& kind, std::ptrdiff_t steps, std::ptrdiff_t p, std::ptrdiff_t q, const std::string& isa) {
  Sequences net(steps, p, q, "normal");
  net.recurrence(kind, q, net.take(0, {steps, p}));
  net.flatten();
  const std::ptrdiff_t n = 21, width = net.shape()[0];
  net.program.likelihood.groups = net.program.likelihood.targets = width;
  const auto engine = make_engine(net.program, sizeof(T) == 8, isa);
  const std::vector<std::vector<T>> theta = start<T>(*engine, net.program);
  const Data<T> data(net, n);
  std::vector<T> eta(std::size_t(n * width));
  engine->output(data.examples().x, 2, eta.data());
  bool good = true;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const std::vector<double> expected = loops(kind, steps, p, q, data.X.data() + i * data.width, theta);
    for (std::ptrdiff_t j = 0; j < width; ++j)
      good = good && std::abs(double(eta[std::size_t(i * width + j)]) - expected[std::size_t(j)]) <
                         (sizeof(T) == 8 ? 1e-12 : 1e-5);
  }
  if (!CHECK(good))
    std::printf("  %s %s T %td p %td q %td: lengths %d state %d keep %d every %d cell %d reverse %d\n", isa.c_str(),
                kind.cell.c_str(), steps, p, q, kind.lengths, kind.state, kind.keep, kind.every, kind.with_cell,
                kind.reverse);
}

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (const std::string cell : {"lstm", "gru", "gru_before", "rnn", "layer_norm_lstm"})
    for (int bits = 0; bits < 32; ++bits) {
      Kind kind{cell, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
      kind.reverse = (bits & 16) != 0;
      kind.with_cell = kind.is_lstm() && !kind.every && bits % 3 == 0, kind.relu = bits % 3 == 1;
      all.push_back(kind);
    }
  return all;
}

// A recurrence behind another one, each step through a product, and the last states of two directions joined.
Sequences network(const Kind& kind, std::ptrdiff_t T, std::ptrdiff_t p, std::ptrdiff_t q, bool affine_first = false) {
  Sequences net(T, p, q, "categorical", 3);
  int x = net.take(0, {T, p});
  if (affine_first) x = net.affine(p + 3), x = net.activation("tanh");
  Kind every = kind;
  every.every = true, every.with_cell = false;
  const int h = net.recurrence(every, q, x);
  const int z = net.affine(q + 2);
  const int a = net.activation("relu");
  Kind back = kind;
  back.reverse = !kind.reverse;
  const int last = net.recurrence(back, q, a);
  (void)z;
  Kind third = kind;
  third.every = true, third.with_cell = false;
  const int other = net.recurrence(third, q, h);
  const std::vector<int> inputs = kind.lengths ? std::vector{other, net.lengths_of()} : std::vector{other};
  const int there = net.step("last_step", {q}, {}, {double(kind.lengths)}, inputs);
  if (kind.every) {
    net.step("concatenate", {q + T * q}, {}, {}, {there, net.step("reshape", {T * q}, {}, {}, {last})});
  } else {
    const std::ptrdiff_t width = q * (kind.with_cell ? 2 : 1);
    net.step("concatenate", {q + width}, {}, {}, {there, last});
  }
  net.affine(3);
  return net;
}

// Whatever stands behind the end of a sequence, the output is that of the shorter one.
void test_padding(const Kind& kind, const std::string& isa) {
  constexpr std::ptrdiff_t T = 6, p = 3, q = 5, n = 7;
  Sequences whole(T, p, q, "normal");
  whole.recurrence(kind, q, whole.take(0, {T, p})), whole.flatten();
  const std::ptrdiff_t width = whole.shape()[0];
  whole.program.likelihood.groups = whole.program.likelihood.targets = width;
  const auto engine = make_engine(whole.program, true, isa);
  start<double>(*engine, whole.program);
  Data<double> data(whole, n);
  std::vector<double> eta(std::size_t(n * width));
  engine->output(data.examples().x, 1, eta.data());
  Data<double> other = data;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (std::ptrdiff_t k = length_of(i, T) * p; k < T * p; ++k)
      other.X[std::size_t(i * data.width + k)] = 1e30 * double(k % 2 ? 1 : -1);
  std::vector<double> again(eta.size());
  engine->output(other.examples().x, 1, again.data());
  CHECK(eta == again);
  for (std::ptrdiff_t length = 1; length <= T; ++length) {
    Sequences part(length, p, q, "normal");
    part.recurrence(kind, q, part.take(0, {length, p})), part.flatten();
    const std::ptrdiff_t less = part.shape()[0];
    part.program.likelihood.groups = part.program.likelihood.targets = less;
    const auto shorter = make_engine(part.program, true, isa);
    start<double>(*shorter, part.program);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      if (length_of(i, T) != length) continue;
      const double* from = data.X.data() + i * data.width;
      std::vector<double> x(from, from + length * p);
      x.insert(x.end(), from + T * p, from + data.width);
      std::vector<double> h(static_cast<std::size_t>(less));
      const auto bytes = std::ptrdiff_t(x.size() * sizeof(double));
      shorter->output({x.data(), Type::f64, 1, std::ptrdiff_t(x.size()), bytes, sizeof(double)}, 1, h.data());
      bool same = true;
      for (std::ptrdiff_t j = 0; j < less; ++j)
        same = same && std::abs(h[std::size_t(j)] - eta[std::size_t(i * width + j)]) < 1e-14;
      CHECK(same);
    }
  }
}

// Backpropagation through k steps: what is left of the gradient when the state before a cut is a constant. The output
// is the last step's, so that nothing at all comes to W from the steps before the last cut.
void test_truncation(const std::string& cell, const std::string& isa) {
  constexpr std::ptrdiff_t T = 7, p = 2, q = 4, n = 3;
  for (const bool reverse : {false, true})
    for (const int truncate : {1, 3, 7, 100}) {
      Kind kind{cell};
      kind.reverse = reverse, kind.truncate = truncate;
      Sequences net(T, p, q, "categorical", 3);
      net.recurrence(kind, q, net.take(0, {T, p})), net.affine(3);
      // x is 0 but at one step: W has a gradient if and only if that step is not cut off.
      for (std::ptrdiff_t t = 0; t < T; ++t) {
        Sequences one = net;
        one.x = [&](std::ptrdiff_t row, std::ptrdiff_t column) {
          return column / p == t && column < T * p ? number(std::size_t(row * 3 + column)) : 0.0;
        };
        const auto engine = make_engine(one.program, true, isa);
        start<double>(*engine, one.program);
        const Data<double> data(one, n);
        const std::vector<double> gradient = gradient_of(*engine, one.program, data, 1);
        double size = 0;
        const std::size_t of_W = std::size_t(one.program.parameters[0].height * one.program.parameters[0].columns);
        for (std::size_t i = 0; i < of_W; ++i) size += std::abs(gradient[i]);
        const bool reached = reverse ? t < truncate : t >= (T - 1) / truncate * truncate;
        if (!CHECK((size > 0) == reached))
          std::printf("  %s %s: truncate %d, step %td, reverse %d\n", isa.c_str(), cell.c_str(), truncate, t, reverse);
      }
    }
}

// A likelihood at every step, where y has one; and the same, step by step.
Sequences tagger(std::ptrdiff_t T, std::ptrdiff_t p, std::ptrdiff_t q, const std::string& likelihood,
                 std::ptrdiff_t width, std::ptrdiff_t classes) {
  Sequences net(T, p, q, likelihood, classes);
  net.recurrence({"gru", true, false, false, true}, q, net.take(0, {T, p}));
  net.affine(width), net.flatten();
  net.program.likelihood.steps = net.program.likelihood.targets = T;
  net.y = [=](std::ptrdiff_t row, std::ptrdiff_t t) {
    if (t >= length_of(row, T) || (row + t) % 7 == 3) return std::numeric_limits<double>::quiet_NaN();
    return classes ? double((row + 2 * t) % classes) : number(std::size_t(row * T + t));
  };
  return net;
}

template <class T>
void test_steps(std::ptrdiff_t steps, std::ptrdiff_t width, const std::string& likelihood, std::ptrdiff_t classes,
                const std::string& isa) {
  constexpr std::ptrdiff_t p = 9, n = 40;
  Net whole({steps, p}, likelihood, classes), one({p}, likelihood, classes);
  whole.affine(width), whole.flatten(), one.affine(width);
  whole.program.likelihood.steps = whole.program.likelihood.targets = steps;
  whole.y = tagger(steps, 1, 1, likelihood, width, classes).y;
  const auto a = make_engine(whole.program, sizeof(T) == 8, isa), b = make_engine(one.program, sizeof(T) == 8, isa);
  start<T>(*a, whole.program), start<T>(*b, one.program);
  const Data<T> data(whole, n);
  std::vector<double> total(n);
  a->log_likelihood(data.examples(), 2, total.data());
  std::vector<T> x, y, p_all(std::size_t(n * steps * classes)), p_each(p_all.size());
  for (std::ptrdiff_t i = 0; i < n * steps; ++i)
    y.push_back(std::isnan(data.y[std::size_t(i)]) ? T(0) : data.y[std::size_t(i)]);
  const auto size = std::ptrdiff_t(sizeof(T));
  const Source rows{data.X.data(), size == 4 ? Type::f32 : Type::f64, n * steps, p, p * size, size};
  std::vector<double> each(std::size_t(n * steps));
  b->log_likelihood({rows, y.data(), nullptr}, 1, each.data());
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::ptrdiff_t t = 0; t < steps; ++t)
      if (!std::isnan(data.y[std::size_t(i * steps + t)])) sum += each[std::size_t(i * steps + t)];
    CHECK(std::abs(sum - total[std::size_t(i)]) < (size == 8 ? 1e-12 : 1e-5) * (1 + std::abs(sum)));
  }
  if (!classes) return;
  a->probabilities(data.examples().x, 1, p_all.data()), b->probabilities(rows, 1, p_each.data());
  bool same = true;
  for (std::size_t i = 0; i < p_all.size(); ++i) same = same && std::abs(double(p_all[i] - p_each[i])) < 1e-6;
  CHECK(same);
}

// Three windows of each of some long sequences. What they begin with is the same for all rows of x.
struct Windows {
  static constexpr std::ptrdiff_t T = 4, p = 3, q = 5, count = 3, streams = 7;
  Sequences window, whole;
  Data<double> data, long_data;
  std::vector<std::uint32_t> order;  // window by window, those of all streams; for two epochs

  explicit Windows(const Kind& kind)
      : window(net(kind, T)), whole(net(kind, count * T)), data(window, streams * count), long_data(whole, streams) {
    for (std::ptrdiff_t s = 0; s < streams; ++s) {
      double* row = long_data.X.data() + s * long_data.width;
      std::copy_n(long_data.X.data() + count * T * p, q, row + count * T * p);
      for (std::ptrdiff_t k = 0; k < count; ++k) {
        double* part = data.X.data() + (s * count + k) * data.width;
        std::copy_n(row + k * T * p, T * p, part), std::copy_n(row + count * T * p, q, part + T * p);
        std::copy_n(long_data.y.data() + (s * count + k) * T, T, data.y.data() + (s * count + k) * T);
      }
    }
    for (std::ptrdiff_t k = 0; k < 2 * count; ++k)
      for (std::ptrdiff_t s = 0; s < streams; ++s) order.push_back(std::uint32_t(s * count + k % count));
  }
  // Two recurrences, and a likelihood at every step.
  static Sequences net(Kind kind, std::ptrdiff_t steps) {
    Sequences net(steps, p, q, "normal");
    kind.every = true;
    net.recurrence(kind, q, net.take(0, {steps, p}));
    const int x = net.affine(q - 1);
    kind.keep = false;
    net.recurrence(kind, q + 2, x);
    net.affine(2), net.flatten();
    net.program.likelihood.steps = net.program.likelihood.targets = steps;
    return net;
  }
  // The windows from `first` on, so many, at a rate.
  double train(Engine& engine, std::ptrdiff_t first, std::ptrdiff_t windows, double rate, int threads) const {
    std::vector<std::int64_t> bounds{0};
    std::vector<double> factors(std::size_t(windows), rate), totals(factors);
    bool carries[2 * count];
    for (std::ptrdiff_t k = 0; k < windows; ++k)
      bounds.push_back((k + 1) * streams), carries[k] = (first + k) % count > 0;
    const Steps steps{order.data() + first * streams, bounds.data(), factors.data(), nullptr, windows, 1, carries};
    CHECK(engine.train(data.examples(), steps, {}, -1e300, threads, totals.data()) == windows);
    double sum = 0;
    for (const double total : totals) sum += total;
    return sum;
  }
};

void test_carry(const Kind& kind, const std::string& isa) {
  const Windows windows(kind);
  const auto engine = make_engine(windows.window.program, true, isa),
             whole = make_engine(windows.whole.program, true, isa);
  const auto theta = start<double>(*engine, windows.window.program);
  start<double>(*whole, windows.whole.program);
  const auto said = [&](bool good, const char* what) {
    if (!CHECK(good))
      std::printf("  %s %s: carry, %s; state %d keep %d\n", isa.c_str(), kind.cell.c_str(), what, kind.state,
                  kind.keep);
  };
  // In training, and in prediction.
  double each[Windows::streams], expected = 0, parts = 0;
  whole->log_likelihood(windows.long_data.examples(), 1, each);
  for (const double x : each) expected += x;
  engine->start("gradient_ascent", {1.0}, {1.0});
  for (int epoch = 0; epoch < 2; ++epoch)
    said(std::abs(windows.train(*engine, 0, Windows::count, 0.0, 2) - expected) < 1e-11 * std::abs(expected), "values");
  for (std::ptrdiff_t k = 0; k < Windows::count; ++k) {
    Examples some = windows.data.examples();  // every so many'th row, from the k-th on
    std::vector<double> y;
    for (std::ptrdiff_t s = 0; s < Windows::streams; ++s)
      y.insert(y.end(), windows.data.y.begin() + (s * Windows::count + k) * Windows::T,
               windows.data.y.begin() + (s * Windows::count + k + 1) * Windows::T);
    some.x.data = static_cast<const char*>(some.x.data) + k * some.x.row_stride;
    some.x.rows = Windows::streams, some.x.row_stride *= Windows::count, some.y = y.data();
    engine->log_likelihood(some, 2, each, k > 0 ? Carry::go_on : Carry::begin);
    for (const double x : each) parts += x;
  }
  said(std::abs(parts - expected) < 1e-11 * std::abs(expected), "values in prediction");
  // The gradient of the second windows, in the state that the first ones left.
  windows.train(*engine, 0, 1, 0.0, 1);
  engine->keep();
  const auto moved = [&](std::size_t k, double by) {
    engine->restore();
    std::vector<double> other = theta[k];
    for (std::size_t i = 0; i < other.size(); ++i) other[i] += by * number(i + 2);
    engine->set(int(k), Engine::kTheta, other.data());
    return windows.train(*engine, 1, 1, 0.0, 1);
  };
  for (std::size_t k = 0; k < theta.size(); ++k) {
    const double slope = (moved(k, 1e-6) - moved(k, -1e-6)) / 2e-6;
    engine->restore();
    windows.train(*engine, 1, 1, 1.0, 2);
    std::vector<double> now(theta[k].size());
    engine->get(int(k), Engine::kTheta, now.data());
    double along = 0, size = 0;
    for (std::size_t i = 0; i < now.size(); ++i) {
      const double gradient = (now[i] - theta[k][i]) * double(Windows::streams);
      along += gradient * number(i + 2), size += std::abs(gradient);
    }
    said(std::abs(slope - along) < 1e-6 * (1 + size), "the gradient");
    if (kind.state && k < 2) said(size == 0, "what a start learns that was not taken");
  }
  // However many threads there are.
  std::vector<double> first;
  for (const int threads : {1, 2, 3, 5}) {
    const auto other = make_engine(windows.window.program, true, isa);
    start<double>(*other, windows.window.program);
    other->start("adam", {0.01, 0.9, 0.999, 1e-8}, {0.01, 0.9, 0.999, 1e-8});
    std::vector<double> all{windows.train(*other, 0, 2 * Windows::count - 1, 1.0, threads)};
    for (std::size_t k = 0; k < theta.size(); ++k) {
      std::vector<double> part(theta[k].size());
      other->get(int(k), Engine::kTheta, part.data());
      all.insert(all.end(), part.begin(), part.end());
    }
    if (threads == 1) first = all;
    said(all == first, "threads");
  }
}

}  // namespace

void test_recurrence(bool quick) {
  for (const std::string& isa : available_isas()) {
    if (quick && isa != available_isas().back()) continue;
    for (const Kind& kind : kinds()) {
      test_forward<double>(kind, 5, 3, 7, isa);
      test_forward<float>(kind, 4, 5, 16, isa);
      test_forward<float>(kind, 3, 16, 37, isa);
      if (kind.lengths) test_padding(kind, isa);
    }
    for (const Kind& kind : kinds())
      if (kind.every && !kind.lengths && !kind.reverse) test_carry(kind, isa);
    test_forward<float>({"lstm"}, 1, 1, 1, isa);
    for (const Kind& kind : kinds()) {
      const std::string what = kind.cell + " lengths " + std::to_string(kind.lengths) + " state " +
                               std::to_string(kind.state) + " keep " + std::to_string(kind.keep) + " every " +
                               std::to_string(kind.every) + " reverse " + std::to_string(kind.reverse);
      const bool first = kind.state != kind.keep;
      test_gradient(network(kind, 4, 3, 5, first), isa, what.c_str());
      if (kind.state == kind.every) test_training(network(kind, 3, 2, 4, !first), isa, what.c_str());
    }
    for (const auto& [likelihood, width, classes] :
         std::vector<std::tuple<std::string, int, int>>{{"categorical", 5, 5},
                                                        {"categorical", 70, 70},
                                                        {"bernoulli", 1, 2},
                                                        {"ordinal", 4, 4},
                                                        {"normal", 2, 0}}) {
      for (const std::ptrdiff_t steps : {1, 5}) {
        test_steps<float>(steps, width, likelihood, classes, isa);
        test_steps<double>(steps, width, likelihood, classes, isa);
      }
      const Sequences net = tagger(5, 3, 4, likelihood, width, classes);
      test_gradient(net, isa, likelihood.c_str()), test_training(net, isa, likelihood.c_str());
      test_threads<float>(net, 150, 70, isa, likelihood.c_str());
      test_threads<float>(tagger(5, 3, 70, likelihood, width, classes), 50, 20, isa, likelihood.c_str());
    }
    for (const std::string cell : {"lstm", "gru", "gru_before", "rnn", "layer_norm_lstm"}) {
      Kind kind{cell, true, true, false, true};
      test_threads<float>(network(kind, 5, 4, 9), 50, 20, isa, cell.c_str());
      test_threads<float>(network({cell}, 4, 16, 32, true), 150, 70, isa, cell.c_str());  // in shards
      kind.lengths = false;
      test_threads<double>(network(kind, 6, 3, 70), 23, 9, isa, cell.c_str());
      test_truncation(cell, isa);
    }
  }
}

}  // namespace likeliest::tests
