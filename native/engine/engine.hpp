// The native engine: holds theta, runs a program. One class for both number types, behind one interface.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/augment.hpp"
#include "engine/gather.hpp"
#include "engine/isa.hpp"
#include "engine/program.hpp"
#include "engine/random.hpp"

namespace likeliest {

// A likelihood of the user's: from eta (rows x width, `stride` apart) and the targets of the rows to log P and its
// score, both in the engine's number type. False: it failed.
using Custom = std::function<bool(std::ptrdiff_t rows, std::ptrdiff_t width, std::ptrdiff_t stride, const void* eta,
                                  const void* y, void* log_prob, void* score)>;

// Examples: y and weight are arrays of the engine's number type, with the likelihood's targets and with one number a
// row; either may be null. `custom` is asked where the engine has no kernel for the likelihood.
struct Examples {
  Source x;
  const void* y;
  const void* weight;
  const Custom* custom = nullptr;
};

// What a step climbs besides the log-likelihood of its minibatch; see likeliest/engines/base.py.
struct Terms {
  double prior_scale = 0, clip_norm = std::numeric_limits<double>::infinity();
  Key noise{0, 0};
  const Augmentation* augmentation = nullptr;  // null: examples are taken as they are
};

// Some steps: step k takes the examples order[bounds[k] .. bounds[k + 1]), its learning rate times factors[k], and then
// the average of theta moves by rates[k]; rates may be null. carries[k]: whether recurrences begin, row by row, in the
// state in which they ended the step before, through which no gradient goes; null: the state is not kept.
struct Steps {
  const std::uint32_t* order;
  const std::int64_t* bounds;
  const double *factors, *rates;
  std::ptrdiff_t count;
  std::int64_t t;
  const bool* carries = nullptr;
};

// The same of a prediction.
enum class Carry { none, begin, go_on };

// One call at a time, from whichever thread; a call from inside a call, as by a likelihood of the user's that asks the
// network which is asking it, throws std::logic_error.
class Engine {
 public:
  virtual ~Engine() = default;

  // What `get` reads; an optimizer's state is 1, 2.
  static constexpr int kTheta = 0, kGradient = -1, kAverage = -2;

  // A parameter, row after row. `which`: theta, the last gradient, or an optimizer's slot.
  virtual void get(int parameter, int which, void* out) const = 0;
  virtual void set(int parameter, int which, const void* in) = 0;

  // `free` has the hyperparameters for what priors and decay leave alone.
  virtual void start(const std::string& optimizer, const std::vector<double>& hyperparameters,
                     const std::vector<double>& free) = 0;

  // Begins to keep an average of theta, from what theta is, or stops to; exchanges theta and the average.
  virtual void average(bool wanted) = 0;
  virtual void swap() = 0;

  // Keeps theta, the optimizer's state, the average and the state that is carried aside, and brings back what was kept
  // last.
  virtual void keep() = 0;
  virtual void restore() = 0;

  // totals[k]: the weighted log-likelihood of batch k before its update. Returns how many totals it wrote: it stops,
  // without that update, where the total is below floor times the size of the batch, or NaN.
  virtual std::ptrdiff_t train(const Examples& data, const Steps& steps, const Terms& terms, double floor, int threads,
                               double* totals) = 0;

  virtual void gradient(const Examples& data, int threads) = 0;
  virtual void log_likelihood(const Examples& data, int threads, double* out, Carry carry = Carry::none) = 0;
  virtual void output(const Source& x, int threads, void* eta, Carry carry = Carry::none) = 0;
  virtual void probabilities(const Source& x, int threads, void* p) = 0;
};

// Throws std::invalid_argument when the program is not consistent or has something without a kernel.
std::unique_ptr<Engine> make_engine(const Program& program, bool double_precision, const std::string& isa);

}  // namespace likeliest
