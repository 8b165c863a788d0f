// The tasks of a plan for affine steps at every place of an example; see plan_sequences.hpp.
#pragma once
#include "engine/sums.hpp"

namespace likeliest {

template <class T>
typename Plan<T>::ByExample Plan<T>::forward_affine_steps(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  return [=, this, &node, relu = does_relu(k)](const Worker<T>& w, std::ptrdiff_t, const T* x, T* h) {
    const Segments runs{node.runs.data(), std::ptrdiff_t(node.runs.size())};
    const T* bias = node.bias < 0 ? nullptr : w.theta + slice_of(node.bias).offset;
    network_.table.convolve({&node.window, runs, w.theta + slice_of(node.weight).offset, 0, x, nullptr, h, bias, relu});
  };
}

template <class T>
typename Plan<T>::ByExample Plan<T>::backward_affine_steps(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  return [=, this, &node](const Worker<T>& w, std::ptrdiff_t, const T* g, T* to) {
    const Segments runs{node.runs.data(), std::ptrdiff_t(node.runs.size())};
    std::fill_n(to, node.window.in[2] * node.window.c, T(0));
    network_.table.convolve_back({&node.window, runs, w.space->transposed[k], 0, nullptr, g, to, nullptr, false});
  };
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

}  // namespace likeliest
