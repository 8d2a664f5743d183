#define WHENCE_ISA avx2
#include "background_kernels_impl.hpp"
