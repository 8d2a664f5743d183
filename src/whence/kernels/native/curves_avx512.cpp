#define WHENCE_ISA avx512
#include "curves_impl.hpp"
