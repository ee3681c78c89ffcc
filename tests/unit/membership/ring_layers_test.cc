#include "replication/membership/ring_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/membership/ring_plans.h"
#include "tests/unit/membership/samples.h"

namespace kindred::membership_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(RingPlan, AnNOfItsOwnSplitsAPatternOffWithTheOwnersThatItHad) {
  const ClusterDocument start = founded(5, 16, 3);
  const ClusterDocument split = with_row(start, "a*", 2);
  ASSERT_EQ(split.ring.partition_count(), 32u);
  for (PartitionIndex p = 0; p < 16; ++p) {
    EXPECT_TRUE(std::ranges::equal(split.ring.owners(16 + p), start.ring.owners(p)));
    EXPECT_EQ(split.step(p), split.epoch) << "requests of before don't go on";
    EXPECT_EQ(split.step(16 + p), split.epoch);
    const Move* move = split.find_move(16 + p);
    ASSERT_NE(move, nullptr);
    EXPECT_TRUE(std::ranges::equal(move->new_owners, start.ring.owners(p).first(2)));
    EXPECT_EQ(split.find_move(p), nullptr);
  }
  const ClusterDocument end = settled(split);
  for (PartitionIndex p = 0; p < 16; ++p) {
    EXPECT_TRUE(std::ranges::equal(end.ring.owners(16 + p), start.ring.owners(p).first(2)));
    EXPECT_TRUE(std::ranges::equal(end.ring.owners(p), start.ring.owners(p)));
  }
}

TEST(RingPlan, MoreCopiesAreOnNodesThatWouldStandIn) {
  const ClusterDocument end = settled(with_row(founded(6, 16, 3), "a*", 5));
  for (PartitionIndex p = 16; p < 32; ++p) {
    EXPECT_EQ(end.ring.owners(p).size(), 5u);
    EXPECT_TRUE(std::ranges::equal(end.ring.owners(p).first(3), end.ring.owners(p - 16)));
  }
  const ClusterDocument few = settled(with_row(founded(4, 16, 3), "a*", 5));
  EXPECT_EQ(few.ring.owners(16).size(), 4u) << "no more than there are members";
  EXPECT_EQ(settled(after(few, join_of(5))).ring.owners(16).size(), 5u);
}

TEST(RingPlan, WithoutItsNAPatternHasTheOwnersOfTheKeysAroundIt) {
  const ClusterDocument one = settled(with_row(founded(5, 16, 3), "a*", 1));
  EXPECT_EQ(one.ring.owners(16).size(), 1u);
  ClusterDocument next = next_document(one);
  ASSERT_TRUE(remove_keyspace(next.keyspaces, "a*"));
  ASSERT_EQ(add_layers(&next), "");
  start_moves(&next);
  const ClusterDocument end = settled(next);
  ASSERT_EQ(end.layers.size(), 1u) << "it may have an n again, and moves then";
  for (PartitionIndex p = 0; p < 16; ++p) {
    EXPECT_TRUE(std::ranges::equal(end.ring.owners(16 + p), end.ring.owners(p)));
  }
  EXPECT_EQ(settled(with_row(end, "a*", 2)).ring.owners(16).size(), 2u);
}

TEST(RingPlan, ANarrowerPatternIsSplitOffTheWiderOne) {
  const ClusterDocument wide = settled(with_row(founded(5, 16, 3), "a*", 2));
  const ClusterDocument split = with_row(wide, "ab*", 3);
  ASSERT_EQ(split.ring.partition_count(), 48u);
  EXPECT_TRUE(std::ranges::equal(split.ring.owners(32), wide.ring.owners(16)));
  EXPECT_EQ(split.step(16), split.epoch);
  EXPECT_LT(split.step(0), split.epoch) << "its keys stay where they are";
  EXPECT_EQ(settled(split).ring.owners(32).size(), 3u);
}

TEST(RingPlan, ALayerThatIsSplitOffWhileItsKeysMoveMovesOn) {
  const ClusterDocument moving = after(founded(3, 16, 3), join_of(4));
  const ClusterDocument split = with_row(moving, "a*", 2);
  for (const Move& move : moving.moves) {
    const Move* other = split.find_move(16 + move.partition);
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(other->new_owners, move.new_owners);
  }
  const ClusterDocument end = settled(split);
  EXPECT_TRUE(std::ranges::equal(end.ring.owners(16), end.ring.owners(0).first(2)));
}

// Also owners of lists that stay as they are: a list may be short, and of what W of the longer one
// have it may hold less than the new N reckons with.
TEST(RingPlan, AnNThatFallsHoldsOnceAllOwnersHaveCaughtUp) {
  const ClusterDocument few = settled(with_row(founded(3, 16, 3), "a*", 5));
  EXPECT_EQ(few.replicas_met(16), 5u);
  ClusterDocument falls = with_row(few, "a*", 3);
  ASSERT_EQ(falls.moves.size(), 16u);
  EXPECT_EQ(falls.replicas_met(16), 5u);
  EXPECT_EQ(falls.layers[0].falls_to, 3);
  const ClusterDocument end = settled(falls);
  EXPECT_EQ(end.replicas_met(16), 3u);
  EXPECT_EQ(end.replicas_most(16), 3u);
  EXPECT_EQ(end.layers[0].falls_to, 0);
  // Who is removed meanwhile takes along what others had yet to catch up with.
  ClusterDocument removed = after(falls, remove_of(3));
  EXPECT_EQ(removed.replicas_met(16), 5u);
  EXPECT_EQ(settled(removed).replicas_met(16), 3u);
  // One that falls further, or no more, begins anew, or ends.
  EXPECT_EQ(with_row(falls, "a*", 2).replicas_met(16), 5u);
  EXPECT_EQ(settled(with_row(falls, "a*", 2)).replicas_met(16), 2u);
  EXPECT_EQ(settled(with_row(falls, "a*", 5)).replicas_met(16), 5u);
}

TEST(RingPlan, APartitionsNumberHas16Bits) {
  ClusterDocument document = founded(3, kSlotCount, 3);
  for (const char* pattern : {"a*", "b*", "c*"}) {
    document = settled(with_row(document, pattern, 2));
  }
  EXPECT_EQ(settled(with_row(document, "a*", 1)).ring.owners(kSlotCount).size(), 1u);
  ClusterDocument next = next_document(document);
  ASSERT_TRUE(put_keyspace(next.keyspaces, with_copies("d*", 2)));
  const ClusterDocument before = next;
  EXPECT_THAT(add_layers(&next),
              StartsWith("ERR at most 3 patterns can have had an n of their own: "
                         "a* b* c* "));
  EXPECT_EQ(next, before);
  next = next_document(document);
  ASSERT_TRUE(put_keyspace(next.keyspaces, with_copies("d*", 3)));
  EXPECT_EQ(add_layers(&next), "") << "the cluster's own N needs none";
}

TEST(RingPlan, TheOnlyCopyOfAPatternsKeysIsNotRemoved) {
  const ClusterDocument end = settled(with_row(founded(3, 16, 3), "a*", 1));
  EXPECT_THAT(refusal(end, remove_of(end.ring.owners(16)[0])), HasSubstr("holds the only copy of"));
}

}  // namespace
}  // namespace kindred::membership_test
