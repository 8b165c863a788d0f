#include "engine/engine.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "engine/layout.hpp"
#include "engine/memory.hpp"
#include "engine/plan.hpp"
#include "engine/pool.hpp"
#include "engine/subnormal.hpp"
#include "engine/turn.hpp"

namespace likeliest {
namespace {

constexpr std::ptrdiff_t kMaxRows = 1024;     // a larger minibatch goes through in blocks of this many rows
constexpr std::ptrdiff_t kPredictRows = 128;  // and predictions in blocks of this many
constexpr std::ptrdiff_t kPredictNumbers = 1 << 22, kTrainingNumbers = 1 << 25;  // and of at most so many numbers
// Sequences go through their steps in blocks that fit into the processors' own caches, but for at least so many rows.
constexpr std::ptrdiff_t kNearNumbers = 1 << 20, kLeastRows = 32;
constexpr std::ptrdiff_t kBlockRows =
    64;  // of a small network: what a minibatch is cut into, so that it stays in the cache
constexpr std::ptrdiff_t kMaxShards = 8;    // and how many threads may have a part of their own at most
constexpr std::ptrdiff_t kSmall = 1 << 15;  // numbers of theta
// Numbers of theta that each thread rather updates by itself than waits once more for those that others have updated.
constexpr std::ptrdiff_t kReplicated = 1 << 12;
constexpr std::ptrdiff_t kPiece = 4096;  // numbers of the gradient whose squares are added up by one thread
constexpr std::size_t kMaxHyperparameters = 16;
constexpr std::int64_t kAlone = 8;  // so many times as long as it was found crowded, a machine is left to others
// Floating-point operations, below which a thread costs more than it brings: a step, where the thread is at hand, and
// once, where it sleeps and has to be woken up.
constexpr double kWorthAThread = 2.5e5, kWorthWaking = 2.5e6;

template <class T>
class EngineOf final : public Engine {
 public:
  EngineOf(const Program& program, const Table<T>& table)
      : network_(program, table),
        theta_(std::size_t(network_.size())),
        predict_rows_(rows_within(kPredictRows, kPredictNumbers, false)),
        predict_(network_, 1, predict_rows_, false) {}

  void get(int parameter, int which, void* out) const override {
    const std::lock_guard lock(turn_);
    const T* from = numbers(which);
    copy(parameter, [&](std::ptrdiff_t plain, std::ptrdiff_t placed, std::ptrdiff_t count) {
      std::copy_n(from + placed, count, static_cast<T*>(out) + plain);
    });
  }

  void set(int parameter, int which, const void* in) override {
    const std::lock_guard lock(turn_);
    T* to = numbers(which);
    copy(parameter, [&](std::ptrdiff_t plain, std::ptrdiff_t placed, std::ptrdiff_t count) {
      std::copy_n(static_cast<const T*>(in) + plain, count, to + placed);
    });
  }

  void keep() override {
    const std::lock_guard lock(turn_);
    for (int which = 0; which <= slots(); ++which) keep(numbers(which), kept_[which]);
    if (average_.data()) keep(average_.data(), kept_average_);
    kept_carried_.copy_from(carried_);
  }

  void restore() override {
    const std::lock_guard lock(turn_);
    for (int which = 0; which <= slots(); ++which)
      if (kept_[which].size() == theta_.size()) std::copy_n(kept_[which].data(), theta_.size(), numbers(which));
    if (average_.data() && kept_average_.data()) std::copy_n(kept_average_.data(), theta_.size(), average_.data());
    carried_.copy_from(kept_carried_);
  }

  void average(bool wanted) override {
    const std::lock_guard lock(turn_);
    average_ = wanted ? Memory<T>(theta_.size()) : Memory<T>();
    if (wanted) std::copy_n(theta_.data(), theta_.size(), average_.data());
    if (!wanted) kept_average_ = Memory<T>();
  }

  void swap() override {
    const std::lock_guard lock(turn_);
    if (!average_.data()) throw std::logic_error("swap needs an average: call average first");
    std::swap_ranges(theta_.data(), theta_.data() + theta_.size(), average_.data());
  }

  void start(const std::string& optimizer, const std::vector<double>& hyperparameters,
             const std::vector<double>& free) override {
    const std::lock_guard lock(turn_);
    if (hyperparameters.empty() || free.size() != hyperparameters.size())
      throw std::invalid_argument("start: an optimizer has a learning rate, for weights and for the rest");
    optimizer_ = &network_.find(network_.table.optimizers, network_.table.optimizer_count, optimizer, "optimizer");
    hyperparameters_ = hyperparameters, free_ = free;
    for (Memory<T>& slot : slots_) slot = Memory<T>();
    for (int i = 0; i < optimizer_->slots; ++i) slots_[i] = Memory<T>(theta_.size());
  }

  std::ptrdiff_t train(const Examples& data, const Steps& steps, const Terms& terms, double floor, int threads,
                       double* totals) override {
    const std::lock_guard lock(turn_);
    if (!optimizer_) throw std::logic_error("train needs an optimizer: call start first");
    std::ptrdiff_t largest = 1;
    for (std::ptrdiff_t k = 0; k < steps.count; ++k)
      largest = std::max<std::ptrdiff_t>(largest, steps.bounds[k + 1] - steps.bounds[k]);
    if (steps.carries) {
      std::ptrdiff_t there = carried_.rows();
      for (std::ptrdiff_t k = 0; k < steps.count; ++k) {
        const std::ptrdiff_t rows = steps.bounds[k + 1] - steps.bounds[k];
        for (std::ptrdiff_t i = there; i < rows; ++i)
          if (steps.carries[steps.bounds[k] + i])
            throw std::invalid_argument("train: carries has a row that goes on from none of the step before");
        there = rows;
      }
      carried_.make(network_, largest);
    }
    std::optional<Augmenter<T>> augmenter;
    if (terms.augmentation) {
      check(*terms.augmentation, data.x.columns);
      augmenter.emplace(*terms.augmentation, network_.table, threads, largest, network_.targets,
                        network_.stride(network_.nodes.back().output));
    }
    const double more = augmenter ? augmenter->operations() : 0;
    // Where augmentation is most of the work, all threads share it, row by row, and not only as many as there are
    // shards.
    const bool sharded = is_sharded(largest) && more <= network_.operations();
    Plan<T>& plan = sharded ? sharded_plan(largest, threads, more) : training_plan(largest, threads, more);
    clips_ = terms.clip_norm < std::numeric_limits<double>::infinity();
    if (clips_ || network_.needs_gradient) allocate_gradient();
    std::vector<T> priors(network_.rules.size() * kMaxConstants);
    for (std::size_t i = 0; i < network_.rules.size(); ++i)
      if (const SliceRule<T>& rule = network_.rules[i]; rule.prior)
        rule.prior->constants(rule.prior_constants.data(), terms.prior_scale, &priors[i * kMaxConstants]);
    std::ptrdiff_t written = 0;
    auto job = [&](int thread, Team& team) noexcept {
      const Subnormals subnormals(false);
      Worker<T> w = worker(plan.space, thread, team.threads(), data);
      const Learned learned = learned_by(&plan == sharded_.get() ? thread : 0);
      w.theta = learned.theta, w.gradient = learned.gradient;
      if (augmenter) w.augmenter = &*augmenter, w.augmenting = augmenter->scratch(thread);
      for (std::ptrdiff_t k = 0; k < steps.count; ++k) {
        T constants[kMaxConstants], free[kMaxConstants];
        optimizer_constants(hyperparameters_, steps.factors[k], steps.t + k, constants);
        if (free_ == hyperparameters_)
          std::copy_n(constants, kMaxConstants, free);
        else
          optimizer_constants(free_, steps.factors[k], steps.t + k, free);
        const double rate = steps.rates ? steps.rates[k] : 0;
        const Stepper<T> stepper{&network_,
                                 optimizer_,
                                 learned.theta,
                                 learned.slots[0],
                                 learned.slots[1],
                                 constants,
                                 free,
                                 priors.data(),
                                 rate > 0 ? learned.average : nullptr,
                                 T(rate)};
        w.stepper = &stepper;
        w.ordered = steps.bounds[steps.count];
        w.floor = floor, w.training = true, w.noise = terms.noise, w.t = steps.t + k;
        if (steps.carries) w.carried = &carried_, w.goes_on = steps.carries;
        const bool good = step(plan, w, team, steps.order, steps.bounds[k], steps.bounds[k + 1], terms.clip_norm);
        if (thread == 0) totals[k] = w.total, written = k + 1;
        if (!good) break;
      }
      if (thread == 0 && team.threads() > 1)
        if (const std::int64_t crowded = team.crowded()) alone_until_ = nanoseconds() + kAlone * crowded;
    };
    // Waiting for a thread that waits for a processor is slower than doing its work: then go on alone for a while.
    const int most = &plan == sharded_.get() ? int(spaces_of_shards_.size()) + 1 : plan.threads;
    run_on_pool(nanoseconds() < alone_until_ ? 1 : most, job);
    if (steps.carries && written > 0) carried_.ended(steps.bounds[written] - steps.bounds[written - 1]);
    return written;
  }

  void gradient(const Examples& data, int threads) override {
    const std::lock_guard lock(turn_);
    Plan<T>& plan = training_plan(std::min(data.x.rows, most_rows() + 1), threads);
    allocate_gradient();
    auto job = [&](int thread, Team& team) noexcept {
      Worker<T> w = worker(plan.space, thread, team.threads(), data);
      w.scale = T(1);
      w.begin = 0;
      blocks(plan, w, team, nullptr, 0, data.x.rows);
    };
    run_on_pool(plan.threads, job);
  }

  void log_likelihood(const Examples& data, int threads, double* out, Carry carry) override {
    if (!network_.likelihood) throw std::logic_error("the log-likelihood is the caller's own: compute it from eta");
    predict(data, threads, carry, [&](const Worker<T>& w, const Block<const T>& eta, std::ptrdiff_t first) {
      T log_prob[kPredictRows];
      predict_.score(predict_.scoring(w, {0, eta.rows}, false, log_prob, nullptr));
      std::copy(log_prob, log_prob + eta.rows, out + first);
    });
  }

  void output(const Source& x, int threads, void* out, Carry carry) override {
    const std::ptrdiff_t width = network_.width();
    predict({x, nullptr, nullptr}, threads, carry,
            [&](const Worker<T>&, const Block<const T>& eta, std::ptrdiff_t first) {
              for (std::ptrdiff_t i = 0; i < eta.rows; ++i)
                std::copy_n(eta.data + i * eta.stride, width, static_cast<T*>(out) + (first + i) * width);
            });
  }

  void probabilities(const Source& x, int threads, void* out) override {
    const std::ptrdiff_t classes = network_.classes;
    if (!classes || !network_.likelihood || !network_.likelihood->probabilities)
      throw std::logic_error("y has no classes");
    const auto take = [&](const Worker<T>&, const Block<const T>& eta, std::ptrdiff_t first) {
      const std::ptrdiff_t steps = network_.steps, width = network_.width() / steps;
      T* to = static_cast<T*>(out) + first * steps * classes;
      if (steps == 1) return network_.likelihood->probabilities(eta, width, classes, to);
      for (std::ptrdiff_t i = 0; i < eta.rows; ++i)
        network_.likelihood->probabilities(
            {eta.data + i * eta.stride, steps, round_up(width, network_.table.lanes), width}, width, classes,
            to + i * steps * classes);
    };
    predict({x, nullptr, nullptr}, threads, Carry::none, take);
  }

 private:
  // Calls f(index in a plain array, index in theta, count) for the pieces of a parameter that stand together in both.
  template <class F>
  void copy(int parameter, F&& f) const {
    const Slice& s = network_.slices.at(std::size_t(parameter));
    if (s.turned) {
      for (std::ptrdiff_t j = 0; j < s.height; ++j)
        for (std::ptrdiff_t i = 0; i < s.columns; ++i) f(i * s.height + j, s.offset + s.index(j, i), 1);
      return;
    }
    for (std::ptrdiff_t p = 0; p < s.panels(); ++p) {
      const std::ptrdiff_t j = p * s.panel_width(), count = std::min(s.columns - j, s.panel_width());
      for (std::ptrdiff_t i = 0; i < s.height; ++i) f(i * s.columns + j, s.offset + s.index(i, j), count);
    }
  }

  int slots() const { return optimizer_ ? optimizer_->slots : 0; }

  T* numbers(int which) const {
    if (which == kTheta) return theta_.data();
    T* data = which == kGradient  ? gradient_.data()
              : which == kAverage ? average_.data()
              : which <= 2        ? slots_[which - 1].data()
                                  : nullptr;
    if (!data) throw std::out_of_range("no such numbers");
    return data;
  }

  // Slots that the optimizer does not have are never touched, but need an address.
  T* slot(int i) const { return i < optimizer_->slots ? slots_[i].data() : theta_.data(); }

  // What a step changes. Thread 0 has the engine's own, and so have the others, unless they have replicas.
  struct Learned {
    T *theta, *gradient, *slots[2], *average;
  };
  Learned learned_by(int thread) const noexcept {
    const Learned own{theta_.data(), gradient_.data(), {slot(0), slot(1)}, average_.data()};
    if (thread == 0 || !replicates()) return own;
    T* next = replicas_[std::size_t(thread - 1)].data();
    const auto replica = [&](const T* from) {
      std::copy_n(from, theta_.size(), next);
      return std::exchange(next, next + theta_.size());
    };
    return {replica(own.theta),
            replica(own.gradient),
            {replica(own.slots[0]), replica(own.slots[1])},
            own.average ? replica(own.average) : nullptr};
  }
  static constexpr std::size_t kLearned = sizeof(Learned) / sizeof(T*);  // arrays

  Worker<T> worker(Workspace<T>& space, int thread, int threads, const Examples& data) const {
    Worker<T> w;
    w.space = &space, w.thread = thread, w.threads = threads, w.data = &data;
    w.theta = theta_.data(), w.gradient = gradient_.data(), w.row_shards = network_.row_shards;
    return w;
  }

  void optimizer_constants(const std::vector<double>& hyperparameters, double factor, std::int64_t t,
                           T* constants) const noexcept {
    double h[kMaxHyperparameters];
    std::copy_n(hyperparameters.data(), std::min<std::size_t>(hyperparameters.size(), kMaxHyperparameters), h);
    h[0] *= factor;  // the learning rate comes first
    optimizer_->constants(h, double(t), constants);
  }

  void keep(const T* from, Memory<T>& to) {
    if (to.size() != theta_.size()) to = Memory<T>(theta_.size());
    std::copy_n(from, theta_.size(), to.data());
  }

  void allocate_gradient() {
    if (!gradient_.data()) gradient_ = Memory<T>(theta_.size());
    squares_.resize(std::size_t(divide_up(network_.size(), kPiece)));
  }

  // How many rows fit into so many numbers, at most `rows`: images and sequences are large.
  std::ptrdiff_t rows_within(std::ptrdiff_t rows, std::ptrdiff_t numbers, bool training = true) const {
    if (network_.row_shards == 0 && !network_.sequences) return rows;
    return std::clamp<std::ptrdiff_t>(numbers / numbers_of_example(training), 1, rows);
  }
  std::ptrdiff_t numbers_of_example(bool training) const {
    std::ptrdiff_t each = 0;
    for (const std::ptrdiff_t width : network_.storages) each += width;
    for (const Node<T>& node : network_.nodes)
      if (node.recurrence) each += Recurrent<T>::numbers(network_, node, training);
    return each;
  }
  // How many rows of a minibatch go through at once. What that depends on is the shapes alone.
  std::ptrdiff_t most_rows() const {
    std::ptrdiff_t most = rows_within(kMaxRows, kTrainingNumbers);
    for (const Node<T>& node : network_.nodes)
      if (node.recurrence) most = std::min(most, std::max(kLeastRows, kNearNumbers / numbers_of_example(true)));
    return most;
  }

  // The plan for minibatches of up to `rows`, kept while it fits. More threads than the work is worth are left out;
  // `more` is what augmentation takes for each example, 0 without.
  Plan<T>& training_plan(std::ptrdiff_t rows, int threads, double more = 0) {
    const std::ptrdiff_t capacity = network_.whole_batches ? rows : std::min(rows, most_rows());
    const int worth = int(
        std::min(double(threads), std::max(1.0, (network_.operations() + more) * double(capacity) / kWorthAThread)));
    if (rows > capacity || network_.needs_gradient) allocate_gradient();
    if (!training_ || training_->threads != worth || training_->space.rows < capacity ||
        training_->space.rows > 2 * capacity || (more > 0 && !training_->augments))
      training_ = std::make_unique<Plan<T>>(network_, worth, capacity, true, more > 0);
    return *training_;
  }

  // A small network is wholly run by each thread, on shards of the minibatch. What the threads then tell each other is
  // their gradients, which are less than the values of all examples. How many shards there are depends on the number of
  // examples only, and so do the bits.
  // Of a very small one, each thread has a replica of theta and updates all of it: they meet once a step, and the
  // gradients of the next step go elsewhere, since others may still add up those of this one.
  bool is_sharded(std::ptrdiff_t largest) const {
    return largest > kBlockRows && network_.size() <= kSmall && !network_.whole_batches && network_.likelihood &&
           network_.row_shards == 0;
  }
  bool replicates() const { return network_.size() <= kReplicated; }
  static std::ptrdiff_t shards_of(std::ptrdiff_t rows) {
    return std::clamp<std::ptrdiff_t>(rows / (2 * kBlockRows), 1, kMaxShards);
  }
  Plan<T>& sharded_plan(std::ptrdiff_t rows, int threads, double more) {
    const double worth = (network_.operations() + more) * double(rows) / kWorthAThread;
    const int count = int(std::min({double(threads), double(shards_of(rows)), std::max(1.0, worth)}));
    if (!sharded_ || (more > 0 && !sharded_->augments)) {
      sharded_ = std::make_unique<Plan<T>>(network_, 1, kBlockRows, true, more > 0);
      spaces_of_shards_.clear();
    }
    while (int(spaces_of_shards_.size()) < count - 1)
      spaces_of_shards_.emplace_back(network_, 1, kBlockRows, true, sharded_->augments);
    while (int(spaces_of_shards_.size()) > count - 1) spaces_of_shards_.pop_back();
    const std::size_t size = std::size_t(network_.size() * kMaxShards * (replicates() ? 2 : 1));
    if (shard_gradients_.size() != size) shard_gradients_ = Memory<T>(size);
    while (replicates() && int(replicas_.size()) < count - 1) replicas_.emplace_back(kLearned * theta_.size());
    allocate_gradient();
    return *sharded_;
  }

  // The gradients of the examples [begin, end) of the order, shard by shard, and w.total, their log-likelihood. Returns
  // where the shards' gradients are.
  const T* shards(Plan<T>& plan, Worker<T>& w, Team& team, const std::uint32_t* order, std::ptrdiff_t begin,
                  std::ptrdiff_t end) noexcept {
    const std::ptrdiff_t count = shards_of(end - begin), size = network_.size();
    const std::ptrdiff_t turn = replicates() ? w.t % 2 * kMaxShards : 0;
    T* const gradients = shard_gradients_.data() + turn * size;
    ShardTotal* const totals = shard_totals_ + turn;
    Worker<T> alone = w;
    alone.space = w.thread == 0 ? &plan.space : &spaces_of_shards_[std::size_t(w.thread - 1)];
    alone.thread = 0, alone.threads = 1, alone.stepper = nullptr, alone.order = order;
    const Range mine = share(count, w.thread, w.threads);
    for (std::ptrdiff_t s = mine.begin; s < mine.end; ++s) {
      const Range rows = share(end - begin, s, count);
      alone.gradient = gradients + s * size;
      double total = 0;
      for (std::ptrdiff_t first = rows.begin; first < rows.end; first += kBlockRows) {
        alone.first = begin + first, alone.rows = std::min(kBlockRows, rows.end - first);
        alone.accumulate = first > rows.begin;
        // After the last block comes this thread's part of the next minibatch, which will be as large.
        const bool last = s + 1 == mine.end && first + kBlockRows >= rows.end;
        alone.next = last ? end + share(end - begin, mine.begin, count).begin : -1;
        plan.run(alone, [] {});
        total += alone.total;
      }
      totals[s].value = total;
    }
    team.barrier();
    w.total = 0;
    for (std::ptrdiff_t s = 0; s < count; ++s) w.total += totals[s].value;
    return gradients;
  }

  // One step on the examples [begin, end) of the order. False: the log-likelihood is not what it should be, no update.
  bool step(Plan<T>& plan, Worker<T>& w, Team& team, const std::uint32_t* order, std::ptrdiff_t begin,
            std::ptrdiff_t end, double clip_norm) noexcept {
    w.scale = T(1) / T(end - begin);
    w.begin = begin, w.batch = end - begin;
    // What changes theta: a share of it with a barrier wherever the others' shares count, or all of a replica.
    const bool replica = &plan == sharded_.get() && replicates();
    Worker<T> updater = w;
    if (replica) updater.thread = 0, updater.threads = 1;
    const auto wait = [&] {
      if (!replica) team.barrier();
    };
    if (&plan == sharded_.get()) {
      const T* gradients = shards(plan, w, team, order, begin, end);
      if (!(w.total >= w.floor * double(end - begin))) return false;
      each_slice(updater, [&](int, std::ptrdiff_t offset, std::ptrdiff_t numbers) {
        network_.table.sum_shards(gradients + offset, network_.size(), shards_of(end - begin), nullptr,
                                  {w.gradient + offset, 1, numbers, numbers});
      });
      update(updater, wait, clip_norm);
      wait();
    } else if (end - begin <= plan.space.rows && !clips_) {
      w.order = order, w.first = begin, w.rows = end - begin, w.accumulate = false, w.total = 0;
      const double least = w.floor * double(end - begin);
      if (!plan.run(w, [&] { team.barrier(); }, &least)) return false;
    } else {
      const Stepper<T>* stepper = w.stepper;
      w.stepper = nullptr;
      blocks(plan, w, team, order, begin, end);
      w.stepper = stepper;
      if (!(w.total >= w.floor * double(end - begin))) return false;
      update(updater, wait, clip_norm);
      wait();
    }
    for (const Task<T>& task : plan.finish) {
      wait();
      task.run(updater);
    }
    if (!plan.finish.empty()) wait();
    return true;
  }

  // The stored gradient with the priors' score, cut back to the length of `clip_norm`, and the optimizer's step on it.
  template <class F>
  void update(const Worker<T>& w, F&& wait, double clip_norm) noexcept {
    if (clips_) {
      each_slice(w, [&](int i, std::ptrdiff_t offset, std::ptrdiff_t count) {
        const SliceRule<T>& rule = network_.rules[std::size_t(i)];
        if (rule.prior)
          rule.prior->add(w.theta + offset, w.gradient + offset, count, w.stepper->priors + i * kMaxConstants);
      });
      wait();
      const double norm = std::sqrt(sum_of_squares(w, wait));
      if (norm > clip_norm)
        each_slice(w, [&](int, std::ptrdiff_t offset, std::ptrdiff_t count) {
          network_.table.multiply_by(w.gradient + offset, count, T(clip_norm / norm));
        });
    }
    each_slice(w, [&](int i, std::ptrdiff_t offset, std::ptrdiff_t count) {
      if (network_.rules[std::size_t(i)].learned)
        w.stepper->on(i, !clips_).apply(offset - network_.slices[std::size_t(i)].offset, w.gradient + offset, count);
    });
  }

  // Of the gradient, piece by piece: the pieces do not depend on the threads, and are added up in one order.
  template <class F>
  double sum_of_squares(const Worker<T>& w, F&& wait) noexcept {
    const std::ptrdiff_t size = network_.size(), pieces = divide_up(size, kPiece);
    const auto of = [&](std::ptrdiff_t p) {
      return network_.table.sum_of_squares(w.gradient + p * kPiece, std::min(kPiece, size - p * kPiece));
    };
    double total = 0;
    if (w.threads == 1) {
      for (std::ptrdiff_t p = 0; p < pieces; ++p) total += of(p);
      return total;
    }
    const Range mine = share(pieces, w.thread, w.threads);
    for (std::ptrdiff_t p = mine.begin; p < mine.end; ++p) squares_[std::size_t(p)] = of(p);
    wait();
    for (std::ptrdiff_t p = 0; p < pieces; ++p) total += squares_[std::size_t(p)];
    return total;
  }

  // Calls f(slice, offset in theta, count) for this thread's share of every slice, in whole registers.
  template <class F>
  void each_slice(const Worker<T>& w, F&& f) const {
    for (std::size_t i = 0; i < network_.slices.size(); ++i) {
      const Slice& s = network_.slices[i];
      const Range mine = share(s.size() / s.lanes, w.thread, w.threads);
      if (mine.begin < mine.end) f(int(i), s.offset + mine.begin * s.lanes, (mine.end - mine.begin) * s.lanes);
    }
  }

  // The gradient of the examples [begin, end), added up block by block; w.total is their log-likelihood.
  void blocks(Plan<T>& plan, Worker<T>& w, Team& team, const std::uint32_t* order, std::ptrdiff_t begin,
              std::ptrdiff_t end) const noexcept {
    double total = 0;
    const std::ptrdiff_t count = divide_up(end - begin, network_.whole_batches ? plan.space.rows : most_rows());
    for (std::ptrdiff_t block = 0; block < count; ++block) {
      const Range rows = share(end - begin, block, count);
      w.order = order, w.first = begin + rows.begin, w.rows = rows.end - rows.begin, w.accumulate = block > 0;
      team.barrier();
      plan.run(w, [&] { team.barrier(); });
      total += w.total;
    }
    team.barrier();
    w.total = total;
  }

  // The forward pass, block by block, each on one thread; `take` gets eta of each.
  template <class F>
  void predict(const Examples& data, int threads, Carry carry, F&& take) {
    const std::lock_guard lock(turn_);
    const std::ptrdiff_t n = data.x.rows, count = divide_up(n, predict_rows_);
    std::unique_ptr<bool[]> goes_on;
    if (carry != Carry::none) {
      if (carry == Carry::go_on && n > carried_.rows())
        throw std::invalid_argument("carries: there are more rows than those that they go on from");
      carried_.make(network_, n);
      if (carry == Carry::go_on) goes_on = std::make_unique<bool[]>(std::size_t(n));
      if (goes_on) std::fill_n(goes_on.get(), n, true);
    }
    const double work = network_.operations() * double(n) / 3;
    const int team_size = int(std::min({double(threads), double(count), std::max(1.0, work / kWorthWaking)}));
    while (int(spaces_.size()) < team_size - 1) spaces_.emplace_back(network_, 1, predict_rows_, false);
    auto job = [&](int thread, Team& team) noexcept {
      // Alone, the caller takes all blocks; the result is the same, since blocks do not depend on each other.
      Worker<T> w = worker(thread == 0 ? predict_.space : spaces_[std::size_t(thread - 1)], 0, 1, data);
      const Range mine = share(count, thread, team.threads());
      for (std::ptrdiff_t block = mine.begin; block < mine.end; ++block) {
        w.first = block * predict_rows_, w.rows = std::min(predict_rows_, n - w.first);
        if (carry != Carry::none) w.carried = &carried_, w.goes_on = goes_on.get();
        predict_.run(w, [] {});
        take(w, w.space->eta(w.rows), w.first);
      }
    };
    run_on_pool(team_size, job);
    if (carry != Carry::none) carried_.ended(n);
  }

  const Network<T> network_;
  Memory<T> theta_, gradient_, average_, slots_[2], kept_[3], kept_average_;
  Carried<T> carried_, kept_carried_;
  const OptimizerKernel<T>* optimizer_ = nullptr;
  std::vector<double> hyperparameters_, free_;
  std::vector<double> squares_;  // of the gradient, piece by piece
  bool clips_ = false;
  std::int64_t alone_until_ = 0;  // when `train` may have the other threads again, in nanoseconds
  std::unique_ptr<Plan<T>> training_, sharded_;
  std::vector<Workspace<T>> spaces_of_shards_;  // of the other threads
  Memory<T> shard_gradients_;
  struct alignas(kLine) ShardTotal {
    double value;
  } shard_totals_[2 * kMaxShards];
  std::vector<Memory<T>> replicas_;  // of what is learned, one for each of the other threads
  const std::ptrdiff_t predict_rows_;
  Plan<T> predict_;
  std::vector<Workspace<T>> spaces_;  // of the other threads that predict
  mutable Turn turn_;                 // a network may be shared by Python threads
};

}  // namespace

std::unique_ptr<Engine> make_engine(const Program& program, bool double_precision, const std::string& isa) {
  const Tables tables = tables_for(isa);
  if (double_precision) return std::make_unique<EngineOf<double>>(program, *tables.twice);
  return std::make_unique<EngineOf<float>>(program, *tables.single);
}

}  // namespace likeliest
