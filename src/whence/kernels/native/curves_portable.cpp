#define WHENCE_ISA portable
#include "curves_impl.hpp"
