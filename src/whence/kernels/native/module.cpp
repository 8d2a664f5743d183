#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_path(nb::module_& m);
void bind_background(nb::module_& m);

NB_MODULE(_native, m) {
  m.doc() = "Loops over tree ensembles: arrays in, arrays out.";
  bind_path(m);
  bind_background(m);
}
