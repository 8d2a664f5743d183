#define WHENCE_ISA avx2
#include "route_impl.hpp"
