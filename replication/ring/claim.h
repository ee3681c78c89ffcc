#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "replication/ring/ring.h"

namespace kindred {

struct PlacementParams {
  std::uint32_t partition_count = 256;  ///< Q, 1..kSlotCount
  std::uint32_t replicas = 3;           ///< N, 1..kReplicasMax
};

inline constexpr std::uint32_t kReplicasMax = 64;

/// Decides which nodes hold which partitions. Implementations are pure: the same arguments give
/// the same ring on every machine, whatever the order of `members`. Any thread.
class Placement {
 public:
  virtual ~Placement() = default;

  /// The name that RING STATUS shows and the cluster document keeps.
  virtual std::string_view name() const = 0;

  /// The ring for `members` (ids unique), close to `previous`, which may be null or name nodes that
  /// are gone, and otherwise has the same partition count. Lists are shorter than N while fewer
  /// members than N have a weight, and empty when none has.
  virtual Ring place(const Ring* previous, std::span<const ClaimMember> members,
                     PlacementParams params) const = 0;
};

/// Equal partitions dealt out evenly (strategy 3 of the Dynamo paper, section 6.2): each list has
/// distinct nodes in as many zones as exist; each node's copies are its ideal share by weight
/// rounded up or down; no ring within that moves fewer copies; first places follow weight as
/// closely as those copies allow. docs/design/claim.md says how and why.
class BalancedClaim final : public Placement {
 public:
  std::string_view name() const override { return "balanced"; }
  Ring place(const Ring* previous, std::span<const ClaimMember> members,
             PlacementParams params) const override;
};

}  // namespace kindred
