#define WHENCE_ISA portable
#include "route_impl.hpp"
