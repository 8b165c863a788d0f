// What a recurrence is: a cell that goes through the steps of a sequence.
#pragma once
#include <cstddef>

namespace likeliest {

struct Recurrence {
  // Of a gru, whether r multiplies what comes out of U or what goes into it; an lstm with or without norms of layers.
  enum Cell { none, rnn, lstm, gru, gru_before, layer_norm_lstm } cell = none;
  std::ptrdiff_t steps = 0, p = 0, q = 0;
  std::ptrdiff_t truncate = 0;  // between how many steps the gradient stops; 0: never
  bool every = false;           // whether the output is that of every step, else of the last
  bool with_cell = false;       // and [h, c] of it
  bool reverse = false, relu = false;
  double epsilon = 0;
  int lengths = -1, state = -1, keep = -1;  // which of the step's inputs these are; -1: not there

  std::ptrdiff_t gates() const { return has_cells() ? 4 : is_gru() ? 3 : 1; }
  bool is_gru() const { return cell == gru || cell == gru_before; }
  bool normalizes() const { return cell == layer_norm_lstm; }
  // Whether the products with x and with the state are kept apart.
  bool splits() const { return is_gru() || normalizes(); }
  bool has_cells() const { return cell == lstm || cell == layer_norm_lstm; }
  // Whether steps of x are copied, since they lie differently in every example.
  bool turns() const { return reverse && lengths >= 0; }
  explicit operator bool() const { return cell != none; }
};

}  // namespace likeliest
