#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "replication/entropy/tree.h"

namespace kindred {

/// Nodes of one level of a peer's tree.
struct NodesQuestion {
  uint8_t level = 0;
  std::vector<uint32_t> nodes;  // ascending
};

/// What a peer says of its tree.
struct NodesAnswer {
  uint8_t leaf_level = 0;            // of the peer's tree
  uint64_t keys = 0;                 // in its copy
  std::span<const uint64_t> hashes;  // of the nodes asked for, in their order
};

/// Finds where two copies differ: asks for the root, then for the children of what differs, down to
/// the leaves of the shallower tree, or to where listing a span's keys costs less than asking on.
/// Where most leaves of a sample differ, it asks no more and takes all the rest for differing.
/// Pure; the tree of this side may change meanwhile. Not thread-safe.
class Descent {
 public:
  /// Nodes in a question at most.
  static constexpr size_t kNodesMax = 4096;

  /// What to ask the peer next; good until the answer. Null: the answer to the last one is awaited,
  /// or there is nothing more to ask.
  const NodesQuestion* next(const MerkleTree& mine);
  /// The answer to that. False where it can't be one: the descent can't go on.
  [[nodiscard]] bool answer(const MerkleTree& mine, const NodesAnswer& theirs);

  /// A span whose keys are to be compared, in their order; neighbours come as one. None: nothing is
  /// known to differ now; after the next answer there may be more.
  std::optional<KeySpan> take_span(const MerkleTree& mine);

  /// Whether the roots have been compared.
  bool knows_root() const { return has_root_; }
  /// Whether nothing is left to ask or to take.
  bool is_over() const { return has_root_ && !is_asking_ && open_.empty() && runs_.empty(); }
  uint64_t nodes_asked() const { return nodes_asked_; }
  /// Whether it took spans for differing without asking on.
  bool went_straight() const { return straight_; }

 private:
  struct Node {
    uint8_t level = 0;
    uint32_t index = 0;
  };
  /// Neighbouring nodes of one level that differ.
  struct Run {
    uint8_t level = 0;
    uint32_t first = 0;
    uint32_t last = 0;
  };

  void ask_children(uint8_t leaf_level);
  void list(Node node);
  bool is_leaf(const MerkleTree& mine, Node node) const;

  NodesQuestion asked_;
  bool has_root_ = false;
  bool is_asking_ = false;
  bool straight_ = false;
  bool has_sample_ = false;
  uint8_t their_level_ = 0;
  uint64_t their_keys_ = 0;
  uint64_t nodes_asked_ = 0;
  std::vector<Node> open_;  // differ and are to be looked into, the first ones last
  std::deque<Run> runs_;
};

}  // namespace kindred
