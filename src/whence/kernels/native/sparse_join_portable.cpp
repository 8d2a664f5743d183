#define WHENCE_ISA portable
#include "sparse_join_impl.hpp"
