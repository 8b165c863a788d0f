// Augmentation: the kernels against plain loops, examples that do not depend on who else is made with them, and the
// same bits for any number of threads.
#include <cmath>
#include <stdexcept>

#include "engine/augment.hpp"
#include "engine/engine.hpp"
#include "engine/layout.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

template <class T>
const Table<T>& table_of(const std::string& isa) {
  if constexpr (sizeof(T) == 4) return *tables_for(isa).single;
  if constexpr (sizeof(T) == 8) return *tables_for(isa).twice;
}

template <class T>
std::vector<T> numbers(std::ptrdiff_t count) {
  std::vector<T> x(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = T((i * 7919 + 13) % 997) / 500 - 1;
  return x;
}

double at(const std::vector<double>& x, std::ptrdiff_t i) { return x[std::size_t(i)]; }

// Sums over all places with the words one by one.
template <class T>
void test_displacements(const std::string& isa, std::ptrdiff_t H, std::ptrdiff_t W, std::ptrdiff_t r, bool series) {
  const Table<T>& table = table_of<T>(isa);
  const std::ptrdiff_t pitch = round_up(W, table.lanes);
  std::vector<T> weights = numbers<T>(2 * r + 1), field(std::size_t(2 * (H * W + 64))),
                 line(std::size_t(2 * r + W + 64)), out(std::size_t(2 * H * pitch), T(5));
  T* const columns = out.data() + H * pitch;
  for (const bool add : {false, true})
    table.displace({H, W, 3, 4, 7, r, series ? nullptr : weights.data(), weights.data(), field.data(), line.data(),
                    out.data(), columns, add});
  std::vector<double> u[2];
  for (std::ptrdiff_t j = 0; j < H * W; ++j) {
    const Key words = threefry({3, 4}, {7, std::uint32_t(j)});
    u[0].push_back(std::int32_t(words.low) * 0x1p-31), u[1].push_back(std::int32_t(words.high) * 0x1p-31);
  }
  double worst = 0;
  for (int which = series ? 1 : 0; which < 2; ++which)
    for (std::ptrdiff_t y = 0; y < H; ++y)
      for (std::ptrdiff_t x = 0; x < W; ++x) {
        double total = 0;
        for (std::ptrdiff_t a = 0; a < H; ++a)
          for (std::ptrdiff_t b = 0; b < W; ++b) {
            if (std::abs(a - y) > r || std::abs(b - x) > r || (series && a != y)) continue;
            const double down = series ? 1.0 : double(weights[std::size_t(a - y + r)]);
            total += down * double(weights[std::size_t(b - x + r)]) * at(u[which], a * W + b);
          }
        worst = std::fmax(worst, std::abs(double(out[std::size_t((which * H + y) * pitch + x)]) - 2 * total));
      }
  CHECK(worst < (sizeof(T) == 4 ? 1e-4 : 1e-12) * double(2 * r + 1));
}

template <class T>
void test_resampling(const std::string& isa, std::ptrdiff_t H, std::ptrdiff_t W, std::ptrdiff_t c, bool edge,
                     bool displaced) {
  const Table<T>& table = table_of<T>(isa);
  const std::ptrdiff_t pitch = round_up(W, table.lanes);
  const std::vector<T> x = numbers<T>(H * W * c), d = numbers<T>(2 * H * pitch);
  std::vector<T> padded(std::size_t((H + 3) * (W + 3) * c + 64)), out(std::size_t(H * W * c + 1), T(77));
  const T fill = T(0.25);
  Resampling<T> s{H,
                  W,
                  c,
                  x.data(),
                  padded.data(),
                  edge,
                  fill,
                  {{T(0.8), T(0.3), T(1)}, {T(-0.4), T(1.1), T(2)}},
                  displaced ? d.data() : nullptr,
                  displaced ? d.data() + H * pitch : nullptr,
                  out.data()};
  table.resample(s);
  const auto pixel = [&](std::ptrdiff_t i, std::ptrdiff_t j, std::ptrdiff_t k) {
    const bool inside = i >= 0 && i < H && j >= 0 && j < W;
    return inside ? double(x[std::size_t((i * W + j) * c + k)]) : double(fill);
  };
  double worst = 0;
  for (std::ptrdiff_t y = 0; y < H; ++y)
    for (std::ptrdiff_t z = 0; z < W; ++z) {
      double source[2];
      for (int axis = 0; axis < 2; ++axis) {
        source[axis] = double(s.map[axis][0]) * double(y) + double(s.map[axis][1]) * double(z) + double(s.map[axis][2]);
        if (displaced) source[axis] += double(d[std::size_t((axis * H + y) * pitch + z)]);
        const double last = double((axis == 0 ? H : W) - 1);
        source[axis] = edge ? std::fmin(std::fmax(source[axis] - 1, 0), last) : source[axis] - 1;
      }
      const double i = std::floor(source[0]), j = std::floor(source[1]), a = source[0] - i, b = source[1] - j;
      for (std::ptrdiff_t k = 0; k < c; ++k) {
        double total = 0;
        for (int p = 0; p < 2; ++p)
          for (int q = 0; q < 2; ++q) {
            const double weight = (p ? a : 1 - a) * (q ? b : 1 - b);
            if (weight > 0) total += weight * pixel(std::ptrdiff_t(i) + p, std::ptrdiff_t(j) + q, k);
          }
        worst = std::fmax(worst, std::abs(double(out[std::size_t((y * W + z) * c + k)]) - total));
      }
    }
  CHECK(worst < (sizeof(T) == 4 ? 1e-4 : 1e-12));
  CHECK(out.back() == T(77));  // nothing is written beyond the end
}

Augmentation everything(std::ptrdiff_t H, std::ptrdiff_t W, std::ptrdiff_t c, const double* shares) {
  return {H,
          W,
          c,
          false,
          false,
          0.5,
          {11, 12},
          {{"shift", 0, {2, 1}},
           {"rotate", 1, {15}},
           {"scale", 2, {0.1, 0.1, 1}},
           {"shear", 3, {10}},
           {"flip", 4, {1, 2147483648.0}},
           {"elastic", 5, {10, 1.5}},
           {"elastic", 6, {5, 3}},
           {"cutout", 7, {3, 4, -1}}},
          shares};
}

// The rows of a minibatch in one piece, or one by one in any order, or as bytes that stand backwards.
template <class T>
void test_pieces(const std::string& isa, std::ptrdiff_t c) {
  const std::ptrdiff_t H = 9, W = 11, n = 12, columns = H * W * c, stride = columns + 5;
  std::vector<unsigned char> x(std::size_t(n * columns));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<unsigned char>(i * 31 % 251);
  const Source source{x.data() + x.size() - 1, Type::u8, n, columns, -columns, -1};
  std::vector<std::uint32_t> order;
  std::vector<double> shares;
  for (std::ptrdiff_t i = 0; i < n; ++i) order.push_back(std::uint32_t(i * 5 % n)), shares.push_back(double(i) / 20);
  for (const bool mixes : {false, true}) {
    const Augmenter<T> augmenter(everything(H, W, c, mixes ? shares.data() : nullptr), table_of<T>(isa), 2, n, 1, 4);
    const typename Augmenter<T>::Batch batch{order.data(), 2, n - 3, 41};
    std::vector<T> whole(std::size_t(n * stride), T(3)), single(whole);
    augmenter.apply(source, batch, 2, n - 3, augmenter.scratch(0), whole.data(), stride);
    for (std::ptrdiff_t i = n - 4; i >= 0; --i)
      augmenter.apply(source, batch, 2 + i, 1, augmenter.scratch(1), single.data() + i * stride, stride);
    CHECK(whole == single);
    for (std::ptrdiff_t i = 0; i < n - 3; ++i) CHECK(whole[std::size_t(i * stride + columns)] == T(3));
  }
}

// x (H, W, c) -> reshape -> affine -> tanh -> affine: eta.
struct Net {
  Program program;
  Net(std::ptrdiff_t H, std::ptrdiff_t W, std::ptrdiff_t hidden, const std::string& likelihood)
      : program{{Value({H, W, 1}), Value(H * W)},
                {},
                {{"reshape", {0}, 1, {}, {}}},
                {likelihood, {0, 0}, {0, 0}, 1, 1, 0},
                {}} {
    if (likelihood == "categorical") program.likelihood.classes = 3;
    affine(hidden);
    program.values.push_back(hidden);
    program.steps.push_back({"tanh", {2}, 3, {}, {}});
    affine(likelihood == "categorical" ? 3 : 1);
  }
  void affine(std::ptrdiff_t q) {
    const int input = int(program.values.size()) - 1, W = int(program.parameters.size());
    program.parameters.push_back({program.values.back().width(), q});
    program.parameters.push_back({1, q});
    program.values.push_back(q);
    program.steps.push_back({"affine", {input}, input + 1, {W, W + 1}, {}});
  }
};

template <class T>
bool by_hand(std::ptrdiff_t rows, std::ptrdiff_t, std::ptrdiff_t stride, const void* eta, const void* y, void* log_prob,
             void* score) {
  for (std::ptrdiff_t i = 0; i < rows; ++i) {
    const T rest = static_cast<const T*>(y)[i] - static_cast<const T*>(eta)[i * stride];
    static_cast<T*>(log_prob)[i] = -rest * rest / 2, static_cast<T*>(score)[i * stride] = rest;
  }
  return true;
}

template <class T>
std::vector<T> trained(const Net& net, const std::string& isa, std::ptrdiff_t batch, double clip_norm, int threads) {
  const std::ptrdiff_t n = batch + batch / 2 + 1, columns = net.program.values[0].width();
  const std::vector<T> x = numbers<T>(n * columns);
  std::vector<T> y(static_cast<std::size_t>(n)), weight = numbers<T>(n);
  std::vector<std::uint32_t> order;
  std::vector<double> shares;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    y[std::size_t(i)] = T(i % 3), weight[std::size_t(i)] += T(1);
    order.push_back(std::uint32_t(i)), shares.push_back(double(i % 7) / 6);
  }
  const auto engine = make_engine(net.program, sizeof(T) == 8, isa);
  const std::vector<double> h{0.1}, factors{1, 1, 1};
  engine->start("gradient_ascent", h, h);
  for (std::size_t k = 0; k < net.program.parameters.size(); ++k) {
    std::vector<T> start = numbers<T>(net.program.parameters[k].height * net.program.parameters[k].columns);
    for (T& theta : start) theta *= T(0.1);
    engine->set(int(k), Engine::kTheta, start.data());
  }
  const std::vector<std::int64_t> bounds{0, batch, n - 1, n};  // the last minibatch is one example
  const auto size = std::ptrdiff_t(sizeof(T));
  const Type type = size == 4 ? Type::f32 : Type::f64;
  const Custom custom = by_hand<T>;
  const Examples data{{x.data(), type, n, columns, columns * size, size}, y.data(), weight.data(), &custom};
  const auto& shape = net.program.values[0].shape;
  const Augmentation augmentation = everything(shape[0], shape[1], 1, shares.data());
  Terms terms;
  terms.clip_norm = clip_norm, terms.augmentation = &augmentation;
  std::vector<double> totals(3);
  engine->train(data, {order.data(), bounds.data(), factors.data(), nullptr, 1, 1}, {}, -1e30, threads, totals.data());
  CHECK(engine->train(data, {order.data(), bounds.data(), factors.data(), nullptr, 3, 2}, terms, -1e30, threads,
                      totals.data()) == 3);
  std::vector<T> found(totals.begin(), totals.end());
  for (std::size_t k = 0; k < net.program.parameters.size(); ++k) {
    std::vector<T> theta(std::size_t(net.program.parameters[k].height * net.program.parameters[k].columns));
    engine->get(int(k), Engine::kTheta, theta.data());
    found.insert(found.end(), theta.begin(), theta.end());
  }
  return found;
}

template <class T>
void test_threads(const std::string& isa, bool quick) {
  struct Case {
    Net net;
    std::ptrdiff_t batch;
    double clip_norm;
  };
  const double any = std::numeric_limits<double>::infinity();
  const Case cases[] = {{Net(9, 10, 12, "categorical"), 40, any},  {Net(9, 10, 200, "categorical"), 260, any},
                        {Net(16, 20, 24, "categorical"), 50, any}, {Net(16, 20, 24, "normal"), 300, 0.5},
                        {Net(9, 10, 12, "custom"), 40, any},       {Net(9, 10, 400, "categorical"), 1100, any},
                        {Net(16, 20, 300, "categorical"), 64, 1.0}};
  for (const Case& one : cases) {
    if (quick && one.batch > 1000) continue;
    const std::vector<T> first = trained<T>(one.net, isa, one.batch, one.clip_norm, 1);
    for (const T number : first) CHECK(std::isfinite(number));
    for (const int threads : {2, 3, 8})
      if (!quick || threads < 8) CHECK(trained<T>(one.net, isa, one.batch, one.clip_norm, threads) == first);
  }
}

void test_refused() {
  const auto refused = [](Augmentation a) {
    try {
      check(a, 90);
    } catch (const std::invalid_argument&) {
      return true;
    }
    return false;
  };
  Augmentation good = everything(9, 10, 1, nullptr);
  CHECK(!refused(good));
  CHECK(refused(everything(9, 9, 1, nullptr)) && refused(everything(-9, -10, 1, nullptr)));
  for (const Augmentation::Part& part : std::vector<Augmentation::Part>{{"warp", 0, {}},
                                                                        {"shift", 0, {1}},
                                                                        {"shift", 0, {1e9, 0}},
                                                                        {"elastic", 0, {1, 0}},
                                                                        {"elastic", 0, {1, 1e6}},
                                                                        {"rotate", 0, {std::nan("")}}}) {
    Augmentation bad = good;
    bad.parts.push_back(part);
    CHECK(refused(bad));
  }
  good.parts.assign(33, {"rotate", 0, {1}});
  CHECK(refused(good));
}

template <class T>
void test_kernels(const std::string& isa) {
  test_displacements<T>(isa, 9, 11, 3, false);
  test_displacements<T>(isa, 5, 37, 12, false);
  test_displacements<T>(isa, 33, 2, 4, false);
  test_displacements<T>(isa, 1, 50, 6, true);
  for (const std::ptrdiff_t c : {1, 2, 3})
    for (const bool edge : {false, true})
      for (const bool displaced : {false, true}) {
        test_resampling<T>(isa, 9, 11, c, edge, displaced);
        test_resampling<T>(isa, 3, 40, c, edge, displaced);
        test_resampling<T>(isa, 1, 1, c, edge, displaced);
      }
  test_pieces<T>(isa, 1);
  test_pieces<T>(isa, 3);
}

}  // namespace

void test_augment(bool quick) {
  for (const std::string& isa : available_isas()) {
    test_kernels<float>(isa);
    test_kernels<double>(isa);
    if (quick && isa != available_isas().back()) continue;
    test_threads<float>(isa, quick);
    test_threads<double>(isa, quick);
  }
  test_refused();
}

}  // namespace likeliest::tests
