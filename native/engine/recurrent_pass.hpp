// What the tasks of a recurrence share: where its numbers are for some rows at a step, and one step of it there and
// back.
#pragma once
#include "engine/plan.hpp"

namespace likeliest::sequences {

// What a recurrence is run with, for the rows of a block.
template <class T>
struct Pass {
  const Network<T>& network;
  const Node<T>& node;
  const Recurrence& r;
  const Workspace<T>& space;
  const Recurrent<T>& own;
  T* carried;    // null, or where the state of the block's rows goes, and
  bool goes_on;  // whether it comes from there

  Pass(const Network<T>& network, std::size_t k, const Worker<T>& w)
      : network(network),
        node(network.nodes[k]),
        r(network.nodes[k].recurrence),
        space(*w.space),
        own(w.space->recurrent[k]),
        carried(w.carried ? w.carried->at(network, k, w.first - w.begin) : nullptr),
        goes_on(w.goes_on) {}

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

  // Whether there is a state before the first step; else that is 0.
  bool has_start() const { return goes_on || r.state > 0; }
  T* carried_at(std::ptrdiff_t i) const { return carried + i * (r.has_cells() ? 2 : 1) * r.q; }

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
      const T* given = goes_on ? carried_at(i) : r.state > 0 ? input(r.state, i) : nullptr;
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

  // What the output has besides what the cells wrote: the last state, or zeros behind the end; and the state that the
  // next minibatch begins in.
  void end(Range rows) const {
    for (std::ptrdiff_t i = rows.begin; i < rows.end; ++i) {
      T* out = space.values[std::size_t(node.output)] + i * network.stride(node.output);
      const std::ptrdiff_t steps = length(i);
      if (carried) {
        T* to = std::copy_n(own.at(own.state, steps, i), r.q, carried_at(i));
        if (own.c) std::copy_n(own.at(own.c, steps, i), r.q, to);
      }
      if (r.every) {
        std::fill(out + steps * r.q, out + r.steps * r.q, T(0));
        continue;
      }
      std::copy_n(own.at(own.state, steps, i), r.q, out);
      if (r.with_cell) std::copy_n(own.at(own.c, steps, i), r.q, out + r.q);
    }
  }
};

}  // namespace likeliest::sequences
