// Shapley and Banzhaf values and interactions of the interventional game
// v(S) = mean over background rows b of the raw output at (x on S, b elsewhere).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "background_tables.hpp"
#include "forest.hpp"
#include "isa.hpp"
#include "sparse_join.hpp"

namespace whence {

// How a response moves between a background row and a row, as factors of each raw output.
enum class Response {
  logistic, softmax, exp, log_loss_logistic, log_loss_softmax, log_loss_probability
};
int responses_of(Response response, int outputs);
// factors: (responses, outputs) at stride kChunk; each row sums with x - b to the response's step.
void response_factors(Response response, const double* x, const double* b, int outputs,
                      std::int64_t label, double* factors);

class Background {
 public:
  // Z is read in the constructor and whenever a new kind of value is first asked for: it must
  // stay as it is.
  Background(const Forest& forest, const double* Z, std::int64_t rows, double table_bytes, Isa isa);

  const Forest& forest() const { return f_; }
  std::int64_t rows() const { return rows_; }
  const std::vector<double>& expectation() const { return mean_; }
  const PlayerSets& sets(int order) const { return joint(order).sets; }
  double table_bytes(int order) const { return joint(order).bytes; }
  std::int64_t joined_leaves(int order) const { return joint(order).joined; }

  // out: (n, sets, outputs).
  void explain(Index index, int order, const double* X, std::int64_t n, double* out) const;
  // out: (n, players, responses); the labels are read by the losses only.
  void rescaled(Response response, const double* X, std::int64_t n, const double* margins_x,
                const double* margins_b, const std::int64_t* labels, double* out) const;

 private:
  // What the sets of one size share: the plan of each tree and the counts behind its tables.
  struct Joint {
    PlayerSets sets;
    std::vector<TreePlan> plans;
    std::vector<TreeCounts> counts;
    std::vector<std::unique_ptr<const JoinTree>> joins;  // null where tables cover the tree
    // Per tree whose rows are joined in pairs: the bits of the background rows, where they fit.
    std::vector<std::vector<std::uint64_t>> bits;
    double bytes = 0;
    std::int64_t joined = 0;
    int longest = 0;
    explicit Joint(const Forest& forest, int order) : sets(forest, order) {}
  };
  struct Tables {
    std::vector<std::unique_ptr<const TreeTables>> trees;
    CubeWeights weights;
  };
  struct Buffers;

  int width(std::int64_t tree) const;
  std::unique_ptr<Joint> make_joint(int order) const;
  void choose_tables(Joint& joint) const;
  void count_background(Joint& joint) const;
  void keep_bits(Joint& joint) const;
  void find_mean();
  const Joint& joint(int order) const;
  const Tables& tables(Index index, int order) const;
  const Chunks& chunks() const;
  const Chunks& chunks_while_locked() const;
  void add_tree(const Joint& joint, const Tables& tables, std::int64_t tree, Columns x,
                int rows, double* phi, Buffers& buffers) const;
  void add_joined(const Joint& joint, const Tables& tables, std::int64_t tree, Columns x,
                  int rows, double* phi, Buffers& buffers) const;
  void route_background(const JoinTree& tree, std::int64_t at, Columns z,
                        JoinPath& path, Buffers& buffers) const;
  void join_row(const JoinTree& tree, JoinPath& path, JoinLeaf& leaf, Buffers& buffers) const;
  // One chunk of rows against one of the background; out: (rows, players, responses), added to.
  void rescale_chunk(Columns x, int rows, Columns z, int background, int responses,
                     const double* factors, double* out) const;
  JoinPath begin_join(const JoinTree& tree, std::int64_t at, Columns x, int rows,
                      Buffers& buffers) const;
  const std::vector<JoinTree>& whole_trees() const;

  const Forest& f_;
  const double* Z_;
  std::int64_t rows_;
  double bytes_;
  Isa isa_;
  std::vector<double> mean_;
  // Made when first asked for, then never changed.
  mutable std::mutex making_;
  mutable std::map<int, std::unique_ptr<const Joint>> joints_;
  mutable std::map<std::pair<Index, int>, std::unique_ptr<const Tables>> tables_;
  mutable std::unique_ptr<const Chunks> chunks_;
  mutable std::vector<JoinTree> whole_trees_;
  mutable std::unique_ptr<const CubeWeights> whole_weights_;
};

}  // namespace whence
