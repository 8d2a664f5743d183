#include <nanobind/stl/string.h>

#include "bind.hpp"
#include "forest.hpp"
#include "isa.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace whence;

namespace {

void make_forest(Forest* self, Input<std::int64_t, 1> start, Input<std::int32_t, 1> feature,
                 Input<double, 1> threshold, Input<std::int32_t, 1> left,
                 Input<std::int32_t, 1> right, Input<bool, 1> missing_left,
                 Input<bool, 1> zero_missing, Input<std::int64_t, 1> category_start,
                 Input<std::uint64_t, 1> category_words, Input<double, 2> value,
                 Input<double, 1> cover, Input<std::int32_t, 1> target, Input<double, 1> base,
                 Input<std::int32_t, 1> player, std::int64_t players) {
  Forest f;
  f.start = copy<std::int64_t>(start);
  f.feature = copy<std::int32_t>(feature);
  f.threshold = copy<double>(threshold);
  f.left = copy<std::int32_t>(left);
  f.right = copy<std::int32_t>(right);
  f.missing_left = copy<std::uint8_t>(missing_left);
  f.zero_missing = copy<std::uint8_t>(zero_missing);
  f.category_start = copy<std::int64_t>(category_start);
  f.category_words = copy<std::uint64_t>(category_words);
  f.value = copy<double>(value);
  f.cover = copy<double>(cover);
  f.target = copy<std::int32_t>(target);
  f.base = copy<double>(base);
  f.player = copy<std::int32_t>(player);
  f.width = static_cast<std::int64_t>(value.shape(1));
  f.players = players;
  f.validate();
  new (self) Forest(std::move(f));
}

}  // namespace

void bind_path(nb::module_& m) {
  nb::class_<Forest>(m, "Forest")
      .def("__init__", &make_forest, "start"_a, "feature"_a, "threshold"_a, "left"_a, "right"_a,
           "missing_left"_a, "zero_missing"_a, "category_start"_a, "category_words"_a, "value"_a,
           "cover"_a, "target"_a, "base"_a, "player"_a, "players"_a)
      .def_prop_ro("columns", &Forest::columns)
      .def_prop_ro("outputs", &Forest::outputs)
      .def_prop_ro("trees", &Forest::trees)
      .def_ro("players", &Forest::players);
  m.def("isa", [](const std::string& name) { return name_of(choose_isa(name)); }, "name"_a);
}
