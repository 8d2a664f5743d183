// The walk along positions in large trees: rows as a list that each split puts in order.
//
// A large tree scatters a chunk of rows over more nodes than rows, so bits for each row are mostly
// nothing. Here all rows go down together, those of each node side by side in a list, and near rows
// read near nodes.
#pragma once

#include <cstdint>
#include <vector>

#include "forest.hpp"

namespace whence {

class ListWalk {
 public:
  // X (rows, columns) in C order; as deep as the deepest tree.
  ListWalk(const Forest& forest, const double* X, std::int64_t rows, std::int64_t depth);

  // Adds to sums (rows, stride) where the runs of positions of each leaf that is reached begin and
  // end, from bit 0 on; `moves` (columns) and `left` (nodes) as in Walk.
  void walk(std::int64_t tree, const std::uint8_t* moves, const std::uint64_t* left,
            std::uint64_t positions, double* sums, std::int64_t stride);

 private:
  struct Part {
    std::int64_t node;
    std::uint64_t positions;
    std::int64_t begin, end;  // of row_
  };

  void add_leaf(const Part& part, std::int64_t tree, std::uint64_t all, double* sums,
                std::int64_t stride) const;
  std::int64_t partition(const Part& part);

  const Forest& forest_;
  std::int64_t rows_;
  std::vector<double> number_;  // (columns, rows)
  std::vector<std::int32_t> row_;
  std::vector<Part> stack_;
};

bool goes_left(const Forest& forest, std::int64_t v, double x);

}  // namespace whence
