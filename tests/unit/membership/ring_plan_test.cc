#include "replication/membership/ring_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/membership/samples.h"

namespace kindred::membership_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

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

/// The document after a change, or the test fails.
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

/// Everybody has stored the document, is whole, and holds nothing that it should not.
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

Keyspace with_copies(std::string pattern, uint8_t copies) {
  Keyspace row;
  row.pattern = std::move(pattern);
  row.copies = copies;
  return row;
}

/// The document after a row was put there, or without it where `copies` is 0.
ClusterDocument with_row(const ClusterDocument& document, std::string pattern, uint8_t copies) {
  ClusterDocument next = next_document(document);
  EXPECT_TRUE(put_keyspace(next.keyspaces, with_copies(std::move(pattern), copies)));
  EXPECT_EQ(add_layers(&next), "");
  start_moves(&next);
  EXPECT_TRUE(is_valid(next));
  EXPECT_TRUE(may_follow(document, next));
  return next;
}

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

TEST(RingPlan, AtMostThreePatternsCanHaveAnN) {
  ClusterDocument document = founded(3, 16, 3);
  for (const char* pattern : {"a*", "b*", "c*"}) {
    document = settled(with_row(document, pattern, 2));
  }
  EXPECT_EQ(settled(with_row(document, "a*", 1)).ring.owners(16).size(), 1u);
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

/// Random changes and steps over one cluster, with members that lag behind and copies that fill.
class RandomChanges {
 public:
  explicit RandomChanges(uint64_t prng_seed) : prng_(prng_seed) {
    const auto members = 1 + below(6);
    document_ = founded(members, 16 << below(2), static_cast<uint32_t>(1 + below(4)));
    next_id_ = members + 1;
    for (Member& member : document_.members) {
      member.zone = std::to_string(below(3));
      member.weight = static_cast<uint32_t>(1 + below(3));
    }
  }

  void act() {
    ClusterDocument next = next_document(document_);
    bool changes = false;
    if (below(12) == 0) {
      changes = change_copies(&next);
    } else if (below(3) == 0) {
      changes = apply_change(random_change(), below(4) == 0, &next).empty();
    } else if (below(4) == 0) {
      changes = stage_change(random_change(), &next).empty();
    } else if (below(6) == 0) {
      changes = apply_staged(&next).empty();
    } else {
      changes = take_steps(random_progress(), 2, &next);
    }
    if (changes) {
      install(next);
    }
  }

  void settle() {
    for (int epoch = 0; epoch < 100; ++epoch) {
      ClusterDocument next = next_document(document_);
      start_moves(&next);
      if (!next.moves.empty() || next.ring != document_.ring) {
        install(next);
      } else if (take_steps(all_done(document_), 2, &next)) {
        install(next);
      } else {
        break;
      }
      next = next_document(document_);
      if (document_.moves.empty() || !take_steps(all_done(document_), 2, &next)) {
        continue;
      }
      install(next);
    }
  }

  const ClusterDocument& document() const { return document_; }

 private:
  uint64_t below(uint64_t bound) { return prng_() % bound; }

  bool change_copies(ClusterDocument* next) {
    constexpr const char* kPatterns[] = {"a*", "ab*", "abc", "b*"};
    const Keyspaces before = next->keyspaces;
    EXPECT_TRUE(put_keyspace(next->keyspaces,
                             with_copies(kPatterns[below(4)], static_cast<uint8_t>(below(6)))));
    if (!add_layers(next).empty()) {
      next->keyspaces = before;
      return false;
    }
    return next->keyspaces != before;
  }

  NodeId random_member() { return document_.members[below(document_.members.size())].id; }

  Member newcomer() {
    Member member = sample_member(next_id_++);
    member.zone = std::to_string(below(3));
    member.weight = static_cast<uint32_t>(below(4));
    return member;
  }

  StagedChange random_change() {
    switch (below(5)) {
      case 0:
        return leave_of(random_member());
      case 1:
        return remove_of(random_member());
      case 2:
        return {ChangeKind::kReplace, random_member(), newcomer()};
      default:
        return {ChangeKind::kJoin, 0, newcomer()};
    }
  }

  Progress random_progress() {
    Progress progress;
    for (const Member& member : document_.members) {
      if (below(8) == 0) {
        continue;
      }
      MemberProgress& told = progress[member.id];
      told.epoch = document_.epoch - std::min(document_.epoch - 1, below(2) * below(4));
      told.is_departing = below(2) == 0;
      for (PartitionIndex p = 0; p < document_.ring.partition_count(); ++p) {
        if (below(8) == 0) {
          told.not_whole.push_back(p);
        }
      }
    }
    return progress;
  }

  void install(ClusterDocument next) {
    start_moves(&next);
    ASSERT_TRUE(may_follow(document_, next));
    check_layers_added(next);
    for (PartitionIndex p = 0; p < document_.ring.partition_count(); ++p) {
      ASSERT_FALSE(next.ring.owners(p).empty());
      ASSERT_FALSE(next.serving_owners(p).empty());
      const bool is_touched = !std::ranges::equal(next.ring.owners(p), document_.ring.owners(p)) ||
                              !is_same_move(next.find_move(p), document_.find_move(p));
      ASSERT_TRUE(!is_touched || next.step(p) == next.epoch) << "partition " << p;
      check_quorum_kept(next, p);
    }
    document_ = std::move(next);
  }

  /// A layer begins with the lists of the keys around it, at a step of both.
  void check_layers_added(const ClusterDocument& next) {
    const uint32_t count = next.ring.slot_partitions();
    std::vector<std::string> patterns;
    for (const Layer& layer : next.layers) {
      patterns.push_back(layer.pattern);
    }
    for (PartitionIndex p = document_.ring.partition_count(); p < next.ring.partition_count();
         ++p) {
      const std::size_t added = p / count - 1;
      const uint32_t around = layer_around(std::span(patterns).first(added), patterns[added]);
      const PartitionIndex from = around * count + p % count;
      ASSERT_EQ(next.step(p), next.epoch);
      ASSERT_EQ(next.step(from), next.epoch);
      ASSERT_TRUE(std::ranges::is_permutation(next.ring.owners(p), next.ring.owners(from)));
    }
  }

  static bool is_same_move(const Move* a, const Move* b) {
    return a == nullptr || b == nullptr ? a == b : *a == *b;
  }

  /// Whoever serves the next epoch held W of every write in this one: it was an owner of old, or of
  /// a list that steps to serving. Only removals may take a copy away.
  void check_quorum_kept(const ClusterDocument& next, PartitionIndex p) {
    for (const NodeId node : next.serving_owners(p)) {
      const bool is_gift = std::ranges::none_of(document_.ring.owners(p), [&](NodeId owner) {
        return next.find_member(owner) != nullptr;
      });
      ASSERT_TRUE(document_.holds(p, node) || is_gift) << "serves what it never held";
    }
  }

  std::mt19937_64 prng_;
  ClusterDocument document_;
  NodeId next_id_ = 1;
};

TEST(RingPlanRandom, ChangesAndStepsAlwaysEndAtTheClaimWithNoMoves) {
  for (uint64_t prng_seed = 1; prng_seed <= 300; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    RandomChanges world(prng_seed);
    for (std::size_t act = 0; act < 10 + prng_seed % 50; ++act) {
      world.act();
      if (testing::Test::HasFatalFailure()) {
        return;
      }
    }
    world.settle();
    const ClusterDocument& end = world.document();
    ASSERT_TRUE(end.moves.empty());
    std::vector<ClaimMember> claims;
    for (const Member& member : end.members) {
      ASSERT_FALSE(member.is_leaving);
      claims.push_back({member.id, member.weight, member.zone});
    }
    const auto able = static_cast<std::size_t>(
        std::ranges::count_if(claims, [](const ClaimMember& one) { return one.weight != 0; }));
    const uint32_t count = end.ring.slot_partitions();
    const auto flat = end.ring.flat_owners().first(std::size_t{count} * end.ring.copies());
    const Ring first =
        *Ring::make(count, end.ring.replicas(), end.ring.copies(), {flat.begin(), flat.end()});
    const Ring wanted = BalancedClaim().place(&first, claims, {count, end.replicas});
    for (PartitionIndex p = 0; p < end.ring.partition_count(); ++p) {
      const auto owners = end.ring.owners(p);
      const auto around = wanted.owners(p % count);
      const std::size_t length = std::min<std::size_t>(end.replicas_of(p), able);
      ASSERT_EQ(owners.size(), length);
      const std::size_t shared = std::min(length, around.size());
      ASSERT_TRUE(std::ranges::equal(owners.first(shared), around.first(shared)));
    }
  }
}

}  // namespace
}  // namespace kindred::membership_test
