// The tasks of a plan that go through an example place by place, and those that only move numbers; see plan.hpp.
#pragma once
#include "engine/plan_affine_steps.hpp"
#include "engine/plan_attention.hpp"
#include "engine/plan_norms_of_steps.hpp"
#include "engine/plan_positions.hpp"
#include "engine/plan_recurrence.hpp"
#include "engine/plan_tables_of_steps.hpp"

namespace likeliest {

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

template <class T>
void Plan<T>::forward_sequence(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  splits_[std::size_t(node.output)] = kRows;
  std::vector<Access> accesses{{value(node.output), kRows, true}};
  for (const int input : node.inputs) accesses.push_back({value(input), kRows, false});
  for (const int parameter : {node.weight, node.bias})
    if (parameter >= 0) accesses.push_back({slice(parameter), kWhole, false});
  if (node.normalizes() || node.kind == Kind::attention) accesses.push_back({saved(k), kRows, true});
  const ByExample run = node.kind == Kind::affine_steps ? forward_affine_steps(k)
                        : node.kind == Kind::attention  ? forward_attention(k)
                        : node.normalizes()             ? forward_norms_of_steps(k)
                        : node.kind == Kind::token_embedding || node.kind == Kind::positions
                            ? forward_tables_of_steps(k)
                        : node.kind == Kind::sinusoidal || node.kind == Kind::rotary ? forward_positions(k)
                                                                                     : forward_move(k);
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i)
      run(w, i, row(w.space->values, node.input, i), row(w.space->values, node.output, i));
  });
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
  const ByExample run = node.kind == Kind::affine_steps ? backward_affine_steps(k)
                        : node.normalizes()             ? backward_norms_of_steps(k)
                        : node.kind == Kind::positions || node.kind == Kind::sinusoidal || node.kind == Kind::rotary
                            ? backward_positions(k)
                            : backward_move(k);
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i)
      run(w, i, row(w.space->gradients, node.output, i), row(w.space->gradients, node.gradient(), i));
  });
}

// A part of x, a number everywhere, x with the same factors at every place, its last place, or more numbers behind
// each.
template <class T>
typename Plan<T>::ByExample Plan<T>::forward_move(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  const std::ptrdiff_t places = node.window.in[2], c = node.window.c,
                       width = network_.storages[std::size_t(node.output)];
  if (node.kind == Kind::slice)
    return [=, &node](const Worker<T>&, std::ptrdiff_t, const T* x, T* h) { std::copy_n(x + node.offset, width, h); };
  if (node.kind == Kind::fill)
    return [=, &node](const Worker<T>&, std::ptrdiff_t, const T*, T* h) { std::fill_n(h, width, node.constants[0]); };
  if (node.kind == Kind::gate)
    return [=, this, &node](const Worker<T>& w, std::ptrdiff_t i, const T* x, T* h) {
      const T* gate = row(w.space->values, node.inputs[1], i);
      for (std::ptrdiff_t t = 0; t < places; ++t)
        for (std::ptrdiff_t j = 0; j < c; ++j) h[t * c + j] = x[t * c + j] * gate[j];
    };
  if (node.kind == Kind::last_step)
    return [=, this, &node](const Worker<T>& w, std::ptrdiff_t i, const T* x, T* h) {
      std::copy_n(x + last_step(node, w, i) * c, c, h);
    };
  return [=, this, &node](const Worker<T>& w, std::ptrdiff_t, const T* x, T* h) {
    const T* bias = w.theta + slice_of(node.bias).offset;
    for (std::ptrdiff_t t = 0; t < places; ++t)
      std::copy_n(bias, node.window.q - c, std::copy_n(x + t * c, c, h + t * node.window.q));
  };
}

template <class T>
typename Plan<T>::ByExample Plan<T>::backward_move(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  const std::ptrdiff_t places = node.window.in[2], c = node.window.c;
  if (node.kind == Kind::append)
    return [=, &node](const Worker<T>&, std::ptrdiff_t, const T* g, T* to) {
      for (std::ptrdiff_t t = 0; t < places; ++t) std::copy_n(g + t * node.window.q, c, to + t * c);
    };
  return [=, this, &node](const Worker<T>& w, std::ptrdiff_t i, const T* g, T* to) {
    std::fill_n(to, places * c, T(0));
    if (node.kind == Kind::slice)
      std::copy_n(g, network_.storages[std::size_t(node.output)], to + node.offset);
    else if (node.kind == Kind::last_step)
      std::copy_n(g, c, to + last_step(node, w, i) * c);
  };
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
