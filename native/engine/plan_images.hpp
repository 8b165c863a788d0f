// The tasks of a plan on images: convolutions, pools, norms of channels, values that branch and join. Each is by rows,
// one example after the other; see plan.hpp.
#pragma once
#include "engine/plan.hpp"

namespace likeliest {

template <class T>
bool Plan<T>::is_of_images(const Node<T>& node) {
  return node.kind == Kind::max_pool || node.kind == Kind::average_pool || node.kind == Kind::upsample ||
         node.kind == Kind::rescale;
}

// A convolution of channels by themselves that goes back to x as one that goes there: over the padded gradient, with
// the taps turned round. Only at stride 1, and where there is no more padding than a window reaches.
inline bool turns_round(const Window& w, Window& back) {
  back = w;
  for (int axis = 0; axis < 3; ++axis) {
    const std::ptrdiff_t reach = (w.size[axis] - 1) * w.dilation[axis];
    back.in[axis] = w.out[axis], back.out[axis] = back.used[axis] = w.in[axis];
    back.before[axis] = reach - w.before[axis];
    back.after[axis] = w.in[axis] + reach - w.out[axis] - back.before[axis];
    if (w.stride[axis] != 1 || back.before[axis] < 0 || back.after[axis] < 0) return false;
  }
  return true;
}
inline bool is_padded(const Window& w) { return w.padded_places() != w.places(); }

// The weights of a convolution as its kernels take them: by groups or points, and for the way back with channels
// exchanged.
template <class T>
void Plan<T>::pack(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const ImageSizes<T> sizes(network_, node);
  if (node.filtering) return pack_points(k);
  const bool transposed_one = node.kind == Kind::transposed_convolution;
  const bool there = node.window.groups > 1, back = transposed_one || (training_ && node.gradient() >= 0);
  if (!there && !back) return;
  const Split taps{Split::columns, node.window.taps()};
  add({{slice(node.weight), kWhole, false}, {transposed(k), taps, true}}, [=, this, &node](Worker<T>& w) {
    const Window& window = node.window;
    const Slice& W = slice_of(node.weight);
    const T* theta = w.theta + W.offset;
    const std::ptrdiff_t c = window.c / window.groups, q = window.q / window.groups, lanes = W.lanes;
    const Range mine = w.my(window.taps());
    T *const to = w.space->packed[k], *const to_back = w.space->transposed[k];
    Window turned;
    const bool turns = turns_round(window, turned);
    if (sizes.is_depthwise) {
      const std::ptrdiff_t row = round_up(window.c, lanes);
      for (std::ptrdiff_t tap = mine.begin; tap < mine.end; ++tap)
        for (std::ptrdiff_t j = 0; j < window.c; ++j) {
          to[tap * row + j] = theta[W.index(tap, j)];
          if (back) to_back[(turns ? window.taps() - 1 - tap : tap) * row + j] = theta[W.index(tap, j)];
        }
      return;
    }
    const Slice one{0, window.taps() * c, q, lanes}, one_back{0, window.taps() * q, c, lanes};
    for (std::ptrdiff_t tap = mine.begin; tap < mine.end; ++tap)
      for (std::ptrdiff_t group = 0; group < window.groups; ++group)
        for (std::ptrdiff_t o = 0; o < q; ++o)
          for (std::ptrdiff_t i = 0; i < c; ++i) {
            const T number = theta[W.index(tap * c + i, group * q + o)];
            if (there) to[group * sizes.group_step + one.index(tap * c + i, o)] = number;
            if (back) to_back[group * sizes.group_back + one_back.index(tap * q + o, i)] = number;
          }
  });
}

// G w: the taps along the last axis at each point, for every tap of the others.
template <class T>
void Plan<T>::pack_points(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const ImageSizes<T> sizes(network_, node);
  const bool back = training_ && node.gradient() >= 0;
  const Split rows{Split::columns, node.filtering.point.taps() * node.window.c};
  add({{slice(node.weight), kWhole, false}, {transposed(k), rows, true}}, [=, this, &node](Worker<T>& w) {
    const Slice W = slice_of(node.weight);
    const std::ptrdiff_t c = node.window.c, q = node.window.q, taps = node.window.size[2], outer = rows.parts / c;
    const Slice point{0, outer * c, q, W.lanes}, point_back{0, outer * q, c, W.lanes};
    const T* theta = w.theta + W.offset;
    const Range mine = w.my(rows.parts);
    for (std::ptrdiff_t p = 0; p < kPoints; ++p) {
      T* const to = w.space->packed[k] + p * sizes.group_step;
      T* const to_back = w.space->transposed[k] + p * sizes.group_back;
      T factor[kPoints];
      for (std::ptrdiff_t t = 0; t < taps; ++t) factor[t] = T(tap_at_point(p, t, taps));
      for (std::ptrdiff_t row = mine.begin; row < mine.end; ++row) {
        const std::ptrdiff_t tap = row / c, channel = row % c;
        for (std::ptrdiff_t o = 0; o < q; o += W.lanes) {
          T* const U = to + point.index(row, o);
          std::fill_n(U, W.lanes, T(0));
          for (std::ptrdiff_t t = 0; t < taps; ++t) {
            const T* const from = theta + W.index((tap * taps + t) * c + channel, o);
            for (std::ptrdiff_t j = 0; j < W.lanes; ++j) U[j] += factor[t] * from[j];
          }
          for (std::ptrdiff_t j = 0; back && j < W.lanes; ++j)
            to_back[point_back.index(tap * q + o + j, channel)] = U[j];
        }
      }
    }
  });
}

namespace images {

// One example's part of a convolution, whichever way: x and h are the large side and the small one.
template <class T>
struct Pass {
  const Table<T>& table;
  const Node<T>& node;
  ImageSizes<T> sizes;
  const T *there, *back;  // weights
  T *image, *other;       // padded examples of this thread
  T *large, *small;       // points of this thread

  const T* padded(const Window& w, std::ptrdiff_t channels, const T* x, T* to) const {
    if (!is_padded(w)) return x;
    pad(w, channels, x, to);
    return to;
  }
  Convolution<T> call(const T* W, std::ptrdiff_t step, const T* x, const T* h, T* out) const {
    return {&node.window, {node.runs.data(), std::ptrdiff_t(node.runs.size())}, W, step, x, h, out, nullptr, false};
  }

  Filter<T> of_large(const T* x) const {
    const Window& w = node.window;
    const Filtering& f = node.filtering;
    const std::ptrdiff_t row = w.padded(2) * w.c;
    return {f.outputs, f.tiles,           f.planes, f.rows,    w.padded(1) * row, row,  w.padded(2),
            w.c,       const_cast<T*>(x), large,    f.large(), nullptr,           false};
  }
  Filter<T> of_small(const T* h) const {
    const Window& w = node.window;
    const Filtering& f = node.filtering;
    const std::ptrdiff_t row = w.out[2] * w.q;
    return {f.outputs, f.tiles,           w.used[0], w.used[1], w.out[1] * row, row,  w.used[2],
            w.q,       const_cast<T*>(h), small,     f.small(), nullptr,        false};
  }
  // The convolution of a point: f(convolution) with its weights, or the gradient of those, `step` apart.
  template <class F>
  void each_point(const T* W, T* gradient, std::ptrdiff_t step, F&& f) const {
    const Filtering& how = node.filtering;
    for (std::ptrdiff_t p = 0; p < kPoints; ++p) {
      T *const x = large + p * how.large(), *const h = small + p * how.small();
      Convolution<T> c = call(W ? W + p * step : nullptr, 0, x, h, gradient ? gradient + p * step : nullptr);
      c.window = &how.point, c.runs = {how.runs.data(), std::ptrdiff_t(how.runs.size())};
      f(c, x, h);
    }
  }

  void to_small(const T* x, T* h, const T* bias, bool relu) const {
    if (node.filtering) {
      table.filter_input(of_large(padded(node.window, node.window.c, x, image)));
      each_point(there, nullptr, sizes.group_step, [&](Convolution<T>& c, T*, T* to) {
        c.out = to;
        table.convolve(c);
      });
      Filter<T> out = of_small(h);
      out.bias = bias, out.relu = relu;
      return table.filter_output(out);
    }
    Convolution<T> c = call(there, sizes.group_step, padded(node.window, node.window.c, x, image), nullptr, h);
    c.bias = bias, c.relu = relu;
    sizes.is_depthwise ? table.depthwise(c) : table.convolve(c);
  }

  // x = the transpose of the above; the numbers of x are contiguous. The points of h are those that to_weight left.
  void to_large(const T* h, T* x) const {
    const Window& w = node.window;
    if (node.filtering) {
      std::fill_n(large, kPoints * node.filtering.large(), T(0));
      each_point(back, nullptr, sizes.group_back, [&](Convolution<T>& c, T* to, T*) {
        c.out = to;
        table.convolve_back(c);
      });
      T* to = is_padded(w) ? other : x;
      std::fill_n(to, w.padded_places() * w.c, T(0));
      table.filter_input_back(of_large(to));
      if (to != x) crop(w, w.c, to, x);
      return;
    }
    Window turned;
    if (sizes.is_depthwise && turns_round(w, turned)) {
      Convolution<T> c = call(back, 0, padded(turned, w.c, h, image), nullptr, x);
      c.window = &turned;
      return table.depthwise(c);
    }
    T* to = is_padded(w) ? other : x;
    std::fill_n(to, w.padded_places() * w.c, T(0));
    const Convolution<T> c = call(back, sizes.group_back, nullptr, h, to);
    sizes.is_depthwise ? table.depthwise_back(c) : table.convolve_back(c);
    if (to != x) crop(w, w.c, to, x);
  }

  void to_weight(const T* x, const T* h, T* gradient) const {
    if (node.filtering) {
      table.filter_input(of_large(padded(node.window, node.window.c, x, image)));
      table.filter_output_back(of_small(h));
      return each_point(nullptr, gradient, sizes.group_step,
                        [&](Convolution<T>& c, T*, T*) { table.convolve_gradient(c); });
    }
    const Convolution<T> c = call(nullptr, sizes.group_step, padded(node.window, node.window.c, x, image), h, gradient);
    sizes.is_depthwise ? table.depthwise_gradient(c) : table.convolve_gradient(c);
  }
};

}  // namespace images

template <class T>
void Plan<T>::forward_convolution(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const ImageSizes<T> sizes(network_, node);
  const bool relu = does_relu(k);
  splits_[std::size_t(node.output)] = kRows;
  std::vector<Access> accesses{{value(node.input), kRows, false},
                               {slice(node.weight), kWhole, false},
                               {transposed(k), kWhole, false},
                               {value(node.output), kRows, true}};
  if (node.bias >= 0) accesses.push_back({slice(node.bias), kWhole, false});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const images::Pass<T> pass = pass_of(k, sizes, w);
    const T* bias = node.bias < 0 ? nullptr : w.theta + slice_of(node.bias).offset;
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const T* x = row(w.space->values, node.input, i);
      T* h = row(w.space->values, node.output, i);
      if (node.kind == Kind::convolution) {
        pass.to_small(x, h, bias, relu);
        continue;
      }
      pass.to_large(x, h);
      if (bias)
        for (std::ptrdiff_t place = 0; place < node.window.places(); ++place)
          for (std::ptrdiff_t j = 0; j < node.window.c; ++j) h[place * node.window.c + j] += bias[j];
    }
  });
}

// The gradients of x, and of W and b into what the shard of each example has.
template <class T>
void Plan<T>::backward_convolution(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const ImageSizes<T> sizes(network_, node);
  const bool to_input = node.gradient() >= 0;
  std::vector<Access> accesses{{value(node.input), kRows, false},
                               {gradient(node.output), kRows, false},
                               {transposed(k), kWhole, false},
                               {shards(k), kRows, true}};
  if (to_input) {
    gradient_splits_[std::size_t(node.gradient())] = kRows;
    accesses.push_back({gradient(node.gradient()), kRows, true});
  }
  add(accesses, [=, this, &node](Worker<T>& w) {
    const images::Pass<T> pass = pass_of(k, sizes, w);
    const Window& window = node.window;
    const bool there = node.kind == Kind::convolution;
    const std::ptrdiff_t count = std::min(network_.row_shards, w.rows);
    const Range r = w.mine();
    std::ptrdiff_t s = 0;
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      while (i >= share(w.rows, s, count).end) ++s;
      T* gradient = w.space->shards[k] + s * sizes.shard;
      if (i == share(w.rows, s, count).begin) std::fill_n(gradient, sizes.shard, T(0));
      const T *x = row(w.space->values, node.input, i), *g = row(w.space->gradients, node.output, i);
      there ? pass.to_weight(x, g, gradient) : pass.to_weight(g, x, gradient);
      if (node.bias >= 0)
        network_.table.sum_channels(
            {there ? window.windows() : window.places(), there ? window.q : window.c, g, w.channels()},
            gradient + sizes.weight, true);
      if (!to_input) continue;
      T* to = row(w.space->gradients, node.gradient(), i);
      there ? pass.to_large(g, to) : pass.to_small(g, to, nullptr, false);
    }
  });
}

// What the shards have, added up in order, and applied.
template <class T>
void Plan<T>::sum_convolution(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const ImageSizes<T> sizes(network_, node);
  const Slice W = slice_of(node.weight);
  const bool in_groups = node.window.groups > 1, points = bool(node.filtering);
  const Split split = in_groups ? kSingle : Split{Split::tiles, W.size()};
  std::vector<Access> accesses{{shards(k), kWhole, false}, {slice(node.weight), split, true}};
  if (node.bias >= 0) accesses.push_back({slice(node.bias), kSingle, true});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const std::ptrdiff_t count = std::min(network_.row_shards, w.rows);
    const T* from = w.space->shards[k];
    const auto apply = [&](int parameter, std::ptrdiff_t at, Range numbers) {
      constexpr std::ptrdiff_t kAtOnce = 256;
      alignas(kLine) T sums[kAtOnce];
      for (std::ptrdiff_t j = numbers.begin; j < numbers.end; j += kAtOnce) {
        const std::ptrdiff_t n = std::min(kAtOnce, numbers.end - j);
        network_.table.sum_shards(from + at + j, sizes.shard, count, nullptr, {sums, 1, n, n});
        finish_gradient(w, parameter, j, sums, n);
      }
    };
    if (node.bias >= 0 && w.thread == 0) apply(node.bias, sizes.weight, {0, slice_of(node.bias).size()});
    if (points) return sum_points(node, sizes, from, count, w);
    if (!in_groups) {
      const Range mine = w.my(W.size() / W.lanes);
      return apply(node.weight, 0, {mine.begin * W.lanes, mine.end * W.lanes});
    }
    if (w.thread != 0) return;
    const Window& window = node.window;
    const std::ptrdiff_t c = window.c / window.groups, q = window.q / window.groups;
    const Slice one{0, window.taps() * c, q, W.lanes};
    T* sums = w.space->sums[k];
    for (std::ptrdiff_t i = 0; i < W.height; ++i)
      for (std::ptrdiff_t j = 0; j < W.columns; ++j) {
        const std::ptrdiff_t at =
            sizes.is_depthwise ? i * round_up(window.c, W.lanes) + j : j / q * sizes.group_step + one.index(i, j % q);
        T total = 0;
        for (std::ptrdiff_t s = 0; s < count; ++s) total += from[s * sizes.shard + at];
        sums[W.index(i, j)] = total;
      }
    finish_gradient(w, node.weight, 0, sums, W.size());
  });
}

// dw = G^T of what the shards have at the points.
template <class T>
void Plan<T>::sum_points(const Node<T>& node, const ImageSizes<T>& sizes, const T* from, std::ptrdiff_t count,
                         const Worker<T>& w) const {
  const Slice W = slice_of(node.weight);
  const std::ptrdiff_t c = node.window.c, q = node.window.q, taps = node.window.size[2];
  const Slice point{0, node.filtering.point.taps() * c, q, W.lanes};
  const Range mine = w.my(point.height);
  for (std::ptrdiff_t row = mine.begin; row < mine.end; ++row)
    for (std::ptrdiff_t panel = 0; panel < W.panels(); ++panel) {
      const std::ptrdiff_t o = panel * W.panel_width(), width = W.width_of(panel);
      alignas(kLine) T at_point[kMaxPanel], sums[kPoints][kMaxPanel] = {};
      for (std::ptrdiff_t p = 0; p < kPoints; ++p) {
        network_.table.sum_shards(from + p * sizes.group_step + point.index(row, o), sizes.shard, count, nullptr,
                                  {at_point, 1, width, width});
        for (std::ptrdiff_t t = 0; t < taps; ++t) {
          const T factor = T(tap_at_point(p, t, taps));
          for (std::ptrdiff_t j = 0; j < width; ++j) sums[t][j] += factor * at_point[j];
        }
      }
      for (std::ptrdiff_t t = 0; t < taps; ++t)
        finish_gradient(w, node.weight, W.index((row / c * taps + t) * c + row % c, o), sums[t], width);
    }
}

template <class T>
void Plan<T>::forward_image(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  splits_[std::size_t(node.output)] = kRows;
  std::vector<Access> accesses{{value(node.input), kRows, false}, {value(node.output), kRows, true}};
  if (node.kind == Kind::max_pool) accesses.push_back({saved(k), kRows, true});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Table<T>& table = network_.table;
    const Window& window = node.window;
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const T* x = row(w.space->values, node.input, i);
      T* h = row(w.space->values, node.output, i);
      if (node.kind == Kind::max_pool) {
        T* index = w.space->saved[k] ? w.space->saved[k] + i * network_.stride(node.output) : nullptr;
        table.max_pool({&window, x, h, index, nullptr});
      } else if (node.kind == Kind::average_pool) {
        table.average_pool({&window, x, h, nullptr, nullptr});
      } else if (node.kind == Kind::rescale) {
        const T* constants = node.constants.data();
        table.combine_channels({window.places(), window.c, x, w.channels()}, nullptr, constants, nullptr,
                               constants + window.c, h);
      } else {
        each_upsampled(window, [&](std::ptrdiff_t small, std::ptrdiff_t large) {
          std::copy_n(x + small * window.c, window.c, h + large * window.c);
        });
      }
    }
  });
}

template <class T>
void Plan<T>::backward_image(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  if (node.gradient() < 0) return;
  gradient_splits_[std::size_t(node.gradient())] = kRows;
  std::vector<Access> accesses{{gradient(node.output), kRows, false}, {gradient(node.gradient()), kRows, true}};
  if (node.kind == Kind::max_pool) accesses.push_back({saved(k), kRows, false});
  const bool relu = k > 0 && is_relu_of_pool(k - 1);
  if (relu) accesses.push_back({value(node.output), kRows, false});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Table<T>& table = network_.table;
    const Window& window = node.window;
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const T* g = row(w.space->gradients, node.output, i);
      T* to = row(w.space->gradients, node.gradient(), i);
      if (node.kind == Kind::max_pool) {
        const T* index = w.space->saved[k] + i * network_.stride(node.output);
        const T* positive = relu ? row(w.space->values, node.output, i) : nullptr;
        table.max_pool_back({&window, g, to, const_cast<T*>(index), positive});
      } else if (node.kind == Kind::average_pool) {
        table.average_pool_back({&window, g, to, nullptr, nullptr});
      } else if (node.kind == Kind::rescale) {
        const T* constants = node.constants.data();
        table.combine_channels({window.places(), window.c, g, w.channels()}, nullptr, constants, nullptr,
                               constants + 2 * window.c, to);
      } else {
        std::fill_n(to, window.windows() * window.c, T(0));
        each_upsampled(window, [&](std::ptrdiff_t small, std::ptrdiff_t large) {
          for (std::ptrdiff_t j = 0; j < window.c; ++j) to[small * window.c + j] += g[large * window.c + j];
        });
      }
    }
  });
}

// batch_norm and group_norm of channels, h = a x + d for each of them. Each example has four rows of statistics: mean
// and 1 / sigma (of a minibatch: mean and the sum of squares about it), and on the way back the sums of g and of
// g (x - mean). Behind those of all examples, each thread has its own copy of what holds for the minibatch.
template <class T>
void Plan<T>::forward_channels(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const bool of_minibatch = node.kind == Kind::channel_norm;
  const std::ptrdiff_t places = node.window.in[2], c = node.window.c, apart = round_up(c, network_.table.lanes);
  splits_[std::size_t(node.output)] = kRows;
  if (of_minibatch) {
    if (training_)
      add({{value(node.input), kRows, false}, {saved(k), kRows, true}}, [=, this, &node](Worker<T>& w) {
        if (!w.training) return;
        const Range r = w.mine();
        for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
          const Channels<T> x{places, c, row(w.space->values, node.input, i), w.channels()};
          T* mean = statistics(k, i, w);
          network_.table.sum_channels(x, mean, false);
          for (std::ptrdiff_t j = 0; j < c; ++j) mean[j] /= T(places);
          network_.table.sum_squares_of_channels(x, mean, mean + apart);
        }
      });
    add({{saved(k), kWhole, false}, {slice(node.others[0]), kSingle, true}, {slice(node.others[1]), kSingle, true}},
        [=, this, &node](Worker<T>& w) {
          T *mean = statistics(k, w.space->rows + w.thread, w), *inverse = mean + apart;
          T* running[2] = {w.theta + slice_of(node.others[0]).offset, w.theta + slice_of(node.others[1]).offset};
          const T epsilon = node.constants[0], stays = node.constants[1], comes = T(1) - stays;
          const double count = double(w.rows) * double(places);
          for (std::ptrdiff_t j = 0; j < c; ++j) {
            if (!w.training) {
              mean[j] = running[0][j], inverse[j] = T(1) / std::sqrt(running[1][j] + epsilon);
              continue;
            }
            double total = 0, squares = 0;
            for (std::ptrdiff_t i = 0; i < w.rows; ++i) total += double(statistics(k, i, w)[j]);
            const double mu = total / double(w.rows);
            for (std::ptrdiff_t i = 0; i < w.rows; ++i) {
              const double d = double(statistics(k, i, w)[j]) - mu;
              squares += double(statistics(k, i, w)[apart + j]) + double(places) * d * d;
            }
            mean[j] = T(mu), inverse[j] = T(1 / std::sqrt(squares / count + double(epsilon)));
            if (w.thread != 0) continue;
            running[0][j] = stays * running[0][j] + comes * T(mu);
            if (count > 1) running[1][j] = stays * running[1][j] + comes * T(squares / (count - 1));
          }
        });
  }
  add({{value(node.input), kRows, false},
       {slice(node.weight), kWhole, false},
       {slice(node.bias), kWhole, false},
       {saved(k), kRows, true},
       {value(node.output), kRows, true}},
      [=, this, &node](Worker<T>& w) {
        const T *gamma = w.theta + slice_of(node.weight).offset, *beta = w.theta + slice_of(node.bias).offset;
        T *factor = w.channels() + 4 * std::lcm(c, network_.table.lanes), *summand = factor + apart;
        const Range r = w.mine();
        for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
          const Channels<T> x{places, c, row(w.space->values, node.input, i), w.channels()};
          T *mean = statistics(k, of_minibatch ? w.space->rows + w.thread : i, w), *inverse = mean + apart;
          if (!of_minibatch) {
            const std::ptrdiff_t each = c / node.window.groups;
            network_.table.sum_channels(x, mean, false);
            for (std::ptrdiff_t j = 0; j < c; j += each) {
              T total = 0;
              for (std::ptrdiff_t l = j; l < j + each; ++l) total += mean[l];
              std::fill_n(mean + j, each, total / T(places * each));
            }
            network_.table.sum_squares_of_channels(x, mean, inverse);
            for (std::ptrdiff_t j = 0; j < c; j += each) {
              T total = 0;
              for (std::ptrdiff_t l = j; l < j + each; ++l) total += inverse[l];
              std::fill_n(inverse + j, each, T(1) / std::sqrt(total / T(places * each) + node.constants[1]));
            }
          }
          for (std::ptrdiff_t j = 0; j < c; ++j)
            factor[j] = gamma[j] * inverse[j], summand[j] = beta[j] - factor[j] * mean[j];
          network_.table.combine_channels(x, nullptr, factor, nullptr, summand, row(w.space->values, node.output, i));
        }
      });
}

template <class T>
void Plan<T>::backward_channels(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const bool of_minibatch = node.kind == Kind::channel_norm, to_input = node.gradient() >= 0;
  const std::ptrdiff_t places = node.window.in[2], c = node.window.c, apart = round_up(c, network_.table.lanes);
  const auto statistics_of = [=, this](std::ptrdiff_t i, const Worker<T>& w) {
    return statistics(k, of_minibatch ? w.space->rows + w.thread : i, w);
  };
  add({{value(node.input), kRows, false}, {gradient(node.output), kRows, false}, {saved(k), kRows, true}},
      [=, this, &node](Worker<T>& w) {
        const Range r = w.mine();
        for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
          const T *g = row(w.space->gradients, node.output, i), *mean = statistics_of(i, w);
          T* sums = statistics(k, i, w) + 2 * apart;
          network_.table.sum_channels({places, c, g, w.channels()}, sums, false);
          network_.table.sum_products_of_channels({places, c, row(w.space->values, node.input, i), w.channels()}, mean,
                                                  g, sums + apart);
        }
      });
  add({{saved(k), kWhole, false}}, [=, this](Worker<T>& w) {
    if (!of_minibatch && w.thread != 0) return;  // there, this is for gamma and beta only
    T* to = statistics(k, w.space->rows + w.thread, w) + 2 * apart;
    for (std::ptrdiff_t j = 0; j < c; ++j) {
      double total = 0, along = 0;
      for (std::ptrdiff_t i = 0; i < w.rows; ++i) {
        const T* sums = statistics(k, i, w) + 2 * apart;
        total += double(sums[j]), along += double(sums[apart + j]) * double(statistics_of(i, w)[apart + j]);
      }
      to[j] = T(total), to[apart + j] = T(along);
    }
  });
  not_in_parts();
  if (!to_input) return;
  gradient_splits_[std::size_t(node.gradient())] = kRows;
  add({{value(node.input), kRows, false},
       {gradient(node.output), kRows, false},
       {slice(node.weight), kWhole, false},
       {saved(k), kRows, false},
       {gradient(node.gradient()), kRows, true}},
      [=, this, &node](Worker<T>& w) {
        const T* gamma = w.theta + slice_of(node.weight).offset;
        T *a = w.channels() + 4 * std::lcm(c, network_.table.lanes), *b = a + apart, *d = b + apart;
        const std::ptrdiff_t each = of_minibatch ? 1 : c / node.window.groups;
        const T count = of_minibatch ? T(w.rows) * T(places) : T(places * each);
        const Range r = w.mine();
        for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
          const T *mean = statistics_of(i, w), *inverse = mean + apart, *sums = mean + 2 * apart;
          for (std::ptrdiff_t j = 0; j < c; j += each) {
            T total = 0, along = 0;  // of u = g gamma, and of u x_hat
            for (std::ptrdiff_t l = j; l < j + each; ++l) {
              total += gamma[l] * sums[l];
              along += gamma[l] * sums[apart + l] * (of_minibatch ? T(1) : inverse[l]);
            }
            const bool fixed = of_minibatch && !w.training;  // the running statistics do not depend on x
            for (std::ptrdiff_t l = j; l < j + each; ++l) {
              a[l] = gamma[l] * inverse[l];
              b[l] = fixed ? T(0) : -inverse[l] * inverse[l] * along / count;
              d[l] = fixed ? T(0) : -inverse[l] * total / count - b[l] * mean[l];
            }
          }
          network_.table.combine_channels({places, c, row(w.space->gradients, node.output, i), w.channels()},
                                          row(w.space->values, node.input, i), a, b, d,
                                          row(w.space->gradients, node.gradient(), i));
        }
      });
}

template <class T>
void Plan<T>::sum_channel_parameters(std::size_t k) {
  const Node<T>& node = network_.nodes[k];
  const std::ptrdiff_t apart = round_up(node.window.c, network_.table.lanes);
  add({{saved(k), kWhole, false}, {slice(node.weight), kSingle, true}, {slice(node.bias), kSingle, true}},
      [=, this, &node](Worker<T>& w) {
        if (w.thread != 0) return;
        T* sums = statistics(k, w.space->rows, w) + 2 * apart;
        finish_gradient(w, node.bias, 0, sums, apart);
        finish_gradient(w, node.weight, 0, sums + apart, apart);
      });
}

template <class T>
void Plan<T>::forward_join(const Node<T>& node) {
  splits_[std::size_t(node.output)] = kRows;
  std::vector<Access> accesses{{value(node.output), kRows, true}};
  for (const int input : node.inputs) accesses.push_back({value(input), kRows, false});
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      T* h = row(w.space->values, node.output, i);
      if (node.kind == Kind::add) {
        const std::ptrdiff_t width = padded(node.output);
        std::copy_n(row(w.space->values, node.input, i), width, h);
        for (std::size_t m = 1; m < node.inputs.size(); ++m) {
          const T* x = row(w.space->values, node.inputs[m], i);
          for (std::ptrdiff_t j = 0; j < width; ++j) h[j] += x[j];
        }
        continue;
      }
      each_channel_block(node, [&](std::size_t m, std::ptrdiff_t from, std::ptrdiff_t count, std::ptrdiff_t to) {
        std::copy_n(row(w.space->values, node.inputs[m], i) + from, count, h + to);
      });
    }
  });
}

template <class T>
void Plan<T>::backward_join(const Node<T>& node) {
  std::vector<Access> accesses{{gradient(node.output), kRows, false}};
  for (const int to : node.gradients)
    if (to >= 0) {
      gradient_splits_[std::size_t(to)] = kRows;
      accesses.push_back({gradient(to), kRows, true});
    }
  if (accesses.size() == 1) return;
  add(accesses, [=, this, &node](Worker<T>& w) {
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const T* g = row(w.space->gradients, node.output, i);
      if (node.kind == Kind::add) {
        for (const int to : node.gradients)
          if (to >= 0) std::copy_n(g, padded(node.output), row(w.space->gradients, to, i));
        continue;
      }
      each_channel_block(node, [&](std::size_t m, std::ptrdiff_t from, std::ptrdiff_t count, std::ptrdiff_t at) {
        if (node.gradients[m] >= 0) std::copy_n(g + at, count, row(w.space->gradients, node.gradients[m], i) + from);
      });
    }
  });
}

// A value that several nodes take: the gradients add up.
template <class T>
void Plan<T>::sum_gradients(int to, int from) {
  gradient_splits_[std::size_t(to)] = kRows;
  add({{gradient(from), kRows, false}, {gradient(to), kRows, true}}, [=, this](Worker<T>& w) {
    const Range r = w.mine();
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const T* g = row(w.space->gradients, from, i);
      T* total = row(w.space->gradients, to, i);
      for (std::ptrdiff_t j = 0; j < network_.storages[std::size_t(to)]; ++j) total[j] += g[j];
    }
  });
}

}  // namespace likeliest
