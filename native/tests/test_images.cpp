// Operations on images against plain loops over every index; gradients and threads as in networks.hpp.
#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

#include "tests/networks.hpp"

namespace likeliest::tests {
namespace {

// How windows lie along each axis.
struct Lie {
  Sizes kernel, stride, before, after, dilation;
  std::ptrdiff_t groups = 1;
  std::size_t axes() const { return kernel.size(); }
  std::ptrdiff_t reach(std::size_t axis) const { return (kernel[axis] - 1) * dilation[axis] + 1; }
};

Lie lie(Sizes kernel, std::ptrdiff_t stride, std::ptrdiff_t before, std::ptrdiff_t after, std::ptrdiff_t dilation,
        std::ptrdiff_t groups = 1) {
  const std::size_t axes = kernel.size();
  return {kernel, Sizes(axes, stride), Sizes(axes, before), Sizes(axes, after), Sizes(axes, dilation), groups};
}

class Images : public Net {
 public:
  using Net::Net;

  int convolution(const Lie& l, std::ptrdiff_t q, bool bias = true) {
    Sizes out;
    std::ptrdiff_t taps = 1;
    for (std::size_t i = 0; i < l.axes(); ++i) {
      out.push_back((shape()[i] + l.before[i] + l.after[i] - l.reach(i)) / l.stride[i] + 1);
      taps *= l.kernel[i];
    }
    out.push_back(q);
    std::vector<int> parameters{parameter({taps * (shape().back() / l.groups), q, l.kernel})};
    if (bias) parameters.push_back(parameter({1, q}));
    return step("convolution", out, parameters, constants(l, true));
  }
  int transposed(const Lie& l, std::ptrdiff_t c, std::ptrdiff_t more = 0) {
    Sizes out;
    std::ptrdiff_t taps = 1;
    for (std::size_t i = 0; i < l.axes(); ++i) {
      out.push_back((shape()[i] - 1) * l.stride[i] - l.before[i] - l.after[i] + l.reach(i) + more);
      taps *= l.kernel[i];
    }
    out.push_back(c);
    std::vector<double> all = constants(l, true);
    all.insert(all.end(), l.axes(), double(more));
    // W goes from c channels to q: its last axis is the input's channels.
    const int W = parameter({taps * (c / l.groups), shape().back(), l.kernel}), b = parameter({1, c});
    return step("transposed_convolution", out, {W, b}, all);
  }
  int pool(const std::string& operation, const Lie& l) {
    Sizes out;
    for (std::size_t i = 0; i < l.axes(); ++i)
      out.push_back((shape()[i] + l.before[i] + l.after[i] - l.reach(i)) / l.stride[i] + 1);
    out.push_back(shape().back());
    std::vector<double> all(l.kernel.begin(), l.kernel.end());
    const std::vector<double> rest = constants(l, false);
    all.insert(all.end(), rest.begin(), rest.end());
    return step(operation, out, {}, all);
  }
  int norm(const std::string& operation, std::vector<double> constants) {
    const std::ptrdiff_t c = shape().back();
    std::vector<int> parameters{parameter({1, c}), parameter({1, c})};
    if (operation == "batch_norm")
      parameters.push_back(parameter({1, c}, false)), parameters.push_back(parameter({1, c}, false));
    return step(operation, shape(), parameters, std::move(constants));
  }

 private:
  static std::vector<double> constants(const Lie& l, bool dilated) {
    std::vector<double> all(l.stride.begin(), l.stride.end());
    for (std::size_t i = 0; i < l.axes(); ++i) all.push_back(double(l.before[i])), all.push_back(double(l.after[i]));
    if (dilated) {
      all.insert(all.end(), l.dilation.begin(), l.dilation.end());
      all.push_back(double(l.groups));
    }
    return all;
  }
};

// Calls f(indices) for every combination below the sizes.
void each(const Sizes& sizes, const std::function<void(const Sizes&)>& f) {
  Sizes at(sizes.size(), 0);
  for (;;) {
    f(at);
    std::size_t i = sizes.size();
    while (i > 0 && ++at[i - 1] == sizes[i - 1]) at[--i] = 0;
    if (i == 0) return;
  }
}
std::ptrdiff_t flat(const Sizes& shape, const Sizes& at) {
  std::ptrdiff_t index = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) index = index * shape[i] + at[i];
  return index;
}
Sizes space(const Sizes& shape) { return {shape.begin(), shape.end() - 1}; }
Sizes with(Sizes at, std::ptrdiff_t channel) {
  at.push_back(channel);
  return at;
}

// For every place of the small side and every tap: f(small, tap, large), where the large side has that place.
void each_tap(const Lie& l, const Sizes& small, const Sizes& large,
              const std::function<void(const Sizes&, const Sizes&, const Sizes&)>& f) {
  each(space(small), [&](const Sizes& o) {
    each(l.kernel, [&](const Sizes& tap) {
      Sizes i(o.size());
      for (std::size_t a = 0; a < o.size(); ++a) {
        i[a] = o[a] * l.stride[a] + tap[a] * l.dilation[a] - l.before[a];
        if (i[a] < 0 || i[a] >= large[a]) return;
      }
      f(o, tap, i);
    });
  });
}

// One operation by itself, with eta its output: against plain loops.
template <class T>
void test_forward(const Lie& l, const Sizes& shape, std::ptrdiff_t q, const std::string& operation,
                  const std::string& isa) {
  Images net(shape, "normal");
  if (operation == "convolution")
    net.convolution(l, q);
  else if (operation == "transposed_convolution")
    net.transposed(l, q, l.stride[0] > 1 ? 1 : 0);
  else
    net.pool(operation, l);
  const Sizes out = net.shape();
  net.flatten();
  net.program.likelihood.groups = net.program.likelihood.targets = net.shape()[0];
  const auto engine = make_engine(net.program, sizeof(T) == 8, isa);
  const std::vector<std::vector<T>> theta = start<T>(*engine, net.program);
  const std::ptrdiff_t n = 3, width = net.shape()[0];
  const Data<T> data(net, n);
  std::vector<T> eta(std::size_t(n * width));
  engine->output(data.examples().x, 2, eta.data());
  bool good = true;
  for (std::ptrdiff_t row = 0; row < n; ++row) {
    const auto x = [&](const Sizes& at) { return double(data.X[std::size_t(row * data.width + flat(shape, at))]); };
    std::vector<double> h(std::size_t(width), 0.0), count(std::size_t(width), 0.0);
    const auto at_h = [&](const Sizes& at) -> double& { return h[std::size_t(flat(out, at))]; };
    if (operation == "max_pool") h.assign(h.size(), -std::numeric_limits<double>::infinity());
    const bool back = operation == "transposed_convolution", convolves = back || operation == "convolution";
    each_tap(l, back ? shape : out, back ? out : shape, [&](const Sizes& o, const Sizes& tap, const Sizes& i) {
      if (!convolves) {
        for (std::ptrdiff_t c = 0; c < shape.back(); ++c) {
          double& to = at_h(with(o, c));
          count[std::size_t(flat(out, with(o, c)))] += 1;
          to = operation == "max_pool" ? std::max(to, x(with(i, c))) : to + x(with(i, c));
        }
        return;
      }
      const std::ptrdiff_t small = back ? shape.back() : q, large = back ? q : shape.back();
      const std::ptrdiff_t each_small = small / l.groups, each_large = large / l.groups;
      for (std::ptrdiff_t s = 0; s < small; ++s)
        for (std::ptrdiff_t c = 0; c < each_large; ++c) {
          const std::ptrdiff_t channel = s / each_small * each_large + c;
          const double W = double(theta[0][std::size_t((flat(l.kernel, tap) * each_large + c) * small + s)]);
          if (back)
            at_h(with(i, channel)) += W * x(with(o, s));
          else
            at_h(with(o, s)) += W * x(with(i, channel));
        }
    });
    for (std::ptrdiff_t j = 0; j < width; ++j) {
      if (convolves) h[std::size_t(j)] += double(theta[1][std::size_t(j % out.back())]);
      if (operation == "average_pool") h[std::size_t(j)] /= count[std::size_t(j)];
      const double error = std::abs(double(eta[std::size_t(row * width + j)]) - h[std::size_t(j)]);
      good = good && error < (sizeof(T) == 8 ? 1e-12 : 2e-5);
    }
  }
  if (!CHECK(good))
    std::printf("  %s %s kernel %td.. stride %td before %td after %td dilation %td groups %td, c %td q %td\n",
                isa.c_str(), operation.c_str(), l.kernel[0], l.stride[0], l.before[0], l.after[0], l.dilation[0],
                l.groups, shape.back(), q);
}

// Of numbers that are equal the first is the largest, and a NaN is larger than any, wherever it stands.
template <class T>
void test_largest(const Table<T>& table) {
  Window w;
  w.in[2] = 6, w.out[2] = 2, w.size[2] = w.stride[2] = 3;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  std::vector<T> x(64), h(64), index(64);
  const T numbers[] = {1, 2, 2, 5, nan, 7};
  std::copy(std::begin(numbers), std::end(numbers), x.begin());
  table.max_pool({&w, x.data(), h.data(), index.data(), nullptr});
  CHECK(h[0] == T(2) && index[0] == T(1) && std::isnan(h[1]));
}

// The networks that gradients and threads are tested on.
std::vector<std::pair<const char*, Net>> networks() {
  std::vector<std::pair<const char*, Net>> all;
  const auto add = [&](const char* name, Net net) { all.emplace_back(name, std::move(net)); };
  {
    Images net({9, 9, 1}, "categorical", 3);
    net.convolution(lie({3, 3}, 1, 0, 0, 1), 20), net.activation("relu"), net.pool("max_pool", lie({2, 2}, 2, 0, 0, 1));
    net.convolution(lie({2, 2}, 1, 1, 0, 1), 33), net.activation("relu"), net.flatten(), net.affine(8);
    net.activation("tanh"), net.affine(3);
    add("conv pool conv", net);
  }
  {
    Images net({7, 6, 3}, "categorical", 3);
    net.convolution(lie({3, 2}, 2, 1, 1, 1, 3), 6), net.activation("gelu");
    net.convolution(lie({3, 3}, 1, 1, 1, 1, 6), 6), net.activation("silu"),
        net.convolution(lie({1, 1}, 1, 0, 0, 1), 5, false);
    net.norm("group_norm", {5, 1e-5}), net.pool("average_pool", lie({2, 2}, 1, 1, 1, 1)), net.flatten(), net.affine(3);
    add("groups, depthwise, group_norm, average_pool", net);
  }
  {
    Images net({12, 4}, "categorical", 3);
    net.convolution(lie({3}, 1, 2, 0, 2), 18), net.norm("batch_norm", {1e-5, 0.9}), net.activation("relu");
    net.convolution(lie({3}, 2, 1, 1, 1, 18), 18), net.activation("elu"), net.step("global_max_pool", {18}, {}, {}),
        net.affine(3);
    net.program.steps[4].constants = {1.0};
    add("series, batch_norm", net);
  }
  {
    Images net({4, 5, 4, 2}, "categorical", 3);
    net.convolution(lie({2, 2, 3}, 1, 0, 1, 1), 7), net.activation("relu"),
        net.pool("max_pool", lie({2, 2, 2}, 1, 0, 1, 1));
    net.convolution(lie({2, 1, 2}, 1, 0, 0, 1), 3), net.step("global_average_pool", {3}, {}, {}), net.affine(3);
    add("volume", net);
  }
  {
    Images net({5, 5, 4, 2}, "categorical", 3);
    net.convolution(lie({2, 3, 2}, 2, 1, 0, 1), 5), net.activation("tanh");
    net.convolution(lie({2, 2, 1}, 2, 0, 1, 1), 3), net.flatten(), net.affine(3);
    add("volume, strides", net);
  }
  {
    Images net({5, 10, 16}, "categorical", 3);  // of which the pool leaves windows out, and the last tiles are not full
    net.convolution(lie({3, 3}, 1, 1, 1, 1), 16), net.activation("relu"), net.pool("max_pool", lie({2, 2}, 2, 0, 0, 1));
    net.convolution(lie({2, 5}, 1, 0, 3, 1), 32, false), net.activation("tanh"), net.flatten(), net.affine(3);
    add("minimal filtering", net);
  }
  {
    Images net({4, 3, 6, 16}, "categorical", 3);
    net.convolution(lie({3, 2, 3}, 1, 0, 1, 1), 16), net.activation("relu");
    net.convolution(lie({1, 3, 5}, 1, 2, 0, 1), 16), net.step("global_average_pool", {16}, {}, {}), net.affine(3);
    add("minimal filtering of volumes", net);
  }
  {
    Images net({4, 4, 3}, "categorical", 3);
    net.step("rescale", {4, 4, 3}, {}, {0.1, 0.2, 0.3, 2, 1.5, 0.7});
    net.transposed(lie({3, 3}, 2, 1, 1, 1), 5, 1), net.activation("tanh"),
        net.step("upsample", {16, 16, 5}, {}, {2, 2});
    net.transposed(lie({2, 2}, 1, 0, 0, 1, 5), 10), net.activation("softplus"),
        net.convolution(lie({3, 3}, 3, 0, 0, 1), 2);
    net.flatten(), net.affine(3);
    add("transposed, upsample, rescale", net);
  }
  {
    Images net({5, 5, 2}, "categorical", 3);
    const int a = net.convolution(lie({3, 3}, 1, 1, 1, 1), 6);
    const int b = net.activation("relu");
    net.convolution(lie({3, 3}, 1, 1, 1, 1), 6);
    const int sum = net.step("add", net.shape(), {}, {}, {net.last(), a});
    const int both = net.step("concatenate", {5, 5, 20}, {}, {}, {sum, 0, b, a});
    const int gate = net.step("tanh", net.shape(), {}, {}, {both});
    net.step("add", net.shape(), {}, {}, {gate, both, both});
    net.pool("max_pool", lie({2, 2}, 2, 0, 0, 1)), net.flatten(), net.step("dropout", net.shape(), {}, {0.3}),
        net.affine(3);
    add("branches", net);
  }
  {
    Images net({6, 4}, "categorical", 3);  // a recurrence on what a convolution finds
    net.convolution(lie({3}, 1, 1, 1, 1), 8), net.activation("relu");
    const int W = net.parameter({8, 20}), U = net.parameter({5, 20}), b = net.parameter({1, 20});
    net.step("lstm", {6, 5}, {W, U, b}, {0, 0, 0, 1, 0, 0, 0});
    net.affine(7), net.step("global_average_pool", {7}, {}, {}), net.affine(3);
    add("convolution and lstm", net);
  }
  {
    Images net({6}, "categorical", 3);  // rows that branch, and x itself taken twice
    const int a = net.affine(5);
    const int b = net.step("affine", {5}, {net.parameter({6, 5})}, {}, {0});
    net.step("add", {5}, {}, {}, {a, b});
    const int h = net.activation("relu");
    net.step("concatenate", {16}, {}, {}, {h, 0, a});
    net.affine(3);
    add("rows that branch", net);
  }
  {
    Images net({6}, "categorical", 3);  // a product that a narrow one follows, and something else takes too
    const int a = net.affine(9);
    net.activation("tanh");
    const int z = net.affine(1);
    net.step("concatenate", {10}, {}, {}, {a, z});
    net.affine(3);
    add("a product taken twice", net);
  }
  return all;
}

bool refused(const Program& program) {
  try {
    make_engine(program, true, available_isas().back());
  } catch (const std::invalid_argument&) {
    return true;
  }
  return false;
}

void test_refusals() {
  Images good({5, 5, 2}, "categorical", 3);
  good.convolution(lie({3, 3}, 1, 0, 0, 1), 4), good.flatten(), good.affine(3);
  CHECK(!refused(good.program));
  Program bad = good.program;
  bad.values[1].shape[0] = 4;  // a window beyond the example
  CHECK(refused(bad));
  bad = good.program, bad.parameters[0].height = 17;
  CHECK(refused(bad));
  bad = good.program, bad.steps[0].constants.back() = 3;  // groups
  CHECK(refused(bad));
  bad = good.program, bad.steps[0].constants.pop_back();
  CHECK(refused(bad));
  bad = good.program, bad.parameters[0].kernel = {9};
  CHECK(refused(bad));
}

}  // namespace

void test_images(bool quick) {
  for (const std::string& isa : available_isas()) {
    if (quick && isa != available_isas().back()) continue;
    for (const std::ptrdiff_t kernel : {1, 2, 3})
      for (const std::ptrdiff_t stride : {1, 2, 3})
        for (const std::ptrdiff_t before : {0, 1, 2})
          for (const std::ptrdiff_t dilation : {1, 2}) {
            const std::ptrdiff_t reach = (kernel - 1) * dilation + 1, after = (before + kernel) % 3;
            for (const std::string operation : {"convolution", "transposed_convolution"})
              for (const auto& [c, q, groups] : std::vector<std::tuple<int, int, int>>{
                       {1, 1, 1}, {1, 32, 1}, {3, 5, 1}, {4, 40, 2}, {6, 6, 6}, {34, 34, 34}, {5, 10, 5}}) {
                if (before + after > 0 && operation != "convolution" && 5 * stride + reach <= before + after + 6)
                  continue;
                test_forward<double>(lie({kernel, 2}, stride, before, after, dilation, groups), {6, 7, c}, q, operation,
                                     isa);
                test_forward<float>(lie({kernel}, stride, before, after, dilation, groups), {29, c}, q, operation, isa);
              }
            if (dilation == 1 && before < kernel && after < kernel)
              for (const std::string operation : {"max_pool", "average_pool"})
                for (const std::ptrdiff_t c : {1, 5, 16, 18}) {
                  test_forward<double>(lie({kernel, 2, 2}, stride, 0, 0, 1), {4, 5, 4, c}, c, operation, isa);
                  test_forward<float>(lie({kernel, kernel}, stride, before, after, 1), {7, 6, c}, c, operation, isa);
                }
          }
    test_forward<float>(lie({3, 3}, 1, 1, 1, 1), {28, 28, 3}, 70, "convolution", isa);
    for (const std::ptrdiff_t taps : {3, 5})  // of minimal filtering, with every number of places in the last tile
      for (std::ptrdiff_t places = 5; places < 14; places += quick ? 3 : 1) {
        test_forward<float>(lie({taps}, 1, 1, 1, 1), {places, 32}, 48, "convolution", isa);
        test_forward<double>(lie({2, taps}, 1, 0, 2, 1), {3, places, 16}, 16, "convolution", isa);
        if (!quick) test_forward<float>(lie({2, 3, taps}, 1, 1, 1, 1), {2, 3, places, 16}, 16, "convolution", isa);
      }
    test_largest(*tables_for(isa).single);
    test_largest(*tables_for(isa).twice);
    for (const auto& [name, net] : networks()) {
      test_gradient(net, isa, name);
      test_training(net, isa, name);
      test_threads<float>(net, 50, 20, isa, name);
      test_threads<double>(net, 23, 9, isa, name);
    }
  }
  test_refusals();
}

}  // namespace likeliest::tests
