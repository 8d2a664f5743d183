#define WHENCE_ISA avx512
#include "sparse_join_impl.hpp"
