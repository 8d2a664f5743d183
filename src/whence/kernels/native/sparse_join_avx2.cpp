#define WHENCE_ISA avx2
#include "sparse_join_impl.hpp"
