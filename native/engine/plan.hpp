// How a network is run on a number of threads: its tasks, with their shares and barriers.
#pragma once
#include <algorithm>
#include <functional>
#include <numeric>
#include <string_view>
#include <vector>

#include "engine/schedule.hpp"
#include "engine/subnormal.hpp"
#include "engine/worker.hpp"
#include "engine/workspace.hpp"

namespace likeliest {

inline constexpr std::ptrdiff_t kNear = 1 << 18;  // bytes of x that stay in a processor's own cache

namespace images {
template <class T>
struct Pass;
}

template <class T>
class Plan {
 public:
  const int threads;
  const bool augments;  // whether it can
  Workspace<T> space;
  std::vector<Task<T>> tasks, finish;  // what makes a step, and what comes after the update, each after a barrier

  // Without training, the tasks are those of the forward pass only.
  Plan(const Network<T>& network, int threads, std::ptrdiff_t rows, bool training, bool augments = false)
      : threads(threads),
        augments(augments),
        space(network, threads, rows, training, augments),
        training_(training),
        network_(network),
        splits_(network.storages.size()),
        gradient_splits_(network.storages.size(), kRows) {
    for (std::size_t k = 0; k < network.nodes.size(); ++k) {
      const Node<T>& node = network.nodes[k];
      node.recurrence ? transpose_recurrence(k) : node.convolves() ? pack(k) : transpose(k);
    }
    gather();
    for (std::size_t k = 0; k < network.nodes.size(); ++k) forward(k);
    if (!training) {
      join();
      return;
    }
    likelihood();
    for (std::size_t k = network.nodes.size(); k-- > 0;) {
      backward_input(k);
      for (const auto& [to, from] : network.nodes[k].gathers) sum_gradients(to, from);
    }
    check();
    for (std::size_t k = network.nodes.size(); k-- > 0;) backward_parameters(k);
    place_barriers(tasks);
    join();
    for (std::size_t i = 0; i < network.slices.size(); ++i) finishing(int(i));
  }

  // Every task on this thread's share; `wait` is a barrier. False where the log-likelihood is not at least `least`:
  // what is left is not done.
  template <class F>
  bool run(Worker<T>& w, F&& wait, const double* least = nullptr) const {
    for (std::size_t i = 0; i < tasks.size(); i += tasks[i].together) {
      if (tasks[i].barrier) wait();
      if (tasks[i].together > 1) {
        const Range all = w.rows_of(w.rows);
        for (std::ptrdiff_t r = all.begin; r < all.end; r += network_.rows_at_a_time) {
          w.part = {r, std::min(all.end, r + network_.rows_at_a_time)};
          for (std::size_t k = i; k < i + tasks[i].together; ++k) tasks[k].run(w);
        }
        w.part = {0, -1};
      } else {
        tasks[i].run(w);
        if (tasks[i].checks && least && !(w.total >= *least)) return false;
      }
    }
    return true;
  }

  // Log P and the score, where that is given, of the rows [r.begin, r.end) of a block.
  Scoring<T> scoring(const Worker<T>& w, Range r, bool training, T* log_prob, T* score) const {
    const Block<const T> eta = w.space->eta(w.rows);
    return {{eta.data + r.begin * eta.stride, r.end - r.begin, eta.columns, eta.stride},
            network_.width(),
            network_.groups,
            network_.targets,
            w.space->y + r.begin * network_.targets,
            w.space->weight + r.begin,
            w.scale,
            (training ? network_.training_constants : network_.constants).data(),
            log_prob,
            score,
            w.scratch()};
  }

  // The kernel's `score`, or that of each step.
  void score(const Scoring<T>& s) const {
    network_.has_steps ? score_steps(*network_.likelihood, s, network_.steps, network_.table.lanes)
                       : network_.likelihood->score(s);
  }

 private:
  static constexpr Split kRows{Split::rows, 0}, kWhole{Split::whole, 0}, kSingle{Split::single, 0};

  // Buffers by number, for the search for conflicts.
  int value(int storage) const { return storage; }
  int gradient(int storage) const { return int(network_.storages.size()) + storage; }
  int transposed(std::size_t node) const { return int(2 * network_.storages.size() + node); }
  int shards(std::size_t node) const { return int(2 * network_.storages.size() + network_.nodes.size() + node); }
  int slice(int parameter) const { return int(2 * (network_.storages.size() + network_.nodes.size())) + parameter; }
  int targets() const { return slice(int(network_.slices.size())); }
  int log_prob() const { return targets() + 1; }
  int used() const { return targets() + 2; }
  int saved(std::size_t node) const { return targets() + 3 + int(node); }

  const Slice& slice_of(int parameter) const { return network_.slices[std::size_t(parameter)]; }
  std::ptrdiff_t padded(int storage) const {
    return round_up(network_.storages[std::size_t(storage)], network_.table.lanes);
  }
  void add(std::vector<Access> accesses, std::function<void(Worker<T>&)> run) {
    bool by_rows = !accesses.empty();
    for (const Access& access : accesses)
      by_rows = by_rows && (access.split.kind == Split::rows || (access.split.kind == Split::whole && !access.write));
    tasks.push_back({std::move(run), std::move(accesses), false, false, by_rows, 1});
  }
  // A product of all rows at once is faster.
  void not_in_parts() { tasks.back().by_rows = false; }

  // Tasks on the same rows, one after the other, go through a few of them at a time: an image is still in the cache
  // when the next task takes it.
  void join() {
    if (network_.row_shards == 0) return;
    for (std::size_t i = 0; i < tasks.size();) {
      std::size_t end = i + 1;
      while (tasks[i].by_rows && end < tasks.size() && tasks[end].by_rows && !tasks[end].barrier) ++end;
      tasks[i].together = end - i;
      i = end;
    }
  }

  // By columns where there are enough panels to share out evenly or nearly so; else by rows.
  Split split_of_panels(std::ptrdiff_t panels) const {
    return threads > 1 && (panels % threads == 0 || panels >= 4 * threads) ? Split{Split::columns, panels} : kRows;
  }

  // The part of a value that a thread has under a split by rows or by columns (panels of two registers).
  static Block<T> mine(const Worker<T>& w, Split split, T* data, std::ptrdiff_t columns, std::ptrdiff_t stride,
                       std::ptrdiff_t panel) {
    if (split.kind == Split::columns) {
      const Range r = w.my(split.parts);
      const std::ptrdiff_t begin = r.begin * panel, end = std::min(r.end * panel, columns);
      return {data + begin, w.rows, std::max<std::ptrdiff_t>(end - begin, 0), stride};
    }
    const Range r = w.mine();
    return {data + r.begin * stride, r.end - r.begin, columns, stride};
  }

  // The part of `rows` examples that a thread copies, and where: the number in row i and column j of x is at
  // origin[i * stride + j]. Threads that own columns keep them apart from each other's, or the processor, reading ahead
  // along a row, would take lines from the other thread that this one never uses.
  struct Part {
    Range rows, columns;
    T* origin;
    std::ptrdiff_t stride;
  };
  Part part_of_x(const Worker<T>& w, std::ptrdiff_t rows, Range of_thread) const {
    const std::ptrdiff_t columns = network_.storages[0], shards = network_.shards_of_x;
    if (shards == 1) return {of_thread, {0, columns}, w.space->values[0], network_.stride(0)};
    const Range mine = w.my(shards);
    const Range across{shard_begin<T>(columns, shards, mine.begin), shard_begin<T>(columns, shards, mine.end)};
    T* own = w.space->values[0] + w.space->rows * (across.begin + w.thread * kApart<T>);
    return {{0, rows}, across, own - across.begin, row_stride<T>(across.end - across.begin, network_.table.lanes)};
  }

  // What this thread will copy next, if there is a next minibatch.
  Ahead ahead(const Worker<T>& w) const {
    const Source& x = w.data->x;
    const std::ptrdiff_t next = w.next < 0 ? w.first + w.rows : w.next, count = std::min(w.rows, w.ordered - next);
    const bool together = x.column_stride > 0 && x.column_stride <= std::ptrdiff_t(sizeof(double));
    const bool near = x.rows * x.row_stride < kNear;  // in the cache anyhow
    if (!w.order || count <= 0 || !together || near) return {};
    const Part mine = part_of_x(w, count, w.rows_of(count));
    return {static_cast<const char*>(x.data) + mine.columns.begin * x.column_stride, x.row_stride,
            (mine.columns.end - mine.columns.begin) * x.column_stride, w.order + next + mine.rows.begin,
            mine.rows.end - mine.rows.begin};
  }

  // Short rows of the next minibatch are all fetched when those of this one have been copied, so that the whole step
  // is there to wait for them; long ones little by little, while the gradient of the first weight is computed.
  bool fetches_at_once() const { return network_.storages[0] <= 2 * network_.table.lanes && network_.row_shards == 0; }

  // The minibatch, changed at random, where training is to: each example whole, by one thread.
  int augment_rows() {
    const int buffer = saved(network_.nodes.size());
    add({{buffer, kRows, true}}, [this](Worker<T>& w) {
      if (!w.augmenter) return;
      const Range r = w.mine();
      const std::ptrdiff_t stride = network_.stride(0);
      w.augmenter->apply(w.data->x, {w.order, w.begin, w.batch, w.t}, w.first + r.begin, r.end - r.begin, w.augmenting,
                         w.space->augmented + r.begin * stride, stride);
    });
    return buffer;
  }
  Source augmented(const Worker<T>& w) const {
    return {w.space->augmented,   sizeof(T) == 4 ? Type::f32 : Type::f64,         w.rows,
            network_.storages[0], network_.stride(0) * std::ptrdiff_t(sizeof(T)), std::ptrdiff_t(sizeof(T))};
  }

  // The minibatch, copied out of the user's arrays; and which of its columns are used.
  void gather() {
    const std::ptrdiff_t stride = network_.stride(0), shards = network_.shards_of_x;
    const Table<T>& table = network_.table;
    const bool by_shards = shards > 1, few = has_few_columns(network_);
    splits_[0] = by_shards ? Split{Split::shards, shards} : kRows;
    std::vector<Access> accesses{{value(0), splits_[0], true}, {used(), splits_[0], true}};
    if (augments) accesses.push_back({augment_rows(), by_shards ? kWhole : kRows, false});
    add(std::move(accesses), [=, this, &table](Worker<T>& w) {
      const Part mine = part_of_x(w, w.rows, w.mine());
      const std::ptrdiff_t rows = mine.rows.end - mine.rows.begin, width = mine.columns.end - mine.columns.begin;
      T* to = mine.origin + mine.rows.begin * mine.stride + mine.columns.begin;
      const bool changed = w.augmenter;
      likeliest::gather(changed ? augmented(w) : w.data->x, changed ? nullptr : w.order,
                        (changed ? 0 : w.first) + mine.rows.begin, rows, mine.columns.begin, width, to, mine.stride);
      if (fetches_at_once()) {
        Ahead next = ahead(w);
        next.fetch(next.count);
      }
      if (few) return;
      T* marks = w.space->used.marks(w.thread);
      std::fill_n(marks, stride, T(0));
      table.mark_used({to, rows, round_up(width, table.lanes), mine.stride}, marks + mine.columns.begin);
      if (by_shards) w.space->used.find(w.thread, w.my(shards), {w.thread, w.thread + 1});
    });
    tasks.back().by_rows = few && !by_shards;
    if (!by_shards && !few) {
      add({{used(), kWhole, false}}, [](Worker<T>& w) { w.space->used.find(w.thread, {0, 1}, {0, w.threads}); });
      not_in_parts();
    }
    const std::ptrdiff_t count = network_.targets;
    add({{targets(), kRows, true}}, [=](Worker<T>& w) {
      if (!w.data->y) return;
      const Range r = w.mine();
      const T *y = static_cast<const T*>(w.data->y), *weight = static_cast<const T*>(w.data->weight);
      const auto row = [&](std::ptrdiff_t i) { return w.order ? std::ptrdiff_t(w.order[w.first + i]) : w.first + i; };
      T* to = w.space->y;
      if (count == 1)
        for (std::ptrdiff_t i = r.begin; i < r.end; ++i) to[i] = y[row(i)];
      else
        for (std::ptrdiff_t i = r.begin; i < r.end; ++i)
          for (std::ptrdiff_t j = 0; j < count; ++j) to[i * count + j] = y[row(i) * count + j];
      if (weight)
        for (std::ptrdiff_t i = r.begin; i < r.end; ++i) w.space->weight[i] = weight[row(i)];
      else
        std::fill(w.space->weight + r.begin, w.space->weight + r.end, T(1));
    });
  }

  void forward(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    if (node.scalar && ((k > 0 && does_relu(k - 1)) || is_joined(k + 1))) return;
    if (node.scalar) return forward_scalar(k);
    if (node.normalizes() && !is_of_sequences(node)) return forward_normalization(k);
    if (node.convolves()) return forward_convolution(k);
    if (node.kind == Kind::channel_norm || node.kind == Kind::group_norm) return forward_channels(k);
    if (node.kind == Kind::add || node.kind == Kind::concatenate) return forward_join(node);
    if (is_of_images(node)) return forward_image(k);
    if (node.recurrence) return forward_recurrence(k);
    if (is_of_sequences(node)) return forward_sequence(k);
    if (node.kind != Kind::affine) return forward_by_rows(k);
    if (node.narrow) return forward_narrow(k);
    const Table<T>& table = network_.table;
    const Slice W = slice_of(node.weight);
    const std::ptrdiff_t bias = node.bias < 0 ? -1 : slice_of(node.bias).offset;
    const std::ptrdiff_t in = network_.stride(node.input), out = network_.stride(node.output), count = node.shards;
    const std::size_t x = std::size_t(node.input), z = std::size_t(node.output);
    if (count > 1) {
      const Split pieces{Split::shards, count};
      add({{value(node.input), pieces, false}, {slice(node.weight), pieces, false}, {shards(k), pieces, true}},
          [=, this, &table](Worker<T>& w) {
            const Range r = w.my(count);
            const Part part = part_of_x(w, w.rows, w.mine());
            for (std::ptrdiff_t s = r.begin; s < r.end; ++s) {
              table.multiply({w.rows, w.space->used.segments(w.thread, s, s + 1), W.height, W.columns, 0, W.panels(),
                              part.origin, part.stride, w.theta + W.offset,
                              w.space->shards[k] + s * w.space->rows * out, out, Start::zero, nullptr});
            }
          });
      splits_[z] = kRows;
      std::vector<Access> accesses{{shards(k), kRows, false}, {value(node.output), kRows, true}};
      if (bias >= 0) accesses.push_back({slice(node.bias), kWhole, false});
      const std::ptrdiff_t columns = padded(node.output);
      add(accesses, [=, &table](Worker<T>& w) {
        const Block<T> h = mine(w, kRows, w.space->values[z], columns, out, 0);
        table.sum_shards(w.space->shards[k] + (h.data - w.space->values[z]), w.space->rows * out, count,
                         bias < 0 ? nullptr : w.theta + bias, h);
      });
      return;
    }
    const Segment all{0, std::int32_t(W.height), true, 0};
    const bool relu = does_relu(k);  // whose output is the same storage
    const Split split = splits_[z] = split_of_panels(W.panels());
    const Split operand = split.kind == Split::columns ? kWhole : kRows;
    const Split owner = split.kind == Split::columns ? split : kWhole;
    std::vector<Access> accesses{
        {value(node.input), operand, false}, {slice(node.weight), owner, false}, {value(node.output), split, true}};
    if (bias >= 0) accesses.push_back({slice(node.bias), owner, false});
    add(accesses, [=, &table](Worker<T>& w) {
      const bool by_columns = split.kind == Split::columns;
      const Range panels = by_columns ? w.my(W.panels()) : Range{0, W.panels()};
      const Range r = by_columns ? Range{0, w.rows} : w.mine();
      if (r.begin == r.end) return;
      const Segments k = x == 0 ? w.space->used.segments(w.thread, 0, 1) : Segments{&all, 1};
      table.multiply({r.end - r.begin, k, W.height, W.columns, panels.begin, panels.end,
                      w.space->values[x] + r.begin * in, in, w.theta + W.offset, w.space->values[z] + r.begin * out,
                      out, bias < 0 ? Start::zero : Start::bias, bias < 0 ? nullptr : w.theta + bias, relu});
    });
    not_in_parts();
  }

  // Whether a product stores max(z, 0), so that the relu behind it has nothing left to do on the way there.
  bool does_relu(std::size_t k) const {
    const std::vector<Node<T>>& nodes = network_.nodes;
    const bool product = (nodes[k].kind == Kind::affine && !nodes[k].narrow && nodes[k].shards == 1) ||
                         nodes[k].kind == Kind::convolution || nodes[k].kind == Kind::affine_steps;
    return nodes[k].chained && product && nodes[k + 1].scalar &&
           nodes[k + 1].scalar->name == std::string_view("relu") && nodes[k + 1].output == nodes[k].output;
  }

  // Whether node k is a relu in place before a max_pool, which does its part of the chain rule.
  bool is_relu_of_pool(std::size_t k) const {
    const std::vector<Node<T>>& nodes = network_.nodes;
    const Node<T>& node = nodes[k];
    if (!node.scalar || !node.chained || node.scalar->name != std::string_view("relu") || node.input != node.output ||
        node.gradient() != node.output || nodes[k + 1].kind != Kind::max_pool)
      return false;
    return k + 2 == nodes.size() || nodes[k + 2].output != nodes[k + 1].output;  // what it pooled is still there
  }

  // The product with a narrow weight, for the rows [r.begin, r.end); with gradients for values on the way back.
  Narrow<T> narrow(const Node<T>& node, const Worker<T>& w, Range r, bool back) const {
    const Slice& W = slice_of(node.weight);
    const std::size_t from = std::size_t(node.input), to = std::size_t(node.output);
    const std::ptrdiff_t in = network_.stride(node.input), out = network_.stride(node.output);
    return {r.end - r.begin,
            W.columns,
            W.height,
            w.space->values[from] + r.begin * in,
            in,
            w.theta + W.offset,
            node.bias < 0 ? nullptr : w.theta + slice_of(node.bias).offset,
            (back ? w.space->gradients[to] : w.space->values[to]) + r.begin * out,
            out,
            back && node.gradient() < 0
                ? nullptr
                : (back ? w.space->gradients[std::size_t(node.gradient())] : w.space->values[from]) + r.begin * in};
  }

  // Whether node k is a narrow product that goes in one pass with the activation before it. Where several threads have
  // rows of the same minibatch it does not, since each would have a part of the sums only.
  bool is_joined(std::size_t k) const { return threads == 1 && network_.joins(k); }
  // The bias that was added to what the activation before node k takes, or -1.
  int bias_before(std::size_t k) const {
    return k >= 2 && network_.nodes[k - 2].kind == Kind::affine && network_.nodes[k - 2].chained
               ? network_.nodes[k - 2].bias
               : -1;
  }

  // The bias of a product, unless a narrow one behind the activation adds up its gradient; or -1.
  int own_bias(std::size_t k) const {
    return is_joined(k + 2) && bias_before(k + 2) >= 0 ? -1 : network_.nodes[k].bias;
  }

  void forward_narrow(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    splits_[std::size_t(node.output)] = kRows;
    if (is_joined(k) && !(k >= 2 && does_relu(k - 2))) {
      const Node<T>& before = network_.nodes[k - 1];
      splits_[std::size_t(node.input)] = kRows;
      return add({}, [=, this, &node, &before](Worker<T>& w) {
        before.scalar->forward_narrow(w.space->values[std::size_t(before.input)], narrow(node, w, {0, w.rows}, false),
                                      before.constants.data());
      });
    }
    std::vector<Access> accesses{
        {value(node.input), kRows, false}, {slice(node.weight), kWhole, false}, {value(node.output), kRows, true}};
    if (node.bias >= 0) accesses.push_back({slice(node.bias), kWhole, false});
    add(accesses, [=, this, &node](Worker<T>& w) { network_.table.multiply_narrow(narrow(node, w, w.mine(), false)); });
  }

  void forward_scalar(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    const std::size_t z = std::size_t(node.input), h = std::size_t(node.output);
    const Split split = splits_[h] = splits_[z];
    const std::ptrdiff_t columns = padded(node.output), stride = network_.stride(node.output);
    const std::ptrdiff_t panel = 2 * network_.table.lanes;
    add({{value(node.input), split, false}, {value(node.output), split, true}}, [=, &node](Worker<T>& w) {
      const Block<T> block = mine(w, split, w.space->values[h], columns, stride, panel);
      node.scalar->forward(w.space->values[z] + (block.data - w.space->values[h]), stride, block,
                           node.constants.data());
    });
  }

  // W^T for the gradient of the layer's input: first of all, while the weights are as the last step left them.
  void transpose(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    const bool product = node.kind == Kind::affine || node.kind == Kind::affine_steps;
    if (!training_ || !product || node.gradient() < 0 || node.narrow) return;
    transpose(k, node.weight, [k](const Worker<T>& w) { return w.space->transposed[k]; });
  }
  template <class To>
  void transpose(std::size_t k, int weight, To to) {
    const Table<T>& table = network_.table;
    const Slice W = slice_of(weight);
    const std::ptrdiff_t panels = Slice{0, W.columns, W.height, W.lanes}.panels();
    const Split split = panels >= threads && threads > 1 ? Split{Split::columns, panels} : kSingle;
    add({{slice(weight), split.kind == Split::single ? kSingle : kWhole, false}, {transposed(k), split, true}},
        [=, &table](Worker<T>& w) {
          const Range r = split.kind == Split::columns ? w.my(panels) : Range{0, w.thread == 0 ? panels : 0};
          table.transpose(w.theta + W.offset, W.height, W.columns, r.begin, r.end, to(w));
        });
  }

  // Dropout, noise, an embedding, appended parameters: each row by itself.
  void forward_by_rows(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    splits_[std::size_t(node.output)] = kRows;
    std::vector<Access> accesses{{value(node.input), kRows, false}, {value(node.output), kRows, true}};
    if (node.kind == Kind::dropout) accesses.push_back({saved(k), kRows, true});
    if (node.kind == Kind::append) accesses.push_back({slice(node.bias), kWhole, false});
    for (const int table : node.others) accesses.push_back({slice(table), kWhole, false});
    add(accesses, [=, this, &node](Worker<T>& w) {
      const Range r = w.mine();
      const std::ptrdiff_t in = network_.stride(node.input), out = network_.stride(node.output);
      const T* x = w.space->values[std::size_t(node.input)] + r.begin * in;
      T* h = w.space->values[std::size_t(node.output)] + r.begin * out;
      const std::ptrdiff_t rows = r.end - r.begin, width = network_.storages[std::size_t(node.input)];
      const std::ptrdiff_t first = w.first - w.begin + r.begin;  // in the minibatch
      const Key key = threefry(threefry(w.noise, {std::uint32_t(node.step), 0}),
                               {std::uint32_t(w.t), std::uint32_t(std::uint64_t(w.t) >> 32)});
      if (node.kind == Kind::embedding) return embed(node, w, x, in, h, out, rows);
      if (node.kind == Kind::dropout && w.training) {
        T* mask = w.space->saved[k] + r.begin * in;
        network_.table.dropout_mask({mask, rows, width, in}, width, first, key.low, key.high, node.rate);
        return network_.table.hadamard({x, rows, padded(node.input), in}, mask, h);
      }
      T* rest = w.scratch();
      std::fill_n(rest, padded(node.output), T(0));
      if (node.kind == Kind::append)
        std::copy_n(w.theta + slice_of(node.bias).offset, slice_of(node.bias).columns, rest + width);
      network_.table.append({x, rows, padded(node.input), in}, width, rest, {h, rows, padded(node.output), out});
      if (node.kind == Kind::noise && w.training)
        network_.table.add_noise({h, rows, width, out}, width, first, key.low, key.high, node.constants[0]);
    });
  }

  // The columns of x that are numbers, then the row of each table that a code names.
  void embed(const Node<T>& node, const Worker<T>& w, const T* x, std::ptrdiff_t in, T* h, std::ptrdiff_t out,
             std::ptrdiff_t rows) const {
    for (std::ptrdiff_t i = 0; i < rows; ++i) {
      T* next = h + i * out;
      for (std::ptrdiff_t j = 0; j < network_.storages[0]; ++j)
        if (std::find(node.constants.begin(), node.constants.end(), T(j)) == node.constants.end())
          *next++ = x[i * in + j];
      for (std::size_t c = 0; c < node.others.size(); ++c) {
        const Slice& E = slice_of(node.others[c]);
        const std::ptrdiff_t code = code_of(x[i * in + std::ptrdiff_t(node.constants[c])], E.height);
        for (std::ptrdiff_t j = 0; j < E.columns; ++j) *next++ = w.theta[E.offset + E.index(code, j)];
      }
    }
  }
  // Python checks codes; whatever comes, no memory is read that is not a table's.
  static std::ptrdiff_t code_of(T x, std::ptrdiff_t count) { return x >= T(0) && x < T(count) ? std::ptrdiff_t(x) : 0; }

  Split split_of_normalization(const Node<T>& node) const {
    const std::ptrdiff_t panels = divide_up(network_.storages[std::size_t(node.input)], 2 * network_.table.lanes);
    return node.kind == Kind::batch_norm && threads > 1 ? Split{Split::columns, panels} : kRows;
  }

  // The part of a normalization that this thread has: rows, or for batch_norm columns.
  Normalization<T> part_of(std::size_t k, Split split, const Worker<T>& w) const {
    const Node<T>& node = network_.nodes[k];
    const std::ptrdiff_t stride = network_.stride(node.input), panel = 2 * network_.table.lanes;
    T *const x = w.space->values[std::size_t(node.input)], *const h = w.space->values[std::size_t(node.output)];
    const Block<T> block = mine(w, split, x, padded(node.input), stride, panel);
    const std::ptrdiff_t at = block.data - x, column = split.kind == Split::columns ? at : 0;
    const auto parameter = [&](int slice) { return slice < 0 ? nullptr : w.theta + slice_of(slice).offset + column; };
    const bool by_columns = node.kind == Kind::batch_norm;
    return {{block.data, block.rows, block.columns, stride},
            network_.storages[std::size_t(node.input)] - column,
            parameter(node.weight),
            parameter(node.bias),
            node.constants[0],
            h + at,
            w.space->saved[k] + at,
            w.space->inverse[k] + (by_columns ? column : at / stride),
            by_columns ? parameter(node.others[0]) : nullptr,
            by_columns ? parameter(node.others[1]) : nullptr,
            by_columns && w.training ? node.constants[1] : T(1)};
  }

  void forward_normalization(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    const Split split = splits_[std::size_t(node.output)] = split_of_normalization(node);
    const Split owner = split.kind == Split::columns ? split : kWhole;
    std::vector<Access> accesses{{value(node.input), split, false},
                                 {slice(node.weight), owner, false},
                                 {value(node.output), split, true},
                                 {saved(k), split, true}};
    if (node.bias >= 0) accesses.push_back({slice(node.bias), owner, false});
    for (const int statistic : node.others) accesses.push_back({slice(statistic), owner, true});
    add(accesses, [=, this, &node](Worker<T>& w) {
      const Normalization<T> part = part_of(k, split, w);
      if (part.x.rows == 0 || part.x.columns == 0) return;
      node.kind == Kind::batch_norm ? network_.table.normalize_columns(part)
                                    : network_.table.normalize_rows(part, node.kind == Kind::layer_norm);
    });
  }

  void likelihood() {
    const int storage = network_.nodes.back().output;
    const std::ptrdiff_t stride = network_.stride(storage);
    const LikelihoodKernel<T>* kernel = network_.likelihood;
    const Split split = kernel ? kRows : kSingle;
    add({{value(storage), split, false},
         {targets(), split, false},
         {gradient(storage), split, true},
         {log_prob(), split, true}},
        [=, this](Worker<T>& w) {
          const Range r = kernel ? w.mine() : Range{0, w.thread == 0 ? w.rows : 0};
          if (r.begin == r.end) return;
          T* to = w.space->gradients[std::size_t(storage)] + r.begin * stride;
          Scoring<T> s = scoring(w, r, w.training, w.space->log_prob + r.begin, to);
          const auto run = [&](const Scoring<T>& s) { kernel ? score(s) : call_back(w, s); };
          if (!w.augmenter || !w.augmenter->shares()) return run(s);
          const typename Augmenter<T>::Second second = mixed(w, r);
          s.weight = second.own_weight;
          run(s);
          s.weight = second.weight, s.y = second.y, s.log_prob = second.log_prob, s.score = second.score;
          run(s);
          for (std::ptrdiff_t i = 0; i < s.eta.rows; ++i) {
            w.space->log_prob[r.begin + i] += second.log_prob[i];
            for (std::ptrdiff_t j = 0; j < s.width; ++j) to[i * stride + j] += second.score[i * stride + j];
          }
        });
  }

  // For rows that are two examples mixed: the target of the second, which is the next of the minibatch, and the weights
  // of both, times their shares.
  typename Augmenter<T>::Second mixed(const Worker<T>& w, Range r) const {
    const typename Augmenter<T>::Second second = w.augmenter->second(w.augmenting);
    const std::ptrdiff_t count = network_.targets;
    const T *y = static_cast<const T*>(w.data->y), *weight = static_cast<const T*>(w.data->weight);
    for (std::ptrdiff_t i = r.begin; i < r.end; ++i) {
      const std::ptrdiff_t at = w.first + i, after = w.begin + (at - w.begin + 1) % w.batch;
      const auto next = std::ptrdiff_t(w.order[after]);
      const T share = T(w.augmenter->shares()[at]);
      std::copy_n(y + next * count, count, second.y + (i - r.begin) * count);
      second.own_weight[i - r.begin] = share * w.space->weight[i];
      second.weight[i - r.begin] = (T(1) - share) * (weight ? weight[next] : T(1));
    }
    return second;
  }

  // A likelihood of the user's, for all rows; what fails shows as NaN.
  static void call_back(const Worker<T>& w, const Scoring<T>& s) {
    for (std::ptrdiff_t i = 0; i < s.eta.rows; ++i) std::fill_n(s.score + i * s.eta.stride, s.eta.columns, T(0));
    const Custom* custom = w.data->custom;
    const Subnormals subnormals(true);  // Python's arithmetic is as it is elsewhere
    const bool good = custom && (*custom)(s.eta.rows, s.width, s.eta.stride, s.eta.data, s.y, s.log_prob, s.score);
    for (std::ptrdiff_t i = 0; i < s.eta.rows; ++i) {
      s.log_prob[i] = good ? s.log_prob[i] * s.weight[i] : std::numeric_limits<T>::quiet_NaN();
      for (std::ptrdiff_t j = 0; j < s.width; ++j) s.score[i * s.eta.stride + j] *= s.weight[i] * s.scale;
    }
  }

  // From the gradient of a node's output to that of its input.
  void backward_input(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    if (node.convolves()) return backward_convolution(k);
    if (node.recurrence) return backward_recurrence(k);
    if (node.kind == Kind::gate) return backward_gate(k);
    if (node.kind == Kind::attention) return backward_attention(k);
    if (node.kind == Kind::add || node.kind == Kind::concatenate) return backward_join(node);
    if (node.kind == Kind::channel_norm || node.kind == Kind::group_norm) return backward_channels(k);
    if (node.gradient() < 0) return;
    const std::size_t from = std::size_t(node.output), to = std::size_t(node.gradient());
    const std::ptrdiff_t columns = padded(node.input), stride = network_.stride(node.input);
    const std::ptrdiff_t panel = 2 * network_.table.lanes;
    if (node.scalar) {
      if (is_joined(k + 1) || is_relu_of_pool(k)) return;
      const Split split = gradient_splits_[to] = gradient_splits_[from];
      const std::size_t saved = std::size_t(node.scalar->keeps_input ? node.input : node.output);
      add({{value(int(saved)), split, false},
           {gradient(node.output), split, false},
           {gradient(node.gradient()), split, true}},
          [=, &node](Worker<T>& w) {
            const Block<T> g = mine(w, split, w.space->gradients[to], columns, stride, panel);
            const std::ptrdiff_t offset = g.data - w.space->gradients[to];
            if (from != to)
              for (std::ptrdiff_t i = 0; i < g.rows; ++i)
                std::copy_n(w.space->gradients[from] + offset + i * stride, g.columns, g.data + i * stride);
            node.scalar->backward(w.space->values[saved] + offset, stride, g, node.constants.data());
          });
      return;
    }
    if (node.normalizes() && !is_of_sequences(node)) return backward_normalization(k);
    if (is_of_images(node)) return backward_image(k);
    if (is_of_sequences(node)) return backward_sequence(k);
    if (node.kind != Kind::affine) return backward_by_rows(k);
    const Table<T>& table = network_.table;
    if (is_joined(k)) return backward_joined(k);
    if (node.narrow) {
      gradient_splits_[to] = kRows;
      add({{gradient(node.output), kRows, false},
           {slice(node.weight), kWhole, false},
           {gradient(node.gradient()), kRows, true}},
          [=, this, &node, &table](Worker<T>& w) { table.multiply_narrow_back(narrow(node, w, w.mine(), true)); });
      return;
    }
    const Slice W = slice_of(node.weight), Wt{0, W.columns, W.height, W.lanes};
    const Segment all{0, std::int32_t(Wt.height), true, 0};
    // By rows, the chain goes on without a barrier; by columns only where there are hardly any rows.
    const Split split = gradient_splits_[to] = space.rows >= 4 * threads ? kRows : split_of_panels(Wt.panels());
    const std::ptrdiff_t in = network_.stride(node.output);
    const bool by_columns = split.kind == Split::columns;
    add({{gradient(node.output), by_columns ? kWhole : kRows, false},
         {transposed(k), by_columns ? split : kWhole, false},
         {gradient(node.gradient()), split, true}},
        [=, &table](Worker<T>& w) {
          const Range panels = by_columns ? w.my(Wt.panels()) : Range{0, Wt.panels()};
          const Range r = by_columns ? Range{0, w.rows} : w.mine();
          if (r.begin == r.end) return;
          table.multiply({r.end - r.begin,
                          {&all, 1},
                          Wt.height,
                          Wt.columns,
                          panels.begin,
                          panels.end,
                          w.space->gradients[from] + r.begin * in,
                          in,
                          w.space->transposed[k],
                          w.space->gradients[to] + r.begin * stride,
                          stride,
                          Start::zero,
                          nullptr});
        });
    not_in_parts();
  }

  // A narrow product and the activation before it; the sums are left for `backward_parameters` where there is an
  // update.
  void backward_joined(std::size_t k) {
    const Node<T>&node = network_.nodes[k], &before = network_.nodes[k - 1];
    gradient_splits_[std::size_t(before.gradient())] = kRows;
    const int bias = bias_before(k), own = own_bias(k);
    const Slice W = slice_of(node.weight);
    const std::size_t saved = std::size_t(before.scalar->keeps_input ? before.input : before.output);
    add({}, [=, this, &node, &before](Worker<T>& w) {
      T* const sums = w.space->sums[k];
      const NarrowSums<T> to{w.stepper ? sums : w.gradient + W.offset,
                             bias < 0    ? nullptr
                             : w.stepper ? sums + W.size()
                                         : w.gradient + slice_of(bias).offset,
                             own < 0     ? nullptr
                             : w.stepper ? sums + W.size() + network_.stride(node.input)
                                         : w.gradient + slice_of(own).offset,
                             !w.stepper && w.accumulate};
      Narrow<T> product = narrow(node, w, {0, w.rows}, true);
      product.h = w.space->values[std::size_t(node.input)];
      product.h_out = w.space->gradients[std::size_t(before.gradient())];
      before.scalar->backward_narrow(w.space->values[saved], product, to, before.constants.data());
    });
  }

  void backward_by_rows(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    gradient_splits_[std::size_t(node.gradient())] = kRows;
    std::vector<Access> accesses{{gradient(node.output), kRows, false}, {gradient(node.gradient()), kRows, true}};
    if (node.kind == Kind::dropout) accesses.push_back({saved(k), kRows, false});
    add(accesses, [=, this, &node](Worker<T>& w) {
      const Range r = w.mine();
      const std::ptrdiff_t in = network_.stride(node.input), out = network_.stride(node.output);
      const T* from = w.space->gradients[std::size_t(node.output)] + r.begin * out;
      T* to = w.space->gradients[std::size_t(node.gradient())] + r.begin * in;
      const std::ptrdiff_t rows = r.end - r.begin, width = network_.storages[std::size_t(node.input)];
      if (node.kind == Kind::dropout && w.training)
        return network_.table.hadamard({from, rows, padded(node.input), in}, w.space->saved[k] + r.begin * in, to);
      T* rest = w.scratch();
      std::fill_n(rest, padded(node.input), T(0));
      network_.table.append({from, rows, padded(node.input), out}, width, rest, {to, rows, padded(node.input), in});
    });
  }

  void backward_normalization(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    const Split split = gradient_splits_[std::size_t(node.gradient())] = split_of_normalization(node);
    add({{gradient(node.output), split, false},
         {saved(k), split, false},
         {slice(node.weight), split.kind == Split::columns ? split : kWhole, false},
         {gradient(node.gradient()), split, true}},
        [=, this, &node](Worker<T>& w) {
          const Normalization<T> part = part_of(k, split, w);
          if (part.x.rows == 0 || part.x.columns == 0) return;
          const std::ptrdiff_t at = part.x.data - w.space->values[std::size_t(node.input)];
          const T* g = w.space->gradients[std::size_t(node.output)] + at;
          T* out = w.space->gradients[std::size_t(node.gradient())] + at;
          node.kind == Kind::batch_norm
              ? network_.table.normalize_columns_backward(part, g, out)
              : network_.table.normalize_rows_backward(part, g, out, node.kind == Kind::layer_norm);
        });
  }

  // The log-likelihood of the block, by every thread for itself and in the same order.
  void check() {
    add({{log_prob(), kWhole, false}}, [](Worker<T>& w) {
      double sums[4] = {};  // four at a time, since one waits for itself
      const T* const log_prob = w.space->log_prob;
      std::ptrdiff_t i = 0;
      for (; i + 4 <= w.rows; i += 4)
        for (int j = 0; j < 4; ++j) sums[j] += double(log_prob[i + j]);
      for (; i < w.rows; ++i) sums[i % 4] += double(log_prob[i]);
      w.total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    });
    tasks.back().checks = true;
    not_in_parts();
  }

  void backward_parameters(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    if (node.normalizes() && is_of_sequences(node)) return sum_normalization(k);
    if (node.kind == Kind::token_embedding || node.kind == Kind::positions) return sum_table(k);
    if (node.normalizes()) {
      row_parameter(node.weight, node.output, int(k));
      if (node.bias >= 0) row_parameter(node.bias, node.output, -1);
      return;
    }
    if (node.kind == Kind::append || node.kind == Kind::embedding) return backward_tables(k);
    if (node.convolves()) return sum_convolution(k);
    if (node.kind == Kind::channel_norm || node.kind == Kind::group_norm) return sum_channel_parameters(k);
    if (node.recurrence) return sum_recurrence(k);
    if (node.kind == Kind::affine_steps) return sum_affine_steps(k);
    if (node.kind != Kind::affine) return;
    if (node.narrow) return backward_narrow(k);
    const Table<T>& table = network_.table;
    const Slice W = slice_of(node.weight);
    const std::size_t x = std::size_t(node.input), z = std::size_t(node.output);
    const std::ptrdiff_t in = network_.stride(node.input), out = network_.stride(node.output), count = node.shards;
    const Segment all{0, std::int32_t(W.height), true, 0};
    const bool small = W.height * W.columns * space.rows < (1 << 17);
    const Split split = count > 1                   ? Split{Split::shards, count}
                        : small || threads == 1     ? kSingle
                        : W.panels() % threads == 0 ? Split{Split::columns, W.panels()}
                                                    : Split{Split::tiles, W.panels()};
    add({{value(node.input), count > 1 ? split : kWhole, false},
         {gradient(node.output), split.kind == Split::columns ? split : kWhole, false},
         {slice(node.weight), split, true}},
        [=, this, &node, &table](Worker<T>& w) {
          const Range mine = count > 1 ? w.my(count) : Range{0, 1};
          const bool alone = count > 1 || split.kind == Split::single;  // this thread does its share without the others
          if (mine.begin == mine.end || (split.kind == Split::single && w.thread != 0)) return;
          const Update<T> update = w.stepper ? w.stepper->on(node.weight) : Update<T>{};
          Ahead next = x == 0 && !fetches_at_once() ? ahead(w) : Ahead{};
          const Part part = part_of_x(w, w.rows, w.mine());
          table.multiply_transposed(
              {w.rows, x == 0 ? w.space->used.segments(w.thread, mine.begin, mine.end) : Segments{&all, 1}, W.height,
               W.columns, alone ? 0 : w.thread, alone ? 1 : w.threads, count > 1 ? part.origin : w.space->values[x],
               count > 1 ? part.stride : in, w.space->gradients[z], out, w.stepper ? nullptr : w.gradient + W.offset,
               w.accumulate ? Start::accumulate : Start::zero, w.stepper ? &update : nullptr,
               next.count > 0 ? &next : nullptr});
        });
    if (own_bias(k) >= 0) row_parameter(node.bias, node.output, -1);
  }

  void backward_narrow(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    const Slice W = slice_of(node.weight);
    if (is_joined(k)) {
      const int bias = bias_before(k), own = own_bias(k);
      add({}, [=, this, &node](Worker<T>& w) {
        if (!w.stepper) return;
        w.stepper->on(node.weight).apply(0, w.space->sums[k], W.size());
        T* const sums = w.space->sums[k] + W.size();
        if (bias >= 0) w.stepper->on(bias).apply(0, sums, slice_of(bias).size());
        if (own >= 0) w.stepper->on(own).apply(0, sums + network_.stride(node.input), slice_of(own).size());
      });
      return;
    }
    const Split split = panels_or_single(W.panels());
    add({{value(node.input), kWhole, false}, {gradient(node.output), kWhole, false}, {slice(node.weight), split, true}},
        [=, this, &node](Worker<T>& w) {
          const Range panels =
              split.kind == Split::columns ? w.my(W.panels()) : Range{0, w.thread == 0 ? W.panels() : 0};
          const Update<T> update = w.stepper ? w.stepper->on(node.weight) : Update<T>{};
          network_.table.narrow_gradient(narrow(node, w, {0, w.rows}, true), panels.begin, panels.end,
                                         w.stepper ? nullptr : w.gradient + W.offset, w.accumulate && !w.stepper,
                                         w.stepper ? &update : nullptr);
        });
    if (own_bias(k) >= 0) row_parameter(node.bias, node.output, -1);
  }

  // By columns where there are enough panels to share out; else by one thread.
  Split panels_or_single(std::ptrdiff_t panels) const {
    const Split split = split_of_panels(panels);
    return split.kind == Split::columns ? split : kSingle;
  }

  // The gradient of a bias, sums of the columns of g; or of gamma, where g is multiplied by x_hat of a node.
  void row_parameter(int parameter, int output, int normalization) {
    const Table<T>& table = network_.table;
    const Slice b = slice_of(parameter);
    const std::ptrdiff_t count = b.panels(), width = 2 * table.lanes, stride = network_.stride(output);
    const Split panels = panels_or_single(count);
    const Split operand = panels.kind == Split::columns ? panels : kWhole;
    const std::ptrdiff_t columns = padded(output);
    std::vector<Access> accesses{{gradient(output), operand, false}, {slice(parameter), panels, true}};
    if (normalization >= 0) accesses.push_back({saved(std::size_t(normalization)), operand, false});
    add(accesses, [=, &table](Worker<T>& w) {
      const Range r = panels.kind == Split::columns ? w.my(count) : Range{0, w.thread == 0 ? count : 0};
      for (std::ptrdiff_t p = r.begin; p < r.end; ++p) {
        const Block<const T> g{w.space->gradients[std::size_t(output)] + p * width, w.rows,
                               std::min(width, columns - p * width), stride};
        alignas(kLine) T scratch[kMaxPanel];
        T* sums = w.stepper ? scratch : w.gradient + b.offset + p * width;
        const bool accumulate = !w.stepper && w.accumulate;
        if (normalization >= 0)
          table.sum_products(g, w.space->saved[std::size_t(normalization)] + p * width, sums, accumulate);
        else
          table.sum_rows(g, sums, accumulate);
        if (w.stepper) w.stepper->on(parameter).apply(p * width, sums, g.columns);
      }
    });
  }

  // The gradients of appended parameters and of an embedding's tables, by one thread: stored first, then applied.
  void backward_tables(std::size_t k) {
    const Node<T>& node = network_.nodes[k];
    std::vector<Access> accesses{{gradient(node.output), kWhole, false}, {value(node.input), kWhole, false}};
    std::vector<int> parameters = node.others;
    if (node.kind == Kind::append) parameters = {node.bias};
    for (const int parameter : parameters) accesses.push_back({slice(parameter), kSingle, true});
    add(accesses, [=, this, &node](Worker<T>& w) {
      if (w.thread != 0) return;
      const std::ptrdiff_t in = network_.stride(node.input), out = network_.stride(node.output);
      const T *x = w.space->values[std::size_t(node.input)], *g = w.space->gradients[std::size_t(node.output)];
      std::ptrdiff_t column = network_.storages[std::size_t(node.output)];  // where the parameters' columns begin
      for (const int parameter : parameters) column -= slice_of(parameter).columns;
      for (std::size_t c = 0; c < parameters.size(); ++c) {
        const Slice& E = slice_of(parameters[c]);
        T* sums = w.gradient + E.offset;
        if (w.stepper || !w.accumulate) std::fill_n(sums, E.size(), T(0));
        if (node.kind == Kind::append && node.window.in[2] > 1) {
          const std::ptrdiff_t q = node.window.q;
          for (std::ptrdiff_t i = 0; i < w.rows; ++i)
            for (std::ptrdiff_t t = 0; t < node.window.in[2]; ++t)
              for (std::ptrdiff_t j = 0; j < E.columns; ++j) sums[j] += g[i * out + t * q + q - E.columns + j];
        } else if (node.kind == Kind::append) {
          T* all = w.scratch();  // the sums of all columns, since a block begins at a register
          std::fill_n(all, padded(node.output), T(0));
          std::copy_n(sums, E.columns, all + column);
          network_.table.sum_rows({g, w.rows, padded(node.output), out}, all, true);
          std::copy_n(all + column, E.columns, sums);
        } else {
          for (std::ptrdiff_t i = 0; i < w.rows; ++i) {
            const std::ptrdiff_t code = code_of(x[i * in + std::ptrdiff_t(node.constants[c])], E.height);
            for (std::ptrdiff_t j = 0; j < E.columns; ++j) sums[E.index(code, j)] += g[i * out + column + j];
          }
        }
        if (w.stepper) w.stepper->on(parameters[c]).apply(0, sums, E.size());
        column += E.columns;
      }
    });
  }

  // After the update: columns that have become too long, and the average of what was not averaged with its update.
  void finishing(int parameter) {
    const Slice W = slice_of(parameter);
    const SliceRule<T>& rule = network_.rules[std::size_t(parameter)];
    if (rule.max_norm == T(0) && rule.learned) return;
    finish.push_back({[=, this, &rule](Worker<T>& w) {
                        const Range r = w.my(W.panels());
                        const std::ptrdiff_t begin = r.begin * W.height * W.panel_width();
                        const std::ptrdiff_t end = r.end == W.panels() ? W.size() : r.end * W.height * W.panel_width();
                        if (r.begin == r.end) return;
                        if (rule.max_norm > T(0))
                          network_.table.limit_columns(w.theta + W.offset, W.height, W.columns, r.begin, r.end,
                                                       rule.max_norm);
                        if (w.stepper->average)
                          network_.table.blend(w.stepper->average + W.offset + begin, w.theta + W.offset + begin,
                                               end - begin, w.stepper->rate);
                      },
                      {},
                      false,
                      true,
                      false,
                      1});
  }

  static constexpr std::ptrdiff_t kMaxPanel = 128 / sizeof(T);

  // What is done with one example: from a value to another, or from a gradient to another.
  using ByExample = std::function<void(const Worker<T>&, std::ptrdiff_t i, const T* from, T* to)>;

  // In plan_sequences.hpp.
  static bool is_of_sequences(const Node<T>& node);
  void forward_sequence(std::size_t k);
  void backward_sequence(std::size_t k);
  ByExample forward_move(std::size_t k) const;
  ByExample backward_move(std::size_t k) const;
  void backward_gate(std::size_t k);
  std::ptrdiff_t last_step(const Node<T>& node, const Worker<T>& w, std::ptrdiff_t i) const;

  // In plan_recurrence.hpp.
  void transpose_recurrence(std::size_t k);
  void forward_recurrence(std::size_t k);
  void backward_recurrence(std::size_t k);
  void sum_recurrence(std::size_t k);

  // In plan_affine_steps.hpp.
  ByExample forward_affine_steps(std::size_t k) const;
  ByExample backward_affine_steps(std::size_t k) const;
  void sum_affine_steps(std::size_t k);

  // In plan_attention.hpp.
  ByExample forward_attention(std::size_t k) const;
  void backward_attention(std::size_t k);
  Attention<T> head_of(std::size_t k, const Worker<T>& w, std::ptrdiff_t i, std::ptrdiff_t head) const;

  // In plan_norms_of_steps.hpp.
  ByExample forward_norms_of_steps(std::size_t k) const;
  ByExample backward_norms_of_steps(std::size_t k) const;
  void sum_normalization(std::size_t k);
  Normalization<T> steps_of(std::size_t k, const Worker<T>& w, std::ptrdiff_t i) const;

  // In plan_tables_of_steps.hpp.
  ByExample forward_tables_of_steps(std::size_t k) const;
  void sum_table(std::size_t k);

  // In plan_positions.hpp.
  ByExample forward_positions(std::size_t k) const;
  ByExample backward_positions(std::size_t k) const;

  // In plan_images.hpp.
  static bool is_of_images(const Node<T>& node);
  void pack(std::size_t k);
  void pack_points(std::size_t k);
  void forward_convolution(std::size_t k);
  void backward_convolution(std::size_t k);
  void sum_convolution(std::size_t k);
  void sum_points(const Node<T>& node, const ImageSizes<T>& sizes, const T* from, std::ptrdiff_t count,
                  const Worker<T>& w) const;
  void forward_image(std::size_t k);
  void backward_image(std::size_t k);
  void forward_channels(std::size_t k);
  void backward_channels(std::size_t k);
  void sum_channel_parameters(std::size_t k);
  void forward_join(const Node<T>& node);
  void backward_join(const Node<T>& node);
  void sum_gradients(int to, int from);
  images::Pass<T> pass_of(std::size_t k, const ImageSizes<T>& sizes, const Worker<T>& w) const {
    const Node<T>& node = network_.nodes[k];
    const T* there = sizes.packed > 0 ? w.space->packed[k] : w.theta + slice_of(node.weight).offset;
    return {network_.table, node, sizes, there, w.space->transposed[k], w.image(0), w.image(1), w.image(2), w.image(3)};
  }
  // The statistics of an example; see forward_channels.
  T* statistics(std::size_t k, std::ptrdiff_t i, const Worker<T>& w) const {
    const std::ptrdiff_t each = round_up(network_.nodes[k].window.c, network_.table.lanes);
    return w.space->statistics[k] + i * ImageSizes<T>::kStatistics * each;
  }
  T* row(const std::vector<T*>& buffers, int storage, std::ptrdiff_t i) const {
    return buffers[std::size_t(storage)] + i * network_.stride(storage);
  }
  // `count` numbers of a parameter's gradient, from `offset` on: applied, or added to what there is.
  void finish_gradient(const Worker<T>& w, int parameter, std::ptrdiff_t offset, T* sums, std::ptrdiff_t count) const {
    if (w.stepper) return w.stepper->on(parameter).apply(offset, sums, count);
    T* to = w.gradient + slice_of(parameter).offset + offset;
    for (std::ptrdiff_t j = 0; j < count; ++j) to[j] = w.accumulate ? to[j] + sums[j] : sums[j];
  }
  // f(input, where in it, how many numbers, where in the output) for the channels of each place that are concatenated.
  template <class F>
  static void each_channel_block(const Node<T>& node, F&& f) {
    std::ptrdiff_t at = 0;
    for (std::ptrdiff_t place = 0; place < node.window.in[2]; ++place)
      for (std::size_t m = 0; m < node.inputs.size(); ++m) {
        const auto channels = std::ptrdiff_t(node.constants[m]);
        f(m, place * channels, channels, at);
        at += channels;
      }
  }
  // f(place of the input, place of the output) for every place of the output.
  template <class F>
  static void each_upsampled(const Window& w, F&& f) {
    std::ptrdiff_t large = 0;
    for (std::ptrdiff_t a = 0; a < w.in[0]; ++a)
      for (std::ptrdiff_t b = 0; b < w.in[1]; ++b)
        for (std::ptrdiff_t d = 0; d < w.in[2]; ++d)
          f((a / w.size[0] * w.out[1] + b / w.size[1]) * w.out[2] + d / w.size[2], large++);
  }

  const bool training_;
  const Network<T>& network_;
  std::vector<Split> splits_, gradient_splits_;  // how each value, and its gradient, is split among the threads
};

}  // namespace likeliest

#include "engine/plan_images.hpp"
#include "engine/plan_sequences.hpp"
