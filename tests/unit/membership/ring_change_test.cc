#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Nodes = std::vector<std::size_t>;

RingChange change(ChangeKind kind, const std::string& node, bool now = true) {
  RingChange asked;
  asked.kind = kind;
  asked.node = node;
  asked.now = now;
  return asked;
}

RingChange replacement(const std::string& gone, const std::string& next) {
  RingChange asked = change(ChangeKind::kReplace, gone);
  asked.replacement = next;
  return asked;
}

RingChange forced(const std::string& node) {
  RingChange asked = change(ChangeKind::kRemove, node);
  asked.force = true;
  return asked;
}

class RingChanges : public testing::Test {
 protected:
  ~RingChanges() override {
    EXPECT_EQ(world_.violation(), "");
    EXPECT_EQ(world_.document_violation(), "");
  }

  /// Nodes 0…count-1 name each other and found a cluster.
  Nodes found(std::size_t count) {
    Nodes all;
    for (std::size_t i = 0; i < count; ++i) {
      all.push_back(i);
    }
    for (std::size_t i = 0; i < count; ++i) {
      world_.config(world_.add(all)).partition_count = partition_count_;
    }
    for (const std::size_t node : all) {
      world_.start(node);
    }
    EXPECT_TRUE(world_.run_until([&] { return world_.all_see_each_other(all); }, 5'000));
    world_.run_ms(1'000);
    return all;
  }
  /// A node that joins as soon as it finds the cluster, or waits for RING JOIN.
  std::size_t start_newcomer(bool auto_join = true) {
    const std::size_t node = world_.add({0, 1});
    world_.config(node).auto_join = auto_join;
    world_.start(node);
    return node;
  }
  bool settles(const Nodes& nodes, uint64_t ms_max = 15'000) {
    return world_.run_until([&] { return world_.is_settled(nodes); }, ms_max);
  }
  const ClusterDocument& document(std::size_t node) { return *world_.driver(node).installed; }
  std::size_t places_of(std::size_t node) {
    const auto owners = document(node).ring.flat_owners();
    return static_cast<std::size_t>(std::ranges::count(owners, world_.machine(node).self()));
  }
  /// The lowest id of the nodes: it proposes the steps.
  std::size_t driver_of(const Nodes& nodes) {
    return *std::ranges::min_element(nodes, {},
                                     [&](std::size_t node) { return world_.machine(node).self(); });
  }
  /// From now on it says that it is done with an epoch only where the test lets it.
  void tell_by_hand(std::size_t node) {
    world_.step(node, [](Membership& machine, LocalTime now) { machine.set_progress({}, now); });
  }
  /// Node 0 has a change staged that another of three accepts, and is gone before it hears of that.
  void crash_proposer_once_accepted() {
    const auto has_accepted = [&](std::size_t node) {
      return world_.disk(node)->acceptor.document != nullptr;
    };
    world_.request_change(0, change(ChangeKind::kLeave, World::text(2), false));
    ASSERT_TRUE(world_.run_until([&] { return has_accepted(1) || has_accepted(2); }, 1'000));
    world_.crash(0);
    EXPECT_FALSE(has_staged(1) || has_staged(2));
  }
  bool has_staged(std::size_t node) {
    const auto& document = world_.driver(node).installed;
    return document != nullptr && !document->staged.empty();
  }

  World world_{61};
  uint32_t partition_count_ = 16;
};

TEST_F(RingChanges, ANodeWithASeedJoinsAndGetsItsShare) {
  found(3);
  const std::size_t joining = start_newcomer();
  ASSERT_TRUE(settles({0, 1, 2, 3}, 5'000));
  EXPECT_EQ(places_of(joining), 12u);
  EXPECT_FALSE(world_.driver(joining).is_filling);
  EXPECT_TRUE(world_.run_until([&] { return world_.all_see_each_other({0, 1, 2, 3}); }, 1'000));
  EXPECT_TRUE(world_.disk(joining)->promised_to.is_none());
}

// Shards take who joins for up; so membership has to say when it is not.
TEST_F(RingChanges, WhoIsTakenInIsUpAtOnceAndDownIfItDiesThen) {
  found(3);
  const std::size_t joining = start_newcomer();
  const NodeId newcomer = world_.machine(joining).self();
  const auto told_up = [&](std::size_t node) {
    const auto told = world_.driver(node).alive.find(newcomer);
    return told != world_.driver(node).alive.end() && told->second;
  };
  for (const std::size_t node : {0, 1, 2}) {
    ASSERT_TRUE(
        world_.run_until([&] { return document(node).find_member(newcomer) != nullptr; }, 5'000));
    EXPECT_TRUE(world_.driver(node).alive.contains(newcomer)) << "node " << node;
    if (node == 0) {
      EXPECT_TRUE(told_up(0));
      world_.crash(joining);
    }
  }
  EXPECT_TRUE(world_.run_until([&] { return !told_up(0) && !told_up(1) && !told_up(2); }, 10'000));
}

// A member that hung for long may not have heard that the node at this address was removed.
TEST_F(RingChanges, AWaitingNodeTakesNoPlaceInADocumentOlderThanItHasSeen) {
  found(4);
  const auto old = world_.driver(0).installed;
  world_.crash(3);
  world_.run_ms(3'000);
  const auto asked = world_.request_change(0, change(ChangeKind::kRemove, World::text(3)));
  ASSERT_EQ(world_.change_outcome(0, asked), "ok");
  ASSERT_TRUE(settles({0, 1, 2}));
  world_.wipe(3);
  world_.config(3).auto_join = false;
  world_.start(3);
  ASSERT_TRUE(world_.run_until([&] { return world_.has_logged(3, "auto-join is off"); }, 5'000));
  world_.inject(3, World::address(0), DocumentOffer{world_.sender(0), old});
  world_.run_ms(1'000);
  EXPECT_EQ(world_.driver(3).installed, nullptr);
  EXPECT_FALSE(world_.driver(3).left.has_value());
}

TEST_F(RingChanges, TwoThatJoinAtOnceGoInTogether) {
  found(1);
  start_newcomer();
  start_newcomer();
  ASSERT_TRUE(settles({0, 1, 2}));
  EXPECT_EQ(document(0).epoch, 4u) << "one for both, two for the steps";
}

TEST_F(RingChanges, FiveJoinOneAfterTheOther) {
  found(1);
  Nodes all = {0};
  for (int i = 0; i < 5; ++i) {
    all.push_back(start_newcomer());
    world_.run_ms(150);
  }
  EXPECT_TRUE(settles(all));
}

TEST_F(RingChanges, SoManyThatNobodyCanAnswerAreRefusedAtOnce) {
  constexpr int kWaitingMax = 256;
  const Nodes all = found(3);
  world_.part({0}, {1, 2}, true);
  for (int asked = 0; asked < kWaitingMax; ++asked) {
    const ChangeToken token = world_.request_change(0, change(ChangeKind::kRemove, World::text(2)));
    EXPECT_EQ(world_.change_outcome(0, token, 0), "pending") << asked;
  }
  const ChangeToken refused = world_.request_change(0, change(ChangeKind::kRemove, World::text(2)));
  EXPECT_THAT(world_.change_outcome(0, refused, 0), StartsWith("TRYAGAIN"));
  world_.part({0}, {1, 2}, false);
  EXPECT_TRUE(world_.run_until([&] { return world_.all_see_each_other({0, 1}); }, 10'000));
}

TEST_F(RingChanges, WithoutAutoJoinANodeWaitsForRingJoinAtAMember) {
  found(3);
  const std::size_t waiting = start_newcomer(false);
  world_.run_ms(4'000);
  EXPECT_FALSE(world_.machine(waiting).document());
  ASSERT_EQ(world_.machine(0).waiting_nodes().size(), 1u);
  const auto asked = world_.request_change(2, change(ChangeKind::kJoin, World::text(waiting)));
  EXPECT_EQ(world_.change_outcome(2, asked), "ok") << "though it has not spoken to this one yet";
  EXPECT_TRUE(settles({0, 1, 2, 3}));
}

TEST_F(RingChanges, AWaitingNodeIsTakenInByRingJoinAtItself) {
  found(3);
  const std::size_t waiting = start_newcomer(false);
  world_.run_ms(2'000);
  const auto staged =
      world_.request_change(waiting, change(ChangeKind::kJoin, World::text(2), false));
  EXPECT_EQ(world_.change_outcome(waiting, staged), "ok");
  world_.run_ms(1'000);
  EXPECT_EQ(document(0).staged.size(), 1u);
  EXPECT_FALSE(world_.machine(waiting).document());
  EXPECT_EQ(world_.change_outcome(1, world_.commit_staged(1)), "ok");
  EXPECT_TRUE(settles({0, 1, 2, 3}));
}

TEST_F(RingChanges, AWaitingNodeIsAnsweredAlsoWhereItIsAMemberBeforeTheAnswer) {
  found(3);
  const std::size_t waiting = start_newcomer(false);
  world_.run_ms(2'000);
  const auto asked = world_.request_change(waiting, change(ChangeKind::kJoin, World::text(2)));
  const auto is_proposing = [&] { return world_.disk(2)->acceptor.accepted != Ballot{}; };
  ASSERT_TRUE(world_.run_until(is_proposing, 500));
  world_.cut(2, waiting, true);  // the answer is lost; the document comes from others
  const auto is_member = [&] { return world_.machine(waiting).document() != nullptr; };
  ASSERT_TRUE(world_.run_until(is_member, 900));
  EXPECT_THAT(world_.change_outcome(waiting, asked), HasSubstr("may still take effect"));
}

TEST_F(RingChanges, ALeavingMemberHandsItsPlacesOverAndGoes) {
  found(4);
  const auto asked = world_.request_change(3, change(ChangeKind::kLeave, ""));
  EXPECT_EQ(world_.change_outcome(3, asked), "ok");
  ASSERT_TRUE(world_.run_until([&] { return world_.driver(3).left.has_value(); }, 5'000));
  EXPECT_FALSE(world_.driver(3).starts_anew);
  EXPECT_TRUE(settles({0, 1, 2}));
  EXPECT_FALSE(world_.disk(3)->document);
  EXPECT_TRUE(world_.disk(3)->data_is_void);
  world_.restart(3);
  EXPECT_TRUE(settles({0, 1, 2, 3})) << "it starts anew, as an empty node";
}

TEST_F(RingChanges, ALeavingMemberStaysWhileItHoldsSomething) {
  found(4);
  world_.step(3, [&](Membership& machine, LocalTime now) {
    machine.set_progress({machine.document()->epoch, {}, true}, now);
  });
  const auto asked = world_.request_change(0, change(ChangeKind::kLeave, World::text(3)));
  EXPECT_EQ(world_.change_outcome(0, asked), "ok");
  for (int i = 0; i < 50; ++i) {
    world_.run_ms(100);
    world_.step(3, [&](Membership& machine, LocalTime now) {
      machine.set_progress({machine.document()->epoch, {}, true}, now);
    });
  }
  EXPECT_FALSE(world_.driver(3).left.has_value());
  EXPECT_EQ(places_of(3), 0u);
  world_.step(3, [&](Membership& machine, LocalTime now) {
    machine.set_progress({machine.document()->epoch, {}, false}, now);
  });
  EXPECT_TRUE(world_.run_until([&] { return world_.driver(3).left.has_value(); }, 2'000));
}

TEST_F(RingChanges, CopiesThatAreNotWholeHoldTheNextStepUp) {
  found(3);
  const std::size_t joining = start_newcomer();
  tell_by_hand(joining);
  ASSERT_TRUE(world_.run_until([&] { return world_.is_one_cluster({0, 1, 2, 3}); }, 5'000));
  const std::vector<PartitionIndex> all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const auto tell = [&](const std::vector<PartitionIndex>& not_whole) {
    world_.step(joining, [&](Membership& machine, LocalTime now) {
      machine.set_progress({machine.document()->epoch, not_whole, false}, now);
    });
  };
  tell(all);
  for (int i = 0; i < 30; ++i) {
    world_.run_ms(100);
    tell(all);
  }
  EXPECT_EQ(document(0).moves.size(), 12u);
  EXPECT_EQ(document(0).moves[0].phase, MovePhase::kReadOld);
  for (int i = 0; i < 30; ++i) {
    world_.run_ms(100);
    tell({});
  }
  EXPECT_TRUE(world_.is_settled({0, 1, 2, 3}));
}

TEST_F(RingChanges, MembersTellTheDriverByWhichRTheyRead) {
  const std::size_t driver = driver_of(found(3));
  const std::size_t other = driver == 0 ? 1 : 0;
  world_.step(other, [](Membership& machine, LocalTime now) { machine.set_read_quorum(1, now); });
  const std::size_t joining = start_newcomer();
  const auto is_told = [&] {
    // The one that joins may have the lowest id.
    return std::ranges::any_of(Nodes{driver, joining}, [&](std::size_t node) {
      const Progress& progress = world_.machine(node).progress();
      const auto told = progress.find(world_.machine(other).self());
      return told != progress.end() && told->second.read_quorum == 1;
    });
  };
  EXPECT_TRUE(world_.run_until(is_told, 5'000));
}

TEST_F(RingChanges, ThousandsOfCopiesThatGetWholeAreToldInAFewReports) {
  partition_count_ = 4'096;
  const Nodes members = {0, 1, 2, found(3).size()};
  for (const std::size_t member : {0, 1}) {
    tell_by_hand(member);
  }
  start_newcomer();
  ASSERT_TRUE(world_.run_until([&] { return world_.is_one_cluster(members); }, 5'000));
  const std::size_t driver = driver_of(members);
  const std::size_t teller = driver == 0 ? 1 : 0;
  std::vector<PartitionIndex> not_whole(2'000);
  std::ranges::generate(not_whole, [next = PartitionIndex{0}]() mutable { return next++; });
  const auto tell = [&] {
    world_.step(teller, [&](Membership& machine, LocalTime now) {
      machine.set_progress({machine.document()->epoch, not_whole, false}, now);
    });
  };
  tell();
  world_.run_ms(1'000);
  const auto told = [&] {
    return world_.machine(driver).progress().at(world_.machine(teller).self());
  };
  EXPECT_EQ(told().not_whole, not_whole);
  const uint64_t before = world_.driver(teller).progress_reports_sent;
  for (int copies = 0; copies < 1'999; ++copies) {
    not_whole.pop_back();
    tell();
    world_.run_ms(1);
  }
  EXPECT_LE(told().not_whole.size(), 150u) << "nothing waits for long";
  EXPECT_LE(world_.driver(teller).progress_reports_sent - before, 40u);
  not_whole.clear();
  tell();
  world_.run_ms(5);
  EXPECT_TRUE(told().not_whole.empty()) << "the last one makes a step due";
}

TEST_F(RingChanges, ADeadMemberIsRemovedAndGoesWhenItComesBack) {
  found(4);
  world_.crash(2);
  world_.run_ms(3'000);
  const auto asked = world_.request_change(0, change(ChangeKind::kRemove, World::text(2)));
  EXPECT_EQ(world_.change_outcome(0, asked), "ok");
  ASSERT_TRUE(settles({0, 1, 3}));
  world_.start(2);
  ASSERT_TRUE(world_.run_until([&] { return world_.driver(2).left.has_value(); }, 3'000));
  EXPECT_THAT(*world_.driver(2).left, HasSubstr("is no member of cluster"));
}

TEST_F(RingChanges, ADeadMemberIsReplacedOneForOne) {
  found(4);
  const std::size_t next = start_newcomer(false);
  const std::size_t places = places_of(2);
  world_.crash(2);
  world_.run_ms(3'000);
  const auto asked = world_.request_change(0, replacement(World::text(2), World::text(next)));
  EXPECT_EQ(world_.change_outcome(0, asked), "ok");
  ASSERT_TRUE(settles({0, 1, 3, next}));
  EXPECT_EQ(places_of(next), places);
}

TEST_F(RingChanges, AWipedMemberIsReadmittedAndVotesAgain) {
  found(3);
  const NodeId id = world_.machine(2).self();
  world_.wipe(2);
  world_.start(2);
  const auto is_readmitted = [&] {
    return world_.is_running(2) && world_.driver(2).installed != nullptr &&
           document(2).find_member(id)->directory == world_.machine(2).record().directory_id;
  };
  ASSERT_TRUE(world_.run_until(is_readmitted, 5'000));
  EXPECT_EQ(world_.machine(2).self(), id);
  EXPECT_TRUE(world_.driver(2).is_filling);
  world_.crash(1);
  world_.run_ms(2'000);
  const auto asked = world_.request_change(0, change(ChangeKind::kLeave, World::text(1), false));
  EXPECT_EQ(world_.change_outcome(0, asked), "ok") << "the readmitted one makes the majority";
}

TEST_F(RingChanges, AWipedMemberDoesNotVoteBeforeItIsReadmitted) {
  found(3);
  world_.crash(1);
  world_.crash(2);
  world_.wipe(2);
  world_.start(2);
  world_.run_ms(5'000);
  EXPECT_EQ(document(0).epoch, 1u) << "one of three directories is no majority";
  const auto asked = world_.request_change(0, change(ChangeKind::kRemove, World::text(1)));
  EXPECT_THAT(world_.change_outcome(0, asked), StartsWith("NOMAJORITY "));
}

TEST_F(RingChanges, WithoutAMajorityNothingChangesAndTheErrorSaysSo) {
  found(3);
  world_.crash(1);
  world_.crash(2);
  world_.run_ms(3'000);
  const auto asked = world_.request_change(0, change(ChangeKind::kRemove, World::text(1)));
  EXPECT_EQ(world_.change_outcome(0, asked),
            "NOMAJORITY a change of the cluster needs a majority of the 3 members, up=1, nothing "
            "was changed");
  world_.start(1);
  world_.run_ms(5'000);
  EXPECT_EQ(document(0).members.size(), 3u);
}

TEST_F(RingChanges, RefusalsAreAnsweredAtOnce) {
  found(2);
  EXPECT_THAT(
      world_.change_outcome(0, world_.request_change(0, change(ChangeKind::kLeave, "nobody")), 0),
      HasSubstr("is called 'nobody'; members are node-"));
  EXPECT_THAT(world_.change_outcome(
                  0, world_.request_change(0, change(ChangeKind::kJoin, World::text(1))), 0),
              HasSubstr("is a member already"));
  EXPECT_THAT(world_.change_outcome(0, world_.commit_staged(0), 0),
              StartsWith("ERR nothing is staged"));
  EXPECT_THAT(
      world_.change_outcome(0, world_.request_change(0, change(ChangeKind::kJoin, World::text(9)))),
      HasSubstr("no waiting node answers at 127.0.0.10:17000"));
}

TEST_F(RingChanges, ProposersAtOnceAllGetThrough) {
  const Nodes all = found(5);
  std::vector<ChangeToken> asked;
  for (const std::size_t node : all) {
    asked.push_back(
        world_.request_change(node, change(ChangeKind::kLeave, World::text(node), false)));
  }
  std::size_t staged = 0;
  for (const std::size_t node : all) {
    staged += world_.change_outcome(node, asked[node]) == "ok";
  }
  EXPECT_EQ(staged, 4u) << "somebody has to stay";
  world_.run_ms(2'000);
  EXPECT_EQ(document(0).staged.size(), 4u);
}

TEST_F(RingChanges, TheDriverDiesAtAnyPoint) {
  for (uint64_t after_ms = 0; after_ms < 1'400; after_ms += 35) {
    World world(100 + after_ms);
    for (int i = 0; i < 3; ++i) {
      world.add({0, 1, 2});
    }
    for (std::size_t node = 0; node < 3; ++node) {
      world.start(node);
    }
    ASSERT_TRUE(world.run_until([&] { return world.all_see_each_other({0, 1, 2}); }, 5'000));
    const std::size_t joining = world.add({0, 1, 2});
    world.start(joining);
    world.run_ms(1'000 + after_ms);
    std::size_t driver = 0;
    for (std::size_t node = 0; node < 4; ++node) {
      driver = world.machine(node).self() < world.machine(driver).self() ? node : driver;
    }
    world.crash(driver);
    world.run_ms(6'000);
    world.start(driver);
    ASSERT_TRUE(world.run_until(
        [&] {
          return world.is_settled({0, 1, 2, 3});
        },
        10'000))
        << after_ms;
    ASSERT_EQ(world.document_violation(), "");
  }
}

// Nobody wants another change meanwhile, and its proposer never comes back.
TEST_F(RingChanges, WhatWasAcceptedIsFinishedWithoutItsProposer) {
  found(3);
  crash_proposer_once_accepted();
  EXPECT_TRUE(world_.run_until([&] { return has_staged(1) && has_staged(2); }, 5'000));
}

TEST_F(RingChanges, WhatWasAcceptedIsFinishedAfterARestart) {
  found(3);
  crash_proposer_once_accepted();
  world_.restart(1);
  world_.restart(2);
  EXPECT_TRUE(world_.run_until([&] { return has_staged(1) && has_staged(2); }, 10'000));
}

TEST_F(RingChanges, JoinDuringACutGoesThroughOnTheMajoritysSide) {
  found(5);
  world_.part({0, 1}, {2, 3, 4}, true);
  world_.run_ms(2'000);
  const std::size_t joining = world_.add({2});
  world_.start(joining);
  world_.part({0, 1}, {joining}, true);
  world_.run_ms(5'000);
  EXPECT_EQ(document(2).members.size(), 6u);
  EXPECT_EQ(document(0).members.size(), 5u);
  world_.part({0, 1}, {2, 3, 4, joining}, false);
  EXPECT_TRUE(settles({0, 1, 2, 3, 4, joining}));
}

TEST_F(RingChanges, ForceNeedsNoMajorityAndTheOthersFollow) {
  const Nodes all = found(3);
  world_.crash(1);
  world_.crash(2);
  world_.run_ms(3'000);
  EXPECT_EQ(world_.change_outcome(0, world_.request_change(0, forced(World::text(1)))), "ok");
  EXPECT_GT(document(0).generation, 1u);
  EXPECT_EQ(document(0).members.size(), 2u);
  world_.start(2);
  ASSERT_TRUE(settles({0, 2}));
  world_.start(1);
  ASSERT_TRUE(world_.run_until([&] { return world_.driver(1).left.has_value(); }, 3'000));
  EXPECT_FALSE(world_.driver(2).left) << "it grew from what this one had";
}

TEST_F(RingChanges, ForceOnOneSideOfACutEmptiesTheOtherSideThatWentOn) {
  found(3);
  world_.part({0}, {1, 2}, true);
  world_.run_ms(3'000);
  EXPECT_EQ(world_.change_outcome(
                1, world_.request_change(1, change(ChangeKind::kLeave, World::text(2), false))),
            "ok");
  EXPECT_EQ(world_.change_outcome(0, world_.request_change(0, forced(World::text(1)))), "ok");
  world_.part({0}, {1, 2}, false);
  ASSERT_TRUE(world_.run_until(
      [&] { return world_.driver(1).left.has_value() && world_.driver(2).left.has_value(); },
      5'000));
  EXPECT_FALSE(world_.driver(1).starts_anew) << "removed";
  EXPECT_TRUE(world_.driver(2).starts_anew) << "still a member, but with what this side gave up";
  world_.restart(2);
  ASSERT_TRUE(settles({0, 2}));
  EXPECT_TRUE(world_.driver(2).is_filling);
  EXPECT_EQ(world_.change_outcome(
                0, world_.request_change(0, change(ChangeKind::kLeave, World::text(2), false))),
            "ok")
      << "it votes in the new generation";
}

TEST_F(RingChanges, ForceOnBothSidesEndsInOneGeneration) {
  found(4);
  world_.part({0, 1}, {2, 3}, true);
  world_.run_ms(3'000);
  EXPECT_EQ(world_.change_outcome(0, world_.request_change(0, forced(World::text(2)))), "ok");
  EXPECT_EQ(world_.change_outcome(3, world_.request_change(3, forced(World::text(1)))), "ok");
  world_.run_ms(1'000);
  world_.part({0, 1}, {2, 3}, false);
  world_.run_ms(3'000);
  std::set<uint32_t> generations;
  for (std::size_t node = 0; node < 4; ++node) {
    if (!world_.driver(node).left) {
      generations.insert(document(node).generation);
    }
  }
  EXPECT_EQ(generations.size(), 1u);
}

TEST_F(RingChanges, ARestartNeedsNoSeed) {
  const Nodes all = found(3);
  for (const std::size_t node : all) {
    world_.config(node).seeds.clear();
    world_.crash(node);
  }
  for (const std::size_t node : all) {
    world_.start(node);
  }
  EXPECT_TRUE(world_.run_until([&] { return world_.all_see_each_other(all); }, 3'000));
}

TEST_F(RingChanges, AnotherWeightOrZoneIsCommittedAfterARestart) {
  found(3);
  world_.config(1).weight = 4;
  world_.config(1).zone = "east";
  world_.restart(1);
  ASSERT_TRUE(world_.run_until(
      [&] { return document(0).find_member(world_.machine(1).self())->weight == 4; }, 3'000));
  EXPECT_EQ(document(0).find_member(world_.machine(1).self())->zone, "east");
  EXPECT_TRUE(settles({0, 1, 2}));
}

}  // namespace
}  // namespace kindred::membership_test
