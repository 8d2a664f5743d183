#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_background(nb::module_&) {}
