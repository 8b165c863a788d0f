// The instruction sets of this build and of this processor.
#pragma once
#include <string>
#include <vector>

#include "engine/kernels.hpp"

namespace likeliest {

// The sets that were compiled and that this processor runs, simplest first.
std::vector<std::string> available_isas();

// The tables of one of them; throws std::invalid_argument for any other name.
Tables tables_for(const std::string& isa);

}  // namespace likeliest
