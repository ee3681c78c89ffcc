#pragma once

#include <cstdint>
#include <string_view>

namespace kindred {

using SlotIndex = std::uint16_t;
using PartitionIndex = std::uint32_t;

inline constexpr std::uint32_t kSlotCount = 16384;

/// Slots first..last of one partition, both included.
struct SlotRange {
  SlotIndex first;
  SlotIndex last;
  bool operator==(const SlotRange&) const = default;
};

/// The slot of a key as Redis Cluster defines it: CRC16 (XMODEM) modulo 16384 of the hash tag, the
/// bytes between the first '{' and the first '}' after it, or of the whole key where there is no
/// such pair or nothing within it. Any thread.
/// Source: Redis cluster specification, "Key distribution model" and "Hash tags".
SlotIndex key_slot(std::string_view key);

namespace ring_detail {
/// key_slot() as processors without carry-less multiplication compute it; apart only for tests.
SlotIndex slot_by_tables(std::string_view key);
}  // namespace ring_detail

/// The partition that holds `slot` in a ring of `partition_count` partitions (1..16384).
constexpr PartitionIndex partition_of_slot(SlotIndex slot, std::uint32_t partition_count) {
  return static_cast<PartitionIndex>(std::uint32_t{slot} * partition_count / kSlotCount);
}

/// The inverse of partition_of_slot; `partition` < `partition_count`.
constexpr SlotRange slot_range(PartitionIndex partition, std::uint32_t partition_count) {
  const auto begin_of = [partition_count](std::uint32_t p) {
    return (p * kSlotCount + partition_count - 1) / partition_count;
  };
  return {static_cast<SlotIndex>(begin_of(partition)),
          static_cast<SlotIndex>(begin_of(partition + 1) - 1)};
}

}  // namespace kindred
