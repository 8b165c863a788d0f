// A program as Python hands it over: checked there, checked again by the engine's constructor.
#pragma once
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace likeliest {

struct Step {
  std::string operation;
  std::vector<int> inputs;  // values by number; 0 is x
  int output;
  std::vector<int> parameters;  // by number
  std::vector<double> constants;
};

// A value: what one example has, channels last.
struct Value {
  std::vector<std::ptrdiff_t> shape;
  Value(std::ptrdiff_t width) : shape{width} {}
  Value(std::vector<std::ptrdiff_t> shape) : shape(std::move(shape)) {}
  // How many numbers that is; 0 where there is a size that is none.
  std::ptrdiff_t width() const {
    std::ptrdiff_t product = 1;
    for (const std::ptrdiff_t size : shape) product = size > 0 ? product * size : 0;
    return product;
  }
};

// A parameter, row after row; of a convolution's weight, all axes but the last are rows, and those before the channels
// are its kernel.
struct Shape {
  std::ptrdiff_t height, columns;
  std::vector<std::ptrdiff_t> kernel{};
};

// What holds for one parameter.
struct Rule {
  std::string prior;  // empty: none
  std::vector<double> prior_constants;
  bool weight = true;   // whether weight decay acts on it
  bool learned = true;  // else it is a running statistic
  double max_norm = 0;  // of its columns; 0: any
};

struct Likelihood {
  std::string name;                                     // "custom" calls back
  std::vector<double> constants, training;              // of the likelihood itself, and of what training climbs
  std::ptrdiff_t groups = 1, targets = 1, classes = 0;  // 0: y has no classes
  std::ptrdiff_t steps =
      0;  // how many in an example have this likelihood, with the targets of all; 0: it is the example's
};

struct Program {
  std::vector<Value> values;
  std::vector<Shape> parameters;
  std::vector<Step> steps;
  Likelihood likelihood;
  std::vector<Rule> rules;  // one a parameter, or none at all
};

}  // namespace likeliest
