#define WHENCE_ISA avx512
#include "route_impl.hpp"
