#include "replication/ring/ring.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "replication/ring/invariant.h"
#include "replication/ring/mix.h"

namespace kindred {
namespace {

/// The list's nodes without the zeros at its end; nullopt where a zero is followed by a node.
std::optional<std::uint8_t> length_of(std::span<const NodeId> list) {
  const auto end = std::find(list.begin(), list.end(), NodeId{0});
  if (std::any_of(end, list.end(), [](NodeId node) { return node != 0; })) {
    return std::nullopt;
  }
  return static_cast<std::uint8_t>(end - list.begin());
}

bool has_duplicate(std::span<const NodeId> list) {
  for (std::size_t i = 1; i < list.size(); ++i) {
    if (std::find(list.begin(), list.begin() + i, list[i]) != list.begin() + i) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<Ring> Ring::make(std::uint32_t partition_count, std::uint32_t replicas,
                               std::uint32_t copies, std::vector<NodeId> flat_owners,
                               std::uint32_t layers) {
  if (layers == 0 || partition_count == 0 || partition_count % layers != 0 ||
      partition_count / layers > kSlotCount || layers > layers_max(partition_count / layers) ||
      replicas == 0 || replicas > UINT8_MAX || copies > replicas ||
      flat_owners.size() != std::uint64_t{partition_count} * copies) {
    return std::nullopt;
  }
  Ring ring;
  ring.partition_count_ = partition_count;
  ring.layers_ = layers;
  ring.replicas_ = replicas;
  ring.copies_ = copies;
  ring.owners_ = std::move(flat_owners);
  std::vector<std::uint8_t> lengths;
  for (PartitionIndex partition = 0; partition < partition_count; ++partition) {
    const std::optional<std::uint8_t> length = length_of(ring.owners(partition));
    if (!length.has_value() || has_duplicate(ring.owners(partition).first(*length))) {
      return std::nullopt;
    }
    lengths.push_back(*length);
  }
  if (std::any_of(lengths.begin(), lengths.end(),
                  [copies](std::uint8_t length) { return length != copies; })) {
    ring.lengths_ = std::move(lengths);
  }
  return ring;
}

bool Ring::owns(PartitionIndex partition, NodeId node) const {
  const auto list = owners(partition);
  return std::find(list.begin(), list.end(), node) != list.end();
}

std::uint64_t ring_hash(const Ring& ring) {
  std::uint64_t hash = ring_detail::mix(ring.partition_count(), ring.replicas());
  hash = ring_detail::mix(hash, ring.copies());
  if (ring.layers() > 1) {
    hash = ring_detail::mix(hash, ring.layers());
  }
  for (const NodeId node : ring.flat_owners()) {
    hash = ring_detail::mix(hash, node);
  }
  return hash;
}

std::uint64_t copies_to_transfer(const Ring& from, const Ring& to) {
  ring_detail::require(from.partition_count() == to.partition_count(),
                       "compared rings have the same partition count");
  std::uint64_t count = 0;
  for (PartitionIndex partition = 0; partition < to.partition_count(); ++partition) {
    for (const NodeId node : to.owners(partition)) {
      count += from.owns(partition, node) ? 0 : 1;
    }
  }
  return count;
}

}  // namespace kindred
