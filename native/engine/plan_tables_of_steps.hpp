// The tasks of a plan for tables of which every place of an example takes a row: that of its code, or of its number;
// see plan_sequences.hpp.
#pragma once
#include "engine/plan.hpp"

namespace likeliest {

// The row of a table, of which the columns stand in panels: to, or added to what is there.
template <class T>
void copy_row(const Slice& table, const T* theta, std::ptrdiff_t i, const T* add, T* to) {
  for (std::ptrdiff_t p = 0; p < table.panels(); ++p) {
    const std::ptrdiff_t begin = p * table.panel_width(), count = std::min(table.columns - begin, table.width_of(p));
    const T* from = theta + table.index(i, begin);
    for (std::ptrdiff_t j = 0; j < count; ++j) to[begin + j] = add ? add[begin + j] + from[j] : from[j];
  }
}

template <class T>
typename Plan<T>::ByExample Plan<T>::forward_tables_of_steps(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  return [=, this, &node](const Worker<T>& w, std::ptrdiff_t, const T* x, T* h) {
    const Slice& E = slice_of(node.weight);
    const std::ptrdiff_t places = node.window.in[2], c = node.window.c;
    for (std::ptrdiff_t t = 0; t < places; ++t)
      node.kind == Kind::positions
          ? copy_row<T>(E, w.theta + E.offset, t, x + t * c, h + t * c)
          : copy_row<T>(E, w.theta + E.offset, code_of(x[t], E.height), nullptr, h + t * node.window.q);
  };
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

}  // namespace likeliest
