// Gradients of weights that are sums over the steps of examples: each number is the sum over all steps and, in each,
// all rows, whatever the threads.
#pragma once
#include "engine/plan.hpp"

namespace likeliest::sequences {

// The gradient of a weight, and of a bias beside it, over pieces of rows that are added in the order in which they
// come: a few steps at a time, which then are in the cache for all tiles of a thread.
template <class T>
struct Sum {
  const Table<T>& table;
  const Worker<T>& w;
  const Slice& W;
  int parameter, bias;  // bias may be -1
  const T* A;
  std::ptrdiff_t lda;
  const T* B;
  std::ptrdiff_t ldb;
  bool packed;                // see MultiplyTransposed
  T *to_weight, *to_bias;     // the gradient itself, or room for the sums before an update
  const Stepper<T>* stepper;  // null: none here

  static constexpr std::ptrdiff_t kAtOnce = 64, kRows = 256;
  Piece pieces[kAtOnce]{};
  std::ptrdiff_t count = 0, rows = 0;
  bool adds = false;

  void add(const Piece& piece) {
    if (count == kAtOnce || rows >= kRows) flush(false);
    pieces[count++] = piece, rows += piece.K;
  }
  // The last time with the update.
  void flush(bool last) {
    const bool updates = last && stepper;
    const Update<T> update = updates ? stepper->on(parameter) : Update<T>{};
    const Segment all{0, std::int32_t(W.height), true, 0};
    table.multiply_transposed({0,
                               {&all, 1},
                               W.height,
                               W.columns,
                               w.thread,
                               w.threads,
                               A,
                               lda,
                               B,
                               ldb,
                               to_weight,
                               adds ? Start::accumulate : Start::zero,
                               updates ? &update : nullptr,
                               nullptr,
                               pieces,
                               count,
                               packed});
    if (bias >= 0) sum_bias(last);
    count = rows = 0, adds = true;
  }

 private:
  // Each thread sums up some panels of the bias, which has the columns of W.
  void sum_bias(bool last) {
    const Range mine = w.my(W.panels());
    const std::ptrdiff_t begin = mine.begin * W.panel_width();
    const std::ptrdiff_t end = std::min(mine.end * W.panel_width(), round_up(W.columns, W.lanes));
    if (begin >= end) return;
    T* sums = to_bias + begin;
    if (!adds) std::fill_n(sums, end - begin, T(0));
    for (std::ptrdiff_t k = 0; k < count; ++k)
      table.sum_rows({B + pieces[k].b + begin, pieces[k].K, end - begin, ldb}, sums, true);
    if (packed && end > W.columns) std::fill(sums + (W.columns - begin), sums + (end - begin), T(0));
    if (last && stepper) stepper->on(bias).apply(begin, sums, end - begin);
  }
};

// The gradient of a weight goes to where it belongs, or with an update to `room` and its bias behind it.
template <class T>
Sum<T> sum_of(const Network<T>& network, const Worker<T>& w, int weight, int bias, const T* A, std::ptrdiff_t lda,
              const T* B, std::ptrdiff_t ldb, bool packed, T* room) {
  const Slice& W = network.slices[std::size_t(weight)];
  T *to = room, *to_bias = room + W.size();
  if (!w.stepper) {
    to = w.gradient + W.offset;
    to_bias = bias < 0 ? nullptr : w.gradient + network.slices[std::size_t(bias)].offset;
  }
  return {network.table,
          w,
          W,
          weight,
          bias,
          A,
          lda,
          B,
          ldb,
          packed,
          to,
          to_bias,
          w.stepper,
          {},
          0,
          0,
          !w.stepper && w.accumulate};
}

// The gradient of a row of parameters: the sum of rows, or of their products with others that are laid out alike. Each
// thread sums up some panels.
template <class T>
struct RowSum {
  const Table<T>& table;
  int parameter;
  const Slice& b;
  Range columns;
  const T *rows, *others;  // may be null
  std::ptrdiff_t ld;
  T* sums;

  RowSum(const Network<T>& network, const Worker<T>& w, int parameter, const T* rows, const T* others,
         std::ptrdiff_t ld, T* room)
      : table(network.table),
        parameter(parameter),
        b(network.slices[std::size_t(parameter)]),
        rows(rows),
        others(others),
        ld(ld) {
    const Range mine = w.my(b.panels());
    columns = {mine.begin * b.panel_width(), std::min(mine.end * b.panel_width(), round_up(b.columns, b.lanes))};
    sums = room + columns.begin;
    if (count() > 0) std::fill_n(sums, count(), T(0));
  }
  std::ptrdiff_t count() const { return columns.end - columns.begin; }
  void add(std::ptrdiff_t K, std::ptrdiff_t at) const {
    if (count() <= 0) return;
    const Block<const T> block{rows + at + columns.begin, K, count(), ld};
    others ? table.sum_products(block, others + at + columns.begin, sums, true) : table.sum_rows(block, sums, true);
  }
};

}  // namespace likeliest::sequences
