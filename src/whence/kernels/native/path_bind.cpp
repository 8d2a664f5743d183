#include <nanobind/stl/string.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "bind.hpp"
#include "forest.hpp"
#include "isa.hpp"
#include "path.hpp"

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

void need_shape(const char* name, std::int64_t got, std::int64_t expected, const char* of) {
  if (got != expected)
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(got) + " " + of +
                                ", " +
                                std::to_string(expected) + " are needed.");
}

Index index_of(const std::string& name) {
  if (name == "shapley") return Index::shapley;
  if (name == "banzhaf") return Index::banzhaf;
  throw std::invalid_argument("index is '" + name + "', not 'shapley' or 'banzhaf'.");
}

void check_order(int order) {
  if (order != 2 && order != 3)
    throw std::invalid_argument("order is " + std::to_string(order) + ", not 2 or 3.");
}

void predict(const Path& path, Input<double, 2> X, Output<2> out) {
  const Forest& f = path.forest();
  need_shape("X", X.shape(1), f.columns(), "columns");
  need_shape("out", out.shape(0), X.shape(0), "rows");
  need_shape("out", out.shape(1), f.outputs(), "outputs");
  const nb::gil_scoped_release release;
  path.predict(X.data(), X.shape(0), out.data());
}

void values(const Path& path, Input<double, 2> X, const std::string& index, Output<3> out) {
  const Forest& f = path.forest();
  need_shape("X", X.shape(1), f.columns(), "columns");
  need_shape("out", out.shape(0), X.shape(0), "rows");
  need_shape("out", out.shape(1), f.players, "players");
  need_shape("out", out.shape(2), f.outputs(), "outputs");
  const Index kind = index_of(index);
  const nb::gil_scoped_release release;
  path.values(X.data(), X.shape(0), kind, out.data());
}

void expectation(const Path& path, Output<1> out) {
  need_shape("out", out.shape(0), path.forest().outputs(), "outputs");
  const auto mean = path.expectation();
  std::copy(mean.begin(), mean.end(), out.data());
}

auto interaction_sets(const Path& path, int order) {
  check_order(order);
  const std::vector<std::int32_t>* sets;
  {
    const nb::gil_scoped_release release;
    sets = &path.interaction_sets(order);
  }
  auto* copied = new std::vector<std::int32_t>(*sets);
  nb::capsule owner(copied, [](void* p) noexcept {
    delete static_cast<std::vector<std::int32_t>*>(p);
  });
  const auto count = copied->size() / static_cast<std::size_t>(order);
  return nb::ndarray<nb::numpy, std::int32_t, nb::ndim<2>>(
      copied->data(), {count, static_cast<std::size_t>(order)}, owner);
}

void interactions(const Path& path, Input<double, 2> X, int order, const std::string& index,
                  Output<3> out) {
  const Forest& f = path.forest();
  check_order(order);
  const Index kind = index_of(index);
  need_shape("X", X.shape(1), f.columns(), "columns");
  need_shape("out", out.shape(0), X.shape(0), "rows");
  need_shape("out", out.shape(2), f.outputs(), "outputs");
  const nb::gil_scoped_release release;
  need_shape("out", out.shape(1), path.interaction_sets(order).size() / order, "sets");
  path.interactions(X.data(), X.shape(0), order, kind, out.data());
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
  nb::class_<Path>(m, "Path")
      .def(
          "__init__",
          [](Path* self, const Forest& forest, const std::string& isa, double table_bytes) {
            new (self) Path(forest, choose_isa(isa), table_bytes);
          },
          "forest"_a, "isa"_a, "table_bytes"_a, nb::keep_alive<1, 2>())
      .def_prop_ro("by_tables", [](const Path& path) { return path.tables() != nullptr; })
      .def_prop_ro("isa", [](const Path& path) { return name_of(path.isa()); })
      .def("predict", &predict, "X"_a, "out"_a.noconvert())
      .def("expectation", &expectation, "out"_a.noconvert())
      .def("values", &values, "X"_a, "index"_a, "out"_a.noconvert())
      .def("interaction_sets", &interaction_sets, "order"_a)
      .def("interactions", &interactions, "X"_a, "order"_a, "index"_a, "out"_a.noconvert());
  m.def("isa", [](const std::string& name) { return name_of(choose_isa(name)); }, "name"_a);
}
