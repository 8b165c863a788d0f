// The tasks of a plan for positions that are not learned: waves that are added, or angles that are turned by; see
// plan_sequences.hpp.
#pragma once
#include "engine/plan.hpp"

namespace likeliest {

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
typename Plan<T>::ByExample Plan<T>::forward_positions(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  if (node.kind == Kind::rotary)
    return [&node](const Worker<T>&, std::ptrdiff_t, const T* x, T* h) { rotate(node, x, T(1), h); };
  return [&node](const Worker<T>&, std::ptrdiff_t, const T* x, T* h) {
    for (std::ptrdiff_t j = 0; j < node.window.in[2] * node.window.c; ++j) h[j] = x[j] + node.constants[std::size_t(j)];
  };
}

template <class T>
typename Plan<T>::ByExample Plan<T>::backward_positions(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  return [&node](const Worker<T>&, std::ptrdiff_t, const T* g, T* to) {
    node.kind == Kind::rotary ? rotate(node, g, T(-1), to)
                              : void(std::copy_n(g, node.window.in[2] * node.window.c, to));
  };
}

}  // namespace likeliest
