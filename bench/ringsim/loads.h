#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "replication/ring/claim.h"
#include "replication/ring/ring.h"
#include "replication/ring/tokens.h"

namespace kindred::bench {

/// Nodes of equal weight in zones as even as can be. Their ids, and so their tokens, differ from
/// draw to draw.
std::vector<ClaimMember> cluster(std::uint32_t nodes, std::uint32_t zones, std::uint64_t draw);

/// The load of each member, in the order of `members`, under requests that are even over the keys.
/// As shares: all together 1.
struct Loads {
  std::vector<double> copies;  // each request is served by all N, as writes are
  std::vector<double> firsts;  // each by the first place alone, as cluster clients' reads are
};

Loads loads(const Ring& ring, std::span<const ClaimMember> members);
/// Of strategy 1 as it is, with ranges of any width.
Loads loads(const TokenRing& tokens, std::span<const ClaimMember> members, std::uint32_t replicas);

/// Average load over the highest: 1 is perfect (Dynamo paper, section 6.2).
double efficiency(std::span<const double> loads);

}  // namespace kindred::bench
