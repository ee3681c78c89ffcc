#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replication/ring/slot.h"

namespace kindred {

using NodeId = std::uint64_t;

/// What the claim knows of a member. `id` is unique among the members of one call.
struct ClaimMember {
  NodeId id = 0;
  std::uint32_t weight = 1;  ///< 0..kWeightMax; a member of weight 0 is given nothing.
  std::string zone;
};

inline constexpr std::uint32_t kWeightMax = 1'000'000;

/// A ring has at most so many layers, whatever its size.
inline constexpr std::uint32_t kLayersMax = 16;

/// A ring of so many slot partitions has at most so many layers: a partition's number is 16 bits
/// wide.
constexpr std::uint32_t layers_max(std::uint32_t slot_partitions) {
  return std::min(kLayersMax, 65'536 / slot_partitions);
}

/// Who holds what: for each partition its preference list. Lists are of one length but while a
/// cluster of fewer than N nodes grows or shrinks. A value that never changes once made, so any
/// number of threads may read one.
class Ring {
 public:
  Ring() = default;

  /// `flat_owners` is the preference lists one after the other, `copies` nodes each, `copies` <=
  /// `replicas` (fewer where fewer nodes can hold data); a shorter list ends in zeros. nullopt
  /// where the sizes disagree, a count is out of range, a list names a node twice or has a gap, so
  /// it may be fed from decoded bytes.
  /// The partitions are `layers` (1..layers_max()) times as many as the slots are cut into, layer
  /// after layer.
  static std::optional<Ring> make(std::uint32_t partition_count, std::uint32_t replicas,
                                  std::uint32_t copies, std::vector<NodeId> flat_owners,
                                  std::uint32_t layers = 1);

  /// Of all layers.
  std::uint32_t partition_count() const { return partition_count_; }
  std::uint32_t layers() const { return layers_; }
  /// Q: those of one layer, into which the slots are cut.
  std::uint32_t slot_partitions() const { return partition_count_ / layers_; }
  SlotRange slots_of(PartitionIndex partition) const {
    return slot_range(partition % slot_partitions(), slot_partitions());
  }
  /// N as configured, the most of any layer; owners() is shorter while the cluster has fewer nodes.
  std::uint32_t replicas() const { return replicas_; }
  /// The length of the longest list.
  std::uint32_t copies() const { return copies_; }

  /// The preference list, first place first. Lives as long as the ring. `partition` <
  /// partition_count().
  std::span<const NodeId> owners(PartitionIndex partition) const {
    return {owners_.data() + std::size_t{partition} * copies_,
            lengths_.empty() ? copies_ : lengths_[partition]};
  }
  /// All preference lists one after the other, as make() takes them.
  std::span<const NodeId> flat_owners() const { return owners_; }

  /// In the first layer.
  PartitionIndex partition_of(SlotIndex slot) const {
    return partition_of_slot(slot, slot_partitions());
  }
  bool owns(PartitionIndex partition, NodeId node) const;

  bool operator==(const Ring&) const = default;

 private:
  std::uint32_t partition_count_ = 0;
  std::uint32_t layers_ = 1;
  std::uint32_t replicas_ = 0;
  std::uint32_t copies_ = 0;
  std::vector<NodeId> owners_;
  std::vector<std::uint8_t> lengths_;  // of the lists, where they differ
};

/// Equal for equal rings on every machine and build; shown to operators, not proof against forgery.
std::uint64_t ring_hash(const Ring& ring);

/// The number of copies in `to` whose node held none of that partition in `from`: what a change
/// transfers. Both rings have the same partition count.
std::uint64_t copies_to_transfer(const Ring& from, const Ring& to);

}  // namespace kindred
