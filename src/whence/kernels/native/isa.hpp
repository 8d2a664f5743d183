// Which instruction set the hot loops run on, chosen once per object.
#pragma once

#include <string>

namespace whence {

enum class Isa { portable, avx2, avx512 };

// "auto" takes the best that this processor has; throws std::invalid_argument for another name
// and for one that this processor or this build does not have.
Isa choose_isa(const std::string& name);
const char* name_of(Isa isa);

}  // namespace whence

#if defined(__x86_64__) || defined(_M_X64)
#define WHENCE_X86 1
#else
#define WHENCE_X86 0
#endif

// Calls the instance of a function that was compiled for `isa`; each lives in a namespace.
#if WHENCE_X86
#define WHENCE_DISPATCH(isa, function, ...)                        \
  ((isa) == ::whence::Isa::avx512 ? avx512::function(__VA_ARGS__)  \
   : (isa) == ::whence::Isa::avx2 ? avx2::function(__VA_ARGS__)    \
                                  : portable::function(__VA_ARGS__))
#else
#define WHENCE_DISPATCH(isa, function, ...) (portable::function(__VA_ARGS__))
#endif
