// A likelihood at every step of a sequence: P(y | eta) = the product of P(y_t | eta_t), over the steps that are there.
#pragma once
#include <algorithm>
#include <cmath>

#include "engine/kernels.hpp"
#include "engine/layout.hpp"

namespace likeliest {

// How many steps go through the kernel at once, and what room they take.
template <class T>
struct StepBlock {
  std::ptrdiff_t width, stride, targets, steps;

  StepBlock(std::ptrdiff_t width, std::ptrdiff_t targets, std::ptrdiff_t lanes)
      : width(width),
        stride(round_up(width, lanes)),
        targets(targets),
        steps(std::clamp(round_up((1 << 15) / stride, lanes), lanes, 4 * lanes)) {}
  // eta, the score, y, weights, log P, and where each step comes from; and behind that, what the kernel takes.
  std::ptrdiff_t size(std::ptrdiff_t lanes) const {
    return steps * (2 * stride + targets + 4) + (2 * width + targets + kSpare + 4) * lanes;
  }
};

// As the kernel's `score`, for rows of eta that hold so many steps one after the other, and rows of y likewise. Steps
// whose y has a NaN do not count. `scratch` begins with the room of a block.
template <class T>
void score_steps(const LikelihoodKernel<T>& kernel, const Scoring<T>& s, std::ptrdiff_t steps, std::ptrdiff_t lanes) {
  const StepBlock<T> block(s.width / steps, s.targets / steps, lanes);
  const std::ptrdiff_t width = block.width, targets = block.targets;
  T *eta = s.scratch, *score = eta + block.steps * block.stride, *y = score + block.steps * block.stride;
  T *weight = y + round_up(block.steps * targets, lanes) + lanes, *log_prob = weight + block.steps;
  T *row = log_prob + block.steps, *step = row + block.steps, *scratch = step + block.steps;
  std::ptrdiff_t count = 0;
  for (std::ptrdiff_t i = 0; i < s.eta.rows; ++i) {
    s.log_prob[i] = T(0);
    if (s.score) std::fill_n(s.score + i * s.eta.stride, s.eta.columns, T(0));
  }
  const auto run = [&] {
    if (count == 0) return;
    kernel.score({{eta, count, block.stride, block.stride},
                  width,
                  s.groups,
                  targets,
                  y,
                  weight,
                  s.scale,
                  s.constants,
                  log_prob,
                  s.score ? score : nullptr,
                  scratch});
    for (std::ptrdiff_t k = 0; k < count; ++k) {
      const auto i = std::ptrdiff_t(row[k]), t = std::ptrdiff_t(step[k]);
      s.log_prob[i] += log_prob[k];
      if (s.score) std::copy_n(score + k * block.stride, width, s.score + i * s.eta.stride + t * width);
    }
    count = 0;
  };
  for (std::ptrdiff_t i = 0; i < s.eta.rows; ++i)
    for (std::ptrdiff_t t = 0; t < steps; ++t) {
      const T* from = s.y + (i * steps + t) * targets;
      bool there = true;
      for (std::ptrdiff_t j = 0; j < targets; ++j) there = there && !std::isnan(from[j]);
      if (!there) continue;
      std::copy_n(from, targets, y + count * targets);
      std::copy_n(s.eta.data + i * s.eta.stride + t * width, width, eta + count * block.stride);
      weight[count] = s.weight[i], row[count] = T(i), step[count] = T(t);
      if (++count == block.steps) run();
    }
  run();
}

}  // namespace likeliest
