#pragma once

#include <span>
#include <vector>

#include "replication/ring/ring.h"

namespace kindred {

/// Every member that doesn't own `partition`, in the order in which they stand in for owners that
/// are out of reach (sloppy quorum; Dynamo paper, section 4.6): the caller skips the dead ones. A
/// zone that holds fewer of the partition's places so far, owners included, comes first; within a
/// zone, the owners of the next partitions around the ring, then members without a partition.
/// Members of weight 0 are no fallbacks. Pure; any order of `members` gives the same answer.
std::vector<NodeId> ring_walk(const Ring& ring, std::span<const ClaimMember> members,
                              PartitionIndex partition);

}  // namespace kindred
