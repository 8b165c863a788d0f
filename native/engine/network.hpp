// A program, validated, with its kernels found and its numbers placed.
#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/kernels.hpp"
#include "engine/layout.hpp"
#include "engine/program.hpp"

namespace likeliest {

// A step, resolved. A reshape moves nothing: its output is its input under another name, so it is not here.
template <class T>
struct Node {
  const ScalarKernel<T>* scalar = nullptr;  // null: affine
  int input = 0, output = 0;                // storages, see Network::storages
  int weight = -1, bias = -1;               // slices
  std::vector<T> constants;
  // A first layer that is wide and thin (many inputs, few cells) is cut along its inputs into shards whose sums are
  // added up in a fixed order. How many depends on the layer's shape only, so that the bits do not depend on the
  // threads.
  std::ptrdiff_t shards = 1;
};

template <class T>
struct Network {
  const Table<T>& table;
  std::vector<Slice> slices;
  std::vector<Node<T>> nodes;
  std::vector<std::ptrdiff_t> storages;  // widths; values that may overwrite each other share a storage; 0 is x
  const LikelihoodKernel<T>* likelihood;
  std::ptrdiff_t classes;

  Network(const Program& program, const Table<T>& table) : table(table), classes(program.classes) {
    likelihood = &find(table.likelihoods, table.likelihood_count, program.likelihood, "likelihood");
    std::ptrdiff_t offset = 0;
    for (const Shape& shape : program.parameters) {
      require(shape.height > 0 && shape.columns > 0, "a parameter is empty");
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
    for (const Step& step : program.steps) {
      require(step.input == last, "the native engine runs chains: each step must take the value of the step before");
      require(
          step.output > 0 && std::size_t(step.output) < storage_of.size() && storage_of[std::size_t(step.output)] < 0,
          "a value is computed twice or unknown");
      const std::ptrdiff_t p = program.widths[std::size_t(step.input)], q = program.widths[std::size_t(step.output)];
      const int input = storage_of[std::size_t(step.input)];
      int output = input;
      if (step.operation == "affine") {
        output = new_storage(q);
        add_affine(step, p, q, input, output);
      } else {
        require(p == q && step.parameters.empty(), "step '" + step.operation + "' changes the width");
        if (step.operation != "reshape") {
          const ScalarKernel<T>& kernel = find(table.scalars, table.scalar_count, step.operation, "operation");
          // h may overwrite z where neither this derivative nor that of the step before needs z; x is never
          // overwritten.
          const bool needed = !nodes.empty() && nodes.back().scalar && !nodes.back().scalar->keeps_input;
          if (kernel.keeps_input || needed || input == 0) output = new_storage(q);
          Node<T> node;
          node.scalar = &kernel, node.input = input, node.output = output;
          node.constants.assign(step.constants.begin(), step.constants.end());
          node.constants.resize(kMaxConstants);
          nodes.push_back(node);
        }
      }
      storage_of[std::size_t(step.output)] = output;
      last = step.output;
    }
    require(std::size_t(last) + 1 == storage_of.size() && !nodes.empty() && nodes.back().output > 0,
            "the last value must be eta");
  }

  std::ptrdiff_t size() const { return size_; }
  std::ptrdiff_t width() const { return storages[std::size_t(nodes.back().output)]; }
  std::ptrdiff_t stride(int storage) const { return row_stride<T>(storages[std::size_t(storage)], table.lanes); }
  // Floating-point operations of one example, there and back.
  double operations() const {
    double total = 0;
    for (const Node<T>& node : nodes)
      if (!node.scalar)
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

  int new_storage(std::ptrdiff_t width) {
    storages.push_back(width);
    return int(storages.size()) - 1;
  }

  void add_affine(const Step& step, std::ptrdiff_t p, std::ptrdiff_t q, int input, int output) {
    require(step.parameters.size() == 1 || step.parameters.size() == 2, "affine takes W, or W and b");
    for (const int parameter : step.parameters)
      require(parameter >= 0 && std::size_t(parameter) < slices.size(), "unknown parameter");
    Node<T> node;
    node.input = input, node.output = output, node.weight = step.parameters[0];
    const Slice& W = slices[std::size_t(node.weight)];
    require(W.height == p && W.columns == q, "W does not fit its input and output");
    if (step.parameters.size() == 2) {
      node.bias = step.parameters[1];
      const Slice& b = slices[std::size_t(node.bias)];
      require(b.height == 1 && b.columns == q, "b does not fit its output");
    }
    if (input == 0 && q <= 64 && p >= 256) node.shards = p / 128 < 8 ? p / 128 : 8;
    nodes.push_back(node);
  }

  std::ptrdiff_t size_ = 0;
};

}  // namespace likeliest
