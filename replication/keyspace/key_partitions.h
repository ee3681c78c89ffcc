#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/ring/slot.h"

namespace kindred {

/// Which partition a key is of. The slots are cut into Q partitions; each pattern that has a layer
/// of its own has Q more, so layer l's partition of a slot is l * Q + the slot's. Cheap to copy;
/// one value never changes, so any number of threads may read it.
class KeyPartitions {
 public:
  /// One layer: no pattern has partitions of its own.
  // NOLINTNEXTLINE(google-explicit-constructor): a count is all there is to know mostly
  KeyPartitions(std::uint32_t slot_partitions = 1) : slot_partitions_(slot_partitions) {}
  /// `layers[i]` is the pattern of layer i + 1.
  KeyPartitions(std::uint32_t slot_partitions, std::span<const std::string> layers);

  /// Q.
  std::uint32_t slot_partitions() const { return slot_partitions_; }
  std::uint32_t layers() const {
    return layers_ == nullptr ? 1 : 1 + static_cast<std::uint32_t>(layers_->size());
  }
  /// Of all layers.
  std::uint32_t count() const { return slot_partitions_ * layers(); }

  PartitionIndex of(std::string_view key, SlotIndex slot) const {
    const PartitionIndex first = partition_of_slot(slot, slot_partitions_);
    return layers_ == nullptr ? first : first + slot_partitions_ * layer_of(key);
  }
  /// 0 where no layer's pattern fits; else that of the closest.
  std::uint32_t layer_of(std::string_view key) const;
  /// The layer that a layer's keys were of before it came.
  std::uint32_t around(std::uint32_t layer) const;
  std::uint32_t layer_of_partition(PartitionIndex partition) const {
    return partition / slot_partitions_;
  }
  /// The partition of the same slots in the first layer.
  PartitionIndex first_layer(PartitionIndex partition) const {
    return layers_ == nullptr ? partition : partition % slot_partitions_;
  }
  /// The partition of the same slots in another layer.
  std::uint16_t in_layer(PartitionIndex partition, std::uint32_t layer) const {
    return static_cast<std::uint16_t>(first_layer(partition) + layer * slot_partitions_);
  }
  SlotRange slots_of(PartitionIndex partition) const {
    return slot_range(partition % slot_partitions_, slot_partitions_);
  }

  /// Equal where every key is of the same partition by both, as far as the patterns tell.
  friend bool operator==(const KeyPartitions& a, const KeyPartitions& b);

 private:
  std::uint32_t slot_partitions_;
  std::shared_ptr<const std::vector<std::string>> layers_;  // null: there are none
};

/// The layer (0: the first) whose partitions hold the keys of `pattern` that no closer layer's
/// pattern fits, where `pattern` itself has none yet.
[[nodiscard]] std::uint32_t layer_around(std::span<const std::string> layers,
                                         std::string_view pattern);

}  // namespace kindred
