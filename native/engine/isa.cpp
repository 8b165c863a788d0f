#include "engine/isa.hpp"

#include <stdexcept>

namespace likeliest {
namespace {

struct Isa {
  const char* name;
  Tables (*tables)() noexcept;
};

std::vector<Isa> runnable() {
  std::vector<Isa> all;
#if defined(LIKELIEST_HAS_BASELINE)
  all.push_back({"baseline", baseline::tables});
#endif
#if defined(LIKELIEST_HAS_NEON)
  all.push_back({"neon", neon::tables});
#endif
#if defined(__x86_64__)
  __builtin_cpu_init();
#if defined(LIKELIEST_HAS_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) all.push_back({"avx2", avx2::tables});
#endif
#if defined(LIKELIEST_HAS_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    all.push_back({"avx512", avx512::tables});
#endif
#endif
  return all;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : runnable()) names.push_back(isa.name);
  return names;
}

Tables tables_for(const std::string& name) {
  for (const Isa& isa : runnable())
    if (name == isa.name) return isa.tables();
  std::string known;
  for (const std::string& isa : available_isas()) known += (known.empty() ? "" : ", ") + isa;
  throw std::invalid_argument("instruction set: this build on this processor has " + known + "; found '" + name + "'");
}

}  // namespace likeliest
