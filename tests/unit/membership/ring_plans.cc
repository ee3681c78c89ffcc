#include "tests/unit/membership/ring_plans.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/membership/samples.h"

namespace kindred::membership_test {

StagedChange join_of(NodeId id) {
  return {ChangeKind::kJoin, 0, sample_member(id)};
}
StagedChange leave_of(NodeId id) {
  return {ChangeKind::kLeave, id, {}};
}
StagedChange remove_of(NodeId id) {
  return {ChangeKind::kRemove, id, {}};
}
StagedChange replace_of(NodeId gone, NodeId next) {
  return {ChangeKind::kReplace, gone, sample_member(next)};
}

ClusterDocument founded(std::size_t members, uint32_t partitions, uint32_t replicas) {
  ClusterDocument document;
  document.cluster_id = 77;
  document.epoch = 1;
  document.replicas = replicas;
  std::vector<ClaimMember> claims;
  for (NodeId id = 1; id <= members; ++id) {
    document.members.push_back(sample_member(id));
    claims.push_back({id, 1, "default"});
  }
  document.ring = BalancedClaim().place(nullptr, claims, {partitions, replicas});
  document.tag_keys.push_back({1, {9, 8, 7}});
  return document;
}

ClusterDocument after(const ClusterDocument& document, const StagedChange& change) {
  ClusterDocument next = next_document(document);
  EXPECT_EQ(apply_change(change, false, &next), "");
  start_moves(&next);
  EXPECT_TRUE(may_follow(document, next));
  return next;
}

std::string refusal(const ClusterDocument& document, const StagedChange& change) {
  ClusterDocument next = next_document(document);
  const ClusterDocument before = next;
  std::string error = apply_change(change, false, &next);
  EXPECT_EQ(next, before) << "refused and changed";
  return error;
}

Progress all_done(const ClusterDocument& document) {
  Progress progress;
  for (const Member& member : document.members) {
    progress[member.id].epoch = document.epoch;
  }
  return progress;
}

ClusterDocument settled(ClusterDocument document) {
  for (int epoch = 0; epoch < 100; ++epoch) {
    ClusterDocument next = next_document(document);
    if (!take_steps(all_done(document), 2, &next)) {
      return document;
    }
    EXPECT_TRUE(may_follow(document, next));
    document = next;
  }
  ADD_FAILURE() << "steps without an end";
  return document;
}

std::size_t places_of(const ClusterDocument& document, NodeId node) {
  return static_cast<std::size_t>(std::ranges::count(document.ring.flat_owners(), node));
}

Keyspace with_copies(std::string pattern, uint8_t copies) {
  Keyspace row;
  row.pattern = std::move(pattern);
  row.copies = copies;
  return row;
}

ClusterDocument with_row(const ClusterDocument& document, std::string pattern, uint8_t copies) {
  ClusterDocument next = next_document(document);
  EXPECT_TRUE(put_keyspace(next.keyspaces, with_copies(std::move(pattern), copies)));
  EXPECT_EQ(add_layers(&next), "");
  start_moves(&next);
  EXPECT_TRUE(is_valid(next));
  EXPECT_TRUE(may_follow(document, next));
  return next;
}

}  // namespace kindred::membership_test
