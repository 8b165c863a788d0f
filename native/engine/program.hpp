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

struct Program {
  std::vector<std::ptrdiff_t> widths;  // of the values: how many numbers an example has
  std::vector<Shape> parameters;
  std::vector<Step> steps;
  std::string likelihood;
  std::ptrdiff_t classes;
};

}  // namespace likeliest
