// The only file that knows of Python. Arrays come in as they are; what can be wrong was checked in Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>

#include "engine/engine.hpp"
#include "engine/pool.hpp"
#include "engine/random.hpp"

namespace nb = nanobind;
using namespace likeliest;

namespace {

using Any = nb::ndarray<nb::ro, nb::device::cpu>;
using Order = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Numbers = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bounds = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<const bool, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

Type type_of(const nb::dlpack::dtype& dtype) {
  using Code = nb::dlpack::dtype_code;
  const auto code = Code(dtype.code);
  if (code == Code::Float) {
    if (dtype.bits == 16) return Type::f16;
    if (dtype.bits == 32) return Type::f32;
    if (dtype.bits == 64) return Type::f64;
  } else if (code == Code::Bool && dtype.bits == 8) {
    return Type::u8;
  } else if (code == Code::Int || code == Code::UInt) {
    const bool is_signed = code == Code::Int;
    if (dtype.bits == 8) return is_signed ? Type::i8 : Type::u8;
    if (dtype.bits == 16) return is_signed ? Type::i16 : Type::u16;
    if (dtype.bits == 32) return is_signed ? Type::i32 : Type::u32;
    if (dtype.bits == 64) return is_signed ? Type::i64 : Type::u64;
  }
  throw std::invalid_argument("X: numbers of this type are not supported");
}

Source source_of(const Any& x) {
  if (x.ndim() != 2) throw std::invalid_argument("X: the native engine takes a matrix");
  const std::ptrdiff_t size = x.dtype().bits / 8;
  return {x.data(),
          type_of(x.dtype()),
          std::ptrdiff_t(x.shape(0)),
          std::ptrdiff_t(x.shape(1)),
          std::ptrdiff_t(x.stride(0)) * size,
          std::ptrdiff_t(x.stride(1)) * size};
}

// An array of its own for `count` numbers of T, with their owner.
template <class T>
nb::ndarray<nb::numpy, T> new_array(std::initializer_list<std::size_t> shape, T** data) {
  std::size_t count = 1;
  for (const std::size_t size : shape) count *= size;
  *data = new T[count ? count : 1];
  nb::capsule owner(*data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return nb::ndarray<nb::numpy, T>(*data, shape, owner);
}

// Shape, axes of space, fill (none: the nearest pixel), stream, parts, and the shares of examples that are mixed.
using AugmentationArguments =
    std::tuple<std::tuple<std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t>, int, std::optional<double>,
               std::pair<std::uint32_t, std::uint32_t>,
               std::vector<std::tuple<std::string, std::uint32_t, std::vector<double>>>, std::optional<Numbers>>;

Augmentation augmentation_of(const AugmentationArguments& arguments, std::size_t order) {
  const auto& [shape, axes, fill, stream, parts, shares] = arguments;
  const auto [height, width, channels] = shape;
  Augmentation augmentation{height, width, channels, axes == 1, !fill, fill.value_or(0), {stream.first, stream.second},
                            {}};
  for (const auto& [name, place, constants] : parts) augmentation.parts.push_back({name, place, constants});
  if (shares) {
    if (shares->size() < order) throw std::invalid_argument("augment: shares do not fit the data");
    augmentation.shares = shares->data();
  }
  return augmentation;
}

class PyEngine {
 public:
  PyEngine(
      const std::vector<std::vector<std::ptrdiff_t>>& values, const std::vector<std::vector<std::ptrdiff_t>>& shapes,
      const std::vector<std::tuple<std::string, std::vector<int>, int, std::vector<int>, std::vector<double>>>& steps,
      const std::tuple<std::string, std::vector<double>, std::vector<double>, std::ptrdiff_t, std::ptrdiff_t,
                       std::ptrdiff_t, std::ptrdiff_t>& likelihood,
      const std::vector<std::tuple<std::string, std::vector<double>, bool, bool, double>>& rules, bool double_precision,
      const std::string& isa)
      : double_(double_precision),
        width_(values.empty() ? 0 : Value(values.back()).width()),
        targets_(std::get<4>(likelihood)),
        classes_(std::get<5>(likelihood) * std::max<std::ptrdiff_t>(std::get<6>(likelihood), 1)),
        input_width_(values.empty() ? 0 : Value(values.front()).width()) {
    const auto& [name, constants, training, groups, targets, classes, places] = likelihood;
    Program program{
        {values.begin(), values.end()}, {}, {}, {name, constants, training, groups, targets, classes, places}, {}};
    for (const auto& [prior, prior_constants, weight, learned, max_norm] : rules)
      program.rules.push_back({prior, prior_constants, weight, learned, max_norm});
    for (const std::vector<std::ptrdiff_t>& shape : shapes) {
      if (shape.empty()) throw std::invalid_argument("program: a parameter without a shape");
      const std::ptrdiff_t columns = shape.back(), width = Value(shape).width();
      std::vector<std::ptrdiff_t> kernel(shape.begin(), shape.end() - std::min<std::ptrdiff_t>(2, shape.size()));
      program.parameters.push_back({columns > 0 ? width / columns : 0, columns, std::move(kernel)});
    }
    for (const auto& [operation, inputs, output, parameters, constants] : steps)
      program.steps.push_back({operation, inputs, output, parameters, constants});
    shapes_ = program.parameters;
    engine_ = make_engine(program, double_precision, isa);
  }

  nb::object get(int parameter, int which) const {
    const Shape shape = shapes_.at(std::size_t(parameter));
    return array({std::size_t(shape.height), std::size_t(shape.columns)}, [&](void* out) {
      nb::gil_scoped_release release;
      engine_->get(parameter, which, out);
    });
  }

  void set(int parameter, int which, const Any& values) {
    const Shape shape = shapes_.at(std::size_t(parameter));
    if (std::ptrdiff_t(values.size()) != shape.height * shape.columns || !right_type(values))
      throw std::invalid_argument("set: wrong size or number type");
    nb::gil_scoped_release release;
    engine_->set(parameter, which, values.data());
  }

  void keep() { engine_->keep(); }
  void restore() { engine_->restore(); }

  void average(bool wanted) { engine_->average(wanted); }
  void swap() { engine_->swap(); }

  void start(const std::string& optimizer, const std::vector<double>& hyperparameters,
             const std::vector<double>& free) {
    engine_->start(optimizer, hyperparameters, free);
  }

  nb::object train(const Any& x, const Any& y, const std::optional<Any>& weight, const Order& order,
                   const Bounds& bounds, const Numbers& factors, const std::optional<Numbers>& rates, std::int64_t t,
                   double floor, std::tuple<double, double, std::uint32_t, std::uint32_t> terms,
                   const nb::object& custom, int threads, const std::optional<AugmentationArguments>& augmentation,
                   const std::optional<Flags>& carries) {
    Examples data = examples(x, &y, weight);
    const std::ptrdiff_t steps = std::ptrdiff_t(bounds.size()) - 1;
    const std::int64_t end = steps < 0 ? 0 : bounds.data()[steps];
    bool good = steps >= 0 && bounds.data()[0] >= 0 && end <= std::int64_t(order.size());
    for (std::ptrdiff_t k = 0; good && k < steps; ++k) good = bounds.data()[k] < bounds.data()[k + 1];
    good = good && are_rows(order.data(), std::ptrdiff_t(order.size()), data.x.rows);
    good = good && std::ptrdiff_t(factors.size()) == steps && (!rates || std::ptrdiff_t(rates->size()) == steps);
    good = good && (!carries || carries->size() == order.size());
    if (!good) throw std::invalid_argument("train: order, bounds, factors, rates or carries do not fit the data");
    CallBack call(*this, custom);
    data.custom = call.custom();
    const auto [prior_scale, clip_norm, noise0, noise1] = terms;
    std::optional<Augmentation> augmented;
    if (augmentation) augmented = augmentation_of(*augmentation, std::size_t(end));
    std::vector<double> totals(static_cast<std::size_t>(steps));
    std::ptrdiff_t written;
    {
      nb::gil_scoped_release release;
      written = engine_->train(data,
                               {order.data(), bounds.data(), factors.data(), rates ? rates->data() : nullptr, steps, t,
                                carries ? carries->data() : nullptr},
                               {prior_scale, clip_norm, {noise0, noise1}, augmented ? &*augmented : nullptr}, floor,
                               threads, totals.data());
    }
    call.rethrow();
    double* out;
    auto result = new_array<double>({std::size_t(written)}, &out);
    std::copy_n(totals.data(), written, out);
    return nb::cast(result);
  }

  void gradient(const Any& x, const Any& y, const std::optional<Any>& weight, const nb::object& custom, int threads) {
    Examples data = examples(x, &y, weight);
    CallBack call(*this, custom);
    data.custom = call.custom();
    {
      nb::gil_scoped_release release;
      engine_->gradient(data, threads);
    }
    call.rethrow();
  }

  nb::object log_likelihood(const Any& x, const Any& y, int threads, std::optional<bool> carries) {
    const Examples data = examples(x, &y, std::nullopt);
    double* out;
    auto result = new_array<double>({x.shape(0)}, &out);
    {
      nb::gil_scoped_release release;
      engine_->log_likelihood(data, threads, out, carry_of(carries));
    }
    return nb::cast(result);
  }

  nb::object output(const Any& x, int threads, std::optional<bool> carries) {
    const Source source = examples(x, nullptr, std::nullopt).x;
    return array({x.shape(0), std::size_t(width_)}, [&](void* out) {
      nb::gil_scoped_release release;
      engine_->output(source, threads, out, carry_of(carries));
    });
  }

  nb::object probabilities(const Any& x, int threads) {
    const Source source = examples(x, nullptr, std::nullopt).x;
    return array({x.shape(0), std::size_t(classes_)}, [&](void* out) {
      nb::gil_scoped_release release;
      engine_->probabilities(source, threads, out);
    });
  }

 private:
  // A function of Python's that gives log P and the score: f(eta, y) -> (log P, score), arrays of the engine's number
  // type. What the function raises is kept, and raised when the engine has stopped; until then it is not called again.
  class CallBack {
   public:
    CallBack(const PyEngine& engine, const nb::object& function) : engine_(engine) {
      if (function.is_none()) return;
      custom_ = [this, &engine, &function](std::ptrdiff_t rows, std::ptrdiff_t width, std::ptrdiff_t stride,
                                           const void* eta, const void* y, void* log_prob, void* score) {
        if (raised_) return false;
        const nb::gil_scoped_acquire hold;
        try {
          engine.double_ ? call<double>(function, rows, width, stride, eta, y, log_prob, score)
                         : call<float>(function, rows, width, stride, eta, y, log_prob, score);
          return true;
        } catch (...) {
          raised_ = std::current_exception();
          return false;
        }
      };
    }
    CallBack(const CallBack&) = delete;
    const Custom* custom() const { return custom_ ? &custom_ : nullptr; }
    void rethrow() const {
      if (raised_) std::rethrow_exception(raised_);
    }

   private:
    template <class T>
    void call(const nb::object& function, std::ptrdiff_t rows, std::ptrdiff_t width, std::ptrdiff_t stride,
              const void* eta, const void* y, void* log_prob, void* score) const {
      T *eta_copy, *y_copy;
      auto eta_array = new_array<T>({std::size_t(rows), std::size_t(width)}, &eta_copy);
      for (std::ptrdiff_t i = 0; i < rows; ++i)
        std::copy_n(static_cast<const T*>(eta) + i * stride, width, eta_copy + i * width);
      auto y_array = new_array<T>({std::size_t(rows), std::size_t(engine_.targets_)}, &y_copy);
      std::copy_n(static_cast<const T*>(y), rows * engine_.targets_, y_copy);
      using Result = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
      const auto [p, s] = nb::cast<std::pair<Result, Result>>(function(nb::cast(eta_array), nb::cast(y_array)));
      if (std::ptrdiff_t(p.size()) != rows || std::ptrdiff_t(s.size()) != rows * width)
        throw std::invalid_argument("likelihood: log_prob or score has the wrong shape");
      std::copy_n(p.data(), rows, static_cast<T*>(log_prob));
      for (std::ptrdiff_t i = 0; i < rows; ++i)
        std::copy_n(s.data() + i * width, width, static_cast<T*>(score) + i * stride);
    }

    const PyEngine& engine_;
    Custom custom_;
    std::exception_ptr raised_;
  };

  static Carry carry_of(std::optional<bool> carries) {
    return !carries ? Carry::none : *carries ? Carry::go_on : Carry::begin;
  }
  bool right_type(const Any& a) const {
    return a.dtype() == (double_ ? nb::dtype<double>() : nb::dtype<float>()) && contiguous(a);
  }
  static bool contiguous(const Any& a) {
    std::int64_t expected = 1;
    for (std::size_t i = a.ndim(); i-- > 0;) {
      if (a.shape(i) != 1 && a.stride(i) != expected) return false;
      expected *= std::int64_t(a.shape(i));
    }
    return true;
  }
  Examples examples(const Any& x, const Any* y, const std::optional<Any>& weight) const {
    const Source source = source_of(x);
    const auto fits = [&](const Any& a, std::ptrdiff_t columns) {
      return a.ndim() == 2 && std::ptrdiff_t(a.shape(0)) == source.rows && std::ptrdiff_t(a.shape(1)) == columns &&
             right_type(a);
    };
    if (source.columns != input_width_ || (y && !fits(*y, targets_)) || (weight && !fits(*weight, 1)))
      throw std::invalid_argument("X, y or weights do not fit the engine");
    return {source, y ? y->data() : nullptr, weight ? weight->data() : nullptr};
  }

  template <class F>
  nb::object array(std::initializer_list<std::size_t> shape, F&& fill) const {
    if (double_) {
      double* data;
      auto result = new_array<double>(shape, &data);
      fill(data);
      return nb::cast(result);
    }
    float* data;
    auto result = new_array<float>(shape, &data);
    fill(data);
    return nb::cast(result);
  }

  bool double_;
  std::ptrdiff_t width_, targets_, classes_, input_width_;
  std::vector<Shape> shapes_;
  std::unique_ptr<Engine> engine_;
};

std::optional<std::pair<std::ptrdiff_t, std::ptrdiff_t>> first_non_finite_of(const Any& x, bool double_precision,
                                                                             int threads) {
  const Source source = source_of(x);
  constexpr std::ptrdiff_t numbers_worth_a_thread = 1 << 22;  // which must be woken up
  const std::ptrdiff_t worth = source.rows * source.columns / numbers_worth_a_thread + 1;
  std::vector<Position> found(std::size_t(threads), Position{-1, -1});
  nb::gil_scoped_release release;
  auto job = [&](int thread, Team& team) noexcept {
    const Range r = share(source.rows, thread, team.threads());
    found[std::size_t(thread)] = double_precision ? first_non_finite<double>(source, r.begin, r.end)
                                                  : first_non_finite<float>(source, r.begin, r.end);
  };
  run_on_pool(int(std::min<std::ptrdiff_t>(threads, worth)), job);
  for (const Position& p : found)
    if (p.row >= 0) return std::pair(p.row, p.column);
  return std::nullopt;
}

// One permutation of 0 .. n - 1 for each counter in [first, last): the epochs of one seed, which the threads share.
nb::object permutations(std::uint32_t key0, std::uint32_t key1, std::uint32_t first, std::uint32_t last,
                        std::uint32_t n, int threads, const std::string& isa) {
  const Table<float>& table = *tables_for(isa).single;
  std::uint32_t* out;
  const std::uint32_t count = last - first;
  auto result = new_array<std::uint32_t>({count, n}, &out);
  {
    nb::gil_scoped_release release;
    threads =
        int(std::min<std::size_t>({std::size_t(threads), std::max(1u, count), std::size_t(count) * n / 16384 + 1}));
    auto job = [&](int thread, Team& team) noexcept {
      for (auto k = std::uint32_t(thread); k < count; k += std::uint32_t(team.threads()))
        permutation(table, threefry({key0, key1}, {first + k, 0}), n, out + std::size_t(k) * n);
    };
    run_on_pool(threads, job);
  }
  return nb::cast(result);
}

// Floating-point operations a second of multiply-adds alone, in float, on all of `threads`: the peak that the
// benchmarks hold the training against.
double fma_peak(int threads, double seconds, const std::string& isa) {
  using Clock = std::chrono::steady_clock;
  const Table<float>& table = *tables_for(isa).single;
  nb::gil_scoped_release release;
  double best = 0;
  const auto start = Clock::now();
  do {
    std::vector<double> done(static_cast<std::size_t>(threads), 0.0);
    auto job = [&](int thread, Team&) noexcept { done[std::size_t(thread)] = table.multiply_adds(200000); };
    const auto begin = Clock::now();
    run_on_pool(threads, job);
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    double total = 0;
    for (const double operations : done) total += operations;
    best = std::max(best, total / took);
  } while (std::chrono::duration<double>(Clock::now() - start).count() < seconds);
  return best;
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "The native core of likeliest.";
  // Networks that live as long as the interpreter are no leaks, and its last words should not be about them.
  nb::set_leak_warnings(false);
  m.def("available_isas", &available_isas);
  m.def("first_non_finite", &first_non_finite_of, nb::arg("x"), nb::arg("double_precision"), nb::arg("threads"));
  m.def("permutations", &permutations);
  m.def("fma_peak", &fma_peak, nb::arg("threads"), nb::arg("seconds"), nb::arg("isa"));
  nb::class_<PyEngine>(m, "Engine")
      .def(nb::init<
           const std::vector<std::vector<std::ptrdiff_t>>&, const std::vector<std::vector<std::ptrdiff_t>>&,
           const std::vector<std::tuple<std::string, std::vector<int>, int, std::vector<int>, std::vector<double>>>&,
           const std::tuple<std::string, std::vector<double>, std::vector<double>, std::ptrdiff_t, std::ptrdiff_t,
                            std::ptrdiff_t, std::ptrdiff_t>&,
           const std::vector<std::tuple<std::string, std::vector<double>, bool, bool, double>>&, bool,
           const std::string&>())
      .def("get", &PyEngine::get)
      .def("set", &PyEngine::set)
      // Without the GIL, or a thread that waits for the engine would hold up the one that computes and calls back.
      .def("keep", &PyEngine::keep, nb::call_guard<nb::gil_scoped_release>())
      .def("restore", &PyEngine::restore, nb::call_guard<nb::gil_scoped_release>())
      .def("average", &PyEngine::average, nb::call_guard<nb::gil_scoped_release>())
      .def("swap", &PyEngine::swap, nb::call_guard<nb::gil_scoped_release>())
      .def("start", &PyEngine::start, nb::call_guard<nb::gil_scoped_release>())
      .def("train", &PyEngine::train, nb::arg("x"), nb::arg("y"), nb::arg("weight").none(), nb::arg("order"),
           nb::arg("bounds"), nb::arg("factors"), nb::arg("rates").none(), nb::arg("t"), nb::arg("floor"),
           nb::arg("terms"), nb::arg("custom").none(), nb::arg("threads"), nb::arg("augmentation").none() = nb::none(),
           nb::arg("carries").none() = nb::none())
      .def("gradient", &PyEngine::gradient, nb::arg("x"), nb::arg("y"), nb::arg("weight").none(),
           nb::arg("custom").none(), nb::arg("threads"))
      .def("log_likelihood", &PyEngine::log_likelihood, nb::arg("x"), nb::arg("y"), nb::arg("threads"),
           nb::arg("carries").none() = nb::none())
      .def("output", &PyEngine::output, nb::arg("x"), nb::arg("threads"), nb::arg("carries").none() = nb::none())
      .def("probabilities", &PyEngine::probabilities);
}
