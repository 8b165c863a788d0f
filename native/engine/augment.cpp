#include "engine/augment.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "engine/layout.hpp"

namespace likeliest {
namespace {

constexpr std::ptrdiff_t kRoom = 64;  // behind what kernels write in whole registers
constexpr std::size_t kMaxParts = 32;

struct Kind {
  const char* name;
  std::size_t constants;
  bool moves;
};
constexpr Kind kinds[] = {{"shift", 2, true}, {"rotate", 1, true},  {"scale", 3, true},  {"shear", 1, true},
                          {"flip", 2, true},  {"elastic", 2, true}, {"cutout", 3, false}};

const Kind& kind_of(const std::string& name) {
  for (const Kind& kind : kinds)
    if (name == kind.name) return kind;
  throw std::invalid_argument("augment: the native engine has no '" + name + "': use engine=\"reference\"");
}

// Places from the middle: source = A place + b.
struct Map {
  double A[2][2] = {{1, 0}, {0, 1}}, b[2] = {0, 0};
};
// The source of the source.
Map operator*(const Map& m, const Map& n) {
  Map product;
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) product.A[i][j] = m.A[i][0] * n.A[0][j] + m.A[i][1] * n.A[1][j];
    product.b[i] = m.A[i][0] * n.b[0] + m.A[i][1] * n.b[1] + m.b[i];
  }
  return product;
}

double uniform(std::uint32_t word) { return (word + 0.5) * 0x1p-31 - 1; }
// A whole number in [0, count).
std::int64_t below(std::uint32_t word, std::int64_t count) { return std::int64_t(word) * count >> 32; }

// The map of a part that has one, from an example's words; see likeliest/augmentation/*.py.
Map map_of(const std::string& name, const std::vector<double>& constants, Key words) {
  Map map;
  const std::uint32_t word[2] = {words.low, words.high};
  const double radians = constants[0] * std::numbers::pi / 180 * uniform(word[0]);
  if (name == "shift") {
    for (int axis = 0; axis < 2; ++axis) {
      const auto size = std::int64_t(constants[std::size_t(axis)]);
      map.b[axis] = double(size - below(word[axis], 2 * size + 1));
    }
  } else if (name == "rotate") {
    map.A[0][0] = map.A[1][1] = std::cos(radians);
    map.A[0][1] = std::sin(radians), map.A[1][0] = -std::sin(radians);
  } else if (name == "scale") {
    map.A[0][0] = 1 / (1 + constants[0] * uniform(word[constants[2] != 0 ? 1 : 0]));
    map.A[1][1] = 1 / (1 + constants[1] * uniform(word[1]));
  } else if (name == "shear") {
    map.A[1][0] = -std::tan(radians);
  } else if (name == "flip") {
    const int axis = constants[0] != 0;
    if (double(word[0]) < constants[1]) map.A[axis][axis] = -1;
  }
  return map;
}

}  // namespace

void check(const Augmentation& a, std::ptrdiff_t columns) {
  const std::ptrdiff_t most = std::ptrdiff_t(1) << 30;  // places are 32-bit numbers
  for (const std::ptrdiff_t size : {a.height, a.width, a.channels})
    if (size < 1 || size > columns) throw std::invalid_argument("augment: the shape does not fit X");
  if (a.height * a.width * a.channels != columns || (a.is_series && a.height != 1))
    throw std::invalid_argument("augment: the shape does not fit X");
  if (!a.parts.empty() && (a.height + 3) * (a.width + 3) * a.channels > most)
    throw std::invalid_argument("augment: the examples are too large");
  if (a.parts.size() > kMaxParts) throw std::invalid_argument("augment: more than 32 augmentations in the list");
  for (const Augmentation::Part& part : a.parts) {
    if (part.constants.size() != kind_of(part.name).constants)
      throw std::invalid_argument("augment: the constants of '" + part.name + "' do not fit");
    for (const double constant : part.constants)
      if (!(std::abs(constant) <= 1e300)) throw std::invalid_argument("augment: a constant is not finite");
    if (part.name == "shift" && (std::abs(part.constants[0]) > 1 << 20 || std::abs(part.constants[1]) > 1 << 20))
      throw std::invalid_argument("augment: size is out of range");
    if (part.name == "elastic" && !(part.constants[1] > 0 && part.constants[1] <= 1000))
      throw std::invalid_argument("augment: sigma is out of range");
  }
}

template <class T>
Augmenter<T>::Augmenter(const Augmentation& augmentation, const Table<T>& table, int threads, std::ptrdiff_t rows,
                        std::ptrdiff_t targets, std::ptrdiff_t eta)
    : augmentation_(augmentation), table_(table), rows_(rows), targets_(targets), eta_(eta) {
  const std::ptrdiff_t places = augmentation.height * augmentation.width, columns = places * augmentation.channels;
  const std::ptrdiff_t pitch = round_up(augmentation.width, table.lanes);
  std::ptrdiff_t widest = -1;
  weights_.resize(augmentation.parts.size());
  for (std::size_t p = 0; p < weights_.size(); ++p) {
    const Augmentation::Part& part = augmentation.parts[p];
    moves_ = moves_ || kind_of(part.name).moves;
    if (part.name != "elastic") continue;
    const double alpha = part.constants[0], sigma = part.constants[1];
    const auto r = std::ptrdiff_t(std::ceil(3 * sigma));
    std::vector<double> gaussian;
    double total = 0;
    for (std::ptrdiff_t k = -r; k <= r; ++k) {
      gaussian.push_back(std::exp(-0.5 * (double(k) / sigma) * (double(k) / sigma)));
      total += gaussian.back();
    }
    weights_[p].radius = r;
    for (const double weight : gaussian) {
      weights_[p].across.push_back(T(weight / total));
      if (!augmentation.is_series) weights_[p].down.push_back(T(alpha * weight / total));
    }
    if (augmentation.is_series)
      for (T& weight : weights_[p].across) weight = T(alpha * double(weight));
    widest = std::max(widest, r);
    operations_ += double(places) * (60 + 8 * double(2 * r + 1));
  }
  if (moves_) operations_ += double(places) * (100 + 20 * double(augmentation.channels));
  operations_ += double(columns);
  if (augmentation.shares) operations_ *= 2;
  std::ptrdiff_t next = 0;
  const auto take = [&](bool needed, std::ptrdiff_t count) {
    const std::ptrdiff_t begin = next;
    if (needed) next += round_up(count + kRoom, kRoom);
    return begin;
  };
  take(moves_, columns);  // an example as it is
  padded_ = take(moves_, (augmentation.height + 3) * (augmentation.width + 3) * augmentation.channels);
  field_ = take(widest >= 0, 2 * (places + kRoom));
  line_ = take(widest >= 0, 2 * widest + augmentation.width + kRoom);
  displacement_ = take(widest >= 0, 2 * augmentation.height * pitch);
  mixed_ = take(augmentation.shares, columns);
  second_ = take(augmentation.shares, rows * (targets + eta + 3) + 5 * kRoom);
  size_ = next;
  memory_ = Memory<T>(std::size_t(std::max<std::ptrdiff_t>(threads * size_, 1)));
}

template <class T>
typename Augmenter<T>::Second Augmenter<T>::second(T* scratch) const {
  T* y = scratch + second_;
  T* weight = y + rows_ * targets_ + kRoom;
  T *own = weight + rows_ + kRoom, *log_prob = own + rows_ + kRoom;
  return {y, weight, own, log_prob, log_prob + rows_ + kRoom};
}

template <class T>
void Augmenter<T>::apply(const Source& x, const Batch& batch, std::ptrdiff_t first, std::ptrdiff_t rows, T* scratch,
                         T* out, std::ptrdiff_t stride) const noexcept {
  if (rows == 0) return;
  Key keys[kMaxParts];
  for (std::size_t p = 0; p < augmentation_.parts.size(); ++p)
    keys[p] = threefry(threefry(augmentation_.stream, {augmentation_.parts[p].place, 0}),
                       {std::uint32_t(batch.t), std::uint32_t(std::uint64_t(batch.t) >> 32)});
  const std::ptrdiff_t place = first - batch.begin;
  for (std::ptrdiff_t i = 0; i < rows; ++i)
    example(x, batch.order, first + i, keys, std::uint32_t(place + i), scratch, out + i * stride);
  const double* const shares = augmentation_.shares;
  if (!shares) return;
  // Each with the next one of the minibatch, which is not mixed yet; the one behind these rows is made for it.
  const std::ptrdiff_t columns = x.columns, after = (place + rows) % batch.size;
  T* const last = scratch + mixed_;
  example(x, batch.order, batch.begin + after, keys, std::uint32_t(after), scratch, last);
  for (std::ptrdiff_t i = 0; i < rows; ++i) {
    T* const to = out + i * stride;
    const T *const next = i + 1 < rows ? to + stride : last, share = T(shares[first + i]), rest = T(1) - share;
    for (std::ptrdiff_t j = 0; j < columns; ++j) to[j] = share * to[j] + rest * next[j];
  }
}

// Row `at` of the order, which is at `place` of its minibatch.
template <class T>
void Augmenter<T>::example(const Source& x, const std::uint32_t* order, std::ptrdiff_t at, const Key* keys,
                           std::uint32_t place, T* scratch, T* out) const noexcept {
  gather(x, order, at, 1, 0, x.columns, moves_ ? scratch : out, x.columns);
  if (moves_) move(x.columns, keys, place, scratch, out);
  const std::ptrdiff_t H = augmentation_.height, W = augmentation_.width, c = augmentation_.channels;
  for (std::size_t p = 0; p < augmentation_.parts.size(); ++p) {
    const Augmentation::Part& part = augmentation_.parts[p];
    if (part.name != "cutout") continue;
    const Key words = threefry(keys[p], {place, 0});
    const auto h = std::ptrdiff_t(part.constants[0]), w = std::ptrdiff_t(part.constants[1]);
    const std::ptrdiff_t top = below(words.low, H) - h / 2, left = below(words.high, W) - w / 2;
    const std::ptrdiff_t begin = std::max<std::ptrdiff_t>(left, 0), end = std::min(left + w, W);
    for (std::ptrdiff_t y = std::max<std::ptrdiff_t>(top, 0); y < std::min(top + h, H); ++y)
      std::fill(out + (y * W + begin) * c, out + (y * W + end) * c, T(part.constants[2]));
  }
}

// The example in scratch, moved: one map and one field of displacements for all parts.
template <class T>
void Augmenter<T>::move(std::ptrdiff_t, const Key* keys, std::uint32_t place, T* scratch, T* out) const noexcept {
  const std::ptrdiff_t H = augmentation_.height, W = augmentation_.width;
  T* const displacement = scratch + displacement_;
  T* const columns = displacement + H * round_up(W, table_.lanes);
  Map map;
  bool displaced = false;
  for (std::size_t p = 0; p < augmentation_.parts.size(); ++p) {
    const Augmentation::Part& part = augmentation_.parts[p];
    if (part.name == "cutout") continue;
    if (part.name != "elastic") {
      map = map * map_of(part.name, part.constants, threefry(keys[p], {place, 0}));
      continue;
    }
    const Weights& weights = weights_[p];
    table_.displace({H, W, keys[p].low, keys[p].high, place, weights.radius,
                     weights.down.empty() ? nullptr : weights.down.data(), weights.across.data(), scratch + field_,
                     scratch + line_, displacement, columns, displaced});
    displaced = true;
  }
  Resampling<T> resampling{H,
                           W,
                           augmentation_.channels,
                           scratch,
                           scratch + padded_,
                           augmentation_.edge,
                           T(augmentation_.fill),
                           {},
                           displaced && !augmentation_.is_series ? displacement : nullptr,
                           displaced ? columns : nullptr,
                           out};
  const double middle[2] = {double(H - 1) / 2, double(W - 1) / 2};
  for (int axis = 0; axis < 2; ++axis) {
    const double* A = map.A[axis];
    resampling.map[axis][0] = T(A[0]), resampling.map[axis][1] = T(A[1]);
    resampling.map[axis][2] = T(map.b[axis] + middle[axis] + 1 - A[0] * middle[0] - A[1] * middle[1]);
  }
  table_.resample(resampling);
}

template class Augmenter<float>;
template class Augmenter<double>;

}  // namespace likeliest
