#include "isa.hpp"

#include <stdexcept>

namespace whence {
namespace {

bool available(Isa isa) {
#if WHENCE_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx2) return avx2;
  if (isa == Isa::avx512)
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#endif
  return isa == Isa::portable;
}

}  // namespace

const char* name_of(Isa isa) {
  return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "portable";
}

Isa choose_isa(const std::string& name) {
  for (const Isa isa : {Isa::avx512, Isa::avx2, Isa::portable}) {
    if (name != "auto" && name != name_of(isa)) continue;
    if (available(isa)) return isa;
    if (name != "auto")
      throw std::invalid_argument("This processor or build does not have the instruction set '" +
                                  name + "'. Use isa='auto'.");
  }
  throw std::invalid_argument("isa is '" + name +
                              "', not 'auto', 'avx512', 'avx2' or 'portable'.");
}

}  // namespace whence
