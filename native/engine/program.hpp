// A program as Python hands it over: checked there, checked again by the engine's constructor.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace likeliest {

struct Step {
  std::string operation;
  int input, output;            // values by number; 0 is x
  std::vector<int> parameters;  // parameters by number
  std::vector<double> constants;
};

struct Shape {
  std::ptrdiff_t height, columns;
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
};

struct Program {
  std::vector<std::ptrdiff_t> widths;  // of the values: how many numbers an example has
  std::vector<Shape> parameters;
  std::vector<Step> steps;
  Likelihood likelihood;
  std::vector<Rule> rules;  // one a parameter, or none at all
};

}  // namespace likeliest
