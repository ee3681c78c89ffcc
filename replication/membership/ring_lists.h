#pragma once

#include <optional>
#include <span>
#include <vector>

#include "replication/membership/cluster.h"

namespace kindred::ring_plan_detail {

using Owners = std::vector<NodeId>;

bool contains(std::span<const NodeId> list, NodeId node);

/// A document's ring and moves taken apart, to be altered list by list and put together again. What
/// is altered steps to the document's epoch at once. The document outlives it.
class Lists {
 public:
  explicit Lists(ClusterDocument* document);

  PartitionIndex count() const { return static_cast<PartitionIndex>(old_.size()); }
  const Owners& owners(PartitionIndex partition) const { return old_[partition]; }
  const std::optional<Move>& move(PartitionIndex partition) const { return new_[partition]; }
  /// Whether any list, of old or of new owners, has the node.
  bool names(NodeId node) const;

  void set_owners(PartitionIndex partition, Owners owners);
  void set_move(PartitionIndex partition, std::optional<Move> move);
  /// Another layer of partitions, with the owners and moves that `around`'s have. Both step.
  void add_layer(uint32_t around);
  /// Writes ring and moves into the document. The last call.
  void put_together();

 private:
  ClusterDocument* document_;
  uint32_t slot_partitions_;
  std::vector<Owners> old_;
  std::vector<std::optional<Move>> new_;
};

}  // namespace kindred::ring_plan_detail
