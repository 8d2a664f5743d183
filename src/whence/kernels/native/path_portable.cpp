#define WHENCE_ISA portable
#include "path_impl.hpp"
