// The list of all kernels. This file is compiled once for each instruction set; LIKELIEST_ISA is its name.
#include "engine/kernels.hpp"
#include "kernels/augment.hpp"
#include "kernels/gemm.hpp"
#include "kernels/narrow.hpp"
#include "kernels/random.hpp"
#include "likelihoods/bernoulli.hpp"
#include "likelihoods/beta.hpp"
#include "likelihoods/categorical.hpp"
#include "likelihoods/gamma.hpp"
#include "likelihoods/laplace.hpp"
#include "likelihoods/log_normal.hpp"
#include "likelihoods/multivariate_normal.hpp"
#include "likelihoods/negative_binomial.hpp"
#include "likelihoods/normal.hpp"
#include "likelihoods/normal_mixture.hpp"
#include "likelihoods/ordinal.hpp"
#include "likelihoods/poisson.hpp"
#include "likelihoods/quantile.hpp"
#include "likelihoods/student_t.hpp"
#include "likelihoods/weibull.hpp"
#include "likelihoods/zero_inflated_poisson.hpp"
#include "ops/affine.hpp"
#include "ops/append.hpp"
#include "ops/attention.hpp"
#include "ops/channels.hpp"
#include "ops/convolution.hpp"
#include "ops/depthwise.hpp"
#include "ops/dropout.hpp"
#include "ops/elu.hpp"
#include "ops/filtering.hpp"
#include "ops/gaussian_noise.hpp"
#include "ops/gelu.hpp"
#include "ops/identity.hpp"
#include "ops/leaky_relu.hpp"
#include "ops/logistic.hpp"
#include "ops/normalization.hpp"
#include "ops/pooling.hpp"
#include "ops/recurrence.hpp"
#include "ops/relu.hpp"
#include "ops/scalar.hpp"
#include "ops/silu.hpp"
#include "ops/softplus.hpp"
#include "ops/tanh.hpp"
#include "optimizers/adagrad.hpp"
#include "optimizers/adam.hpp"
#include "optimizers/adamw.hpp"
#include "optimizers/around.hpp"
#include "optimizers/gradient_ascent.hpp"
#include "optimizers/lion.hpp"
#include "optimizers/momentum.hpp"
#include "optimizers/nadam.hpp"
#include "optimizers/nesterov.hpp"
#include "optimizers/rmsprop.hpp"
#include "priors/flat.hpp"
#include "priors/horseshoe.hpp"
#include "priors/laplace.hpp"
#include "priors/normal.hpp"
#include "priors/student_t.hpp"

#define LIKELIEST_QUOTE2(x) #x
#define LIKELIEST_QUOTE(x) LIKELIEST_QUOTE2(x)

namespace likeliest::LIKELIEST_ISA {
namespace {

template <class T>
constexpr ScalarKernel<T> scalars[] = {
    Scalar<T, Identity>::kernel, Scalar<T, Logistic>::kernel,  Scalar<T, Tanh>::kernel,
    Scalar<T, Relu>::kernel,     Scalar<T, LeakyRelu>::kernel, Scalar<T, Elu>::kernel,
    Scalar<T, Softplus>::kernel, Scalar<T, Gelu>::kernel,      Scalar<T, Silu>::kernel,
};

template <class T>
constexpr LikelihoodKernel<T> likelihoods[] = {
    bernoulli<T>,
    categorical<T>,
    ordinal<T>,
    rowwise<T, Normal>,
    rowwise<T, MultivariateNormal>,
    rowwise<T, Laplace>,
    rowwise<T, StudentT>,
    rowwise<T, LogNormal>,
    rowwise<T, Gamma>,
    rowwise<T, Weibull>,
    rowwise<T, Beta>,
    rowwise<T, Poisson>,
    rowwise<T, NegativeBinomial>,
    rowwise<T, ZeroInflatedPoisson>,
    rowwise<T, Quantile>,
    rowwise<T, NormalMixture>,
};

template <class T, class P>
constexpr PriorKernel<T> prior{P::name, P::template constants<T>, P::template add<T>};
template <class T>
constexpr PriorKernel<T> priors[] = {prior<T, NormalPrior>, prior<T, LaplacePrior>, prior<T, StudentTPrior>,
                                     prior<T, HorseshoePrior>, prior<T, FlatPrior>};

template <class T, class O>
constexpr OptimizerKernel<T> optimizer{O::name, O::slots, O::template constants<T>, O::template step<T>};
template <class T>
constexpr OptimizerKernel<T> optimizers[] = {
    optimizer<T, GradientAscent>, optimizer<T, Momentum>, optimizer<T, Nesterov>,
    optimizer<T, AdaGrad>,        optimizer<T, RMSProp>,  optimizer<T, Adam>,
    optimizer<T, AdamW>,          optimizer<T, NAdam>,    optimizer<T, Lion>,
};

// What this machine can do at best: 12 chains of multiply-adds that depend on nothing but themselves.
template <class T>
double multiply_adds(std::ptrdiff_t n) noexcept {
  constexpr int chains = 12;
  Vector<T> c[chains];
  for (int i = 0; i < chains; ++i) c[i] = broadcast(T(i));
  Vector<T> x = broadcast(T(0.9999)), y = broadcast(T(1e-9));
  for (std::ptrdiff_t k = 0; k < n; ++k)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) c[i] = c[i] * x + y;
  Vector<T> total = c[0];
  for (int i = 1; i < chains; ++i) total += c[i];
  volatile T sink = sum_of_lanes<T>(total);  // so that the chains are not optimised away
  (void)sink;
  return 2.0 * double(n) * chains * kLanes<T>;
}

template <class T>
constexpr Table<T> table{
    LIKELIEST_QUOTE(LIKELIEST_ISA),
    kLanes<T>,
    multiply<T>,
    multiply_transposed<T>,
    multiply_narrow<T>,
    multiply_narrow_back<T>,
    narrow_gradient<T>,
    transpose_weight<T>,
    mark_used<T>,
    sum_rows<T>,
    sum_shards<T>,
    scalars<T>,
    sizeof(scalars<T>) / sizeof(scalars<T>[0]),
    likelihoods<T>,
    sizeof(likelihoods<T>) / sizeof(likelihoods<T>[0]),
    optimizers<T>,
    sizeof(optimizers<T>) / sizeof(optimizers<T>[0]),
    priors<T>,
    sizeof(priors<T>) / sizeof(priors<T>[0]),
    blend<T>,
    sum_of_squares<T>,
    multiply_by<T>,
    limit_columns<T>,
    sum_products<T>,
    dropout_mask<T>,
    add_noise<T>,
    append<T>,
    hadamard<T>,
    normalize_rows<T>,
    normalize_rows_backward<T>,
    normalize_columns<T>,
    normalize_columns_backward<T>,
    convolve<T>,
    convolve_back<T>,
    convolve_gradient<T>,
    depthwise<T>,
    depthwise_back<T>,
    depthwise_gradient<T>,
    filter_input<T>,
    filter_output<T>,
    filter_output_back<T>,
    filter_input_back<T>,
    attention<T>,
    attention_back<T>,
    lstm<T>,
    lstm_back<T>,
    lstm_gates<T>,
    lstm_gates_back<T>,
    lstm_output<T>,
    lstm_output_back<T>,
    gru<T>,
    gru_back<T>,
    gru_reset<T>,
    gru_reset_back<T>,
    gru_candidate<T>,
    gru_candidate_back<T>,
    rnn<T>,
    rnn_back<T>,
    max_pool<T>,
    max_pool_back<T>,
    average_pool<T>,
    average_pool_back<T>,
    sum_channels<T>,
    sum_squares_of_channels<T>,
    sum_products_of_channels<T>,
    combine_channels<T>,
    draw,
    displace<T>,
    resample<T>,
    multiply_adds<T>,
};

}  // namespace

Tables tables() noexcept { return {&table<float>, &table<double>}; }

}  // namespace likeliest::LIKELIEST_ISA
