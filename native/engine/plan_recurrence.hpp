// The tasks of a plan for recurrences; see plan.hpp.
//
// A recurrence goes through the steps with all rows of a thread at once, one product with W and one with U for each
// step. The gradients of weights come after it, as sums over the steps. Rows whose sequence has ended are left out of
// both.
#pragma once
#include <optional>

#include "engine/recurrent_pass.hpp"
#include "engine/sums.hpp"

namespace likeliest {

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
    const sequences::Pass<T> pass(network_, k, w);
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
      const bool from_state = s > 0 || pass.has_start();  // else that is 0
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
    const sequences::Pass<T> pass(network_, k, w);
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
        if (pass.goes_on) {  // from a constant instead
          std::fill_n(to, (own.dc ? 2 : 1) * r.q, T(0));
          continue;
        }
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
    const sequences::Pass<T> pass(network_, k, w);
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
        if (s == 0 && !pass.has_start() && r.cell != Recurrence::gru) return;  // a state of zeros
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

}  // namespace likeliest
