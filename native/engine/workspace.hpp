// The buffers that a network is run in: one arena, cut up.
#pragma once
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/columns.hpp"
#include "engine/memory.hpp"
#include "engine/network.hpp"
#include "engine/steps.hpp"

namespace likeliest {

// More than padding adds to a row, in numbers: how far apart the threads' parts of x are, for each row.
template <class T>
inline constexpr std::ptrdiff_t kApart = 4 * std::ptrdiff_t(kLine / sizeof(T));

// Whether idle columns of x are not looked for.
template <class T>
bool has_few_columns(const Network<T>& network) {
  return network.storages[0] <= kFewColumns || !network.has_columns;
}

// What a node on images needs besides its values, in numbers.
template <class T>
struct ImageSizes {
  std::ptrdiff_t padded = 0, channels = 0;        // of each thread: a padded example, and room for sums of channels
  std::ptrdiff_t points = 0;                      // of each thread: the points of an example
  std::ptrdiff_t packed = 0, packed_back = 0;     // weights as the kernels take them, on the way there and back
  std::ptrdiff_t weight = 0, shard = 0;           // of a shard: the gradient of W, and that of b behind it
  std::ptrdiff_t group_step = 0, group_back = 0;  // from one group's weights, or one point's, to the next
  std::ptrdiff_t statistics = 0;                  // of each example
  bool is_depthwise = false;

  ImageSizes(const Network<T>& network, const Node<T>& node) {
    const Window& w = node.window;
    const std::ptrdiff_t lanes = network.table.lanes;
    const auto period = [&](std::ptrdiff_t c) { return std::lcm(c, lanes); };
    if (node.kind == Kind::rescale) channels = 4 * period(w.c);
    if (node.kind == Kind::channel_norm || node.kind == Kind::group_norm) {
      channels = 4 * period(w.c) + 6 * round_up(w.c, lanes);
      statistics = kStatistics * round_up(w.c, lanes);
    }
    if (!node.convolves()) return;
    const std::ptrdiff_t c = w.c / w.groups, q = w.q / w.groups;
    is_depthwise = w.groups > 1 && c == 1 && q == 1;
    padded = w.padded_places() * w.c + 4 * lanes;
    channels = 4 * period(std::max(w.c, w.q)) + 4 * period(std::min(w.c, w.q));
    if (node.filtering) {
      const Window& point = node.filtering.point;
      points = kPoints * std::max(node.filtering.large(), node.filtering.small());
      group_step = Slice{0, point.taps() * c, q, lanes}.size(),
      group_back = Slice{0, point.taps() * q, c, lanes}.size();
      packed = weight = kPoints * group_step, packed_back = kPoints * group_back;
    } else if (is_depthwise) {
      packed = packed_back = weight = w.taps() * round_up(w.c, lanes);
    } else {
      group_step = Slice{0, w.taps() * c, q, lanes}.size(), group_back = Slice{0, w.taps() * q, c, lanes}.size();
      packed = w.groups > 1 ? w.groups * group_step : 0;
      packed_back = w.groups * group_back;
      weight = w.groups * group_step;
    }
    shard = weight + round_up(node.kind == Kind::convolution ? w.q : w.c, lanes);
  }
  static constexpr std::ptrdiff_t kStatistics = 4;
};

// What a recurrence needs besides its values: by steps, and in each of them by rows. Where nothing goes back, only what
// the next step needs is kept.
template <class T>
struct Recurrent {
  T *z = nullptr, *v = nullptr;                     // what the gates take, and the gates; the gradients of both
  T *state = nullptr, *held = nullptr;              // h before each step and after the last, and as it goes into U
  T *c = nullptr, *tanh_c = nullptr, *x = nullptr;  // the cells, likewise; the steps of x, where they are copied
  T *dh = nullptr, *dc = nullptr, *back = nullptr;  // gradients of the state, and what comes out of a product
  T *Ut = nullptr, *Wt = nullptr;                   // weights, transposed
  T *reset = nullptr, *sums_of_reset = nullptr;     // r h, as it goes into U, and the gradient of U's columns for it
  // Of norms: the gates, gradients of both products, c as it is normalized, and 1 / sigma of all three.
  T *gates = nullptr, *dx = nullptr, *dv = nullptr, *c_hat = nullptr, *inverse = nullptr;
  T* sums_of_rows = nullptr;                    // the gradients of parameters that are no product's bias
  T *sums = nullptr, *sums_of_state = nullptr;  // the gradients of W and U, and their biases, before an update
  static constexpr std::ptrdiff_t kRowSums = 5;
  std::ptrdiff_t rows = 0, kept = 0;
  std::ptrdiff_t ldz = 0, ld = 0, ldx = 0;

  template <class F>
  void place(const Network<T>& network, const Node<T>& node, std::ptrdiff_t all_rows, bool training, F&& add) {
    const Recurrence& r = node.recurrence;
    const auto stride = [&](std::ptrdiff_t columns) { return row_stride<T>(columns, network.table.lanes); };
    rows = all_rows, kept = training ? r.steps : 1;
    // The last register of the last gate may end behind it, and must not read what another thread writes.
    const std::ptrdiff_t lanes = network.table.lanes;
    ldz = stride(r.gates() * r.q + (r.q % lanes ? lanes : 0)), ld = stride(r.q), ldx = stride(r.p);
    const std::ptrdiff_t states = (kept + 1) * rows * ld;
    add(&z, kept * rows * ldz), add(&state, states);
    if (r.splits()) add(&v, kept * rows * ldz);
    if (r.keep > 0) add(&held, states);
    if (r.has_cells()) add(&c, states);
    if (r.cell == Recurrence::gru_before) add(&reset, kept * rows * ld);
    if (r.normalizes()) {
      for (T** piece : {&gates, &dx, &dv}) add(piece, kept * rows * ldz);
      for (T** piece : {&tanh_c, &c_hat}) add(piece, kept * rows * ld);
      add(&inverse, 3 * kept * rows);
    }
    if (r.turns()) add(&x, r.steps * rows * ldx);
    if (!training) return;
    const Slice &W = network.slices[std::size_t(node.weight)], &U = network.slices[std::size_t(node.others[0])];
    if (r.cell == Recurrence::lstm) add(&tanh_c, kept * rows * ld);
    if (r.has_cells()) add(&dc, rows * ld);
    if (r.cell == Recurrence::gru_before) add(&sums_of_reset, Slice{0, r.q, r.q, U.lanes}.size());
    add(&dh, rows * ld), add(&back, rows * std::max(ld, ldx));
    add(&Ut, Slice{0, U.columns, U.height, U.lanes}.size());
    if (node.gradient() >= 0) add(&Wt, Slice{0, W.columns, W.height, W.lanes}.size());
    add(&sums, W.size() + ldz), add(&sums_of_state, U.size() + ldz), add(&sums_of_rows, kRowSums * ldz);
  }
  // How many numbers an example has.
  static std::ptrdiff_t numbers(const Network<T>& network, const Node<T>& node, bool training) {
    Recurrent one, two;
    std::ptrdiff_t count[2] = {};
    one.place(network, node, 1, training, [&](T**, std::ptrdiff_t numbers) { count[0] += numbers; });
    two.place(network, node, 2, training, [&](T**, std::ptrdiff_t numbers) { count[1] += numbers; });
    return count[1] - count[0];
  }
  // A row before step s, or after s - 1: of what has a number for each cell, or for each gate.
  T* at(T* states, std::ptrdiff_t s, std::ptrdiff_t i) const { return states + (s % (kept + 1) * rows + i) * ld; }
  T* gates_at(T* gates, std::ptrdiff_t s, std::ptrdiff_t i) const { return gates + (s % kept * rows + i) * ldz; }
  T* kept_at(T* numbers, std::ptrdiff_t s, std::ptrdiff_t i) const { return numbers + (s % kept * rows + i) * ld; }
  T* back_at(std::ptrdiff_t i) const { return back + i * std::max(ld, ldx); }
  T* x_at(std::ptrdiff_t s, std::ptrdiff_t i) const { return x + (s * rows + i) * ldx; }
};

// The buffers for a block of examples: one arena, cut up.
template <class T>
struct Workspace {
  std::ptrdiff_t rows;
  std::vector<T*> values, gradients;    // by storage
  std::vector<T*> transposed, shards;   // by node: W^T, and the shards' sums
  std::vector<T*> saved, inverse;       // by node: a mask or x_hat, and 1 / sigma
  std::vector<T*> sums;                 // by node: the gradients of a narrow weight and of the bias before it
  std::vector<T*> packed, statistics;   // by node: weights of groups; of each example's channels
  std::vector<Recurrent<T>> recurrent;  // by node
  T *images, *channels;                 // kImages images and some channels for each thread
  static constexpr int kImages = 4;
  std::ptrdiff_t image_size = 0, channels_size = 0;
  T *y, *weight, *log_prob;
  UsedColumns<T> used;  // of x
  T* scratch;           // of a likelihood or a row of any value, one part a thread
  std::ptrdiff_t scratch_size;
  T* augmented = nullptr;  // x, changed, before it is shared out

  Workspace(const Network<T>& network, int threads, std::ptrdiff_t rows, bool training, bool augments = false)
      : rows(rows),
        used(threads, network.storages[0], network.stride(0), network.shards_of_x),
        scratch_size(network.table.lanes * (2 * network.width() + network.targets + kSpare)),
        network_(&network) {
    std::vector<std::pair<T**, std::ptrdiff_t>> pieces;
    const std::size_t storages = network.storages.size(), nodes = network.nodes.size();
    values.resize(storages), gradients.resize(storages), transposed.resize(nodes), shards.resize(nodes);
    saved.resize(nodes), inverse.resize(nodes), sums.resize(nodes), packed.resize(nodes), statistics.resize(nodes);
    recurrent.resize(nodes);
    // In whose values gradients stand, where they do: less memory is nearer.
    std::vector<int> values_of(storages, -1);
    for (std::size_t k = 0; k < nodes; ++k)
      if (threads == 1 && network.goes_back_in_place(k))
        values_of[std::size_t(network.nodes[k - 1].gradient())] = network.nodes[k - 1].output;
    for (std::size_t s = 0; s < storages; ++s) {
      // x may be kept in parts, one a thread; see part_of_x.
      const std::ptrdiff_t apart = s == 0 ? threads * kApart<T> : 0;
      scratch_size = std::max(scratch_size, network.stride(int(s)));
      if (s < network.values) pieces.emplace_back(&values[s], rows * (network.stride(int(s)) + apart));
      if (training && s > 0 && values_of[s] < 0) pieces.emplace_back(&gradients[s], rows * network.stride(int(s)));
    }
    for (std::size_t k = 0; k < nodes; ++k) {
      const Node<T>& node = network.nodes[k];
      if (node.normalizes() || (training && node.kind == Kind::dropout))
        pieces.emplace_back(&saved[k], rows * network.stride(node.input));
      if (node.normalizes())
        pieces.emplace_back(&inverse[k], std::max(rows * node.window.in[2], network.stride(node.input)));
      const ImageSizes<T> image(network, node);
      image_size = std::max({image_size, image.padded, image.points}),
      channels_size = std::max(channels_size, image.channels);
      if (image.packed > 0) pieces.emplace_back(&packed[k], image.packed);
      if (training && node.convolves() && node.window.groups > 1)
        pieces.emplace_back(&sums[k], network.slices[std::size_t(node.weight)].size());
      if (image.packed_back > 0) pieces.emplace_back(&transposed[k], image.packed_back);
      if (training && image.shard > 0) pieces.emplace_back(&shards[k], network.row_shards * image.shard);
      if (training && node.kind == Kind::max_pool) pieces.emplace_back(&saved[k], rows * network.stride(node.output));
      if (image.statistics > 0) pieces.emplace_back(&statistics[k], image.statistics * (rows + threads));
      if (node.kind == Kind::attention) {
        pieces.emplace_back(&saved[k], rows * node.heads * node.window.in[2]);
        scratch_size = std::max(scratch_size, attention_scratch(network, node));
      }
      if (node.recurrence)
        recurrent[k].place(network, node, rows, training,
                           [&](T** piece, std::ptrdiff_t count) { pieces.emplace_back(piece, count); });
      if (training && node.kind == Kind::affine_steps) {
        const Slice& W = network.slices[std::size_t(node.weight)];
        if (node.gradient() >= 0) pieces.emplace_back(&transposed[k], Slice{0, W.columns, W.height, W.lanes}.size());
        pieces.emplace_back(&sums[k], W.size() + round_up(W.columns, W.lanes));
      }
      if (node.kind != Kind::affine) continue;
      const Slice& W = network.slices[std::size_t(node.weight)];
      if (training && node.gradient() >= 0 && !node.narrow)
        pieces.emplace_back(&transposed[k], Slice{0, W.columns, W.height, W.lanes}.size());
      if (node.shards > 1) pieces.emplace_back(&shards[k], node.shards * rows * network.stride(node.output));
      if (training && node.narrow)
        pieces.emplace_back(&sums[k], W.size() + round_up(network.stride(node.input) + W.lanes, kLine / sizeof(T)));
    }
    scratch_size = std::max(scratch_size, StepBlock<T>(network.width() / network.steps, network.targets / network.steps,
                                                       network.table.lanes)
                                              .size(network.table.lanes));
    if (augments) pieces.emplace_back(&augmented, rows * network.stride(0));
    for (T** piece : {&weight, &log_prob}) pieces.emplace_back(piece, rows);
    pieces.emplace_back(&y, rows * network.targets + network.table.lanes);
    const std::ptrdiff_t line = std::ptrdiff_t(kLine / sizeof(T));
    scratch_size = round_up(scratch_size, line);
    pieces.emplace_back(&scratch, threads * scratch_size);
    image_size = round_up(image_size, line), channels_size = round_up(channels_size, line);
    pieces.emplace_back(&images, kImages * threads * image_size);
    pieces.emplace_back(&channels, threads * channels_size);
    if (has_few_columns(network)) used.take_all();
    std::ptrdiff_t total = 0;
    for (const auto& [piece, count] : pieces) total += round_up(count, line);
    arena_ = Memory<T>(std::size_t(total + 4 * network.table.lanes));  // a register may begin at any number
    T* next = arena_.data();
    for (const auto& [piece, count] : pieces) {
      *piece = next;
      next += round_up(count, line);
    }
    for (std::size_t s = 0; s < storages; ++s)
      if (training && values_of[s] >= 0) gradients[s] = values[std::size_t(values_of[s])];
  }
  // Of a head: its keys and values turned over, the weights and their gradients.
  static std::ptrdiff_t attention_scratch(const Network<T>& network, const Node<T>& node) {
    const std::ptrdiff_t e = network.storages[std::size_t(node.inputs[2])] / node.keys;
    return round_up(node.keys, 2 * network.table.lanes) *
               (std::max(node.window.c, e) / node.heads + 2 * node.window.in[2]) +
           2 * network.table.lanes;
  }

  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  Block<const T> eta(std::ptrdiff_t n) const {
    const int storage = network_->nodes.back().output;
    return {values[std::size_t(storage)], n, round_up(network_->width(), network_->table.lanes),
            network_->stride(storage)};
  }

 private:
  const Network<T>* network_;
  Memory<T> arena_;
};

}  // namespace likeliest
