// Array types of the bindings.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <vector>

namespace whence {

template <class T, int dimensions>
using Input =
    nanobind::ndarray<const T, nanobind::ndim<dimensions>, nanobind::c_contig, nanobind::device::cpu>;

template <int dimensions>
using Output =
    nanobind::ndarray<double, nanobind::ndim<dimensions>, nanobind::c_contig, nanobind::device::cpu>;

template <class To, class Array>
std::vector<To> copy(const Array& array) {
  return std::vector<To>(array.data(), array.data() + array.size());
}

}  // namespace whence
