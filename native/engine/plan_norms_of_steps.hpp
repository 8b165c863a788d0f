// The tasks of a plan for norms of every place of an example; see plan_sequences.hpp.
#pragma once
#include "engine/plan.hpp"

namespace likeliest {

template <class T>
typename Plan<T>::ByExample Plan<T>::forward_norms_of_steps(std::size_t k) const {
  const bool centred = network_.nodes[k].kind == Kind::layer_norm;
  return [=, this](const Worker<T>& w, std::ptrdiff_t i, const T*, T*) {
    network_.table.normalize_rows(steps_of(k, w, i), centred);
  };
}

template <class T>
typename Plan<T>::ByExample Plan<T>::backward_norms_of_steps(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  return [=, this, &node](const Worker<T>& w, std::ptrdiff_t i, const T* g, T* to) {
    network_.table.normalize_rows_backward(steps_of(k, w, i), g, to, node.kind == Kind::layer_norm);
    std::fill(to + node.window.in[2] * node.window.c, to + padded(node.input), T(0));
  };
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

}  // namespace likeliest
