// Weights of the cube game AND(P) AND NOT(N), and the sets of players that meet on a path.
#pragma once

#include <cstdint>
#include <vector>

#include "forest.hpp"

namespace whence {

enum class Index { shapley, banzhaf };

// The value of a set S of `order` players in the game that is 1 where all of P and none of N are
// known: (-1)^b (p - a)! (q - b)! / (p + q - s + 1)!, with a = |S & P| and b = |S & N|; Banzhaf:
// (-1)^b / 2^(p + q - s). Zero where p < a or q < b.
double cube_weight(Index index, int order, int a, int p, int q);

// Sets of `order` players in ascending order, as rows; found again by binary search.
class PlayerSets {
 public:
  PlayerSets(const Forest& forest, int order);
  int order() const { return order_; }
  std::int64_t size() const { return static_cast<std::int64_t>(members_.size()) / order_; }
  const std::vector<std::int32_t>& members() const { return members_; }
  // Position of a set given in ascending order; it must be one of the sets.
  std::int64_t find(const std::int32_t* set) const;

 private:
  int order_;
  std::vector<std::int32_t> members_;
};

// Calls visit(positions) for every increasing choice of `order` of the numbers 0 to k - 1.
template <class Visit>
void choose(int k, int order, Visit&& visit) {
  int at[3] = {0, 1, 2};
  if (k < order) return;
  for (;;) {
    visit(at);
    int i = order - 1;
    while (i >= 0 && at[i] == k - order + i) --i;
    if (i < 0) return;
    ++at[i];
    for (int j = i + 1; j < order; ++j) at[j] = at[j - 1] + 1;
  }
}

}  // namespace whence
