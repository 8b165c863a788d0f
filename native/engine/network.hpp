// A program, validated, with its kernels found and its numbers placed.
#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/kernels.hpp"
#include "engine/layout.hpp"
#include "engine/program.hpp"

namespace likeliest {

enum class Kind { affine, scalar, append, embedding, dropout, noise, layer_norm, rms_norm, batch_norm };

// A step, resolved. A reshape moves nothing: its output is its input under another name, so it is not here.
template <class T>
struct Node {
  Kind kind = Kind::affine;
  int step = 0;                             // its place in the program, on which its random numbers depend
  int input = 0, output = 0;                // storages, see Network::storages
  const ScalarKernel<T>* scalar = nullptr;  // of a scalar function
  int weight = -1, bias = -1;               // slices; of a normalization gamma and beta
  std::vector<int> others;                  // slices: tables, running statistics
  std::vector<T> constants;
  double rate = 0;      // of dropout
  bool narrow = false;  // an affine step whose weight stands turned
  // A first layer that is wide and thin (many inputs, few cells) is cut along its inputs into shards whose sums are
  // added up in a fixed order. How many depends on the layer's shape only, so that the bits do not depend on the
  // threads.
  std::ptrdiff_t shards = 1;

  bool normalizes() const { return kind == Kind::layer_norm || kind == Kind::rms_norm || kind == Kind::batch_norm; }
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
  std::vector<std::ptrdiff_t> storages;  // widths; values that may overwrite each other share a storage; 0 is x
  const LikelihoodKernel<T>* likelihood = nullptr;  // null: a custom one
  std::ptrdiff_t groups, targets, classes;
  std::vector<T> constants, training_constants;  // of the likelihood
  std::vector<SliceRule<T>> rules;               // one a slice
  bool needs_gradient = false;                   // whether some gradients are always stored before they are applied
  bool whole_batches = false;                    // whether a minibatch cannot go through in blocks

  Network(const Program& program, const Table<T>& table)
      : table(table),
        groups(program.likelihood.groups),
        targets(program.likelihood.targets),
        classes(program.likelihood.classes),
        constants(program.likelihood.constants.begin(), program.likelihood.constants.end()),
        training_constants(program.likelihood.training.begin(), program.likelihood.training.end()) {
    if (program.likelihood.name != "custom")
      likelihood = &find(table.likelihoods, table.likelihood_count, program.likelihood.name, "likelihood");
    require(groups >= 1 && targets >= 1 && targets % groups == 0 && classes >= 0, "no such likelihood");
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
    require(!program.widths.empty(), "there is no input");
    for (const std::ptrdiff_t width : program.widths) require(width > 0, "a value is empty");
    std::vector<int> storage_of(program.widths.size(), -1);
    storage_of[0] = 0;
    storages.push_back(program.widths[0]);
    int last = 0;
    for (std::size_t index = 0; index < program.steps.size(); ++index) {
      const Step& step = program.steps[index];
      require(step.input == last, "the native engine runs chains: each step must take the value of the step before");
      require(
          step.output > 0 && std::size_t(step.output) < storage_of.size() && storage_of[std::size_t(step.output)] < 0,
          "a value is computed twice or unknown");
      const std::ptrdiff_t p = program.widths[std::size_t(step.input)], q = program.widths[std::size_t(step.output)];
      int& output = storage_of[std::size_t(step.output)];
      output = storage_of[std::size_t(step.input)];
      if (step.operation != "reshape") {
        Node<T> node = resolve(step, p, q, output);
        node.step = int(index);
        output = node.output;
        nodes.push_back(std::move(node));
      }
      require(step.operation != "reshape" || p == q, "a reshape changes the width");
      last = step.output;
    }
    require(std::size_t(last) + 1 == storage_of.size() && !nodes.empty() && nodes.back().output > 0,
            "the last value must be eta");
    require(width() % groups == 0, "eta does not fit the likelihood");
    for (const Node<T>& node : nodes) {
      needs_gradient = needs_gradient || node.kind == Kind::embedding || node.kind == Kind::append;
      whole_batches = whole_batches || node.kind == Kind::batch_norm;
    }
  }

  std::ptrdiff_t size() const { return size_; }
  std::ptrdiff_t width() const { return storages[std::size_t(nodes.back().output)]; }
  std::ptrdiff_t stride(int storage) const { return row_stride<T>(storages[std::size_t(storage)], table.lanes); }
  // Floating-point operations of one example, there and back.
  double operations() const {
    double total = 0;
    for (const Node<T>& node : nodes)
      if (node.kind == Kind::affine)
        total += 6.0 * double(slices[std::size_t(node.weight)].height * slices[std::size_t(node.weight)].columns);
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

  // The weights of few columns behind a hidden layer, which the kernels in narrow.hpp take.
  std::vector<bool> find_narrow(const Program& program) const {
    std::vector<bool> narrow(program.parameters.size());
    std::vector<int> uses(program.parameters.size());
    std::vector<bool> is_x(program.widths.size());
    if (!is_x.empty()) is_x[0] = true;
    for (const Step& step : program.steps) {
      const auto known = [](int i, std::size_t count) { return i >= 0 && std::size_t(i) < count; };
      if (!known(step.input, is_x.size()) || !known(step.output, is_x.size())) continue;  // refused later
      is_x[std::size_t(step.output)] = step.operation == "reshape" && is_x[std::size_t(step.input)];
      for (const int i : step.parameters)
        if (known(i, uses.size())) ++uses[std::size_t(i)];
      if (step.operation != "affine" || step.parameters.empty() || is_x[std::size_t(step.input)]) continue;
      const int W = step.parameters[0];
      if (known(W, narrow.size()) && program.parameters[std::size_t(W)].columns <= most_narrow(table.lanes) &&
          rules[std::size_t(W)].max_norm == T(0))
        narrow[std::size_t(W)] = true;
    }
    for (std::size_t i = 0; i < narrow.size(); ++i) narrow[i] = narrow[i] && uses[i] == 1;
    return narrow;
  }

  int new_storage(std::ptrdiff_t width) {
    storages.push_back(width);
    return int(storages.size()) - 1;
  }

  Node<T> resolve(const Step& step, std::ptrdiff_t p, std::ptrdiff_t q, int input) {
    for (const int parameter : step.parameters)
      require(parameter >= 0 && std::size_t(parameter) < slices.size(), "unknown parameter");
    Node<T> node;
    node.input = input;
    node.constants.assign(step.constants.begin(), step.constants.end());
    const std::string& name = step.operation;
    const auto row = [&](std::size_t k, std::ptrdiff_t columns) {
      require(k < step.parameters.size(), "'" + name + "' lacks a parameter");
      const Slice& slice = slices[std::size_t(step.parameters[k])];
      require(slice.height == 1 && slice.columns == columns, "a parameter does not fit '" + name + "'");
      return step.parameters[k];
    };
    const auto same_width = [&](std::size_t parameters, std::size_t constants) {
      require(p == q && step.parameters.size() == parameters && step.constants.size() == constants,
              "step '" + name + "' does not fit");
    };
    if (name == "affine") {
      require(step.parameters.size() == 1 || step.parameters.size() == 2, "affine takes W, or W and b");
      node.weight = step.parameters[0];
      const Slice& W = slices[std::size_t(node.weight)];
      node.narrow = W.turned;
      require((W.turned ? W.columns : W.height) == p && (W.turned ? W.height : W.columns) == q,
              "W does not fit its input and output");
      if (step.parameters.size() == 2) node.bias = row(1, q);
      if (input == 0 && q <= 64 && p >= 256) node.shards = p / 128 < 8 ? p / 128 : 8;
    } else if (name == "append") {
      node.kind = Kind::append;
      node.bias = row(0, q - p);
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
    } else if (name == "layer_norm" || name == "rms_norm" || name == "batch_norm") {
      node.kind = name == "layer_norm" ? Kind::layer_norm : name == "rms_norm" ? Kind::rms_norm : Kind::batch_norm;
      const bool columns = node.kind == Kind::batch_norm;
      same_width(columns ? 4 : node.kind == Kind::rms_norm ? 1 : 2, columns ? 2 : 1);
      node.weight = row(0, q);
      if (node.kind != Kind::rms_norm) node.bias = row(1, q);
      if (columns) node.others = {row(2, q), row(3, q)};
    } else {
      node.kind = Kind::scalar;
      node.scalar = &find(table.scalars, table.scalar_count, name, "operation");
      same_width(0, step.constants.size());
      // h may overwrite z where neither this derivative nor that of the step before needs z; x is never overwritten.
      const bool needed = !nodes.empty() && nodes.back().scalar && !nodes.back().scalar->keeps_input;
      node.output = node.scalar->keeps_input || needed || input == 0 ? new_storage(q) : input;
      node.constants.resize(kMaxConstants);
      return node;
    }
    node.output = new_storage(q);
    return node;
  }

  std::ptrdiff_t size_ = 0;
};

}  // namespace likeliest
