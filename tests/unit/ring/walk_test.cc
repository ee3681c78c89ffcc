#include "replication/ring/walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "replication/ring/claim.h"

namespace kindred {
namespace {

using testing::ElementsAre;

TEST(RingWalk, FollowsTheRingWithinAZone) {
  const Ring ring = *Ring::make(3, 2, 2, {1, 2, 3, 4, 5, 1});
  const std::vector<ClaimMember> members{{1, 1, "a"}, {2, 1, "a"}, {3, 1, "a"},
                                         {4, 1, "a"}, {5, 1, "a"}, {6, 0, "a"}};
  EXPECT_THAT(ring_walk(ring, members, 0), ElementsAre(3, 4, 5));
  EXPECT_THAT(ring_walk(ring, members, 1), ElementsAre(5, 1, 2));
  EXPECT_THAT(ring_walk(ring, members, 2), ElementsAre(2, 3, 4));
}

TEST(RingWalk, TakesTheZoneWithFewestPlacesFirst) {
  const Ring ring = *Ring::make(2, 2, 2, {1, 2, 3, 4});
  const std::vector<ClaimMember> members{
      {1, 1, "a"}, {2, 1, "b"}, {3, 1, "a"}, {4, 1, "b"}, {5, 1, "c"}};
  EXPECT_THAT(ring_walk(ring, members, 0), ElementsAre(5, 3, 4));
}

TEST(RingWalk, NamesEveryOtherMemberOnceWhateverTheOrderOfMembers) {
  std::mt19937_64 random(1);
  std::vector<ClaimMember> members;
  for (NodeId id = 1; id <= 40; ++id) {
    members.push_back({id, 1, std::string(1, static_cast<char>('a' + id % 5))});
  }
  // Fewer copies than nodes, so that some stand in without holding anything.
  const Ring ring = BalancedClaim().place(nullptr, members, {16, 2});
  for (PartitionIndex partition = 0; partition < 16; ++partition) {
    const auto walk = ring_walk(ring, members, partition);
    std::set<NodeId> named(walk.begin(), walk.end());
    EXPECT_EQ(named.size(), 38u);
    for (const NodeId owner : ring.owners(partition)) {
      EXPECT_EQ(named.count(owner), 0u);
    }
    std::shuffle(members.begin(), members.end(), random);
    EXPECT_EQ(ring_walk(ring, members, partition), walk);
  }
}

}  // namespace
}  // namespace kindred
