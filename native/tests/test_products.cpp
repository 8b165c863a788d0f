// Matrix products in panels, sums and transposes, against plain loops.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/isa.hpp"
#include "engine/layout.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

template <class T>
struct Matrix {
  std::ptrdiff_t rows, columns, stride;
  std::vector<T> data;
  Matrix(std::ptrdiff_t rows, std::ptrdiff_t columns, std::ptrdiff_t lanes, int seed)
      : rows(rows), columns(columns), stride(row_stride<T>(columns, lanes)), data(std::size_t(rows * stride)) {
    for (std::ptrdiff_t i = 0; i < rows; ++i)
      for (std::ptrdiff_t j = 0; j < columns; ++j)
        (*this)(i, j) = T(((i * 37 + j * 101 + seed * 53) * 7919) % 1000) / 500 - 1;
  }
  T& operator()(std::ptrdiff_t i, std::ptrdiff_t j) { return data[std::size_t(i * stride + j)]; }
};

// A matrix in panels.
template <class T>
std::vector<T> panels(Matrix<T>& m, const Slice& slice) {
  std::vector<T> out(std::size_t(slice.size()));
  for (std::ptrdiff_t i = 0; i < m.rows; ++i)
    for (std::ptrdiff_t j = 0; j < m.columns; ++j) out[std::size_t(slice.index(i, j))] = m(i, j);
  return out;
}

template <class T>
void test_shape(const Table<T>& table, std::ptrdiff_t n, std::ptrdiff_t p, std::ptrdiff_t q) {
  const T epsilon = std::is_same_v<T, float> ? T(1e-6) : T(1e-14);
  const std::ptrdiff_t lanes = table.lanes;
  Matrix<T> X(n, p, lanes, 1), W(p, q, lanes, 2), Z(n, q, lanes, 3), b(1, q, lanes, 4), again(n, q, lanes, 5);
  const Slice slice{0, p, q, lanes};
  const std::vector<T> weights = panels(W, slice);

  const std::ptrdiff_t half = p / 2;
  const Segment whole{0, std::int32_t(p), true, 0},
      parts_of_k[] = {{0, std::int32_t(half), true, 0},
                      {std::int32_t(half), std::int32_t(p), true, std::int32_t(half)}};
  table.multiply({n,
                  {&whole, 1},
                  p,
                  q,
                  0,
                  slice.panels(),
                  X.data.data(),
                  X.stride,
                  weights.data(),
                  Z.data.data(),
                  Z.stride,
                  Start::bias,
                  b.data.data()});
  // Rows and panels one by one, and in two pieces of k unless it has few: the very same bits.
  const std::ptrdiff_t pieces = p > kFewColumns ? 2 : 1;
  for (std::ptrdiff_t panel = 0; panel < slice.panels(); ++panel)
    for (std::ptrdiff_t i = 0; i < n; ++i)
      for (std::ptrdiff_t piece = 0; piece < pieces; ++piece)
        table.multiply({1,
                        {pieces == 2 ? parts_of_k + piece : &whole, 1},
                        p,
                        q,
                        panel,
                        panel + 1,
                        X.data.data() + i * X.stride,
                        X.stride,
                        weights.data(),
                        again.data.data() + i * again.stride,
                        again.stride,
                        piece == 0 ? Start::bias : Start::accumulate,
                        b.data.data()});
  T worst = 0;
  bool same = true;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (std::ptrdiff_t j = 0; j < q; ++j) {
      double sum = double(b(0, j)), size = 1;
      for (std::ptrdiff_t k = 0; k < p; ++k)
        sum += double(X(i, k)) * double(W(k, j)), size += std::abs(double(X(i, k)));
      worst = std::max(worst, T(std::abs(double(Z(i, j)) - sum) / size));
      same = same && Z(i, j) == again(i, j);
    }
  CHECK(worst <= epsilon);
  CHECK(same);

  // X^T Z, whole, in three parts, and added to itself.
  std::vector<T> G(std::size_t(slice.size())), parts(G.size()), twice(G.size());
  MultiplyTransposed<T> product{n,        {&whole, 1},   p,        q,        0,           1,       X.data.data(),
                                X.stride, Z.data.data(), Z.stride, G.data(), Start::zero, nullptr, nullptr};
  table.multiply_transposed(product);
  for (int part = 0; part < 3; ++part) {
    product.part = part, product.parts = 3, product.C = parts.data();
    table.multiply_transposed(product);
  }
  CHECK(G == parts);
  product.part = 0, product.parts = 1, product.C = twice.data();
  table.multiply_transposed(product);
  product.start = Start::accumulate;
  table.multiply_transposed(product);
  worst = 0;
  T worst_twice = 0;
  for (std::ptrdiff_t i = 0; i < p; ++i)
    for (std::ptrdiff_t j = 0; j < q; ++j) {
      double sum = 0, size = 1;
      for (std::ptrdiff_t k = 0; k < n; ++k)
        sum += double(X(k, i)) * double(Z(k, j)), size += std::abs(double(Z(k, j)));
      const std::size_t at = std::size_t(slice.index(i, j));
      worst = std::max(worst, T(std::abs(double(G[at]) - sum) / size));
      worst_twice = std::max(worst_twice, T(std::abs(double(twice[at]) - 2 * sum) / size));
    }
  CHECK(worst <= epsilon);
  CHECK(worst_twice <= 3 * epsilon);

  // Columns of zeros are left out, and nothing changes: not a product, not an update.
  Matrix<T> holes = X;
  std::vector<Segment> segments;
  for (std::ptrdiff_t j = 0; j < p; ++j) {
    const bool used = j / 5 % 2 == 0;
    for (std::ptrdiff_t i = 0; i < n; ++i) holes(i, j) *= T(used);
    if (segments.empty() || segments.back().used != used)
      segments.push_back({std::int32_t(j), std::int32_t(j), used, std::int32_t(j)});
    segments.back().end = std::int32_t(j + 1);
  }
  const Segments some{segments.data(), std::ptrdiff_t(segments.size())};
  Multiply<T> forward{
      n,        {&whole, 1}, p,      q, 0, slice.panels(), holes.data.data(), X.stride, weights.data(), Z.data.data(),
      Z.stride, Start::zero, nullptr};
  Matrix<T> kept = Z;
  table.multiply(forward);
  forward.k = some, forward.C = again.data.data();
  table.multiply(forward);
  CHECK(Z.data == again.data);
  for (std::ptrdiff_t o = 0; o < table.optimizer_count; ++o) {
    std::vector<T> theta[2], slot[2], other[2];
    const double rule[] = {0.1, 0.9, 0.99, 1e-8, 0.1};
    T constants[kMaxConstants];
    table.optimizers[o].constants(rule, 3, constants);
    for (int skip = 0; skip < 2; ++skip) {
      theta[skip] = slot[skip] = other[skip] = weights;
      for (T& s : slot[skip]) s *= s;  // a mean of squares is not negative
      for (T& s : other[skip]) s *= s;
      const Update<T> update{table.optimizers[o].slots > 0,
                             table.optimizers[o].step,
                             theta[skip].data(),
                             slot[skip].data(),
                             other[skip].data(),
                             constants};
      for (int part = 0; part < 3; ++part)
        table.multiply_transposed({n, skip ? some : Segments{&whole, 1}, p, q, part, 3, holes.data.data(), X.stride,
                                   kept.data.data(), kept.stride, nullptr, Start::zero, &update, nullptr});
    }
    CHECK(theta[0] == theta[1] && slot[0] == slot[1] && other[0] == other[1]);
  }

  // W^T in panels.
  const Slice turned{0, q, p, lanes};
  std::vector<T> Wt(std::size_t(turned.size()), T(99));
  table.transpose(weights.data(), p, q, 0, turned.panels(), Wt.data());
  bool right = true;
  for (std::ptrdiff_t i = 0; i < p; ++i)
    for (std::ptrdiff_t j = 0; j < q; ++j) right = right && Wt[std::size_t(turned.index(j, i))] == W(i, j);
  CHECK(right);

  // Sums of columns.
  std::vector<T> sums(std::size_t(round_up(q, lanes)));
  const Block<const T> block{Z.data.data(), n, round_up(q, lanes), Z.stride};
  table.sum_rows(block, sums.data(), false);
  table.sum_rows(block, sums.data(), true);
  worst = 0;
  for (std::ptrdiff_t j = 0; j < q; ++j) {
    double sum = 0, size = 1;
    for (std::ptrdiff_t i = 0; i < n; ++i) sum += double(Z(i, j)), size += std::abs(double(Z(i, j)));
    worst = std::max(worst, T(std::abs(double(sums[std::size_t(j)]) - 2 * sum) / size));
  }
  CHECK(worst <= 2 * epsilon);
}

// A weight of few columns, turned: against the general products, with anything in the padding of h.
template <class T>
void test_narrow(const Table<T>& table, std::ptrdiff_t n, std::ptrdiff_t p, std::ptrdiff_t q) {
  const double epsilon = std::is_same_v<T, float> ? 1e-6 : 1e-14;
  const std::ptrdiff_t lanes = table.lanes;
  Matrix<T> h(n, p, lanes, 1), W(p, q, lanes, 2), z(n, q, lanes, 3), b(1, q, lanes, 4), g(n, q, lanes, 5);
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (std::ptrdiff_t j = p; j < round_up(p, lanes); ++j) h(i, j) = T(0.5);
  const Slice slice{0, q, p, lanes, true};
  std::vector<T> turned(std::size_t(slice.size()));
  for (std::ptrdiff_t i = 0; i < p; ++i)
    for (std::ptrdiff_t j = 0; j < q; ++j) turned[std::size_t(slice.index(j, i))] = W(i, j);
  Narrow<T> product{n, p, q, h.data.data(), h.stride, turned.data(), b.data.data(), z.data.data(), z.stride, nullptr};
  table.multiply_narrow(product);
  double worst = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (std::ptrdiff_t j = 0; j < q; ++j) {
      double sum = double(b(0, j)), size = 1;
      for (std::ptrdiff_t k = 0; k < p; ++k)
        sum += double(h(i, k)) * double(W(k, j)), size += std::abs(double(h(i, k)));
      worst = std::max(worst, std::abs(double(z(i, j)) - sum) / size);
    }
  CHECK(worst <= epsilon);
  // A row's bits do not depend on the rows beside it.
  const Matrix<T> all = z;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    Narrow<T> one = product;
    one.rows = 1, one.h += i * h.stride, one.z += i * z.stride;
    table.multiply_narrow(one);
  }
  CHECK(all.data == z.data);

  Matrix<T> back(n, p, lanes, 6);
  product.z = g.data.data(), product.ldz = g.stride, product.h_out = back.data.data();
  table.multiply_narrow_back(product);
  worst = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (std::ptrdiff_t k = 0; k < p; ++k) {
      double sum = 0;
      for (std::ptrdiff_t j = 0; j < q; ++j) sum += double(g(i, j)) * double(W(k, j));
      worst = std::max(worst, std::abs(double(back(i, k)) - sum) / double(1 + q));
    }
  CHECK(worst <= epsilon);

  std::vector<T> dW(turned.size(), T(7)), twice(turned.size());
  table.narrow_gradient(product, 0, slice.panels(), dW.data(), false, nullptr);
  twice = dW;
  for (std::ptrdiff_t panel = 0; panel < slice.panels(); ++panel)
    table.narrow_gradient(product, panel, panel + 1, twice.data(), true, nullptr);
  worst = 0;
  double outside = 0;
  for (const T value : dW) outside += std::abs(double(value));
  for (std::ptrdiff_t k = 0; k < p; ++k)
    for (std::ptrdiff_t j = 0; j < q; ++j) {
      double sum = 0, size = 1;
      for (std::ptrdiff_t i = 0; i < n; ++i)
        sum += double(h(i, k)) * double(g(i, j)), size += std::abs(double(g(i, j)));
      const std::size_t at = std::size_t(slice.index(j, k));
      worst = std::max(worst, std::abs(double(dW[at]) - sum) / size);
      worst = std::max(worst, std::abs(double(twice[at]) - 2 * sum) / (3 * size));
      outside -= std::abs(double(dW[at]));
    }
  CHECK(worst <= epsilon);
  CHECK(std::abs(outside) <= 1e-9 * double(n * p * q));  // nothing in the padding

  std::vector<T> theta = turned, expected = turned;
  const double rule[] = {0.1};
  T constants[kMaxConstants];
  const OptimizerKernel<T>& ascent = table.optimizers[0];
  ascent.constants(rule, 1, constants);
  ascent.step(expected.data(), dW.data(), expected.data(), expected.data(), std::ptrdiff_t(dW.size()), constants);
  const Update<T> update{false, ascent.step, theta.data(), theta.data(), theta.data(), constants};
  table.narrow_gradient(product, 0, slice.panels(), nullptr, false, &update);
  CHECK(theta == expected);
}

// A product that stores max(z, 0): the bits of the product and relu after it.
template <class T>
void test_relu(const Table<T>& table, std::ptrdiff_t n, std::ptrdiff_t p, std::ptrdiff_t q) {
  Matrix<T> X(n, p, table.lanes, 1), W(p, q, table.lanes, 2), Z(n, q, table.lanes, 3), b(1, q, table.lanes, 4);
  X(0, 0) = std::numeric_limits<T>::quiet_NaN();
  const Slice slice{0, p, q, table.lanes};
  const std::vector<T> weights = panels(W, slice);
  const Segment whole{0, std::int32_t(p), true, 0};
  Multiply<T> product{n,
                      {&whole, 1},
                      p,
                      q,
                      0,
                      slice.panels(),
                      X.data.data(),
                      X.stride,
                      weights.data(),
                      Z.data.data(),
                      Z.stride,
                      Start::bias,
                      b.data.data()};
  table.multiply(product);
  for (std::ptrdiff_t k = 0; k < table.scalar_count; ++k)
    if (table.scalars[k].name == std::string("relu"))
      table.scalars[k].forward(Z.data.data(), Z.stride, {Z.data.data(), n, round_up(q, table.lanes), Z.stride},
                               nullptr);
  Matrix<T> joined(n, q, table.lanes, 5);
  product.C = joined.data.data(), product.relu = true;
  table.multiply(product);
  bool same = true;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (std::ptrdiff_t j = 0; j < q; ++j) {
      const bool nan = std::isnan(Z(i, j));
      same = same && (nan ? i == 0 && std::isnan(joined(i, j)) : joined(i, j) == Z(i, j) && joined(i, j) >= 0);
    }
  CHECK(same);
  for (std::ptrdiff_t i = 1; i < n; ++i)  // without the NaN
    for (std::ptrdiff_t j = q; j < joined.stride; ++j) same = same && joined(i, j) == 0;
  CHECK(same);  // the padding is as it was
}

// An activation and a narrow product behind it, in one pass: the same bits as one after the other.
template <class T>
void test_joined(const Table<T>& table, const ScalarKernel<T>& kernel, std::ptrdiff_t n, std::ptrdiff_t p,
                 std::ptrdiff_t q) {
  const std::ptrdiff_t lanes = table.lanes, columns = round_up(p, lanes);
  const T constants[kMaxConstants] = {T(0.2)};
  const Slice slice{0, q, p, lanes, true};
  Matrix<T> pre(n, p, lanes, 1), W(p, q, lanes, 2), b(1, q, lanes, 3), g(n, q, lanes, 4);
  std::vector<T> turned(std::size_t(slice.size()));
  for (std::ptrdiff_t i = 0; i < p; ++i)
    for (std::ptrdiff_t j = 0; j < q; ++j) turned[std::size_t(slice.index(j, i))] = W(i, j);
  Matrix<T> h(n, p, lanes, 5), z(n, q, lanes, 6), slope(n, p, lanes, 7);
  Matrix<T> h1 = h, z1 = z, slope1 = slope;
  kernel.forward(pre.data.data(), pre.stride, {h.data.data(), n, columns, h.stride}, constants);
  Narrow<T> product{n, p, q, h.data.data(), h.stride, turned.data(), b.data.data(), z.data.data(), z.stride, nullptr};
  table.multiply_narrow(product);
  Narrow<T> joined = product;
  joined.h = joined.h_out = h1.data.data(), joined.z = z1.data.data();
  kernel.forward_narrow(pre.data.data(), joined, constants);
  CHECK(h1.data == h.data);
  CHECK(z1.data == z.data);

  const T* saved = kernel.keeps_input ? pre.data.data() : h.data.data();
  product.z = joined.z = g.data.data(), product.ldz = joined.ldz = g.stride;
  product.h_out = slope.data.data(), joined.h_out = slope1.data.data();
  std::vector<T> dW(turned.size(), T(0.25)), db(std::size_t(columns), T(0.5)), dW1 = dW, db1 = db;
  std::vector<T> own(std::size_t(lanes), T(0.75)), own1 = own;
  for (const bool accumulate : {true, false}) {
    table.multiply_narrow_back(product);
    kernel.backward(saved, h.stride, {slope.data.data(), n, columns, slope.stride}, constants);
    table.sum_rows({slope.data.data(), n, columns, slope.stride}, db.data(), accumulate);
    table.narrow_gradient(product, 0, slice.panels(), dW.data(), accumulate, nullptr);
    table.sum_rows({g.data.data(), n, lanes, g.stride}, own.data(), accumulate);
    kernel.backward_narrow(saved, joined, {dW1.data(), db1.data(), own1.data(), accumulate}, constants);
    CHECK(own1 == own);
    CHECK(db1 == db);
    CHECK(dW1 == dW);
  }
  kernel.backward_narrow(saved, joined, {dW1.data(), nullptr, nullptr, false}, constants);
  CHECK(dW1 == dW);
  // Over h, which a step of training needs no more.
  joined.h_out = h1.data.data();
  kernel.backward_narrow(kernel.keeps_input ? pre.data.data() : h1.data.data(), joined,
                         {dW1.data(), db1.data(), nullptr, false}, constants);
  CHECK(dW1 == dW && db1 == db);
  bool same = true;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (std::ptrdiff_t j = 0; j < p; ++j) same = same && h1(i, j) == slope1(i, j);
  CHECK(same);
}

template <class T>
void test_joined(const Table<T>& table) {
  for (std::ptrdiff_t k = 0; k < table.scalar_count; ++k)
    for (const std::ptrdiff_t n : {1, 16, 33})
      for (const std::ptrdiff_t p : {3, 17, 48, 50, 100})  // every number of registers that can be left
        for (std::ptrdiff_t q = 1; q <= most_narrow(table.lanes); ++q) test_joined(table, table.scalars[k], n, p, q);
}

}  // namespace

void test_products() {
  for (const std::string& isa : available_isas()) {
    test_joined(*tables_for(isa).single);
    test_joined(*tables_for(isa).twice);
  }
  for (const std::string& isa : available_isas())
    for (const std::ptrdiff_t n : {1, 5, 14, 33})
      for (const std::ptrdiff_t p : {1, 3, 17, 20, 64, 100})
        for (const std::ptrdiff_t q : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18, 33, 50, 100}) {
          if (q <= most_narrow(tables_for(isa).single->lanes)) test_narrow(*tables_for(isa).single, n, p, q);
          if (q <= most_narrow(tables_for(isa).twice->lanes)) test_narrow(*tables_for(isa).twice, n, p, q);
          test_relu(*tables_for(isa).single, n, p, q);
          test_relu(*tables_for(isa).twice, n, p, q);
          test_shape(*tables_for(isa).single, n, p, q);
          test_shape(*tables_for(isa).twice, n, p, q);
        }
}

}  // namespace likeliest::tests
