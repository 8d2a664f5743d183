#define WHENCE_ISA avx2
#include "curves_impl.hpp"
