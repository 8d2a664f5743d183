#define WHENCE_ISA avx2
#include "path_impl.hpp"
