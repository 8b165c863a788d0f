// What the pages of likelihoods share: examples in the lanes of registers, so that every page is a formula.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

inline constexpr std::ptrdiff_t kMaxComponents = 256;  // of eta for one target; more is left to other engines

// A register of the numbers from[0], from[stride], ... of `count` rows; further lanes repeat the last row.
template <class T>
LIKELIEST_INLINE Vector<T> gather_rows(const T* from, std::ptrdiff_t stride, std::ptrdiff_t count) {
  alignas(kBytes) T lanes[kLanes<T>];
  for (std::ptrdiff_t i = 0; i < kLanes<T>; ++i) lanes[i] = from[(i < count ? i : count - 1) * stride];
  return load(lanes);
}

// What a page computes of the likelihood's constants alone, once for all rows: its Constants<T>, where it has them.
template <class T, class L>
LIKELIEST_INLINE auto prepare(const T* constants) {
  if constexpr (requires { typename L::template Constants<T>; })
    return typename L::template Constants<T>(constants);
  else
    return constants;
}

// L has evaluate<T>(eta, components, y, constants, score): from registers of eta's components and of the numbers of y
// to a register of log P, writing d log P / d eta of each component to `score`.
template <class T, class L>
void score_rows(const Scoring<T>& s) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t components = s.width / s.groups, numbers = s.targets / s.groups;
  const auto constants = prepare<T, L>(s.constants);
  Vector<T> eta[L::max_components], slope[L::max_components], y[L::max_targets];
  for (std::ptrdiff_t row = 0; row < s.eta.rows; row += lanes) {
    const std::ptrdiff_t count = s.eta.rows - row < lanes ? s.eta.rows - row : lanes;
    const T* from = s.eta.data + row * s.eta.stride;
    T* to = s.score ? s.score + row * s.eta.stride : nullptr;
    if (to)
      for (std::ptrdiff_t i = 0; i < count; ++i)
        for (std::ptrdiff_t j = 0; j < s.eta.columns; j += lanes) store(to + i * s.eta.stride + j, Vector<T>{});
    const Vector<T> weight = gather_rows(s.weight + row, 1, count), factor = weight * s.scale;
    Vector<T> total{};
    for (std::ptrdiff_t group = 0; group < s.groups; ++group) {
      for (std::ptrdiff_t j = 0; j < components; ++j)
        eta[j] = gather_rows(from + j * s.groups + group, s.eta.stride, count);
      for (std::ptrdiff_t j = 0; j < numbers; ++j)
        y[j] = gather_rows(s.y + row * s.targets + group * numbers + j, s.targets, count);
      total += L::template evaluate<T>(eta, components, y, constants, slope);
      if (!to) continue;
      for (std::ptrdiff_t j = 0; j < components; ++j) {
        const Vector<T> scaled = slope[j] * factor;
        for (std::ptrdiff_t i = 0; i < count; ++i) to[i * s.eta.stride + j * s.groups + group] = scaled[i];
      }
    }
    total *= weight;
    for (std::ptrdiff_t i = 0; i < count; ++i) s.log_prob[row + i] = total[i];
  }
}

// A page of a likelihood without classes, which is most of them: `evaluate` is all it has.
template <class T, class L>
constexpr LikelihoodKernel<T> rowwise{L::name, true, score_rows<T, L>, nullptr};

}  // namespace likeliest::LIKELIEST_ISA
