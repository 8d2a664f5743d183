#include <nanobind/stl/vector.h>
#include <nanobind/stl/tuple.h>

#include <stdexcept>
#include <string>
#include <tuple>

#include "bind.hpp"
#include "counterfactual.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace whence;

namespace {

// The shapes are checked by the Python wrapper, which makes the arrays.
auto cheapest(const Counterfactual& self, Input<std::int64_t, 1> start, Input<double, 1> cost,
              Input<double, 2> encoded, Input<double, 2> G, Input<double, 1> h,
              Input<double, 2> A, Input<double, 1> low, double incumbent,
              double seconds, std::int64_t boxes) {
  CounterfactualQuery query{};
  query.start = start.data();
  query.cost = cost.data();
  query.encoded = encoded.data();
  query.rows = static_cast<std::int64_t>(G.shape(0));
  query.G = G.data();
  query.h = h.data();
  query.couplings = static_cast<std::int64_t>(A.shape(0));
  query.A = A.data();
  query.low = low.data();
  query.incumbent = incumbent;
  query.seconds = seconds;
  query.boxes = boxes;
  const Forest& f = self.forest();
  if (static_cast<std::int64_t>(start.size()) != f.players + 1 ||
      static_cast<std::int64_t>(cost.size()) != query.start[f.players] ||
      encoded.shape(0) != cost.size() ||
      static_cast<std::int64_t>(encoded.shape(1)) != f.columns() ||
      static_cast<std::int64_t>(G.shape(1)) != f.outputs() || h.size() != G.shape(0) ||
      A.shape(1) != cost.size() || low.size() != A.shape(0))
    throw std::invalid_argument("The shapes of the arrays do not agree.");
  CounterfactualFound found;
  {
    const nb::gil_scoped_release release;
    found = self.cheapest(query);
  }
  return std::make_tuple(found.choice, found.cost, found.bound, found.proved, found.boxes);
}

}  // namespace

void bind_counterfactual(nb::module_& m) {
  nb::class_<Counterfactual>(m, "Counterfactual")
      .def(nb::init<const Forest&>(), "forest"_a, nb::keep_alive<1, 2>())
      .def("cheapest", &cheapest, "start"_a, "cost"_a, "encoded"_a, "G"_a, "h"_a, "A"_a, "low"_a,
           "incumbent"_a, "seconds"_a, "boxes"_a);
}
