#pragma once

#include <span>

#include "replication/ring/claim.h"
#include "replication/ring/share.h"

namespace kindred::ring_test {

/// Whether no ring with the same bounds transfers fewer copies from `previous` than `ring` does:
/// proven by the absence of a chain of exchanges that would save a transfer, so apart from the way
/// in which the claim searches. `shares` stand beside `members` and bound each one's copies; all
/// members have a weight.
bool moves_fewest(const Ring& previous, const Ring& ring, std::span<const ClaimMember> members,
                  std::span<const ShareRange> shares);

}  // namespace kindred::ring_test
