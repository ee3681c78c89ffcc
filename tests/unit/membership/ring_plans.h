#pragma once

#include <string>

#include "replication/membership/ring_plan.h"

// What tests of planned ring changes share: small clusters, changes, and members that have done
// all.

namespace kindred::membership_test {

StagedChange join_of(NodeId id);
StagedChange leave_of(NodeId id);
StagedChange remove_of(NodeId id);
StagedChange replace_of(NodeId gone, NodeId next);

/// Members 1..n, whose partitions lie where the claim puts them.
ClusterDocument founded(std::size_t members, uint32_t partitions, uint32_t replicas);

/// The document after a change, or the test fails.
ClusterDocument after(const ClusterDocument& document, const StagedChange& change);

/// Why the change is refused; the test fails where it changes anything all the same.
std::string refusal(const ClusterDocument& document, const StagedChange& change);

/// Everybody has stored the document, is whole, and holds nothing that it should not.
Progress all_done(const ClusterDocument& document);

/// The document after all its moves.
ClusterDocument settled(ClusterDocument document);

std::size_t places_of(const ClusterDocument& document, NodeId node);

Keyspace with_copies(std::string pattern, uint8_t copies);

/// The document after KEYSPACE SET, or the test fails.
ClusterDocument with_row(const ClusterDocument& document, std::string pattern, uint8_t copies);

}  // namespace kindred::membership_test
