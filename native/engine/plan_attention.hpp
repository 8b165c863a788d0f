// The tasks of a plan for attention: one head of one example after the other; see plan_sequences.hpp.
#pragma once
#include "engine/plan.hpp"

namespace likeliest {

template <class T>
typename Plan<T>::ByExample Plan<T>::forward_attention(std::size_t k) const {
  const Node<T>& node = network_.nodes[k];
  return [=, this, &node](const Worker<T>& w, std::ptrdiff_t i, const T*, T*) {
    for (std::ptrdiff_t head = 0; head < node.heads; ++head) network_.table.attention(head_of(k, w, i, head));
  };
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

}  // namespace likeliest
