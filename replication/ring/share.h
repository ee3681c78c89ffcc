#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "replication/ring/ring.h"

namespace kindred {

/// A member's ideal number of partitions, rounded down and up. Equal where it is whole.
struct ShareRange {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
};

/// How many of a zone's nodes may hold one partition, the same for each partition.
struct ZoneBounds {
  std::uint32_t least = 0;
  std::uint32_t most = 0;
};

/// Bounds that give each partition as many distinct zones as `zone_count` allows: one copy a zone
/// at most while there are zones enough, else every zone at least one copy.
ZoneBounds zone_bounds(std::uint32_t zone_size, std::uint32_t zone_count, std::uint32_t copies);

/// The ideal number of copies for each member, in the order of `members`: proportional to weight,
/// as far as one copy a node and zone_bounds() allow, what they deny to one going to the others by
/// weight. Exact (no floating point). Every weight is 1..kWeightMax, `copies` <= members.
std::vector<ShareRange> copy_shares(std::span<const ClaimMember> members,
                                    std::uint32_t partition_count, std::uint32_t copies);

/// The ideal number of first places for each member: proportional to weight, which the ideal
/// copies always allow.
std::vector<ShareRange> first_place_shares(std::span<const ClaimMember> members,
                                           std::uint32_t partition_count);

}  // namespace kindred
