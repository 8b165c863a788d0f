// The tasks of a plan on sequences: recurrences, and what goes through an example place by place; see plan.hpp.
//
// A recurrence goes through the steps with all rows of a thread at once, one product with W and one with U for each
// step. The gradients of weights come after it: each number is the sum over all steps and, in each, all rows, whatever
// the threads. Rows whose sequence has ended are left out of both.
#pragma once
#include <optional>

#include "engine/plan.hpp"

namespace likeliest {

namespace sequences {

// What a recurrence is run with, for the rows of a block.
template <class T>
struct Pass {
  const Network<T>& network;
  const Node<T>& node;
  const Recurrence& r;
  const Workspace<T>& space;
  const Recurrent<T>& own;

  Pass(const Network<T>& network, std::size_t k, const Workspace<T>& space)
      : network(network),
        node(network.nodes[k]),
        r(network.nodes[k].recurrence),
        space(space),
        own(space.recurrent[k]) {}

  const T* input(int which, std::ptrdiff_t i) const {
    const int storage = node.inputs[std::size_t(which)];
    return space.values[std::size_t(storage)] + i * network.stride(storage);
  }
  std::ptrdiff_t stride_of(int which) const { return network.stride(node.inputs[std::size_t(which)]); }
  T* gradient(int which, std::ptrdiff_t i) const {
    const int storage = which < 0 ? -1 : node.gradients[std::size_t(which)];
    return storage < 0 ? nullptr : space.gradients[std::size_t(storage)] + i * network.stride(storage);
  }

  // Python checks lengths; whatever comes, no memory is touched that is not the example's.
  std::ptrdiff_t length(std::ptrdiff_t i) const {
    if (r.lengths < 0) return r.steps;
    const T steps = *input(r.lengths, i);
    return steps >= T(r.steps) ? r.steps : steps >= T(1) ? std::ptrdiff_t(steps) : 0;
  }
  // Which step of x the s-th of a row is.
  std::ptrdiff_t time(std::ptrdiff_t i, std::ptrdiff_t s) const { return r.reverse ? length(i) - 1 - s : s; }
  // Whether the gradient of the state ends between the steps s - 1 and s of a row.
  bool cuts(std::ptrdiff_t i, std::ptrdiff_t s) const {
    return r.truncate > 0 && s > 0 && (time(i, s) + r.reverse) % r.truncate == 0;
  }

  // f(rows) for all runs of rows that have a step s; of rows at the same step of x where that is asked for.
  template <class F>
  void each_run(Range rows, std::ptrdiff_t s, bool same_time, F&& f) const {
    if (r.lengths < 0) return f(rows);
    for (std::ptrdiff_t i = rows.begin; i < rows.end;) {
      if (length(i) <= s) {
        ++i;
        continue;
      }
      Range run{i, i + 1};
      while (run.end < rows.end && length(run.end) > s && (!same_time || time(run.end, s) == time(i, s))) ++run.end;
      f(run);
      i = run.end;
    }
  }

  // The step s of x for the rows from i on, and how far they are apart.
  const T* x(std::ptrdiff_t s, std::ptrdiff_t i) const {
    return r.turns() ? own.x_at(s, i) : input(0, i) + time(i, s) * r.p;
  }
  std::ptrdiff_t ldx() const { return r.turns() ? own.ldx : stride_of(0); }
  // What goes into U at step s.
  T* held() const { return r.keep > 0 ? own.held : own.state; }
  // Where the gradients of the products with W and with U are.
  T* of_x() const { return r.normalizes() ? own.dx : own.z; }
  T* of_state() const { return r.normalizes() ? own.dv : r.cell == Recurrence::gru ? own.v : own.z; }

  Cell<T> cell(std::ptrdiff_t s, Range run) const {
    const std::ptrdiff_t i = run.begin;
    Cell<T> c{};
    c.rows = run.end - run.begin, c.q = r.q, c.ldz = own.ldz, c.ld = own.ld, c.relu = r.relu;
    c.z = own.gates_at(own.z, s, i);
    if (own.v) c.v = own.gates_at(own.v, s, i);
    c.before = own.at(own.state, s, i), c.after = own.at(own.state, s + 1, i);
    if (own.c) c.c_before = own.at(own.c, s, i), c.c = own.at(own.c, s + 1, i);
    if (own.tanh_c) c.tanh_c = own.kept_at(own.tanh_c, s, i);
    if (own.reset) c.reset = own.kept_at(own.reset, s, i), c.into = own.at(held(), s, i);
    if (r.normalizes()) c.z = own.gates_at(own.gates, s, i);
    if (own.back) c.back = own.back_at(i);
    if (r.keep > 0) c.keep = input(r.keep, i), c.ld_keep = stride_of(r.keep), c.held = own.at(own.held, s + 1, i);
    c.ld_out = c.ld_g = network.stride(node.output);
    if (own.dh) c.dh = own.dh + i * own.ld;
    if (own.dc) c.dc = own.dc + i * own.ld;
    return c;
  }
  // Where the output at step s of the rows from i on is, in a value or in its gradient.
  T* output(const std::vector<T*>& buffers, std::ptrdiff_t i, std::ptrdiff_t s) const {
    return buffers[std::size_t(node.output)] + i * network.stride(node.output) + (r.every ? time(i, s) * r.q : 0);
  }

  // From the products to the state after a step, and back, where one kernel does that.
  void run(const Table<T>& table, const Cell<T>& cell) const {
    r.cell == Recurrence::lstm ? table.lstm(cell) : r.cell == Recurrence::gru ? table.gru(cell) : table.rnn(cell);
  }
  void run_back(const Table<T>& table, const Cell<T>& cell) const {
    r.cell == Recurrence::lstm  ? table.lstm_back(cell)
    : r.cell == Recurrence::gru ? table.gru_back(cell)
                                : table.rnn_back(cell);
  }

  // The three norms of an lstm: of what comes of x, of what comes of the state, and of c.
  enum Norm { of_z, of_v, of_c };
  Normalization<T> norm(Norm which, std::ptrdiff_t s, Range run, const T* theta) const {
    const auto parameter = [&](int k) { return theta + network.slices[std::size_t(k)].offset; };
    const std::ptrdiff_t i = run.begin, rows = run.end - run.begin;
    const std::ptrdiff_t width = which == of_c ? r.q : 4 * r.q, ld = which == of_c ? own.ld : own.ldz;
    T* x_hat = which == of_c ? own.kept_at(own.c_hat, s, i) : own.gates_at(which == of_z ? own.z : own.v, s, i);
    return {{which == of_c ? own.at(own.c, s + 1, i) : x_hat, rows, round_up(width, network.table.lanes), ld},
            width,
            parameter(node.others[which == of_z   ? 1
                                  : which == of_v ? 2
                                                  : 3]),
            which == of_c   ? parameter(node.others[4])
            : which == of_z ? parameter(node.bias)
                            : nullptr,
            T(r.epsilon),
            which == of_c   ? own.kept_at(own.tanh_c, s, i)
            : which == of_z ? own.gates_at(own.gates, s, i)
                            : own.gates_at(own.dv, s, i),
            x_hat,
            own.inverse + (s % own.kept * 3 + which) * own.rows + i,
            nullptr,
            nullptr,
            T(1)};
  }
  void run_normalized(const Table<T>& table, const Cell<T>& cell, std::ptrdiff_t s, Range run, const T* theta) const {
    table.normalize_rows(norm(of_z, s, run, theta), true);
    table.normalize_rows(norm(of_v, s, run, theta), true);
    const T* v = own.gates_at(own.dv, s, run.begin);
    for (std::ptrdiff_t i = 0; i < cell.rows; ++i)
      for (std::ptrdiff_t j = 0; j < 4 * r.q; ++j) cell.z[i * own.ldz + j] += v[i * own.ldz + j];
    table.lstm_gates(cell);
    table.normalize_rows(norm(of_c, s, run, theta), true);
    table.lstm_output(cell);
  }
  void run_normalized_back(const Table<T>& table, const Cell<T>& cell, std::ptrdiff_t s, Range run,
                           const T* theta) const {
    table.lstm_output_back(cell);
    table.normalize_rows_backward(norm(of_c, s, run, theta), cell.tanh_c, cell.back, true);
    table.lstm_gates_back(cell);
    table.normalize_rows_backward(norm(of_z, s, run, theta), cell.z, own.gates_at(own.dx, s, run.begin), true);
    table.normalize_rows_backward(norm(of_v, s, run, theta), cell.z, own.gates_at(own.dv, s, run.begin), true);
  }

  // The state before the first step, and the steps of x where they are copied.
  void begin(Range rows) const {
    for (std::ptrdiff_t i = rows.begin; i < rows.end; ++i) {
      T* h = own.at(own.state, 0, i);
      const T* given = r.state > 0 ? input(r.state, i) : nullptr;
      given ? void(std::copy_n(given, r.q, h)) : void(std::fill_n(h, r.q, T(0)));
      if (own.c)
        given ? void(std::copy_n(given + r.q, r.q, own.at(own.c, 0, i)))
              : void(std::fill_n(own.at(own.c, 0, i), r.q, T(0)));
      if (r.keep > 0)
        for (std::ptrdiff_t j = 0; j < r.q; ++j) own.at(own.held, 0, i)[j] = h[j] * input(r.keep, i)[j];
      if (r.turns())
        for (std::ptrdiff_t s = 0; s < length(i); ++s) std::copy_n(input(0, i) + time(i, s) * r.p, r.p, own.x_at(s, i));
    }
  }

  // What the output has besides what the cells wrote: the last state, or zeros behind the end.
  void end(Range rows) const {
    for (std::ptrdiff_t i = rows.begin; i < rows.end; ++i) {
      T* out = space.values[std::size_t(node.output)] + i * network.stride(node.output);
      const std::ptrdiff_t steps = length(i);
      if (r.every) {
        std::fill(out + steps * r.q, out + r.steps * r.q, T(0));
        continue;
      }
      std::copy_n(own.at(own.state, steps, i), r.q, out);
      if (r.with_cell) std::copy_n(own.at(own.c, steps, i), r.q, out + r.q);
    }
  }
};

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

}  // namespace sequences

// Whether node k goes through an example place by place.
template <class T>
bool Plan<T>::is_of_sequences(const Node<T>& node) {
  return node.kind == Kind::affine_steps || node.kind == Kind::slice || node.kind == Kind::fill ||
         node.kind == Kind::gate || node.kind == Kind::last_step || node.kind == Kind::token_embedding ||
         node.kind == Kind::positions || node.kind == Kind::sinusoidal || node.kind == Kind::rotary ||
         node.kind == Kind::attention ||
         (node.has_places() &&
          (node.kind == Kind::append || node.kind == Kind::layer_norm || node.kind == Kind::rms_norm));
}

// The row of a table, of which the columns stand in panels: to, or added to what is there.
template <class T>
void copy_row(const Slice& table, const T* theta, std::ptrdiff_t i, const T* add, T* to) {
  for (std::ptrdiff_t p = 0; p < table.panels(); ++p) {
    const std::ptrdiff_t begin = p * table.panel_width(), count = std::min(table.columns - begin, table.width_of(p));
    const T* from = theta + table.index(i, begin);
    for (std::ptrdiff_t j = 0; j < count; ++j) to[begin + j] = add ? add[begin + j] + from[j] : from[j];
  }
}

// Pairs of columns of every head turned, at each step by its own angles; back with direction -1.
template <class T>
void rotate(const Node<T>& node, const T* x, T direction, T* h) {
  const std::ptrdiff_t c = node.window.c, half = c / node.heads / 2;
  for (std::ptrdiff_t t = 0; t < node.window.in[2]; ++t)
    for (std::ptrdiff_t head = 0; head < node.heads; ++head, x += 2 * half, h += 2 * half) {
      const T* angle = node.constants.data() + 2 * t * half;
      for (std::ptrdiff_t j = 0; j < half; ++j) {
        const T cos = angle[2 * j], sin = direction * angle[2 * j + 1], a = x[2 * j], b = x[2 * j + 1];
        h[2 * j] = a * cos - b * sin, h[2 * j + 1] = a * sin + b * cos;
      }
    }
}

template <class T>
void Plan<T>::transpose_recurrence(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  if (!training_) return;
  transpose(k, node.others[0], [k](const Worker<T>& w) { return w.space->recurrent[k].Ut; });
  if (node.gradient() >= 0) transpose(k, node.weight, [k](const Worker<T>& w) { return w.space->recurrent[k].Wt; });
}

template <class T>
void Plan<T>::forward_recurrence(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  splits_[std::size_t(node.output)] = kRows;
  std::vector<Access> accesses{{saved(k), kRows, true}, {value(node.output), kRows, true}};
  for (const int input : node.inputs) accesses.push_back({value(input), kRows, false});
  for (const int parameter : {node.weight, node.bias}) accesses.push_back({slice(parameter), kWhole, false});
  for (const int parameter : node.others) accesses.push_back({slice(parameter), kWhole, false});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const sequences::Pass<T> pass(network_, k, *w.space);
    const Recurrence& r = node.recurrence;
    const Recurrent<T>& own = pass.own;
    const Slice &W = slice_of(node.weight), &U = slice_of(node.others[0]);
    const Segment of_x{0, std::int32_t(r.p), true, 0}, of_state{0, std::int32_t(r.q), true, 0};
    const Range mine = w.mine();
    if (mine.begin == mine.end) return;
    pass.begin(mine);
    // What comes of a state, of the panels [begin, end) of U.
    const auto times_U = [&](const T* h, std::ptrdiff_t rows, bool there, Range panels, T* to, Start start,
                             const T* bias) {
      network_.table.multiply({rows,
                               {&of_state, there},
                               r.q,
                               U.columns,
                               panels.begin,
                               panels.end,
                               h,
                               own.ld,
                               w.theta + U.offset,
                               to,
                               own.ldz,
                               start,
                               bias});
    };
    const Range all{0, U.panels()};
    for (std::ptrdiff_t s = 0; s < r.steps; ++s) {
      const bool from_state = s > 0 || r.state > 0;  // else that is 0
      pass.each_run(mine, s, !r.turns(), [&](Range run) {
        const std::ptrdiff_t rows = run.end - run.begin;
        T* z = own.gates_at(own.z, s, run.begin);
        network_.table.multiply({rows,
                                 {&of_x, 1},
                                 r.p,
                                 W.columns,
                                 0,
                                 W.panels(),
                                 pass.x(s, run.begin),
                                 pass.ldx(),
                                 w.theta + W.offset,
                                 z,
                                 own.ldz,
                                 r.normalizes() ? Start::zero : Start::bias,
                                 w.theta + slice_of(node.bias).offset});
        const T* h = own.at(pass.held(), s, run.begin);
        T* v = own.v ? own.gates_at(own.v, s, run.begin) : nullptr;
        if (r.cell == Recurrence::gru)
          times_U(h, rows, from_state, all, v, Start::bias, w.theta + slice_of(node.others[1]).offset);
        else if (v)  // of a gru that resets first, the panels with r and u
          times_U(h, rows, from_state, {0, r.is_gru() ? divide_up(2 * r.q, U.panel_width()) : all.end}, v, Start::zero,
                  nullptr);
        else if (from_state)
          times_U(h, rows, true, all, z, Start::accumulate, nullptr);
      });
      pass.each_run(mine, s, true, [&](Range run) {
        Cell<T> cell = pass.cell(s, run);
        cell.keeps = training_;
        if (r.every) cell.out = pass.output(w.space->values, run.begin, s);
        if (r.normalizes()) return pass.run_normalized(network_.table, cell, s, run, w.theta);
        if (r.cell != Recurrence::gru_before) return pass.run(network_.table, cell);
        cell.bias = w.theta + slice_of(node.others[1]).offset;
        network_.table.gru_reset(cell);
        times_U(cell.reset, cell.rows, from_state, {2 * r.q / U.panel_width(), all.end}, cell.v, Start::zero, nullptr);
        network_.table.gru_candidate(cell);
      });
    }
    pass.end(mine);
  });
  not_in_parts();
}

template <class T>
void Plan<T>::backward_recurrence(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  std::vector<Access> accesses{
      {saved(k), kRows, true}, {transposed(k), kWhole, false}, {gradient(node.output), kRows, false}};
  for (const int input : node.inputs) accesses.push_back({value(input), kRows, false});
  for (const int to : node.gradients)
    if (to >= 0) {
      gradient_splits_[std::size_t(to)] = kRows;
      accesses.push_back({gradient(to), kRows, true});
    }
  add(accesses, [=, this, &node](Worker<T>& w) {
    const sequences::Pass<T> pass(network_, k, *w.space);
    const Recurrence& r = node.recurrence;
    const Recurrent<T>& own = pass.own;
    const std::ptrdiff_t gates = r.gates() * r.q;
    const Slice Wt{0, gates, r.p, network_.table.lanes}, Ut{0, gates, r.q, network_.table.lanes};
    // z W^T or z U^T, of some of the gates.
    const auto multiply = [&](std::ptrdiff_t rows, const T* z, Range of, const Slice& slice, const T* panels, T* to,
                              std::ptrdiff_t ldc, Start start) {
      const Segment some{std::int32_t(of.begin), std::int32_t(of.end), true, std::int32_t(of.begin)};
      network_.table.multiply(
          {rows, {&some, 1}, gates, slice.columns, 0, slice.panels(), z, own.ldz, panels, to, ldc, start, nullptr});
    };
    const Range all{0, gates};
    const bool whole_registers = r.p % network_.table.lanes == 0 && !r.turns();
    const Range mine = w.mine();
    for (std::ptrdiff_t i = mine.begin; i < mine.end; ++i) {
      const T* g = w.space->gradients[std::size_t(node.output)] + i * network_.stride(node.output);
      T *dh = own.dh + i * own.ld, *dc = own.dc ? own.dc + i * own.ld : nullptr;
      r.every ? void(std::fill_n(dh, r.q, T(0))) : void(std::copy_n(g, r.q, dh));
      if (dc) r.with_cell ? void(std::copy_n(g + r.q, r.q, dc)) : void(std::fill_n(dc, r.q, T(0)));
      if (T* to = pass.gradient(0, i)) std::fill(to + pass.length(i) * r.p, to + r.steps * r.p, T(0));
      if (T* to = pass.gradient(r.keep, i)) std::fill_n(to, r.q, T(0));
    }
    // What has come through U goes on to the state, and to what multiplies it.
    const auto add_back = [&](Range run, std::ptrdiff_t s) {
      const T* back = own.back_at(run.begin);
      for (std::ptrdiff_t i = run.begin; i < run.end; ++i, back += own.ld) {
        const T *keep = r.keep > 0 ? pass.input(r.keep, i) : nullptr, *h = own.at(own.state, s, i);
        T *to = pass.gradient(r.keep, i), *dh = own.dh + i * own.ld;
        for (std::ptrdiff_t j = 0; j < r.q; ++j) {
          dh[j] = (r.is_gru() ? dh[j] : T(0)) + (keep ? back[j] * keep[j] : back[j]);
          if (to) to[j] += back[j] * h[j];
        }
      }
    };
    for (std::ptrdiff_t s = r.steps; s-- > 0;) {
      pass.each_run(mine, s, true, [&](Range run) {
        Cell<T> cell = pass.cell(s, run);
        if (r.every) cell.g = pass.output(w.space->gradients, run.begin, s);
        if (r.normalizes()) return pass.run_normalized_back(network_.table, cell, s, run, w.theta);
        if (r.cell != Recurrence::gru_before) return pass.run_back(network_.table, cell);
        network_.table.gru_candidate_back(cell);
        multiply(cell.rows, cell.z, {2 * r.q, gates}, Ut, own.Ut, cell.back, own.ld, Start::zero);
        network_.table.gru_reset_back(cell);
        multiply(cell.rows, cell.z, {0, 2 * r.q}, Ut, own.Ut, cell.back, own.ld, Start::accumulate);
        add_back(run, s);
      });
      const bool to_state = s > 0 || pass.gradient(r.state, 0) || pass.gradient(r.keep, 0);
      pass.each_run(mine, s, false, [&](Range run) {
        const std::ptrdiff_t rows = run.end - run.begin;
        const T* d = own.gates_at(pass.of_state(), s, run.begin);
        if (to_state && r.keep < 0 && r.cell != Recurrence::gru_before)
          multiply(rows, d, all, Ut, own.Ut, own.dh + run.begin * own.ld, own.ld,
                   r.is_gru() ? Start::accumulate : Start::zero);
        if (to_state && r.keep > 0 && r.cell != Recurrence::gru_before) {
          multiply(rows, d, all, Ut, own.Ut, own.back_at(run.begin), own.ld, Start::zero);
          add_back(run, s);
        }
        if (r.truncate > 0)
          for (std::ptrdiff_t i = run.begin; i < run.end; ++i) {
            if (!pass.cuts(i, s)) continue;
            std::fill_n(own.dh + i * own.ld, r.q, T(0));
            if (own.dc) std::fill_n(own.dc + i * own.ld, r.q, T(0));
          }
      });
      if (node.gradient() < 0) continue;
      pass.each_run(mine, s, whole_registers, [&](Range run) {
        const std::ptrdiff_t rows = run.end - run.begin;
        const T* d = own.gates_at(pass.of_x(), s, run.begin);
        if (whole_registers)
          return multiply(rows, d, all, Wt, own.Wt, pass.gradient(0, run.begin) + pass.time(run.begin, s) * r.p,
                          network_.stride(node.gradient()), Start::zero);
        T* back = own.back_at(run.begin);
        multiply(rows, d, all, Wt, own.Wt, back, own.ldx, Start::zero);
        for (std::ptrdiff_t i = run.begin; i < run.end; ++i, back += own.ldx)
          std::copy_n(back, r.p, pass.gradient(0, i) + pass.time(i, s) * r.p);
      });
    }
    for (std::ptrdiff_t i = mine.begin; i < mine.end; ++i)
      if (T* to = pass.gradient(r.state, i)) {
        std::copy_n(own.dh + i * own.ld, r.q, to);
        if (own.dc) std::copy_n(own.dc + i * own.ld, r.q, to + r.q);
      }
  });
  not_in_parts();
}

template <class T>
void Plan<T>::sum_recurrence(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const Recurrence& r = node.recurrence;
  const bool resets = r.cell == Recurrence::gru_before;
  const int U = node.others[0], c = r.is_gru() ? node.others[1] : -1;
  // The columns of U by what they multiply: h, and r h where that is what goes into the last third.
  const Slice of_h{0, r.q, 2 * r.q, network_.table.lanes}, of_reset{0, r.q, r.q, network_.table.lanes};
  std::vector<Access> accesses{{saved(k), kWhole, false}};
  for (const int input : node.inputs) accesses.push_back({value(input), kWhole, false});
  std::vector<int> parameters{node.weight, node.bias};
  parameters.insert(parameters.end(), node.others.begin() + resets, node.others.end());
  for (const int parameter : parameters)
    accesses.push_back({slice(parameter), {Split::tiles, slice_of(parameter).panels()}, true});
  if (resets) accesses.push_back({transposed(k), {Split::tiles, 0}, true});
  add(accesses, [=, this, &node, &r](Worker<T>& w) {
    const sequences::Pass<T> pass(network_, k, *w.space);
    const Recurrent<T>& own = pass.own;
    const T* x = r.turns() ? own.x : pass.input(0, 0);
    T *held = pass.held(), *z = pass.of_x(), *v = pass.of_state();
    const bool norms = r.normalizes();
    auto of_x = sequences::sum_of<T>(network_, w, node.weight, norms ? -1 : node.bias, x, pass.ldx(), z, own.ldz, false,
                                     own.sums);
    sequences::Sum<T> of_state =
        resets
            ? sequences::Sum<T>{network_.table,    w,       of_h,   -1, -1, held, own.ld, v, own.ldz, true,
                                own.sums_of_state, nullptr, nullptr}
            : sequences::sum_of<T>(network_, w, U, norms ? -1 : c, held, own.ld, v, own.ldz, false, own.sums_of_state);
    sequences::Sum<T> of_candidate{network_.table,    w,       of_reset,        -1,      -1,
                                   own.reset,         own.ld,  own.z + 2 * r.q, own.ldz, true,
                                   own.sums_of_reset, nullptr, nullptr};
    std::optional<sequences::RowSum<T>> rows[Recurrent<T>::kRowSums];  // of what is no product's bias
    std::ptrdiff_t count = 0;
    const auto sum_rows = [&](int parameter, const T* from, const T* others, std::ptrdiff_t ld) {
      rows[count].emplace(network_, w, parameter, from, others, ld, own.sums_of_rows + count * own.ldz);
      ++count;
    };
    if (resets) sum_rows(c, own.z, nullptr, own.ldz);
    if (norms) {
      sum_rows(node.bias, own.gates, nullptr, own.ldz);
      sum_rows(node.others[1], own.gates, own.z, own.ldz);
      sum_rows(node.others[2], own.gates, own.v, own.ldz);
      sum_rows(node.others[3], own.tanh_c, own.c_hat, own.ld);
      sum_rows(node.others[4], own.tanh_c, nullptr, own.ld);
    }
    for (std::ptrdiff_t s = 0; s < r.steps; ++s) {
      pass.each_run({0, w.rows}, s, !r.turns(), [&](Range run) {
        of_x.add({run.end - run.begin, pass.x(s, run.begin) - x, own.gates_at(z, s, run.begin) - z});
      });
      pass.each_run({0, w.rows}, s, false, [&](Range run) {
        const std::ptrdiff_t K = run.end - run.begin, at = own.gates_at(z, s, run.begin) - z;
        const std::ptrdiff_t at_cell = own.kept_at(held, s, run.begin) - held;
        for (std::ptrdiff_t m = 0; m < count; ++m) rows[m]->add(K, rows[m]->ld == own.ldz ? at : at_cell);
        if (s == 0 && r.state < 0 && r.cell != Recurrence::gru) return;  // a state of zeros
        of_state.add({K, own.at(held, s, run.begin) - held, own.gates_at(v, s, run.begin) - v});
        if (resets) of_candidate.add({K, at_cell, at});
      });
    }
    of_x.flush(true);
    of_state.flush(true);
    if (resets) of_candidate.flush(true);
    for (std::ptrdiff_t m = 0; m < count; ++m)
      if (const sequences::RowSum<T>& sum = *rows[m]; sum.count() > 0)
        finish_gradient(w, sum.parameter, sum.columns.begin, sum.sums, sum.count());
  });
  if (!resets) return;
  // The two parts of U's gradient, by panels of U.
  const Slice whole = slice_of(U);
  add({{transposed(k), kWhole, false}, {slice(U), {Split::columns, whole.panels()}, true}}, [=, this](Worker<T>& w) {
    const Recurrent<T>& own = w.space->recurrent[k];
    const Range mine = w.my(whole.panels());
    for (std::ptrdiff_t p = mine.begin; p < mine.end; ++p) {
      const std::ptrdiff_t begin = p * whole.panel_width(), width = whole.width_of(p);
      for (std::ptrdiff_t i = 0; i < whole.height; ++i) {
        alignas(kLine) T row[kMaxPanel] = {};
        for (std::ptrdiff_t j = begin; j < std::min(begin + width, whole.columns); ++j)
          row[j - begin] = j < of_h.columns ? own.sums_of_state[of_h.index(i, j)]
                                            : own.sums_of_reset[of_reset.index(i, j - of_h.columns)];
        finish_gradient(w, U, whole.index(i, begin), row, width);
      }
    }
  });
}

template <class T>
void Plan<T>::sum_affine_steps(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  std::vector<Access> accesses{{value(node.input), kWhole, false}, {gradient(node.output), kWhole, false}};
  for (const int parameter : {node.weight, node.bias})
    if (parameter >= 0) accesses.push_back({slice(parameter), {Split::tiles, slice_of(parameter).panels()}, true});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Window& window = node.window;
    const std::ptrdiff_t in = network_.stride(node.input), out = network_.stride(node.output);
    auto sum = sequences::sum_of<T>(network_, w, node.weight, node.bias, row(w.space->values, node.input, 0), window.c,
                                    row(w.space->gradients, node.output, 0), window.q, true, w.space->sums[k]);
    for (std::ptrdiff_t i = 0; i < w.rows; ++i) sum.add({window.places(), i * in, i * out});
    sum.flush(true);
  });
}

template <class T>
void Plan<T>::forward_sequence(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const bool relu = node.kind == Kind::affine_steps && does_relu(k);
  splits_[std::size_t(node.output)] = kRows;
  std::vector<Access> accesses{{value(node.output), kRows, true}};
  for (const int input : node.inputs) accesses.push_back({value(input), kRows, false});
  for (const int parameter : {node.weight, node.bias})
    if (parameter >= 0) accesses.push_back({slice(parameter), kWhole, false});
  if (node.normalizes() || node.kind == Kind::attention) accesses.push_back({saved(k), kRows, true});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Window& window = node.window;
    const std::ptrdiff_t places = window.in[2], c = window.c;
    const Segments runs{node.runs.data(), std::ptrdiff_t(node.runs.size())};
    const T* bias = node.bias < 0 ? nullptr : w.theta + slice_of(node.bias).offset;
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const T* x = row(w.space->values, node.input, i);
      T* h = row(w.space->values, node.output, i);
      if (node.kind == Kind::affine_steps) {
        network_.table.convolve({&window, runs, w.theta + slice_of(node.weight).offset, 0, x, nullptr, h, bias, relu});
      } else if (node.kind == Kind::slice) {
        std::copy_n(x + node.offset, network_.storages[std::size_t(node.output)], h);
      } else if (node.kind == Kind::fill) {
        std::fill_n(h, network_.storages[std::size_t(node.output)], node.constants[0]);
      } else if (node.kind == Kind::gate) {
        const T* gate = row(w.space->values, node.inputs[1], i);
        for (std::ptrdiff_t t = 0; t < places; ++t)
          for (std::ptrdiff_t j = 0; j < c; ++j) h[t * c + j] = x[t * c + j] * gate[j];
      } else if (node.kind == Kind::token_embedding) {
        const Slice& E = slice_of(node.weight);
        for (std::ptrdiff_t t = 0; t < places; ++t)
          copy_row<T>(E, w.theta + E.offset, code_of(x[t], E.height), nullptr, h + t * window.q);
      } else if (node.kind == Kind::positions) {
        const Slice& P = slice_of(node.weight);
        for (std::ptrdiff_t t = 0; t < places; ++t) copy_row(P, w.theta + P.offset, t, x + t * c, h + t * c);
      } else if (node.kind == Kind::sinusoidal) {
        for (std::ptrdiff_t j = 0; j < places * c; ++j) h[j] = x[j] + node.constants[std::size_t(j)];
      } else if (node.kind == Kind::rotary) {
        rotate(node, x, T(1), h);
      } else if (node.kind == Kind::attention) {
        for (std::ptrdiff_t head = 0; head < node.heads; ++head) network_.table.attention(head_of(k, w, i, head));
      } else if (node.normalizes()) {
        network_.table.normalize_rows(steps_of(k, w, i), node.kind == Kind::layer_norm);
      } else if (node.kind == Kind::last_step) {
        std::copy_n(x + last_step(node, w, i) * c, c, h);
      } else {
        const std::ptrdiff_t more = window.q - c;
        for (std::ptrdiff_t t = 0; t < places; ++t)
          std::copy_n(bias, more, std::copy_n(x + t * c, c, h + t * window.q));
      }
    }
  });
}

// Which step of example i is the last.
template <class T>
std::ptrdiff_t Plan<T>::last_step(const Node<T>& node, const Worker<T>& w, std::ptrdiff_t i) const {
  const std::ptrdiff_t places = node.window.in[2];
  if (node.inputs.size() < 2) return places - 1;
  const T length = *row(w.space->values, node.inputs[1], i);
  return length >= T(places) ? places - 1 : length >= T(1) ? std::ptrdiff_t(length) - 1 : 0;
}

template <class T>
void Plan<T>::backward_sequence(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  gradient_splits_[std::size_t(node.gradient())] = kRows;
  std::vector<Access> accesses{{gradient(node.output), kRows, false}, {gradient(node.gradient()), kRows, true}};
  if (node.kind == Kind::affine_steps) accesses.push_back({transposed(k), kWhole, false});
  for (std::size_t m = 1; m < node.inputs.size(); ++m) accesses.push_back({value(node.inputs[m]), kRows, false});
  if (node.normalizes())
    accesses.push_back({saved(k), kRows, false}), accesses.push_back({slice(node.weight), kWhole, false});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Window& window = node.window;
    const std::ptrdiff_t places = window.in[2], c = window.c;
    const Segments runs{node.runs.data(), std::ptrdiff_t(node.runs.size())};
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const T* g = row(w.space->gradients, node.output, i);
      T* to = row(w.space->gradients, node.gradient(), i);
      if (node.kind == Kind::append) {
        for (std::ptrdiff_t t = 0; t < places; ++t) std::copy_n(g + t * window.q, c, to + t * c);
        continue;
      }
      if (node.normalizes()) {
        network_.table.normalize_rows_backward(steps_of(k, w, i), g, to, node.kind == Kind::layer_norm);
        std::fill(to + places * c, to + padded(node.input), T(0));
        continue;
      }
      if (node.kind == Kind::rotary) {
        rotate(node, g, T(-1), to);
        continue;
      }
      if (node.kind == Kind::positions || node.kind == Kind::sinusoidal) {
        std::copy_n(g, places * c, to);
        continue;
      }
      std::fill_n(to, places * c, T(0));
      if (node.kind == Kind::affine_steps)
        network_.table.convolve_back({&window, runs, w.space->transposed[k], 0, nullptr, g, to, nullptr, false});
      else if (node.kind == Kind::slice)
        std::copy_n(g, network_.storages[std::size_t(node.output)], to + node.offset);
      else if (node.kind == Kind::last_step)
        std::copy_n(g, c, to + last_step(node, w, i) * c);
    }
  });
}

// The places of an example, as the rows of a normalization. What a place's last register writes beyond it, the next
// place overwrites.
template <class T>
Normalization<T> Plan<T>::steps_of(std::size_t k, const Worker<T>& w, std::ptrdiff_t i) const {
  const Node<T>& node = network_.nodes[k];
  const std::ptrdiff_t places = node.window.in[2], c = node.window.c;
  return {{row(w.space->values, node.input, i), places, round_up(c, network_.table.lanes), c},
          c,
          w.theta + slice_of(node.weight).offset,
          node.bias < 0 ? nullptr : w.theta + slice_of(node.bias).offset,
          node.constants[0],
          row(w.space->values, node.output, i),
          w.space->saved[k] + i * network_.stride(node.input),
          w.space->inverse[k] + i * places,
          nullptr,
          nullptr,
          T(1)};
}

// The gradients of gamma and beta: over all places of all examples, in order; each thread has some panels.
template <class T>
void Plan<T>::sum_normalization(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const Slice b = slice_of(node.weight);
  std::vector<Access> accesses{{gradient(node.output), kWhole, false}, {saved(k), kWhole, false}};
  for (const int parameter : {node.weight, node.bias})
    if (parameter >= 0) accesses.push_back({slice(parameter), {Split::columns, b.panels()}, true});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const std::ptrdiff_t places = node.window.in[2], c = node.window.c;
    const Range mine = w.my(b.panels());
    for (std::ptrdiff_t p = mine.begin; p < mine.end; ++p) {
      const std::ptrdiff_t begin = p * b.panel_width(), count = b.width_of(p);
      alignas(kLine) T gamma[kMaxPanel] = {}, beta[kMaxPanel] = {};
      for (std::ptrdiff_t i = 0; i < w.rows; ++i) {
        const Block<const T> g{row(w.space->gradients, node.output, i) + begin, places, count, c};
        network_.table.sum_products(g, w.space->saved[k] + i * network_.stride(node.input) + begin, gamma, true);
        if (node.bias >= 0) network_.table.sum_rows(g, beta, true);
      }
      for (std::ptrdiff_t j = c - begin; j < count; ++j) gamma[j] = beta[j] = T(0);
      finish_gradient(w, node.weight, begin, gamma, count);
      if (node.bias >= 0) finish_gradient(w, node.bias, begin, beta, count);
    }
  });
}

// The gradient of a table whose rows codes name, or steps: each thread has some panels, and adds up examples in order.
template <class T>
void Plan<T>::sum_table(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const Slice E = slice_of(node.weight);
  add({{gradient(node.output), kWhole, false},
       {value(node.input), kWhole, false},
       {slice(node.weight), {Split::columns, E.panels()}, true}},
      [=, this, &node](Worker<T>& w) {
        const std::ptrdiff_t places = node.window.in[2];
        const Range mine = w.my(E.panels());
        for (std::ptrdiff_t p = mine.begin; p < mine.end; ++p) {
          const std::ptrdiff_t begin = p * E.panel_width(), width = E.width_of(p), first = E.index(0, begin);
          const std::ptrdiff_t count = std::min(width, E.columns - begin);
          T* sums = w.gradient + E.offset + first;
          if (w.stepper || !w.accumulate) std::fill_n(sums, E.height * width, T(0));
          for (std::ptrdiff_t i = 0; i < w.rows; ++i) {
            const T* x = row(w.space->values, node.input, i);
            const T* g = row(w.space->gradients, node.output, i) + begin;
            for (std::ptrdiff_t t = 0; t < places; ++t, g += E.columns) {
              T* to = sums + (node.kind == Kind::positions ? t : code_of(x[t], E.height)) * width;
              for (std::ptrdiff_t j = 0; j < count; ++j) to[j] += g[j];
            }
          }
          if (w.stepper) w.stepper->on(node.weight).apply(first, sums, E.height * width);
        }
      });
}

template <class T>
Attention<T> Plan<T>::head_of(std::size_t k, const Worker<T>& w, std::ptrdiff_t i, std::ptrdiff_t head) const {
  const Node<T>& node = network_.nodes[k];
  const std::ptrdiff_t width = node.window.c, queries = node.window.in[2];
  const std::ptrdiff_t wide = network_.storages[std::size_t(node.inputs[2])] / node.keys;
  const std::ptrdiff_t d = width / node.heads, e = wide / node.heads;
  std::ptrdiff_t keys = node.keys;
  if (node.inputs.size() == 4) {
    const T length = *row(w.space->values, node.inputs[3], i);
    keys = length >= T(keys) ? keys : length >= T(1) ? std::ptrdiff_t(length) : 1;
  }
  const auto of = [&](const std::vector<T*>& buffers, int storage, std::ptrdiff_t column) {
    return storage < 0 ? nullptr : row(buffers, storage, i) + head * column;
  };
  const std::vector<T*>&x = w.space->values, &g = w.space->gradients;
  Attention<T> s{};
  s.queries = queries, s.keys = keys, s.d = d, s.e = e, s.causal = node.causal;
  s.q = of(x, node.inputs[0], d), s.k = of(x, node.inputs[1], d), s.v = of(x, node.inputs[2], e);
  s.ldq = s.ldk = width, s.ldv = s.ldh = wide;
  s.h = of(x, node.output, e);
  s.log_sums = w.space->saved[k] + (i * node.heads + head) * queries;
  s.scratch = w.scratch(), s.ld_scratch = round_up(keys, 2 * network_.table.lanes);
  if (!training_) return s;
  s.g = of(g, node.output, e);
  s.dq = of(g, node.gradients[0], d), s.dk = of(g, node.gradients[1], d), s.dv = of(g, node.gradients[2], e);
  return s;
}

template <class T>
void Plan<T>::backward_attention(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  std::vector<Access> accesses{{gradient(node.output), kRows, false}, {saved(k), kRows, false}};
  for (const int input : node.inputs) accesses.push_back({value(input), kRows, false});
  bool any = false;
  for (const int to : node.gradients)
    if (to >= 0) {
      gradient_splits_[std::size_t(to)] = kRows;
      accesses.push_back({gradient(to), kRows, true});
      any = true;
    }
  if (!any) return;
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      for (const int m : {1, 2})  // keys behind the end have none
        if (const int to = node.gradients[std::size_t(m)]; to >= 0)
          std::fill_n(row(w.space->gradients, to, i), network_.storages[std::size_t(to)], T(0));
      for (std::ptrdiff_t head = 0; head < node.heads; ++head) network_.table.attention_back(head_of(k, w, i, head));
    }
  });
}

template <class T>
void Plan<T>::backward_gate(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  std::vector<Access> accesses{{gradient(node.output), kRows, false}};
  for (const int input : node.inputs) accesses.push_back({value(input), kRows, false});
  for (const int to : node.gradients)
    if (to >= 0) {
      gradient_splits_[std::size_t(to)] = kRows;
      accesses.push_back({gradient(to), kRows, true});
    }
  if (node.gradients == std::vector{-1, -1}) return;
  add(accesses, [=, this, &node](Worker<T>& w) {
    const std::ptrdiff_t places = node.window.in[2], c = node.window.c;
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const T *x = row(w.space->values, node.inputs[0], i), *gate = row(w.space->values, node.inputs[1], i);
      const T* g = row(w.space->gradients, node.output, i);
      if (node.gradients[1] >= 0) {
        T* to = row(w.space->gradients, node.gradients[1], i);
        std::fill_n(to, c, T(0));
        for (std::ptrdiff_t t = 0; t < places; ++t)
          for (std::ptrdiff_t j = 0; j < c; ++j) to[j] += g[t * c + j] * x[t * c + j];
      }
      if (node.gradients[0] < 0) continue;
      T* to = row(w.space->gradients, node.gradients[0], i);
      for (std::ptrdiff_t t = 0; t < places; ++t)
        for (std::ptrdiff_t j = 0; j < c; ++j) to[t * c + j] = g[t * c + j] * gate[j];
    }
  });
}

}  // namespace likeliest
