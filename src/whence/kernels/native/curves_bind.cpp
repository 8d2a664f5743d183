#include <nanobind/stl/string.h>

#include <stdexcept>
#include <string>

#include "bind.hpp"
#include "curves.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace whence;

namespace {

void need(bool right, const char* what) {
  if (!right) throw std::invalid_argument(what);
}

void along(const Curves& curves, Input<double, 2> X, Input<double, 2> raw,
           Input<std::int32_t, 1> columns, Input<double, 2> cells, Output<3> out) {
  const Forest& f = curves.forest();
  const auto moved = copy<std::int32_t>(columns);
  need(static_cast<std::int64_t>(X.shape(1)) == f.columns(), "X has not the columns of the trees.");
  need(raw.shape(0) == X.shape(0) && static_cast<std::int64_t>(raw.shape(1)) == f.outputs(),
       "raw is not of shape (rows, outputs).");
  need(cells.shape(1) == moved.size(), "cells has not one column for each that moves.");
  need(out.shape(0) == X.shape(0) && out.shape(1) == cells.shape(0) &&
           out.shape(2) == raw.shape(1),
       "out is not of shape (rows, positions, outputs).");
  for (const std::int32_t column : moved)
    need(column >= 0 && column < f.columns(), "a column that moves is none of the trees.");
  const nb::gil_scoped_release release;
  curves.along(X.data(), raw.data(), X.shape(0), moved, cells.data(), cells.shape(0), out.data());
}

}  // namespace

void bind_curves(nb::module_& m) {
  nb::class_<Curves>(m, "Curves")
      .def(
          "__init__",
          [](Curves* self, const Forest& forest, const std::string& isa) {
            new (self) Curves(forest, choose_isa(isa));
          },
          "forest"_a, "isa"_a, nb::keep_alive<1, 2>())
      .def("along", &along, "X"_a, "raw"_a, "columns"_a, "cells"_a, "out"_a.noconvert());
}
