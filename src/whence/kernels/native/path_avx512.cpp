#define WHENCE_ISA avx512
#include "path_impl.hpp"
