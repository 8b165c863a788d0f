// The native engine: holds theta, runs a program. One class for both number types, behind one interface.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/gather.hpp"
#include "engine/isa.hpp"
#include "engine/program.hpp"

namespace likeliest {

// Examples: y and weight are arrays of the engine's number type with one number a row; either may be null.
struct Examples {
  Source x;
  const void* y;
  const void* weight;
};

class Engine {
 public:
  virtual ~Engine() = default;

  static constexpr int kTheta = 0, kGradient = -1;  // what `get` reads; an optimizer's state is 1, 2

  // A parameter, row after row. `which`: theta, the last gradient, or an optimizer's slot.
  virtual void get(int parameter, int which, void* out) const = 0;
  virtual void set(int parameter, int which, const void* in) = 0;

  virtual void start(const std::string& optimizer, const std::vector<double>& hyperparameters) = 0;

  // Keeps theta and the optimizer's state aside, and brings back what was kept last.
  virtual void keep() = 0;
  virtual void restore() = 0;

  // Steps t, t + 1, ... on the examples order[bounds[k] .. bounds[k + 1]). totals[k]: the weighted log-likelihood of
  // the batch before its update. Returns how many totals it wrote: it stops, without that update, where the total is
  // below floor times the size of the batch, or NaN.
  virtual std::ptrdiff_t train(const Examples& data, const std::uint32_t* order, const std::int64_t* bounds,
                               std::ptrdiff_t steps, std::int64_t t, double floor, int threads, double* totals) = 0;

  virtual void gradient(const Examples& data, int threads) = 0;
  virtual void log_likelihood(const Examples& data, int threads, double* out) = 0;
  virtual void output(const Source& x, int threads, void* eta) = 0;
  virtual void probabilities(const Source& x, int threads, void* p) = 0;
};

// Throws std::invalid_argument when the program is not consistent or has something without a kernel.
std::unique_ptr<Engine> make_engine(const Program& program, bool double_precision, const std::string& isa);

}  // namespace likeliest
