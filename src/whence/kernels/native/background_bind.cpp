#include <nanobind/stl/string.h>

#include <stdexcept>
#include <string>

#include "background.hpp"
#include "bind.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace whence;

namespace {

Index index_of(const std::string& name) {
  if (name == "shapley") return Index::shapley;
  if (name == "banzhaf") return Index::banzhaf;
  throw std::invalid_argument("index is '" + name + "', not 'shapley' or 'banzhaf'.");
}

void need_columns(const Forest& forest, std::int64_t columns) {
  if (columns != forest.columns())
    throw std::invalid_argument("The rows have " + std::to_string(columns) +
                                " columns, the trees read " +
                                std::to_string(forest.columns()) + ".");
}

void make_background(Background* self, const Forest& forest, Input<double, 2> Z, double table_bytes,
                     const std::string& isa) {
  need_columns(forest, static_cast<std::int64_t>(Z.shape(1)));
  const Isa chosen = choose_isa(isa);
  const double* rows = Z.data();
  const auto count = static_cast<std::int64_t>(Z.shape(0));
  nb::gil_scoped_release released;
  new (self) Background(forest, rows, count, table_bytes, chosen);
}

void explain(const Background& self, const std::string& index, int order, Input<double, 2> X,
             Output<3> out) {
  need_columns(self.forest(), static_cast<std::int64_t>(X.shape(1)));
  const Index kind = index_of(index);
  const auto n = static_cast<std::int64_t>(X.shape(0));
  const double* rows = X.data();
  double* to = out.data();
  nb::gil_scoped_release released;
  if (static_cast<std::int64_t>(out.shape(0)) != n ||
      static_cast<std::int64_t>(out.shape(1)) != self.sets(order).size() ||
      static_cast<std::int64_t>(out.shape(2)) != self.forest().outputs())
    throw std::invalid_argument("out does not have the shape (rows, sets, outputs).");
  self.explain(kind, order, rows, n, to);
}

Response response_of(const std::string& name) {
  if (name == "logistic") return Response::logistic;
  if (name == "softmax") return Response::softmax;
  if (name == "exp") return Response::exp;
  if (name == "log_loss_logistic") return Response::log_loss_logistic;
  if (name == "log_loss_softmax") return Response::log_loss_softmax;
  if (name == "log_loss_probability") return Response::log_loss_probability;
  throw std::invalid_argument("There is no response named '" + name + "'.");
}

// The shapes are checked by the Python wrapper, which makes the arrays.
void rescaled(const Background& self, const std::string& response, Input<double, 2> X,
              Input<double, 2> margins_x, Input<double, 2> margins_b,
              Input<std::int64_t, 1> labels, Output<3> out) {
  need_columns(self.forest(), static_cast<std::int64_t>(X.shape(1)));
  const Response kind = response_of(response);
  const auto n = static_cast<std::int64_t>(X.shape(0));
  const auto outputs = static_cast<std::size_t>(self.forest().outputs());
  if (margins_x.shape(0) != X.shape(0) || margins_x.shape(1) != outputs ||
      static_cast<std::int64_t>(margins_b.shape(0)) != self.rows() ||
      margins_b.shape(1) != outputs || labels.shape(0) != X.shape(0) ||
      out.shape(0) != X.shape(0) ||
      static_cast<std::int64_t>(out.shape(1)) != self.forest().players ||
      static_cast<int>(out.shape(2)) != responses_of(kind, static_cast<int>(outputs)))
    throw std::invalid_argument("The shapes of rows, margins, labels and result do not agree.");
  const std::int64_t classes = outputs == 1 ? 2 : static_cast<std::int64_t>(outputs);
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels.data()[i] < 0 || labels.data()[i] >= classes)
      throw std::invalid_argument("Label " + std::to_string(labels.data()[i]) + " of row " +
                                  std::to_string(i) + " is not in 0 to " +
                                  std::to_string(classes - 1) + ".");
  const double *rows = X.data(), *mx = margins_x.data(), *mb = margins_b.data();
  const std::int64_t* y = labels.data();
  double* to = out.data();
  nb::gil_scoped_release released;
  self.rescaled(kind, rows, n, mx, mb, y, to);
}

}  // namespace

void bind_background(nb::module_& m) {
  nb::class_<Background>(m, "Background")
      .def("__init__", &make_background, "forest"_a, "Z"_a, "table_bytes"_a, "isa"_a,
           nb::keep_alive<1, 2>(), nb::keep_alive<1, 3>())
      .def_prop_ro("rows", &Background::rows)
      .def("table_bytes", &Background::table_bytes, "order"_a,
           nb::call_guard<nb::gil_scoped_release>())
      .def("joined_leaves", &Background::joined_leaves, "order"_a,
           nb::call_guard<nb::gil_scoped_release>())
      .def("set_count", [](const Background& self, int order) { return self.sets(order).size(); },
           "order"_a, nb::call_guard<nb::gil_scoped_release>())
      .def("sets", [](const Background& self, int order,
                      nb::ndarray<std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu> out) {
             const auto& members = self.sets(order).members();
             if (out.size() != members.size())
               throw std::invalid_argument("out does not have the shape (sets, order).");
             std::copy(members.begin(), members.end(), out.data());
           }, "order"_a, "out"_a)
      .def("expectation", [](const Background& self, Output<1> out) {
             std::copy(self.expectation().begin(), self.expectation().end(), out.data());
           }, "out"_a)
      .def("explain", &explain, "index"_a, "order"_a, "X"_a, "out"_a)
      .def("rescaled", &rescaled, "response"_a, "X"_a, "margins_x"_a, "margins_b"_a, "labels"_a,
           "out"_a);
}
