// What the engine knows of the kernels: plain tables of functions, one table for each instruction set and number type.
#pragma once
#include <cstddef>
#include <cstdint>

#include "engine/resampling.hpp"

namespace likeliest {

enum class Start { zero, bias, accumulate };  // what a product is added to: nothing, a row for all rows, or C itself

// Columns are padded to whole registers. Weights and other right-hand sides B (height x columns) stand in panels of two
// registers' width, one after the other, each with its rows one after the other; the last panel has one register where
// that is enough.

// Some columns of a matrix: not used where all their numbers are 0, as the borders of a minibatch of images are, or the
// rare categories of a table. Segments follow one another.
struct Segment {
  std::int32_t begin, end;  // rows of B
  bool used;
  std::int32_t at;  // where in a row of A its numbers begin; in a matrix, at `begin`
};
struct Segments {
  const Segment* data;
  std::ptrdiff_t count;
};

// Rows that will be read soon, far apart in memory: the processor is told of some whenever a tile is done, and fetches
// them while it multiplies.
struct Ahead {
  const char* base;
  std::ptrdiff_t row_stride, bytes;
  const std::uint32_t* rows;
  std::ptrdiff_t count;

  __attribute__((always_inline)) void fetch(std::ptrdiff_t some) noexcept {
    for (; some > 0 && count > 0; --some, --count, ++rows) {
      const char* row = base + std::ptrdiff_t(*rows) * row_stride;
      const char* line = row - std::ptrdiff_t(reinterpret_cast<std::uintptr_t>(row) % 64);
      for (; line < row + bytes; line += 64) __builtin_prefetch(line, 0, 2);
    }
  }
};

// So few columns of x are all used: looking for idle ones would cost more than it saves.
inline constexpr std::ptrdiff_t kFewColumns = 32;

// C[0, rows) = A B + start, for panels [panel_begin, panel_end); k runs over the used columns of A and rows of B, over
// kFewColumns or fewer at once. With `relu`, max(C, 0) is stored, as the operation of that name has it.
template <class T>
struct Multiply {
  std::ptrdiff_t rows;
  Segments k;
  std::ptrdiff_t height, columns, panel_begin, panel_end;
  const T* A;
  std::ptrdiff_t lda;
  const T* B;
  T* C;
  std::ptrdiff_t ldc;
  Start start;
  const T* bias;
  bool relu = false;
};

// An optimizer's step on numbers [offset, offset + count) of theta, with what goes along with it: the prior's score is
// added to g before, and an average of theta moves after.
template <class T>
struct Update {
  bool moves_without_gradient;  // whether anything changes where g is 0: it does when there is a state
  void (*step)(T* theta, const T* g, T* slot0, T* slot1, std::ptrdiff_t count, const T* constants) noexcept;
  T *theta, *slot0, *slot1;
  const T* constants;
  void (*prior)(const T* theta, T* g, std::ptrdiff_t count, const T* constants) noexcept;  // null: none
  const T* prior_constants;
  void (*blend)(T* average, const T* theta, std::ptrdiff_t count, T rate) noexcept;
  T* average;  // null: none
  T rate;
  __attribute__((always_inline)) void apply(std::ptrdiff_t offset, T* g, std::ptrdiff_t count) const noexcept {
    if (prior) prior(theta + offset, g, count, prior_constants);
    step(theta + offset, g, slot0 + offset, slot1 + offset, count, constants);
    if (average) blend(average + offset, theta + offset, count, rate);
  }
};

// K rows of A and of B that stand together, `a` and `b` numbers behind where A and B begin.
struct Piece {
  std::ptrdiff_t K, a, b;
};

// C = A^T B in panels (height x columns): the rows of C in `rows`, which are 0 where a segment is not used; of its
// tiles the part'th of `parts` equal shares. A is (K, height), B (K, columns), all in one piece or in those of a list,
// one after the other. With an update, C is applied, and not stored unless it is given: then it may be added to.
template <class T>
struct MultiplyTransposed {
  std::ptrdiff_t K;
  Segments rows;
  std::ptrdiff_t height, columns, part, parts;
  const T* A;
  std::ptrdiff_t lda;
  const T* B;
  std::ptrdiff_t ldb;
  T* C;
  Start start;
  const Update<T>* update;
  Ahead* ahead;
  const Piece* pieces = nullptr;
  std::ptrdiff_t piece_count = 0;
  bool packed = false;  // the rows of B have no padding: the next one begins where one ends
};

// z = h W + b with a W of few columns (p x q), which stands turned, (q x p) in panels; see kernels/narrow.hpp. So many
// columns are few, where registers have so many lanes: half of them, or all eight.
constexpr std::ptrdiff_t most_narrow(std::ptrdiff_t lanes) { return lanes == 8 ? 8 : lanes / 2; }
template <class T>
struct Narrow {
  std::ptrdiff_t rows, p, q;
  const T* h;
  std::ptrdiff_t ldh;
  const T *W, *bias;  // bias may be null
  T* z;
  std::ptrdiff_t ldz;
  T* h_out;  // the gradient of h
};

// What the gradient of z brings besides that of h, where h = f(pre): the gradients of W (turned), of the bias that was
// added to pre, and of W's own, a register. The last two may be null.
template <class T>
struct NarrowSums {
  T *W, *bias, *own_bias;
  bool accumulate;
};

// Windows that slide over an example, of a convolution or of a pool: three axes, the outer ones of size 1 where there
// are fewer, then channels. c numbers at each of the places that the windows lie on (the large side), q at each window
// (the small side); a transposed convolution goes from small to large.
struct Window {
  std::ptrdiff_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, size[3] = {1, 1, 1}, stride[3] = {1, 1, 1};
  std::ptrdiff_t before[3] = {0, 0, 0}, after[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  // How many of the windows along each axis matter: a pool behind a convolution may leave some out.
  std::ptrdiff_t used[3] = {1, 1, 1};
  std::ptrdiff_t c = 1, q = 1, groups = 1;

  // Inlined always: this header is compiled for every instruction set, and the linker keeps one copy of a function.
  __attribute__((always_inline)) std::ptrdiff_t padded(int axis) const { return before[axis] + in[axis] + after[axis]; }
  __attribute__((always_inline)) std::ptrdiff_t taps() const { return size[0] * size[1] * size[2]; }
  __attribute__((always_inline)) std::ptrdiff_t places() const { return in[0] * in[1] * in[2]; }
  __attribute__((always_inline)) std::ptrdiff_t padded_places() const { return padded(0) * padded(1) * padded(2); }
  __attribute__((always_inline)) std::ptrdiff_t windows() const { return out[0] * out[1] * out[2]; }
  // Where tap (a, b, d) of the first window begins, in places of the padded example.
  __attribute__((always_inline)) std::ptrdiff_t place(std::ptrdiff_t a, std::ptrdiff_t b, std::ptrdiff_t d) const {
    return (a * dilation[0] * padded(1) + b * dilation[1]) * padded(2) + d * dilation[2];
  }
};

// A convolution of one example, and its chain rule. x is the padded example, h what the windows have, each place with
// its channels one after the other, without gaps. A group's weights stand in panels, the groups `group_step` apart.
template <class T>
struct Convolution {
  const Window* window;
  Segments runs;  // that a window takes of x
  const T* W;     // (taps c/g x q/g) of each group; for the way to x of each tap (q/g x c/g), tap by tap in each panel
  std::ptrdiff_t group_step;
  const T* x;
  const T* h;
  T* out;         // h, x or the gradient of W, laid out as W
  const T* bias;  // may be null
  bool relu;
};

// Rows of places of one example, and what stands at the points of their tiles: (points, planes, rows, tiles, channels).
// `width` places of a row are there. See engine/filtering.hpp.
template <class T>
struct Filter {
  std::ptrdiff_t outputs, tiles, planes, rows;
  std::ptrdiff_t plane_step, row_step, width, channels;
  T* places;
  T* points;
  std::ptrdiff_t point_step;
  const T* bias;  // of filter_output; may be null
  bool relu;
};

// One step of a recurrence, for some rows of q cells; see ops/recurrence.hpp. All that has q numbers a row is `ld`
// apart unless it says otherwise, z and v are `ldz` apart.
template <class T>
struct Cell {
  std::ptrdiff_t rows, q, ldz, ld;
  bool keeps, relu;  // whether the way back will follow; of rnn, whether f is max(z, 0)
  T *z, *v;          // what the gates take, of x and of the state where these are apart; then the gates
  const T *before, *c_before;
  T *after, *c, *tanh_c;
  const T* keep;  // may be null: what multiplies h where it goes into U, and
  std::ptrdiff_t ld_keep;
  T* held;  // the product
  T* out;   // null, or h goes there too
  std::ptrdiff_t ld_out;
  // The way back: the gradients of z and v replace the gates. That of the output may be null; those of the state after
  // the step become those of the state before it, but for what comes to it through U.
  const T* g;
  std::ptrdiff_t ld_g;
  T *dh, *dc;
  const T* bias;    // of a gru that resets first: c
  const T* into;    // h as it goes into U, and
  T *reset, *back;  // r times that; the gradient that comes to it through U
};

// Attention of one head in one example: rows of numbers as far apart as the letters behind them say, d of q and k, e of
// v and h. The gradients may be null.
template <class T>
struct Attention {
  std::ptrdiff_t queries, keys, d, e;
  bool causal;
  const T* q;
  std::ptrdiff_t ldq;
  const T* k;
  std::ptrdiff_t ldk;
  const T* v;
  std::ptrdiff_t ldv;
  T* h;
  std::ptrdiff_t ldh;
  T* log_sums;                // one a query, kept for the way back
  T* scratch;                 // (max(d, e) + 2 queries) rows of
  std::ptrdiff_t ld_scratch;  // the keys, rounded up to whole panels
  const T* g;
  T *dq, *dk, *dv;
};

// A pool of one example; `index` has which place of its window each largest number came from. Where `positive` is not
// null, on the way back, only what went to a number above 0 of it goes on: the chain rule of a relu before the pool.
template <class T>
struct Pool {
  const Window* window;
  const T* from;
  T* to;
  T* index;
  const T* positive;
};

// The numbers of one example, `places` times c, channel by channel: statistics, and what is made of them. All arrays of
// c numbers may be read and written up to a whole register.
template <class T>
struct Channels {
  std::ptrdiff_t places, c;
  const T* x;
  T* scratch;  // 4 c lanes numbers, for this thread alone
};

// A rectangle of a row-major matrix; columns is a multiple of the lanes.
template <class T>
struct Block {
  T* data;
  std::ptrdiff_t rows, columns, stride;
};

// h = f(z) and its chain rule. `saved` is z for a function that keeps its input, else h; g holds dLL/dh and gets
// dLL/dz.
template <class T>
struct ScalarKernel {
  const char* name;
  bool keeps_input;
  void (*forward)(const T* z, std::ptrdiff_t stride, Block<T> h, const T* constants) noexcept;
  void (*backward)(const T* saved, std::ptrdiff_t stride, Block<T> g, const T* constants) noexcept;
  // The same with a narrow product behind it, in one pass and to the bit: pre and saved have the stride of h, and h_out
  // is h itself on the way there, the gradient of pre on the way back.
  void (*forward_narrow)(const T* pre, const Narrow<T>&, const T* constants) noexcept;
  void (*backward_narrow)(const T* saved, const Narrow<T>&, const NarrowSums<T>&, const T* constants) noexcept;
};

// P(y | eta) for the rows of a block. `width` columns of eta count, the rest is padding and gets a score of 0. A row of
// y has `targets` numbers. With groups > 1, y is that many independent targets, each with components of its own:
// component j of target i stands in column j * groups + i of eta.
template <class T>
struct Scoring {
  Block<const T> eta;
  std::ptrdiff_t width, groups, targets;
  const T* y;  // a register's width beyond the last may be read
  const T* weight;
  T scale;
  const T* constants;  // of the likelihood
  T* log_prob;         // weight[i] * log P(y_i | eta_i)
  T* score;            // null, or weight[i] * scale * d log P / d eta, with eta's stride
  T* scratch;          // for this thread alone: 2 width + targets registers and kSpare more
};
inline constexpr std::ptrdiff_t kSpare = 4;

template <class T>
struct LikelihoodKernel {
  const char* name;
  void (*score)(const Scoring<T>&) noexcept;
  // P(Y = k | eta), `classes` of them a row, without padding; null where y has no classes.
  void (*probabilities)(Block<const T> eta, std::ptrdiff_t width, std::ptrdiff_t classes, T* p) noexcept;
};

inline constexpr std::ptrdiff_t kDrawn = 64;  // random words at a time

// g += scale * d log P(theta) / d theta. 0 where theta is 0, as it is in the padding.
template <class T>
struct PriorKernel {
  const char* name;
  // From the prior's own constants, in the order of its fields, and the scale to what `add` takes.
  void (*constants)(const double* prior, double scale, T* constants) noexcept;
  void (*add)(const T* theta, T* g, std::ptrdiff_t count, const T* constants) noexcept;
};

// h = gamma (x - mean) / sigma + beta, and its chain rule. beta may be null, as may be gamma's gradient elsewhere.
template <class T>
struct Normalization {
  Block<const T> x;  // whose padding is finite
  std::ptrdiff_t width;
  const T *gamma, *beta;
  T epsilon;
  T* h;                // with x's stride, like x_hat and g
  T* x_hat;            // kept for the way back
  T* inverse;          // 1 / sigma: of each row, or of each column
  T *mean, *variance;  // of columns: running statistics
  T momentum;          // how much of them stays; 1 where they are to be used instead of the minibatch's
};

template <class T>
struct OptimizerKernel {
  const char* name;
  int slots;
  // From the optimizer's hyperparameters, in the order of its fields, and the step t = 1, 2, ... to what `step` takes.
  void (*constants)(const double* hyperparameters, double t, T* constants) noexcept;
  void (*step)(T* theta, const T* g, T* slot0, T* slot1, std::ptrdiff_t count, const T* constants) noexcept;
};
inline constexpr int kMaxConstants = 8;

template <class T>
struct Table {
  const char* isa;
  std::ptrdiff_t lanes;
  void (*multiply)(const Multiply<T>&) noexcept;
  void (*multiply_transposed)(const MultiplyTransposed<T>&) noexcept;
  void (*multiply_narrow)(const Narrow<T>&) noexcept;
  void (*multiply_narrow_back)(const Narrow<T>&) noexcept;
  void (*narrow_gradient)(const Narrow<T>&, std::ptrdiff_t begin, std::ptrdiff_t end, T* out, bool accumulate,
                          const Update<T>* update) noexcept;
  // Panels [begin, end) of the transpose of a weight W (height x columns, in panels): (columns x height), in panels.
  void (*transpose)(const T* W, std::ptrdiff_t height, std::ptrdiff_t columns, std::ptrdiff_t begin, std::ptrdiff_t end,
                    T* out) noexcept;
  // marks[j] = 1 where column j of a block has a number that is not 0; other marks stay.
  void (*mark_used)(Block<const T> block, T* marks) noexcept;
  // sums (+)= the columns of a block.
  void (*sum_rows)(Block<const T> block, T* sums, bool accumulate) noexcept;
  // h = start + shard 0 + shard 1 + ..., each `step` numbers after the one before.
  void (*sum_shards)(const T* shards, std::ptrdiff_t step, std::ptrdiff_t count, const T* bias, Block<T> h) noexcept;
  const ScalarKernel<T>* scalars;
  std::ptrdiff_t scalar_count;
  const LikelihoodKernel<T>* likelihoods;
  std::ptrdiff_t likelihood_count;
  const OptimizerKernel<T>* optimizers;
  std::ptrdiff_t optimizer_count;
  const PriorKernel<T>* priors;
  std::ptrdiff_t prior_count;
  void (*blend)(T* average, const T* theta, std::ptrdiff_t count, T rate) noexcept;
  // The sum of squares of some numbers, in double, from the first to the last lane by lane.
  double (*sum_of_squares)(const T* g, std::ptrdiff_t count) noexcept;
  void (*multiply_by)(T* g, std::ptrdiff_t count, T factor) noexcept;
  // Columns [begin, end) of panels of a weight W, scaled back to a length of at most `longest`.
  void (*limit_columns)(T* W, std::ptrdiff_t height, std::ptrdiff_t columns, std::ptrdiff_t begin, std::ptrdiff_t end,
                        T longest) noexcept;
  // sums (+)= the columns of a o b, two blocks of the same stride.
  void (*sum_products)(Block<const T> a, const T* b, T* sums, bool accumulate) noexcept;
  // mask[i, j] = 1 / (1 - rate) where the number is kept, else 0; rows begin at `first` of the minibatch.
  void (*dropout_mask)(Block<T> mask, std::ptrdiff_t width, std::ptrdiff_t first, std::uint32_t key0,
                       std::uint32_t key1, double rate) noexcept;
  // x += scale * standard normal.
  void (*add_noise)(Block<T> x, std::ptrdiff_t width, std::ptrdiff_t first, std::uint32_t key0, std::uint32_t key1,
                    T scale) noexcept;
  // h[i, j] = x[i, j] for j < width, else rest[j].
  void (*append)(Block<const T> x, std::ptrdiff_t width, const T* rest, Block<T> h) noexcept;
  // out = a o b, blocks of the same stride.
  void (*hadamard)(Block<const T> a, const T* b, T* out) noexcept;
  void (*normalize_rows)(const Normalization<T>&, bool centred) noexcept;
  void (*normalize_rows_backward)(const Normalization<T>&, const T* g, T* out, bool centred) noexcept;
  void (*normalize_columns)(const Normalization<T>&) noexcept;
  void (*normalize_columns_backward)(const Normalization<T>&, const T* g, T* out) noexcept;
  // h = x * W + bias for an example; x (+)= the transpose of it; W (+)= its gradient.
  void (*convolve)(const Convolution<T>&) noexcept;
  void (*convolve_back)(const Convolution<T>&) noexcept;
  void (*convolve_gradient)(const Convolution<T>&) noexcept;
  // The same where each channel has a kernel of its own: W is (taps x c), rows of whole registers.
  void (*depthwise)(const Convolution<T>&) noexcept;
  void (*depthwise_back)(const Convolution<T>&) noexcept;
  void (*depthwise_gradient)(const Convolution<T>&) noexcept;
  // B^T of the places of x; A^T of the points, to h; and what these two maps are transposed: A, and B, which adds.
  void (*filter_input)(const Filter<T>&) noexcept;
  void (*filter_output)(const Filter<T>&) noexcept;
  void (*filter_output_back)(const Filter<T>&) noexcept;
  void (*filter_input_back)(const Filter<T>&) noexcept;
  void (*attention)(const Attention<T>&) noexcept;
  void (*attention_back)(const Attention<T>&) noexcept;
  void (*lstm)(const Cell<T>&) noexcept;
  void (*lstm_back)(const Cell<T>&) noexcept;
  // The two parts of an lstm whose c is normalized between them.
  void (*lstm_gates)(const Cell<T>&) noexcept;
  void (*lstm_gates_back)(const Cell<T>&) noexcept;
  void (*lstm_output)(const Cell<T>&) noexcept;
  void (*lstm_output_back)(const Cell<T>&) noexcept;
  void (*gru)(const Cell<T>&) noexcept;
  void (*gru_back)(const Cell<T>&) noexcept;
  // Those of a gru that resets the state before the product with it.
  void (*gru_reset)(const Cell<T>&) noexcept;
  void (*gru_reset_back)(const Cell<T>&) noexcept;
  void (*gru_candidate)(const Cell<T>&) noexcept;
  void (*gru_candidate_back)(const Cell<T>&) noexcept;
  void (*rnn)(const Cell<T>&) noexcept;
  void (*rnn_back)(const Cell<T>&) noexcept;
  void (*max_pool)(const Pool<T>&) noexcept;
  void (*max_pool_back)(const Pool<T>&) noexcept;
  void (*average_pool)(const Pool<T>&) noexcept;
  void (*average_pool_back)(const Pool<T>&) noexcept;
  // sums (+)= x, (x - mean)^2 or (x - mean) y, added up channel by channel.
  void (*sum_channels)(const Channels<T>&, T* sums, bool accumulate) noexcept;
  void (*sum_squares_of_channels)(const Channels<T>&, const T* mean, T* sums) noexcept;
  void (*sum_products_of_channels)(const Channels<T>&, const T* mean, const T* y, T* sums) noexcept;
  // out = a x + b y + d, channel by channel; y may be null.
  void (*combine_channels)(const Channels<T>&, const T* y, const T* a, const T* b, const T* d, T* out) noexcept;
  // Random words for the order of the examples, kDrawn of each; see kernels/random.hpp.
  void (*draw)(std::uint32_t key0, std::uint32_t key1, std::uint32_t first, std::uint32_t* low,
               std::uint32_t* high) noexcept;
  // Of augmentation; see engine/resampling.hpp.
  void (*displace)(const Displacement<T>&) noexcept;
  void (*resample)(const Resampling<T>&) noexcept;
  // n rounds of independent multiply-adds on every register; returns the floating-point operations done.
  double (*multiply_adds)(std::ptrdiff_t n) noexcept;
};

struct Tables {
  const Table<float>* single;
  const Table<double>* twice;  // double precision
};

// One function for each instruction set that was compiled; see table.cpp.
namespace baseline {
Tables tables() noexcept;
}
namespace avx2 {
Tables tables() noexcept;
}
namespace avx512 {
Tables tables() noexcept;
}
namespace neon {
Tables tables() noexcept;
}

}  // namespace likeliest
