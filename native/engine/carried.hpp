// The state in which recurrences end a minibatch, for the next one to begin in.
#pragma once
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "engine/memory.hpp"
#include "engine/network.hpp"

namespace likeliest {

template <class T>
class Carried {
 public:
  // Room for so many rows; those that are there stay.
  void make(const Network<T>& network, std::ptrdiff_t rows) {
    if (!states_.empty() && rows <= room_) return;
    states_.resize(network.nodes.size());
    for (std::size_t k = 0; k < states_.size(); ++k)
      if (network.nodes[k].recurrence) {
        Memory<T> more(std::size_t(rows * width(network, k)));
        std::copy_n(states_[k].data(), states_[k].size(), more.data());
        states_[k] = std::move(more);
      }
    room_ = rows;
  }
  // The state of node k, h and then c, of a row of the minibatch.
  T* at(const Network<T>& network, std::size_t k, std::ptrdiff_t row) const {
    return states_[k].data() + row * width(network, k);
  }
  // How many rows the last minibatch had.
  std::ptrdiff_t rows() const { return rows_; }
  void ended(std::ptrdiff_t rows) { rows_ = rows; }

  void copy_from(const Carried& other) {
    states_.resize(other.states_.size());
    for (std::size_t k = 0; k < states_.size(); ++k) {
      if (states_[k].size() != other.states_[k].size()) states_[k] = Memory<T>(other.states_[k].size());
      std::copy_n(other.states_[k].data(), states_[k].size(), states_[k].data());
    }
    room_ = other.room_, rows_ = other.rows_;
  }

 private:
  static std::ptrdiff_t width(const Network<T>& network, std::size_t k) {
    const Recurrence& r = network.nodes[k].recurrence;
    return (r.has_cells() ? 2 : 1) * r.q;
  }

  std::vector<Memory<T>> states_;  // by node
  std::ptrdiff_t room_ = 0, rows_ = 0;
};

}  // namespace likeliest
