#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_path(nb::module_& m);
void bind_background(nb::module_& m);
void bind_counterfactual(nb::module_& m);
void bind_curves(nb::module_& m);

NB_MODULE(_native, m) {
  nb::set_leak_warnings(false);  // what globals hold at exit is no fault of theirs
  m.doc() = "Loops over tree ensembles: arrays in, arrays out.";
  bind_path(m);
  bind_background(m);
  bind_counterfactual(m);
  bind_curves(m);
}
