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

TEST(RingPlan, JoinTakesThreeEpochsAndEndsBalanced) {
  const ClusterDocument start = founded(3, 16, 3);
  const ClusterDocument joined = after(start, join_of(4));
  EXPECT_EQ(joined.moves.size(), 12u);
  EXPECT_EQ(joined.ring, start.ring) << "the old owners serve";
  for (const Move& move : joined.moves) {
    EXPECT_EQ(move.phase, MovePhase::kReadOld);
    EXPECT_EQ(joined.step(move.partition), 2u);
  }
  ClusterDocument read_new = next_document(joined);
  ASSERT_TRUE(take_steps(all_done(joined), 2, &read_new));
  EXPECT_EQ(read_new.moves.size(), 12u);
  EXPECT_EQ(read_new.moves[0].phase, MovePhase::kReadNew);
  EXPECT_EQ(read_new.step(read_new.moves[0].partition), 3u);
  ClusterDocument done = next_document(read_new);
  ASSERT_TRUE(take_steps(all_done(read_new), 2, &done));
  EXPECT_TRUE(done.moves.empty());
  EXPECT_EQ(places_of(done, 4), 12u);
  EXPECT_FALSE(take_steps(all_done(done), 2, &done));
}

TEST(RingPlan, NoStepBeforeMajoritiesStoredTheLastAndNewCopiesAreWhole) {
  const ClusterDocument joined = after(founded(3, 16, 3), join_of(4));
  const PartitionIndex partition = joined.moves[0].partition;
  Progress progress = all_done(joined);
  progress[4].not_whole = {partition};
  ClusterDocument next = next_document(joined);
  ASSERT_TRUE(take_steps(progress, 2, &next));
  EXPECT_EQ(next.find_move(partition)->phase, MovePhase::kReadOld);
  EXPECT_EQ(next.step(partition), joined.epoch);
  EXPECT_EQ(next.moves.back().phase, MovePhase::kReadNew);

  progress = all_done(joined);
  progress[4].epoch = 1;  // whole, but not under this step
  next = next_document(joined);
  EXPECT_FALSE(take_steps(progress, 2, &next));

  progress = all_done(joined);
  progress.erase(1);
  progress.erase(2);
  next = next_document(joined);
  EXPECT_FALSE(take_steps(progress, 2, &next)) << "the old owners' majority is missing";
}

// One that still goes by the old owners would answer a read with R=1 alone.
TEST(RingPlan, OldOwnersThatMayStillBeReadHoldTheLastStepUp) {
  ClusterDocument read_new = next_document(after(founded(3, 16, 3), join_of(4)));
  ASSERT_TRUE(take_steps(all_done(after(founded(3, 16, 3), join_of(4))), 2, &read_new));
  const PartitionIndex partition = read_new.moves[0].partition;
  const NodeId behind = read_new.ring.owners(partition)[0];
  Progress progress = all_done(read_new);
  progress[behind].epoch = 1;
  ClusterDocument next = next_document(read_new);
  (void)take_steps(progress, 1, &next);
  EXPECT_NE(next.find_move(partition), nullptr);
  next = next_document(read_new);
  ASSERT_TRUE(take_steps(progress, 2, &next));
  EXPECT_EQ(next.find_move(partition), nullptr);
}

TEST(RingPlan, AnOldOwnersOwnRCounts) {
  ClusterDocument read_new = next_document(after(founded(3, 16, 3), join_of(4)));
  ASSERT_TRUE(take_steps(all_done(after(founded(3, 16, 3), join_of(4))), 2, &read_new));
  const PartitionIndex partition = read_new.moves[0].partition;
  const NodeId behind = read_new.ring.owners(partition)[0];
  Progress progress = all_done(read_new);
  progress[behind].epoch = 1;
  progress[behind].read_quorum = 1;
  ClusterDocument next = next_document(read_new);
  (void)take_steps(progress, 2, &next);
  EXPECT_NE(next.find_move(partition), nullptr) << "it would answer alone";
  progress[behind].read_quorum = 2;
  next = next_document(read_new);
  ASSERT_TRUE(take_steps(progress, 1, &next));
  EXPECT_EQ(next.find_move(partition), nullptr) << "whatever the driver's own R is";
}

// Where new owners are read, R of them may not hear of a removal at once: no way back.
TEST(RingPlan, RemovedMemberDoesNotRollBackWhereNewOwnersAreRead) {
  const ClusterDocument joined = after(after(founded(3, 16, 3), join_of(4)), join_of(5));
  ClusterDocument read_new = next_document(joined);
  ASSERT_TRUE(take_steps(all_done(joined), 2, &read_new));
  const auto move = std::ranges::find_if(read_new.moves, [](const Move& one) {
    return one.phase == MovePhase::kReadNew && std::ranges::count(one.new_owners, 4) != 0;
  });
  ASSERT_NE(move, read_new.moves.end());
  const ClusterDocument removed = after(read_new, remove_of(4));
  const Move* left = removed.find_move(move->partition);
  ASSERT_NE(left, nullptr);
  EXPECT_EQ(left->phase, MovePhase::kReadNew);
  EXPECT_EQ(left->new_owners.size(), 2u);
  const auto owners = removed.ring.owners(move->partition);
  EXPECT_EQ(owners.size(), 3u) << "writes still go to the old ones too";
}

TEST(RingPlan, LeavingMemberGoesOnceItHoldsNothing) {
  ClusterDocument document = after(founded(4, 16, 3), leave_of(2));
  EXPECT_TRUE(document.find_member(2)->is_leaving);
  Progress progress;
  for (int epoch = 0; epoch < 6; ++epoch) {
    progress = all_done(document);
    progress[2].is_departing = true;
    ClusterDocument next = next_document(document);
    if (take_steps(progress, 2, &next)) {
      document = next;
    }
  }
  EXPECT_TRUE(document.moves.empty());
  EXPECT_EQ(places_of(document, 2), 0u);
  ASSERT_NE(document.find_member(2), nullptr) << "it has copies to hand over";
  document = settled(document);
  EXPECT_EQ(document.find_member(2), nullptr);
}

TEST(RingPlan, RemovedMemberIsOffTheListsAtOnceAndItsMovesAreRolledBack) {
  const ClusterDocument joined = after(founded(3, 16, 3), join_of(4));
  const ClusterDocument removed = after(joined, remove_of(4));
  EXPECT_EQ(removed.find_member(4), nullptr);
  EXPECT_TRUE(removed.moves.empty());
  EXPECT_EQ(removed.ring, joined.ring);
  EXPECT_EQ(removed.step(joined.moves[0].partition), removed.epoch);

  const ClusterDocument of_four = settled(joined);
  const ClusterDocument without_one = after(of_four, remove_of(1));
  for (PartitionIndex partition = 0; partition < 16; ++partition) {
    EXPECT_FALSE(without_one.holds(partition, 1));
    EXPECT_GE(without_one.ring.owners(partition).size(), 2u);
  }
  EXPECT_EQ(settled(without_one).ring.copies(), 3u);
}

TEST(RingPlan, ReplacementGetsTheDeadOnesPlaces) {
  const ClusterDocument start = settled(after(founded(3, 32, 3), join_of(4)));
  const ClusterDocument replaced = after(start, replace_of(2, 9));
  const ClusterDocument end = settled(replaced);
  for (PartitionIndex partition = 0; partition < 32; ++partition) {
    const auto before = start.ring.owners(partition);
    std::vector<NodeId> wanted(before.begin(), before.end());
    std::ranges::replace(wanted, NodeId{2}, NodeId{9});
    const auto owners = end.ring.owners(partition);
    EXPECT_EQ(std::vector<NodeId>(owners.begin(), owners.end()), wanted);
  }
  EXPECT_EQ(end.find_member(2), nullptr);
}

TEST(RingPlan, RefusalsSayWhatIsWrongAndWhatToDo) {
  const ClusterDocument three = founded(3, 16, 3);
  EXPECT_THAT(refusal(three, leave_of(8)), HasSubstr("members are node-1 (127.0.0.1:17001), "));
  Member same_place = sample_member(2);
  same_place.id = 9;
  EXPECT_THAT(refusal(three, {ChangeKind::kJoin, 0, same_place}),
              HasSubstr("node-2 (127.0.0.1:17002) is a member already; RING REMOVE"));
  const ClusterDocument alone = founded(1, 16, 3);
  EXPECT_THAT(refusal(alone, leave_of(1)), HasSubstr("the last member that can hold data"));
  EXPECT_THAT(refusal(founded(2, 16, 1), remove_of(1)),
              HasSubstr("holds the only copy of 8 partitions; RING LEAVE hands them over"));
  EXPECT_THAT(refusal(three, replace_of(1, 2)), HasSubstr("node-2 (127.0.0.1:17002) is a member"));
}

TEST(RingPlan, GivenUpPartitionsGetOwnersAtOnce) {
  const ClusterDocument start = founded(2, 16, 1);
  ClusterDocument next = next_document(start);
  ASSERT_EQ(apply_change(remove_of(1), true, &next), "");
  start_moves(&next);
  EXPECT_TRUE(may_follow(start, next));
  EXPECT_EQ(places_of(next, 2), 16u);
}

TEST(RingPlan, StagedChangesShowTheirPlanAndAreAppliedTogether) {
  const ClusterDocument start = founded(3, 16, 3);
  ClusterDocument staged = next_document(start);
  ASSERT_EQ(stage_change(join_of(4), &staged), "");
  ASSERT_EQ(stage_change(join_of(4), &staged), "") << "staged already";
  ASSERT_EQ(stage_change(leave_of(1), &staged), "");
  EXPECT_THAT(stage_change(leave_of(8), &staged), StartsWith("ERR "));
  EXPECT_EQ(staged.staged.size(), 2u);
  EXPECT_EQ(staged.members, start.members);
  EXPECT_EQ(change_text(staged.staged[1], staged), "leave node-1 (127.0.0.1:17001)");

  const RingPlan plan = plan_staged(staged);
  EXPECT_EQ(plan.error, "");
  EXPECT_EQ(plan.members.size(), 4u);
  EXPECT_EQ(plan.moves.size(), 16u);
  EXPECT_EQ(plan.copies_to_get, (std::map<NodeId, uint32_t>{{4, 16}}));
  EXPECT_TRUE(plan.crowded.empty());

  ClusterDocument next = next_document(staged);
  ASSERT_EQ(apply_staged(&next), "");
  start_moves(&next);
  EXPECT_TRUE(next.staged.empty());
  const ClusterDocument end = settled(next);
  EXPECT_EQ(end.members.size(), 3u);
  for (const RingPlan::PartitionMove& move : plan.moves) {
    const auto owners = end.ring.owners(move.partition);
    EXPECT_TRUE(std::ranges::is_permutation(owners, move.to));
  }
}

TEST(RingPlan, PlanTellsWhereReplicasShareANodeOrAZone) {
  ClusterDocument two = founded(2, 16, 3);
  EXPECT_EQ(plan_staged(two).crowded.size(), 16u);
  ClusterDocument zones = founded(3, 16, 3);
  zones.members[0].zone = "east";
  ASSERT_EQ(plan_staged(zones).crowded.size(), 16u);
  EXPECT_EQ(plan_staged(zones).crowded[0].zones, 2u);
}

TEST(RingPlan, NamesFindMembersUnlessTwoHaveThem) {
  ClusterDocument document = founded(3, 16, 3);
  EXPECT_EQ(find_named(document, "node-2")->id, 2u);
  EXPECT_EQ(find_named(document, "127.0.0.1:17003")->id, 3u);
  EXPECT_EQ(find_named(document, id_text(1))->id, 1u);
  EXPECT_EQ(find_named(document, "node-4"), nullptr);
  document.members[0].name = "node-2";
  EXPECT_EQ(find_named(document, "node-2"), nullptr);
}

}  // namespace
}  // namespace kindred::membership_test
