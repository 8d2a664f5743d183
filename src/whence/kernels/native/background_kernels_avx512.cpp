#define WHENCE_ISA avx512
#include "background_kernels_impl.hpp"
