// A program, validated, with its kernels found and its numbers placed.
#pragma once
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/filtering.hpp"
#include "engine/kernels.hpp"
#include "engine/layout.hpp"
#include "engine/program.hpp"
#include "engine/recurrence.hpp"
#include "engine/window.hpp"

namespace likeliest {

enum class Kind {
  affine,
  scalar,
  append,
  embedding,
  dropout,
  noise,
  layer_norm,
  rms_norm,
  batch_norm,
  convolution,
  transposed_convolution,
  max_pool,
  average_pool,
  upsample,
  group_norm,
  channel_norm,  // batch_norm of images
  rescale,
  add,
  concatenate,
  recurrence,
  affine_steps,  // an affine step at every place of an example
  slice,
  fill,
  gate,
  last_step,
  token_embedding,
  positions,
  sinusoidal,
  rotary,
  attention
};

// A step, resolved. A reshape moves nothing: its output is its input under another name, so it is not here.
template <class T>
struct Node {
  Kind kind = Kind::affine;
  int step = 0;               // its place in the program, on which its random numbers depend
  int input = 0, output = 0;  // storages, see Network::storages
  std::vector<int> inputs;    // all of them; `input` is the first
  // Where the gradient of each input goes: its storage, or one of its own where an earlier node takes that value too;
  // -1 for what depends on no parameter, as x. `gathers` (to, from) is added up once this node, the last one to do so,
  // has written its own.
  std::vector<int> gradients;
  std::vector<std::pair<int, int>> gathers;
  bool chained = false;                     // the next node takes the output, and no other does
  const ScalarKernel<T>* scalar = nullptr;  // of a scalar function
  int weight = -1, bias = -1;               // slices; of a normalization gamma and beta
  std::vector<int> others;                  // slices: tables, running statistics
  std::vector<T> constants;
  double rate = 0;                     // of dropout
  std::ptrdiff_t offset = 0;           // of slice
  std::ptrdiff_t heads = 1, keys = 0;  // of attention and of what comes before it
  bool causal = false;
  bool narrow = false;  // an affine step whose weight stands turned
  // A first layer that is wide and thin (many inputs, few cells) is cut along its inputs into shards whose sums are
  // added up in a fixed order. How many depends on the layer's shape only, so that the bits do not depend on the
  // threads.
  std::ptrdiff_t shards = 1;
  Window window;              // of a convolution or a pool; else `in` and c are the places and channels of the input
  std::vector<Segment> runs;  // of a convolution
  Filtering filtering;        // of a convolution that takes fewer multiplications
  Recurrence recurrence;

  int gradient() const { return gradients[0]; }
  // Whether there is a gradient of an input: codes and lengths have none, and of what is filled only its size counts.
  bool differentiates(int i) const {
    if (kind == Kind::fill || kind == Kind::token_embedding || (kind == Kind::last_step && i > 0)) return false;
    if (kind == Kind::attention && i == 3) return false;
    return !recurrence || i != recurrence.lengths;
  }
  bool convolves() const { return kind == Kind::convolution || kind == Kind::transposed_convolution; }
  bool normalizes() const { return kind == Kind::layer_norm || kind == Kind::rms_norm || kind == Kind::batch_norm; }
  // Whether an example has several places, through which a task goes one after the other.
  bool has_places() const { return window.in[2] > 1; }
};

// The rule of a slice, with the prior's kernel found.
template <class T>
struct SliceRule {
  const PriorKernel<T>* prior = nullptr;
  std::vector<double> prior_constants;
  bool weight = true, learned = true;
  T max_norm = T(0);
};

template <class T>
struct Network {
  const Table<T>& table;
  std::vector<Slice> slices;
  std::vector<Node<T>> nodes;
  // Widths; values that may overwrite each other share a storage; 0 is x. Those from `values` on have gradients only.
  std::vector<std::ptrdiff_t> storages;
  std::size_t values = 0;
  const LikelihoodKernel<T>* likelihood = nullptr;  // null: a custom one
  std::ptrdiff_t groups, targets, classes;          // of the likelihood
  bool has_steps;                                   // whether steps have it, each by itself; else there is one
  std::ptrdiff_t steps;
  std::vector<T> constants, training_constants;  // of the likelihood
  std::vector<SliceRule<T>> rules;               // one a slice
  bool needs_gradient = false;                   // whether some gradients are always stored before they are applied
  bool whole_batches = false;                    // whether a minibatch cannot go through in blocks
  bool sequences = false;                        // whether values have several places, one after the other
  // Images: tasks go through a few examples at a time, and gradients are added up in so many shards of a minibatch. 0:
  // there are none.
  std::ptrdiff_t row_shards = 0, rows_at_a_time = 0;
  std::ptrdiff_t shards_of_x = 1;  // see Node::shards
  bool has_columns = false;        // whether a product takes x, so that idle columns count

  Network(const Program& program, const Table<T>& table)
      : table(table),
        groups(program.likelihood.groups),
        targets(program.likelihood.targets),
        classes(program.likelihood.classes),
        has_steps(program.likelihood.steps > 0),
        steps(has_steps ? program.likelihood.steps : 1),
        constants(program.likelihood.constants.begin(), program.likelihood.constants.end()),
        training_constants(program.likelihood.training.begin(), program.likelihood.training.end()) {
    if (program.likelihood.name != "custom")
      likelihood = &find(table.likelihoods, table.likelihood_count, program.likelihood.name, "likelihood");
    require(
        groups >= 1 && targets >= 1 && program.likelihood.steps >= 0 && targets % (groups * steps) == 0 && classes >= 0,
        "no such likelihood");
    constants.resize(kMaxConstants + constants.size());  // so that a kernel may read what is not there
    training_constants.resize(kMaxConstants + training_constants.size());
    require(program.rules.empty() || program.rules.size() == program.parameters.size(), "a parameter without a rule");
    rules.resize(program.parameters.size());
    for (std::size_t i = 0; i < program.rules.size(); ++i) {
      const Rule& rule = program.rules[i];
      if (!rule.prior.empty()) rules[i].prior = &find(table.priors, table.prior_count, rule.prior, "prior");
      rules[i].prior_constants = rule.prior_constants;
      rules[i].prior_constants.resize(kMaxConstants);
      rules[i].weight = rule.weight, rules[i].learned = rule.learned, rules[i].max_norm = T(rule.max_norm);
    }
    std::ptrdiff_t offset = 0;
    const std::vector<bool> turned = find_narrow(program);
    for (std::size_t i = 0; i < program.parameters.size(); ++i) {
      const Shape& shape = program.parameters[i];
      require(shape.height > 0 && shape.columns > 0, "a parameter is empty");
      if (turned[i])
        slices.push_back({offset, shape.columns, shape.height, table.lanes, true});
      else
        slices.push_back({offset, shape.height, shape.columns, table.lanes});
      offset += round_up(slices.back().size(), std::ptrdiff_t(64 / sizeof(T)));
    }
    size_ = offset;
    require(!program.values.empty(), "there is no input");
    for (const Value& value : program.values) require(value.width() > 0, "a value is empty");
    build(program);
    for (const Node<T>& node : nodes) {
      needs_gradient = needs_gradient || node.kind == Kind::embedding || node.kind == Kind::append ||
                       node.kind == Kind::token_embedding || node.kind == Kind::positions;
      whole_batches = whole_batches || node.kind == Kind::batch_norm || node.kind == Kind::channel_norm;
      sequences = sequences || node.kind == Kind::recurrence || node.kind == Kind::affine_steps ||
                  node.kind == Kind::gate || node.kind == Kind::last_step || node.kind == Kind::slice ||
                  node.kind == Kind::token_embedding || node.kind == Kind::positions || node.kind == Kind::sinusoidal ||
                  node.kind == Kind::rotary || node.kind == Kind::attention ||
                  ((node.kind == Kind::layer_norm || node.kind == Kind::rms_norm) && node.has_places());
      shards_of_x = std::max(shards_of_x, node.shards);
      has_columns = has_columns || (node.kind == Kind::affine && node.input == 0);
    }
    sequences = sequences || steps > 1;
    leave_out();
    for (Node<T>& node : nodes)
      if (node.kind == Kind::convolution) node.filtering = Filtering(node.window, table.lanes);
    place_images();
    if (sequences && row_shards == 0) size_ += 4 * table.lanes;  // so that a register may begin at any number
  }

  std::ptrdiff_t size() const { return size_; }
  std::ptrdiff_t width() const { return storages[std::size_t(nodes.back().output)]; }
  // Of images and sequences, two registers behind the last number are still this example's: a register may begin at any
  // number.
  std::ptrdiff_t stride(int storage) const {
    const std::ptrdiff_t more = row_shards > 0 || sequences ? 2 * table.lanes : 0;
    return row_stride<T>(storages[std::size_t(storage)] + more, table.lanes);
  }
  // Whether node k is a narrow product behind an activation that nothing else takes, which one pass can do together.
  bool joins(std::size_t k) const {
    return k > 0 && k < nodes.size() && nodes[k].narrow && nodes[k - 1].scalar && nodes[k - 1].chained &&
           nodes[k - 1].gradient() >= 0;
  }
  // Whether that pass, on the way back, may write over the values that it reads: a product before the activation needs
  // none of them.
  bool goes_back_in_place(std::size_t k) const {
    return k > 1 && joins(k) && nodes[k - 2].kind == Kind::affine && nodes[k - 2].chained;
  }
  // Floating-point operations of one example, there and back.
  double operations() const {
    double total = 0;
    for (const Node<T>& node : nodes) {
      if (node.kind == Kind::affine || node.convolves()) {
        const Slice& W = slices[std::size_t(node.weight)];
        total += 6.0 * double(W.height * W.columns) * (node.convolves() ? double(node.window.windows()) : 1.0);
      }
      if (node.kind == Kind::affine_steps || node.recurrence) {
        const double places = double(node.recurrence ? node.recurrence.steps : node.window.places());
        for (const int parameter :
             node.recurrence ? std::vector{node.weight, node.others[0]} : std::vector{node.weight})
          total += 6.0 * places * double(slices[std::size_t(parameter)].size());
      }
      if (node.kind == Kind::attention)
        total += 6.0 * double(node.window.in[2]) *
                 double(storages[std::size_t(node.inputs[1])] + storages[std::size_t(node.inputs[2])]);
      if (row_shards > 0) total += 4.0 * double(storages[std::size_t(node.output)]);
    }
    return total;
  }

  template <class K>
  static const K& find(const K* kernels, std::ptrdiff_t count, const std::string& name, const char* what) {
    for (std::ptrdiff_t i = 0; i < count; ++i)
      if (name == kernels[i].name) return kernels[i];
    throw std::invalid_argument(std::string("the native engine has no kernel for the ") + what + " '" + name +
                                "': use engine=\"reference\"");
  }

 private:
  static void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("program: " + message);
  }

  // Which value each value is, reshapes left out, and how many steps take it; eta is taken by the likelihood.
  struct Uses {
    std::vector<int> root, count;
  };
  Uses uses_of(const Program& program) const {
    Uses uses;
    uses.root.assign(program.values.size(), -1), uses.count.assign(program.values.size(), 0);
    uses.root[0] = 0;
    for (const Step& step : program.steps) {
      require(!step.inputs.empty(), "a step without input");
      for (const int i : step.inputs)
        require(i >= 0 && std::size_t(i) < uses.root.size() && uses.root[std::size_t(i)] >= 0,
                "a step takes a value that no step before it computes");
      require(step.output > 0 && std::size_t(step.output) < uses.root.size() && uses.root[std::size_t(step.output)] < 0,
              "a value is computed twice or unknown");
      const bool moves = step.operation != "reshape";
      uses.root[std::size_t(step.output)] = moves ? step.output : uses.root[std::size_t(step.inputs[0])];
      if (moves)
        for (const int i : step.inputs) ++uses.count[std::size_t(uses.root[std::size_t(i)])];
    }
    for (const int root : uses.root) require(root >= 0, "a value is never computed");
    return uses;
  }

  void build(const Program& program) {
    const Uses uses = uses_of(program);
    std::vector<int> storage_of(program.values.size(), -1), producer;  // of roots; of storages
    storage_of[0] = new_storage(program.values[0].width());
    for (std::size_t index = 0; index < program.steps.size(); ++index) {
      const Step& step = program.steps[index];
      const auto value = [&](int i) -> const Value& { return program.values[std::size_t(i)]; };
      if (step.operation == "reshape") {
        require(step.inputs.size() == 1 && value(step.inputs[0]).width() == value(step.output).width(),
                "a reshape changes the width");
        continue;
      }
      Node<T> node;
      node.step = int(index);
      std::vector<const Value*> inputs;
      for (const int i : step.inputs) {
        node.inputs.push_back(storage_of[std::size_t(uses.root[std::size_t(i)])]);
        inputs.push_back(&value(i));
      }
      node.input = node.inputs[0];
      const bool alone = uses.count[std::size_t(uses.root[std::size_t(step.inputs[0])])] == 1;
      producer.resize(storages.size(), -1);
      resolve(node, program, step, inputs, value(step.output), alone, producer[std::size_t(node.input)]);
      producer.resize(storages.size(), -1);
      if (const int before = producer[std::size_t(node.input)]; before >= 0)
        nodes[std::size_t(before)].chained = alone && std::size_t(before) + 1 == nodes.size();
      producer[std::size_t(node.output)] = int(nodes.size());
      storage_of[std::size_t(step.output)] = node.output;
      nodes.push_back(std::move(node));
    }
    const int eta = uses.root.back();
    require(!nodes.empty() && eta > 0 && nodes.back().output == storage_of[std::size_t(eta)] &&
                uses.count[std::size_t(eta)] == 0,
            "the last value must be eta");
    require(width() % (groups * steps) == 0, "eta does not fit the likelihood");
    for (std::size_t v = 1; v < uses.count.size(); ++v)
      require(uses.root[v] != int(v) || int(v) == eta || uses.count[v] > 0, "a value is computed and never taken");
    values = storages.size();
    place_gradients(program, uses);
  }

  // Where gradients go: the first node to take a value has its storage, those after it one of their own each.
  void place_gradients(const Program& program, const Uses& uses) {
    std::vector<int> first(program.values.size(), -1);
    std::vector<bool> learned(program.values.size());  // whether a value depends on parameters
    std::size_t k = 0;
    for (const Step& step : program.steps) {
      if (step.operation == "reshape") continue;
      Node<T>& node = nodes[k];
      bool depends = !step.parameters.empty();
      for (std::size_t i = 0; i < step.inputs.size(); ++i) {
        const int root = uses.root[std::size_t(step.inputs[i])];
        const bool goes = learned[std::size_t(root)] && node.differentiates(int(i));
        depends = depends || goes;
        if (!goes) {
          node.gradients.push_back(-1);
        } else if (first[std::size_t(root)] < 0) {
          first[std::size_t(root)] = int(k);
          node.gradients.push_back(node.inputs[i]);
        } else {
          const int own = new_storage(storages[std::size_t(node.inputs[i])]);
          node.gradients.push_back(own);
          nodes[std::size_t(first[std::size_t(root)])].gathers.emplace_back(node.inputs[i], own);
        }
      }
      learned[std::size_t(uses.root[std::size_t(step.output)])] = depends;
      ++k;
    }
  }

  // The weights of few columns behind a hidden layer, which the kernels in narrow.hpp take.
  std::vector<bool> find_narrow(const Program& program) const {
    std::vector<bool> narrow(program.parameters.size());
    std::vector<int> uses(program.parameters.size());
    std::vector<bool> is_x(program.values.size());
    if (!is_x.empty()) is_x[0] = true;
    for (const Step& step : program.steps) {
      const auto known = [](int i, std::size_t count) { return i >= 0 && std::size_t(i) < count; };
      if (step.inputs.empty() || !known(step.inputs[0], is_x.size()) || !known(step.output, is_x.size()))
        continue;  // refused later
      const bool from_x = is_x[std::size_t(step.inputs[0])];
      is_x[std::size_t(step.output)] = step.operation == "reshape" && from_x;
      for (const int i : step.parameters)
        if (known(i, uses.size())) ++uses[std::size_t(i)];
      const Value& input = program.values[std::size_t(step.inputs[0])];
      const bool one = !input.shape.empty() && input.width() == input.shape.back();  // and no sequence
      if (step.operation != "affine" || step.parameters.empty() || from_x || !one) continue;
      const int W = step.parameters[0];
      if (known(W, narrow.size()) && program.parameters[std::size_t(W)].columns <= most_narrow(table.lanes) &&
          rules[std::size_t(W)].max_norm == T(0))
        narrow[std::size_t(W)] = true;
    }
    for (std::size_t i = 0; i < narrow.size(); ++i) narrow[i] = narrow[i] && uses[i] == 1;
    return narrow;
  }

  // A pool may leave the last windows of the convolution before it out: they need not be computed. Nothing but scalar
  // functions may stand between the two.
  void leave_out() {
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      std::size_t pool = k;
      while (pool + 1 < nodes.size() && nodes[pool].chained && (pool == k || nodes[pool].scalar)) ++pool;
      Window &w = nodes[k].window, &p = nodes[pool].window;
      const bool pools = nodes[pool].kind == Kind::max_pool || nodes[pool].kind == Kind::average_pool;
      if (nodes[k].kind != Kind::convolution || !pools) continue;
      bool same = true;  // whether both have the same axes, which those of one place each have not
      for (int axis = 0; axis < 3; ++axis) same = same && w.out[axis] == p.in[axis];
      for (int axis = 0; same && axis < 3; ++axis)
        w.used[axis] = std::min(w.out[axis], (p.out[axis] - 1) * p.stride[axis] + p.size[axis] - p.before[axis]);
    }
  }

  // Whether examples are images, and how they are shared out. The gradients of every shard are kept, so that large
  // weights have fewer of them.
  void place_images() {
    std::ptrdiff_t weights = 0, widest = 1;
    bool found = false;
    for (const Node<T>& node : nodes) {
      found = found || node.convolves() || node.kind == Kind::max_pool || node.kind == Kind::average_pool ||
              node.kind == Kind::channel_norm || node.kind == Kind::group_norm || node.kind == Kind::upsample;
      if (node.convolves()) weights += slices[std::size_t(node.weight)].size();
      widest = std::max(widest, storages[std::size_t(node.output)]);
    }
    if (!found) return;
    row_shards = weights <= (1 << 17) ? 16 : weights <= (1 << 20) ? 8 : 4;
    rows_at_a_time = std::clamp<std::ptrdiff_t>((1 << 16) / widest, 1, 64);
    size_ += 4 * table.lanes;  // so that a register may begin at any number
  }

  int new_storage(std::ptrdiff_t width) {
    storages.push_back(width);
    return int(storages.size()) - 1;
  }

  // Finds the kernel of a step, checks that everything fits, and gives its output a storage. `alone`: no other step
  // takes the input, which node `before` computes.
  void resolve(Node<T>& node, const Program& program, const Step& step, const std::vector<const Value*>& inputs,
               const Value& output, bool alone, int before) {
    for (const int parameter : step.parameters)
      require(parameter >= 0 && std::size_t(parameter) < slices.size(), "unknown parameter");
    const std::ptrdiff_t p = inputs[0]->width(), q = output.width();
    const int input = node.input;
    node.constants.assign(step.constants.begin(), step.constants.end());
    const std::string& name = step.operation;
    const auto row = [&](std::size_t k, std::ptrdiff_t columns) {
      require(k < step.parameters.size(), "'" + name + "' lacks a parameter");
      const Slice& slice = slices[std::size_t(step.parameters[k])];
      require(slice.height == 1 && slice.columns == columns, "a parameter does not fit '" + name + "'");
      return step.parameters[k];
    };
    const auto fits = [&](bool condition) { require(condition, "step '" + name + "' does not fit"); };
    const auto same_width = [&](std::size_t parameters, std::size_t constants) {
      fits(p == q && step.parameters.size() == parameters && step.constants.size() == constants);
    };
    const bool recurs = name == "lstm" || name == "gru" || name == "rnn" || name == "layer_norm_lstm";
    fits(inputs.size() == 1 || name == "add" || name == "concatenate" || name == "gate" || name == "last_step" ||
         name == "attention" || recurs);
    node.window.c = inputs[0]->shape.back();
    node.window.in[2] = p / node.window.c;
    const bool image = inputs[0]->shape.size() > 1;
    node.output = -1;
    const auto matrix = [&](std::size_t k, std::ptrdiff_t height, std::ptrdiff_t columns) {
      require(k < step.parameters.size(), "'" + name + "' lacks a parameter");
      const Slice& slice = slices[std::size_t(step.parameters[k])];
      require(slice.height == height && slice.columns == columns, "a parameter does not fit '" + name + "'");
      return step.parameters[k];
    };
    if (recurs) {
      resolve_recurrence(node, step, inputs, output);
      const Recurrence& r = node.recurrence;
      fits(step.parameters.size() == (r.normalizes() ? 7 : r.is_gru() ? 4 : 3));
      node.weight = matrix(0, r.p, r.gates() * r.q);
      node.others = {matrix(1, r.q, r.gates() * r.q)};
      node.bias = row(2, r.gates() * r.q);
      if (r.is_gru()) node.others.push_back(row(3, r.gates() * r.q));
      if (r.normalizes())
        for (const std::size_t k : {3, 4, 5, 6}) node.others.push_back(row(k, k < 5 ? r.gates() * r.q : r.q));
    } else if (name == "affine" && node.window.in[2] > 1) {
      node.kind = Kind::affine_steps;
      fits(step.parameters.size() == 1 || step.parameters.size() == 2);
      Window& w = node.window;
      w.q = output.shape.back(), w.out[2] = w.used[2] = w.in[2];
      fits(output.width() == w.q * w.in[2]);
      node.weight = matrix(0, w.c, w.q);
      if (step.parameters.size() == 2) node.bias = row(1, w.q);
      node.runs = runs_of(w);
    } else if (name == "affine") {
      require(step.parameters.size() == 1 || step.parameters.size() == 2, "affine takes W, or W and b");
      node.weight = step.parameters[0];
      const Slice& W = slices[std::size_t(node.weight)];
      node.narrow = W.turned;
      require((W.turned ? W.columns : W.height) == p && (W.turned ? W.height : W.columns) == q,
              "W does not fit its input and output");
      if (step.parameters.size() == 2) node.bias = row(1, q);
      if (input == 0 && alone && q <= 64 && p >= 256) node.shards = p / 128 < 8 ? p / 128 : 8;
    } else if (name == "append") {
      node.kind = Kind::append;
      fits(output.width() / output.shape.back() == node.window.in[2]);
      node.window.q = output.shape.back();
      node.bias = row(0, node.window.q - node.window.c);
    } else if (name == "slice") {
      node.kind = Kind::slice;
      fits(step.constants.size() >= 2 && step.parameters.empty() && step.constants[0] >= 0 &&
           step.constants[1] <= double(p) && step.constants[1] - step.constants[0] == double(q));
      node.offset = std::ptrdiff_t(step.constants[0]);
    } else if (name == "fill") {
      node.kind = Kind::fill;
      fits(step.constants.size() == 2 && step.parameters.empty());
    } else if (name == "token_embedding") {
      node.kind = Kind::token_embedding;
      require(step.parameters.size() == 1 && step.constants.empty(), "a token_embedding takes a table");
      node.weight = step.parameters[0];
      node.window.in[2] = p, node.window.c = 1, node.window.q = slices[std::size_t(node.weight)].columns;
      fits(q == p * node.window.q);
    } else if (name == "positions") {
      node.kind = Kind::positions;
      fits(p == q && step.parameters.size() == 1 && step.constants.empty());
      node.weight = step.parameters[0];
      const Slice& P = slices[std::size_t(node.weight)];
      fits(P.columns == node.window.c && P.height >= node.window.in[2]);
    } else if (name == "sinusoidal") {
      node.kind = Kind::sinusoidal;
      fits(p == q && step.parameters.empty() && step.constants.size() == 1 && step.constants[0] > 0);
      node.constants.resize(std::size_t(p));
      const std::ptrdiff_t c = node.window.c;
      for (std::ptrdiff_t i = 0; i < p; ++i) {
        const double angle = double(i / c) * std::pow(step.constants[0], -2.0 * double(i % c / 2) / double(c));
        node.constants[std::size_t(i)] = T(i % c % 2 ? std::cos(angle) : std::sin(angle));
      }
    } else if (name == "rotary") {  // the cosines and sines of all pairs of a head, at each step
      node.kind = Kind::rotary;
      fits(p == q && step.parameters.empty() && step.constants.size() == 2 && step.constants[0] >= 1 &&
           step.constants[1] > 0);
      node.heads = std::ptrdiff_t(step.constants[0]);
      const std::ptrdiff_t d = node.window.c / node.heads;
      fits(d * node.heads == node.window.c && d % 2 == 0);
      node.constants.clear();
      for (std::ptrdiff_t t = 0; t < node.window.in[2]; ++t)
        for (std::ptrdiff_t j = 0; j < d / 2; ++j) {
          const double angle = double(t) * std::pow(step.constants[1], -2.0 * double(j) / double(d));
          node.constants.push_back(T(std::cos(angle))), node.constants.push_back(T(std::sin(angle)));
        }
    } else if (name == "attention") {
      node.kind = Kind::attention;
      fits(step.parameters.empty() && step.constants.size() == 3 && step.constants[1] >= 1 &&
           inputs.size() == (step.constants[0] != 0 ? 4 : 3));
      for (int i = 0; i < 3; ++i) fits(inputs[std::size_t(i)]->shape.size() == 2);
      node.heads = std::ptrdiff_t(step.constants[1]), node.causal = step.constants[2] != 0;
      const std::ptrdiff_t c = node.window.c, e = inputs[2]->shape[1];
      fits(inputs[1]->shape[1] == c && inputs[1]->shape[0] == inputs[2]->shape[0] && c % node.heads == 0 &&
           e % node.heads == 0 && q == node.window.in[2] * e);
      if (inputs.size() == 4) fits(inputs[3]->width() == 1);
      node.keys = inputs[1]->shape[0];
    } else if (name == "gate") {
      node.kind = Kind::gate;
      fits(inputs.size() == 2 && step.parameters.empty() && inputs[1]->width() == node.window.c && p == q);
    } else if (name == "last_step") {
      node.kind = Kind::last_step;
      fits(inputs.size() == (step.constants == std::vector<double>{1} ? 2 : 1) && step.parameters.empty() &&
           q == node.window.c && (inputs.size() < 2 || inputs[1]->width() == 1));
    } else if (name == "embedding") {
      node.kind = Kind::embedding;
      node.others = step.parameters;
      std::ptrdiff_t width = p - std::ptrdiff_t(node.others.size());
      require(input == 0 && node.others.size() == node.constants.size(), "an embedding takes x, and a table a column");
      for (const T column : node.constants) require(column >= 0 && std::ptrdiff_t(column) < p, "no such column");
      for (const int table : node.others) width += slices[std::size_t(table)].columns;
      require(width == q, "the tables do not fit");
    } else if (name == "dropout" || name == "gaussian_noise") {
      same_width(0, 1);
      node.kind = name == "dropout" ? Kind::dropout : Kind::noise;
      node.rate = step.constants[0];
      require(name != "dropout" || (node.rate >= 0 && node.rate < 1), "a rate must be in [0, 1)");
    } else if (name == "layer_norm" || name == "rms_norm" || name == "batch_norm" || name == "group_norm") {
      node.kind = name == "layer_norm"   ? Kind::layer_norm
                  : name == "rms_norm"   ? Kind::rms_norm
                  : name == "group_norm" ? Kind::group_norm
                  : image                ? Kind::channel_norm
                                         : Kind::batch_norm;
      const bool running = name == "batch_norm", groups_first = node.kind == Kind::group_norm;
      same_width(running ? 4 : node.kind == Kind::rms_norm ? 1 : 2, running || groups_first ? 2 : 1);
      const std::ptrdiff_t channels = inputs[0]->shape.back();
      node.weight = row(0, channels);
      if (node.kind != Kind::rms_norm) node.bias = row(1, channels);
      if (running) node.others = {row(2, channels), row(3, channels)};
      if (groups_first) {
        node.window.groups = std::ptrdiff_t(step.constants[0]);
        fits(node.window.groups >= 1 && channels % node.window.groups == 0);
      }
    } else if (name == "convolution" || name == "transposed_convolution") {
      const bool back = name == "transposed_convolution";
      node.kind = back ? Kind::transposed_convolution : Kind::convolution;
      fits(step.parameters.size() == 1 || step.parameters.size() == 2);
      node.weight = step.parameters[0];
      if (step.parameters.size() == 2) node.bias = row(1, output.shape.back());
      const Shape& W = program.parameters[std::size_t(node.weight)];
      const Value &large = back ? output : *inputs[0], &small = back ? *inputs[0] : output;
      const std::size_t axes = W.kernel.size();
      fits(axes >= 1 && axes <= 3 && step.constants.size() == (back ? 5 : 4) * axes + 1);
      lay(node.window, W.kernel, large, small, step.constants.data(), step.constants.data() + axes,
          step.constants.data() + 3 * axes);
      Window& w = node.window;
      w.groups = std::ptrdiff_t(step.constants[4 * axes]);
      fits(w.groups >= 1 && w.c % w.groups == 0 && w.q % w.groups == 0);
      fits(W.columns == w.q && W.height == w.taps() * (w.c / w.groups));
      check(w, true, name);
      simplify(w);
      require(w.padded_places() * w.c < (std::ptrdiff_t(1) << 31), "an example of a convolution is too large");
      node.runs = runs_of(w);
    } else if (name == "max_pool" || name == "average_pool" || name == "global_max_pool" ||
               name == "global_average_pool") {
      const bool global = name.rfind("global", 0) == 0;
      node.kind = name.find("max") != std::string::npos ? Kind::max_pool : Kind::average_pool;
      const std::size_t axes = inputs[0]->shape.size() - 1;
      fits(axes >= 1 && axes <= 3 && step.parameters.empty() && step.constants.size() == (global ? 0 : 4 * axes));
      if (global) {
        node.window.size[2] = node.window.in[2];
        node.window.q = node.window.c;
        fits(q == node.window.c);
      } else {
        std::vector<std::ptrdiff_t> size;
        for (std::size_t i = 0; i < axes; ++i) size.push_back(std::ptrdiff_t(step.constants[i]));
        lay(node.window, size, *inputs[0], output, step.constants.data() + axes, step.constants.data() + 2 * axes,
            nullptr);
        check(node.window, false, name);
      }
      fits(node.window.c == node.window.q);
    } else if (name == "upsample") {
      node.kind = Kind::upsample;
      const std::size_t axes = inputs[0]->shape.size() - 1;
      fits(axes >= 1 && axes <= 3 && step.constants.size() == axes && output.shape.size() == axes + 1 &&
           output.shape.back() == inputs[0]->shape.back());
      Window& w = node.window;  // whose windows are the places of the input
      w.in[2] = 1;
      for (std::size_t i = 0; i < axes; ++i) {
        const std::size_t axis = 3 - axes + i;
        w.size[axis] = w.stride[axis] = std::ptrdiff_t(step.constants[i]);
        w.out[axis] = inputs[0]->shape[i], w.in[axis] = output.shape[i];
        fits(w.size[axis] >= 1 && w.in[axis] == w.out[axis] * w.size[axis]);
      }
      w.q = w.c;
    } else if (name == "rescale") {
      node.kind = Kind::rescale;
      const std::size_t c = std::size_t(node.window.c), given = step.constants.size() / 2;
      fits(p == q && step.constants.size() % 2 == 0 && (given == 1 || given == c));
      std::vector<T> all(3 *
                         c);  // a factor and a summand for each channel, (x - shift) scale, and zeros for the way back
      for (std::size_t j = 0; j < c; ++j) {
        const double shift = step.constants[given == 1 ? 0 : j], scale = step.constants[given + (given == 1 ? 0 : j)];
        all[j] = T(scale), all[c + j] = T(-shift * scale);
      }
      node.constants = all;
    } else if (name == "add") {
      node.kind = Kind::add;
      for (const Value* value : inputs) fits(value->width() == q);
    } else if (name == "concatenate") {
      node.kind = Kind::concatenate;
      std::ptrdiff_t channels = 0;
      for (const Value* value : inputs) {
        channels += value->shape.back();
        fits(value->width() / value->shape.back() == q / output.shape.back());
        node.constants.push_back(T(value->shape.back()));
      }
      fits(channels == output.shape.back());
    } else {
      node.kind = Kind::scalar;
      node.scalar = &find(table.scalars, table.scalar_count, name, "operation");
      same_width(0, step.constants.size());
      // h may overwrite z where neither this derivative nor that of the step before needs z, and no other step takes
      // it; x is never overwritten.
      const bool needed = before >= 0 && needs_its_output(nodes[std::size_t(before)]);
      node.output = node.scalar->keeps_input || needed || input == 0 || !alone ? new_storage(q) : input;
      node.constants.resize(kMaxConstants);
      return;
    }
    node.output = new_storage(q);
  }

  // The constants: whether there are lengths, a state and a mask for it; every, for an lstm cell, reverse, truncate,
  // and what only this cell has.
  void resolve_recurrence(Node<T>& node, const Step& step, const std::vector<const Value*>& inputs,
                          const Value& output) const {
    Recurrence& r = node.recurrence;
    node.kind = Kind::recurrence;
    const std::string& name = step.operation;
    const bool lstm = name == "lstm" || name == "layer_norm_lstm";
    r.cell = name == "lstm"              ? Recurrence::lstm
             : name == "layer_norm_lstm" ? Recurrence::layer_norm_lstm
             : name == "gru"             ? Recurrence::gru
                                         : Recurrence::rnn;
    const auto fits = [&](bool condition) { require(condition, "step '" + name + "' does not fit"); };
    fits(step.constants.size() == (r.normalizes() ? 8 : 7) && inputs[0]->shape.size() == 2);
    const double* next = step.constants.data();
    int count = 1;
    for (int* which : {&r.lengths, &r.state, &r.keep}) *which = *next++ != 0 ? count++ : -1;
    fits(inputs.size() == std::size_t(count));
    r.every = *next++ != 0;
    if (lstm) r.with_cell = *next++ != 0 && !r.every;
    r.reverse = *next++ != 0;
    fits(*next >= 0 && *next < 1e9);
    r.truncate = std::ptrdiff_t(*next++);
    if (r.cell == Recurrence::rnn) r.relu = *next != 0;
    if (r.cell == Recurrence::gru && *next == 0) r.cell = Recurrence::gru_before;
    if (r.normalizes()) r.epsilon = *next;
    r.steps = inputs[0]->shape[0], r.p = inputs[0]->shape[1], r.q = output.shape.back() / (r.with_cell ? 2 : 1);
    fits(output.width() == (r.every ? r.steps : 1) * (r.with_cell ? 2 : 1) * r.q);
    if (r.lengths > 0) fits(inputs[std::size_t(r.lengths)]->width() == 1);
    if (r.state > 0) fits(inputs[std::size_t(r.state)]->width() == (lstm ? 2 : 1) * r.q);
    if (r.keep > 0) fits(inputs[std::size_t(r.keep)]->width() == r.q);
  }

  static bool needs_its_output(const Node<T>& node) { return node.scalar && !node.scalar->keeps_input; }

  // Lays windows over the axes of an example, the innermost last. Dilation may be null: 1.
  static void lay(Window& w, const std::vector<std::ptrdiff_t>& size, const Value& large, const Value& small,
                  const double* stride, const double* padding, const double* dilation) {
    const std::size_t axes = size.size();
    require(large.shape.size() == axes + 1 && small.shape.size() == axes + 1, "windows have as many axes as examples");
    w = Window{};
    for (std::size_t i = 0; i < axes; ++i) {
      const std::size_t axis = 3 - axes + i;
      w.size[axis] = size[i], w.in[axis] = large.shape[i], w.out[axis] = small.shape[i];
      w.used[axis] = small.shape[i];
      w.stride[axis] = std::ptrdiff_t(stride[i]);
      w.before[axis] = std::ptrdiff_t(padding[2 * i]), w.after[axis] = std::ptrdiff_t(padding[2 * i + 1]);
      if (dilation) w.dilation[axis] = std::ptrdiff_t(dilation[i]);
    }
    w.c = large.shape.back(), w.q = small.shape.back();
  }

  // Every window must lie on the padded example; one of a pool on some of the example itself.
  static void check(const Window& w, bool may_be_padding, const std::string& name) {
    for (int axis = 0; axis < 3; ++axis) {
      const std::ptrdiff_t reach = (w.size[axis] - 1) * w.dilation[axis] + 1;
      bool good = w.size[axis] >= 1 && w.stride[axis] >= 1 && w.dilation[axis] >= 1 && w.before[axis] >= 0 &&
                  w.after[axis] >= 0 && (w.out[axis] - 1) * w.stride[axis] + reach <= w.padded(axis);
      if (!may_be_padding)
        good = good && w.before[axis] < reach && (w.out[axis] - 1) * w.stride[axis] - w.before[axis] < w.in[axis];
      require(good, "the windows of '" + name + "' do not fit");
    }
  }

  // Windows of one place each, side by side, are a row of them.
  static void simplify(Window& w) {
    bool plain = true;
    for (int axis = 0; axis < 3; ++axis)
      plain = plain && w.size[axis] == 1 && w.stride[axis] == 1 && w.before[axis] == 0 && w.after[axis] == 0 &&
              w.in[axis] == w.out[axis];
    if (!plain) return;
    const std::ptrdiff_t places = w.places();
    w.in[0] = w.in[1] = w.out[0] = w.out[1] = w.used[0] = w.used[1] = 1;
    w.in[2] = w.out[2] = w.used[2] = places;
  }

  std::ptrdiff_t size_ = 0;
};

}  // namespace likeliest
