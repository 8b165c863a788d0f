#include "engine/engine.hpp"

#include <algorithm>
#include <functional>
#include <mutex>
#include <stdexcept>

#include "engine/layout.hpp"
#include "engine/memory.hpp"
#include "engine/plan.hpp"
#include "engine/pool.hpp"

namespace likeliest {
namespace {

constexpr std::ptrdiff_t kMaxRows = 1024;     // a larger minibatch goes through in blocks of this many rows
constexpr std::ptrdiff_t kPredictRows = 128;  // and predictions in blocks of this many
constexpr int kChunksAlone = 8;               // how long a crowded machine is left to others
constexpr double kWorthAThread =
    2.5e5;  // floating-point operations a step, below which a thread costs more than it brings

template <class T>
class EngineOf final : public Engine {
 public:
  EngineOf(const Program& program, const Table<T>& table)
      : network_(program, table), theta_(std::size_t(network_.size())), predict_(network_, 1, kPredictRows, false) {}

  void get(int parameter, int which, void* out) const override {
    const std::lock_guard lock(mutex_);
    const T* from = numbers(which);
    copy(parameter, [&](std::ptrdiff_t plain, std::ptrdiff_t placed, std::ptrdiff_t count) {
      std::copy_n(from + placed, count, static_cast<T*>(out) + plain);
    });
  }

  void set(int parameter, int which, const void* in) override {
    const std::lock_guard lock(mutex_);
    T* to = numbers(which);
    copy(parameter, [&](std::ptrdiff_t plain, std::ptrdiff_t placed, std::ptrdiff_t count) {
      std::copy_n(static_cast<const T*>(in) + plain, count, to + placed);
    });
  }

  void keep() override {
    const std::lock_guard lock(mutex_);
    for (int which = 0; which <= slots(); ++which) {
      if (kept_[which].size() != theta_.size()) kept_[which] = Memory<T>(theta_.size());
      std::copy_n(numbers(which), theta_.size(), kept_[which].data());
    }
  }

  void restore() override {
    const std::lock_guard lock(mutex_);
    for (int which = 0; which <= slots(); ++which)
      if (kept_[which].size() == theta_.size()) std::copy_n(kept_[which].data(), theta_.size(), numbers(which));
  }

  void start(const std::string& optimizer, const std::vector<double>& hyperparameters) override {
    const std::lock_guard lock(mutex_);
    optimizer_ = &network_.find(network_.table.optimizers, network_.table.optimizer_count, optimizer, "optimizer");
    hyperparameters_ = hyperparameters;
    for (Memory<T>& slot : slots_) slot = Memory<T>();
    for (int i = 0; i < optimizer_->slots; ++i) slots_[i] = Memory<T>(theta_.size());
  }

  std::ptrdiff_t train(const Examples& data, const std::uint32_t* order, const std::int64_t* bounds,
                       std::ptrdiff_t steps, std::int64_t t, double floor, int threads, double* totals) override {
    const std::lock_guard lock(mutex_);
    if (!optimizer_) throw std::logic_error("train needs an optimizer: call start first");
    std::ptrdiff_t largest = 1;
    for (std::ptrdiff_t k = 0; k < steps; ++k) largest = std::max<std::ptrdiff_t>(largest, bounds[k + 1] - bounds[k]);
    Plan<T>& plan = training_plan(largest, threads);
    std::ptrdiff_t written = 0;
    auto job = [&](int thread, Team& team) noexcept {
      Worker<T> w = worker(plan.space, thread, team.threads(), data);
      for (std::ptrdiff_t k = 0; k < steps; ++k) {
        T constants[kMaxConstants];
        optimizer_->constants(hyperparameters_.data(), double(t + k), constants);
        const Update<T> update{optimizer_->slots > 0, optimizer_->step, theta_.data(), slot(0), slot(1), constants};
        w.update = &update;
        w.ordered = bounds[steps];
        w.floor = floor;
        const bool good = step(plan, w, team, order, bounds[k], bounds[k + 1]);
        if (thread == 0) totals[k] = w.total, written = k + 1;
        if (!good) break;
      }
      if (thread == 0 && team.threads() > 1 && team.crowded()) alone_ = kChunksAlone;
    };
    // Waiting for a thread that waits for a processor is slower than doing its work: then go on alone for a while.
    run_on_pool(alone_ > 0 ? 1 : plan.threads, job);
    if (alone_ > 0) --alone_;
    return written;
  }

  void gradient(const Examples& data, int threads) override {
    const std::lock_guard lock(mutex_);
    Plan<T>& plan = training_plan(kMaxRows < data.x.rows ? kMaxRows + 1 : data.x.rows, threads);
    allocate_gradient();
    auto job = [&](int thread, Team& team) noexcept {
      Worker<T> w = worker(plan.space, thread, team.threads(), data);
      w.scale = T(1);
      blocks(plan, w, team, nullptr, 0, data.x.rows);
    };
    run_on_pool(plan.threads, job);
  }

  void log_likelihood(const Examples& data, int threads, double* out) override {
    predict(data, threads, [&](const Worker<T>& w, const Block<const T>& eta, std::ptrdiff_t first) {
      T log_prob[kPredictRows];
      network_.likelihood->score(eta, network_.width(), w.space->y, w.space->weight, T(1), log_prob, nullptr);
      std::copy(log_prob, log_prob + eta.rows, out + first);
    });
  }

  void output(const Source& x, int threads, void* out) override {
    const std::ptrdiff_t width = network_.width();
    predict({x, nullptr, nullptr}, threads, [&](const Worker<T>&, const Block<const T>& eta, std::ptrdiff_t first) {
      for (std::ptrdiff_t i = 0; i < eta.rows; ++i)
        std::copy_n(eta.data + i * eta.stride, width, static_cast<T*>(out) + (first + i) * width);
    });
  }

  void probabilities(const Source& x, int threads, void* out) override {
    const std::ptrdiff_t classes = network_.classes;
    predict({x, nullptr, nullptr}, threads, [&](const Worker<T>&, const Block<const T>& eta, std::ptrdiff_t first) {
      network_.likelihood->probabilities(eta, network_.width(), classes, static_cast<T*>(out) + first * classes);
    });
  }

 private:
  // Calls f(index in a plain array, index in theta, count) for the pieces of a parameter that stand together in both.
  template <class F>
  void copy(int parameter, F&& f) const {
    const Slice& s = network_.slices.at(std::size_t(parameter));
    for (std::ptrdiff_t p = 0; p < s.panels(); ++p) {
      const std::ptrdiff_t j = p * s.panel_width(), count = std::min(s.columns - j, s.panel_width());
      for (std::ptrdiff_t i = 0; i < s.height; ++i) f(i * s.columns + j, s.offset + s.index(i, j), count);
    }
  }

  int slots() const { return optimizer_ ? optimizer_->slots : 0; }

  T* numbers(int which) const {
    if (which == kTheta) return theta_.data();
    T* data = which == kGradient ? gradient_.data() : which <= 2 ? slots_[which - 1].data() : nullptr;
    if (!data) throw std::out_of_range("no such numbers");
    return data;
  }

  // Slots that the optimizer does not have are never touched, but need an address.
  T* slot(int i) const { return i < optimizer_->slots ? slots_[i].data() : theta_.data(); }

  Worker<T> worker(Workspace<T>& space, int thread, int threads, const Examples& data) const {
    Worker<T> w;
    w.space = &space, w.thread = thread, w.threads = threads, w.data = &data;
    w.theta = theta_.data(), w.gradient = gradient_.data();
    return w;
  }

  void allocate_gradient() {
    if (!gradient_.data()) gradient_ = Memory<T>(theta_.size());
  }

  // The plan for minibatches of up to `rows`, kept while it fits. More threads than the work is worth are left out.
  Plan<T>& training_plan(std::ptrdiff_t rows, int threads) {
    const std::ptrdiff_t capacity = std::min(rows, kMaxRows);
    const int worth =
        int(std::min(double(threads), std::max(1.0, network_.operations() * double(capacity) / kWorthAThread)));
    if (rows > kMaxRows) allocate_gradient();
    if (!training_ || training_->threads != worth || training_->space.rows < capacity ||
        training_->space.rows > 2 * capacity)
      training_ = std::make_unique<Plan<T>>(network_, worth, capacity, true);
    return *training_;
  }

  // One step on the examples [begin, end) of the order. False: the log-likelihood is not what it should be, no update.
  bool step(Plan<T>& plan, Worker<T>& w, Team& team, const std::uint32_t* order, std::ptrdiff_t begin,
            std::ptrdiff_t end) const noexcept {
    w.scale = T(1) / T(end - begin);
    if (end - begin <= plan.space.rows) {
      w.order = order, w.first = begin, w.rows = end - begin, w.accumulate = false, w.total = 0;
      const double least = w.floor * double(end - begin);
      for (const Task<T>& task : plan.tasks) {
        if (task.barrier) team.barrier();
        task.run(w);
        if (task.checks && !(w.total >= least)) return false;
      }
      return true;
    }
    const Update<T>* update = w.update;
    w.update = nullptr;
    blocks(plan, w, team, order, begin, end);
    if (!(w.total >= w.floor * double(end - begin))) return false;
    const std::ptrdiff_t lines = divide_up(network_.size(), network_.table.lanes);
    const Range mine = share(lines, w.thread, w.threads);
    update->apply(mine.begin * network_.table.lanes, gradient_.data() + mine.begin * network_.table.lanes,
                  (mine.end - mine.begin) * network_.table.lanes);
    team.barrier();
    return true;
  }

  // The gradient of the examples [begin, end), added up block by block; w.total is their log-likelihood.
  void blocks(Plan<T>& plan, Worker<T>& w, Team& team, const std::uint32_t* order, std::ptrdiff_t begin,
              std::ptrdiff_t end) const noexcept {
    double total = 0;
    for (std::ptrdiff_t first = begin; first < end; first += plan.space.rows) {
      w.order = order, w.first = first, w.rows = std::min(plan.space.rows, end - first), w.accumulate = first > begin;
      team.barrier();
      for (const Task<T>& task : plan.tasks) {
        if (task.barrier) team.barrier();
        task.run(w);
      }
      total += w.total;
    }
    team.barrier();
    w.total = total;
  }

  // The forward pass, block by block, each on one thread; `take` gets eta of each.
  template <class F>
  void predict(const Examples& data, int threads, F&& take) {
    const std::lock_guard lock(mutex_);
    const std::ptrdiff_t n = data.x.rows, count = divide_up(n, kPredictRows);
    const double work = network_.operations() * double(n) / 3;
    const int team_size = int(std::min({double(threads), double(count), std::max(1.0, work / kWorthAThread)}));
    while (int(spaces_.size()) < team_size - 1) spaces_.emplace_back(network_, 1, kPredictRows, false);
    auto job = [&](int thread, Team& team) noexcept {
      // Alone, the caller takes all blocks; the result is the same, since blocks do not depend on each other.
      Worker<T> w = worker(thread == 0 ? predict_.space : spaces_[std::size_t(thread - 1)], 0, 1, data);
      const Range mine = share(count, thread, team.threads());
      for (std::ptrdiff_t block = mine.begin; block < mine.end; ++block) {
        w.first = block * kPredictRows, w.rows = std::min(kPredictRows, n - w.first);
        for (const Task<T>& task : predict_.tasks) task.run(w);
        take(w, w.space->eta(w.rows), w.first);
      }
    };
    run_on_pool(team_size, job);
  }

  const Network<T> network_;
  Memory<T> theta_, gradient_, slots_[2], kept_[3];
  const OptimizerKernel<T>* optimizer_ = nullptr;
  std::vector<double> hyperparameters_;
  int alone_ = 0;  // how many calls of `train` to go without the other threads
  std::unique_ptr<Plan<T>> training_;
  Plan<T> predict_;
  std::vector<Workspace<T>> spaces_;  // of the other threads that predict
  mutable std::mutex mutex_;          // one call at a time: a network may be shared by Python threads
};

}  // namespace

std::unique_ptr<Engine> make_engine(const Program& program, bool double_precision, const std::string& isa) {
  const Tables tables = tables_for(isa);
  if (double_precision) return std::make_unique<EngineOf<double>>(program, *tables.twice);
  return std::make_unique<EngineOf<float>>(program, *tables.single);
}

}  // namespace likeliest
