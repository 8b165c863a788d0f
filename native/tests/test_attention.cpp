// Attention, positions, tables of symbols and norms at every step against plain loops; gradients and threads as in
// networks.hpp.
#include <algorithm>
#include <cmath>
#include <string>

#include "tests/networks.hpp"

namespace likeliest::tests {
namespace {

struct Heads {
  std::ptrdiff_t T, S, heads, d, e;
  bool lengths, causal;
};

int part(Net& net, std::ptrdiff_t begin, Sizes out) {
  std::ptrdiff_t count = 1;
  for (const std::ptrdiff_t size : out) count *= size;
  std::vector<double> constants{double(begin), double(begin + count)};
  constants.insert(constants.end(), out.begin(), out.end());
  return net.step("slice", std::move(out), {}, constants, {0});
}

// x: queries, keys, values, and how many of the keys there are.
template <class T>
void test_attention_by_loops(const Heads& a, const std::string& isa) {
  const std::ptrdiff_t width = a.heads * a.d, wide = a.heads * a.e, of_q = a.T * width, of_k = a.S * width;
  const std::ptrdiff_t columns = of_q + of_k + a.S * wide + 1, n = 5;
  Net net({columns}, "normal");
  net.x = [=](std::ptrdiff_t row, std::ptrdiff_t column) {
    return column == columns - 1 ? double(a.S - row % a.S) : 2 * number(std::size_t(row * 101 + column * 3));
  };
  std::vector<int> inputs{part(net, 0, {a.T, width}), part(net, of_q, {a.S, width}),
                          part(net, of_q + of_k, {a.S, wide})};
  if (a.lengths) inputs.push_back(part(net, columns - 1, {1}));
  net.step("attention", {a.T, wide}, {}, {double(a.lengths), double(a.heads), double(a.causal)}, inputs);
  net.flatten();
  net.program.likelihood.groups = net.program.likelihood.targets = a.T * wide;
  const auto engine = make_engine(net.program, sizeof(T) == 8, isa);
  const Data<T> data(net, n);
  std::vector<T> eta(std::size_t(n * a.T * wide));
  engine->output(data.examples().x, 2, eta.data());
  bool good = true;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const T *q = data.X.data() + i * columns, *k = q + of_q, *v = k + of_k;
    const std::ptrdiff_t length = a.lengths ? std::ptrdiff_t(q[columns - 1]) : a.S;
    for (std::ptrdiff_t head = 0; head < a.heads; ++head)
      for (std::ptrdiff_t t = 0; t < a.T; ++t) {
        const std::ptrdiff_t keys = a.causal ? std::min(length, t + 1) : length;
        std::vector<double> weight;
        double sum = 0;
        for (std::ptrdiff_t s = 0; s < keys; ++s) {
          double z = 0;
          for (std::ptrdiff_t j = head * a.d; j < (head + 1) * a.d; ++j)
            z += double(q[t * width + j]) * double(k[s * width + j]);
          weight.push_back(std::exp(z / std::sqrt(double(a.d))));
          sum += weight.back();
        }
        for (std::ptrdiff_t j = head * a.e; j < (head + 1) * a.e; ++j) {
          double h = 0;
          for (std::ptrdiff_t s = 0; s < keys; ++s) h += weight[std::size_t(s)] / sum * double(v[s * wide + j]);
          const double found = double(eta[std::size_t((i * a.T + t) * wide + j)]);
          good = good && std::abs(found - h) < (sizeof(T) == 8 ? 1e-12 : 3e-6);
        }
      }
  }
  if (!CHECK(good))
    std::printf("  %s attention T %td S %td heads %td d %td e %td lengths %d causal %d\n", isa.c_str(), a.T, a.S,
                a.heads, a.d, a.e, a.lengths, a.causal);
}

// From x (T, c) or codes (T,) and a length to classes: a block of a transformer, and the steps of what it makes.
Net transformer(std::ptrdiff_t T, std::ptrdiff_t heads, std::ptrdiff_t d, bool causal, bool lengths, bool codes) {
  const std::ptrdiff_t width = heads * d, c = codes ? 1 : 3;
  Net net({T * c + 1}, "categorical", 3);
  net.x = [=](std::ptrdiff_t row, std::ptrdiff_t column) {
    if (column == T * c) return double(T - row % T);
    return codes ? double((row * 7 + column * column) % 11) : number(std::size_t(row * 101 + column * 3));
  };
  const auto length = [&] { return part(net, T * c, {1}); };
  int h;
  if (codes) {
    part(net, 0, {T}), net.step("token_embedding", {T, width}, {net.parameter({11, width})}, {});
    h = net.step("positions", {T, width}, {net.parameter({T + 2, width})}, {});
  } else {
    part(net, 0, {T, c}), net.affine(width);
    h = net.step("sinusoidal", {T, width}, {}, {10000});
  }
  const auto project = [&](std::ptrdiff_t q) {
    return net.step("affine", {T, q}, {net.parameter({width, q}), net.parameter({1, q})}, {}, {h});
  };
  const std::ptrdiff_t wide = heads * (d + 1);
  const std::vector<double> turn{double(heads), 100.0};
  const int q = d % 2 ? project(width) : (project(width), net.step("rotary", {T, width}, {}, turn));
  const int k = d % 2 ? project(width) : (project(width), net.step("rotary", {T, width}, {}, turn));
  std::vector<int> inputs{q, k, project(wide)};
  if (lengths) inputs.push_back(length());
  net.step("attention", {T, wide}, {}, {double(lengths), double(heads), double(causal)}, inputs);
  const int after = net.affine(width);
  net.step("add", {T, width}, {}, {}, {h, after});
  net.step("layer_norm", {T, width}, {net.parameter({1, width}), net.parameter({1, width})}, {1e-5});
  net.affine(width + 1), net.activation("gelu");
  net.step("rms_norm", {T, width + 1}, {net.parameter({1, width + 1})}, {1e-5});
  const int all = net.step("append", {T, width + 3}, {net.parameter({1, 2})}, {});
  net.step("dropout", net.shape(), {}, {0.2}, {all});
  std::vector<int> last{net.last()};
  if (lengths) last.push_back(length());
  net.step("last_step", {width + 3}, {}, {double(lengths)}, last);
  net.affine(3);
  return net;
}

// The norm of each step, against the one of rows.
template <class T>
void test_norm_at_every_step(const std::string& operation, std::ptrdiff_t c, const std::string& isa) {
  constexpr std::ptrdiff_t steps = 4, n = 6;
  Net whole({steps, c}, "normal"), one({c}, "normal");
  for (Net* net : {&whole, &one}) {
    std::vector<int> parameters{net->parameter({1, c})};
    if (operation == "layer_norm") parameters.push_back(net->parameter({1, c}));
    net->step(operation, net->shape(), parameters, {1e-5});
    if (net == &whole) net->flatten();
    net->program.likelihood.groups = net->program.likelihood.targets = net->shape()[0];
  }
  const auto a = make_engine(whole.program, sizeof(T) == 8, isa), b = make_engine(one.program, sizeof(T) == 8, isa);
  start<T>(*a, whole.program), start<T>(*b, one.program);
  const Data<T> data(whole, n);
  std::vector<T> all(std::size_t(n * steps * c)), each(all.size());
  a->output(data.examples().x, 1, all.data());
  Source rows = data.examples().x;
  rows.rows = n * steps, rows.columns = c, rows.row_stride = c * std::ptrdiff_t(sizeof(T));
  b->output(rows, 1, each.data());
  CHECK(all == each);
}

}  // namespace

void test_attention(bool quick) {
  for (const std::string& isa : available_isas()) {
    if (quick && isa != available_isas().back()) continue;
    for (const bool lengths : {false, true})
      for (const bool causal : {false, true}) {
        for (const Heads& a : {Heads{1, 1, 1, 1, 1, lengths, causal}, Heads{5, 5, 2, 3, 3, lengths, causal},
                               Heads{4, 9, 3, 2, 5, lengths, causal}, Heads{9, 4, 2, 8, 16, lengths, causal}})
          test_attention_by_loops<double>(a, isa), test_attention_by_loops<float>(a, isa);
        test_attention_by_loops<float>({70, 67, 1, 33, 20, lengths, causal}, isa);
        for (const bool codes : {false, true}) {
          const std::string what = std::string("attention") + (causal ? " causal" : "") + (lengths ? " lengths" : "") +
                                   (codes ? " codes" : "");
          for (const std::ptrdiff_t d : {2, 3, 4}) {
            const Net net = transformer(5, d == 2 ? 3 : 2, d, causal, lengths, codes);
            test_gradient(net, isa, what.c_str());
            test_training(net, isa, what.c_str());
          }
          test_threads<float>(transformer(6, 2, 4, causal, lengths, codes), 150, 70, isa, what.c_str());
          test_threads<float>(transformer(6, 2, 20, causal, lengths, codes), 50, 20, isa, what.c_str());
        }
      }
    for (const std::string operation : {"layer_norm", "rms_norm"})
      for (const std::ptrdiff_t c : {1, 5, 16, 33})
        test_norm_at_every_step<float>(operation, c, isa), test_norm_at_every_step<double>(operation, c, isa);
  }
}

}  // namespace likeliest::tests
