#define WHENCE_ISA portable
#include "background_kernels_impl.hpp"
