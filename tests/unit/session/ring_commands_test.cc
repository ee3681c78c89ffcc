#include <gmock/gmock.h>

#include "server/session/ring_view.h"
#include "tests/unit/session/harness.h"
#include "tests/unit/session/scripted_service.h"

// What RING tells. How rings change is tested where that is done.

namespace kindred {
namespace {

using testing::ElementsAre;

class RingCommandsTest : public OkTest {};

TEST_F(RingCommandsTest, StatusIsOneMapWithTheMembersInIt) {
  const Reply reply = parsed(say(session_, "RING STATUS"));
  ASSERT_EQ(reply.elements.size(), 1U);
  const Reply& status = reply.elements[0];
  EXPECT_EQ(status.find("epoch")->integer, 1);
  EXPECT_EQ(status.find("partitions")->integer, 16);
  EXPECT_EQ(status.find("strategy")->integer, 3);
  EXPECT_EQ(status.find("replicas")->integer, 1);
  EXPECT_EQ(status.find("pending_transfers")->integer, 0);
  EXPECT_EQ(status.find("hints")->integer, 0);
  const Reply& member = status.find("members")->elements.at(0);
  EXPECT_EQ(member.find("node")->text, "ok");
  EXPECT_EQ(member.find("state")->text, "up");
  EXPECT_EQ(member.find("partitions")->integer, 16);
  EXPECT_EQ(member.find("share_percent")->text, "100.0");
  EXPECT_EQ(member.find("gossip")->text, "alive");
  EXPECT_EQ(member.find("incarnation")->integer, 1);
  EXPECT_EQ(member.find("phi")->text, "0.0");
  EXPECT_EQ(member.find("answered_ms_ago")->integer, 0);
}

TEST_F(RingCommandsTest, TheSameFieldsInResp3) {
  const Reply old = parsed(say(session_, "RING MEMBERS"));
  say(session_, "HELLO 3");
  const std::string bytes = say(session_, "RING MEMBERS");
  EXPECT_TRUE(bytes.starts_with("*1\r\n%15\r\n")) << bytes;
  const Reply fresh = parsed(bytes);
  ASSERT_EQ(old.elements[0].elements.size(), fresh.elements[0].elements.size());
  for (size_t i = 0; i < old.elements[0].elements.size(); ++i) {
    EXPECT_EQ(old.elements[0].elements[i].text, fresh.elements[0].elements[i].text);
  }
}

TEST_F(RingCommandsTest, OwnersAreListedForEachPartition) {
  const Reply reply = parsed(say(session_, "RING OWNERS"));
  ASSERT_EQ(reply.elements.size(), 16U);
  const Reply& last = reply.elements[15];
  EXPECT_EQ(last.find("partition")->integer, 15);
  EXPECT_EQ(last.find("first_slot")->integer, 15360);
  EXPECT_EQ(last.find("last_slot")->integer, 16383);
  EXPECT_EQ(last.find("nodes")->elements.at(0).text, "ok");
}

TEST_F(RingCommandsTest, NothingOnItsWayIsAnEmptyArray) {
  EXPECT_EQ(say(session_, "RING TRANSFERS"), "*0\r\n");
  EXPECT_EQ(say(session_, "RING HINTS"), "*0\r\n");
}

TEST_F(RingCommandsTest, HelpAndErrorsAreThoseOfContainers) {
  EXPECT_EQ(say(session_, "RING NOSUCH"), "-ERR unknown subcommand 'NOSUCH'. Try RING HELP.\r\n");
  EXPECT_EQ(say(session_, "RING PREFLIST"),
            "-ERR wrong number of arguments for 'ring|preflist' command\r\n");
  EXPECT_TRUE(parsed(say(session_, "RING HELP")).elements.at(0).text.starts_with("RING <sub"));
}

class RingRepairTest : public testing::Test {
 protected:
  void answer(std::vector<RepairFigure> repairs) {
    RingFigures figures;
    figures.repairs = std::move(repairs);
    worker_.service().client().ring_figures_done(worker_.service().repairs().back().first,
                                                 std::move(figures));
  }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
};

TEST_F(RingRepairTest, TellsOfEachPartitionInOrder) {
  receive(session_, line("RING REPAIR"));
  EXPECT_EQ(worker_.service().repairs().back().second, std::nullopt);
  answer({{9, false, 1, 20, 3, 700}, {4, true, 2, 0, 0, 128}});
  const Reply reply = parsed(sent(session_));
  ASSERT_EQ(reply.elements.size(), 2U);
  EXPECT_EQ(reply.elements[0].find("partition")->integer, 4);
  EXPECT_EQ(reply.elements[0].find("result")->text, "complete");
  EXPECT_EQ(reply.elements[0].find("exchanges")->integer, 2);
  EXPECT_EQ(reply.elements[0].find("bytes")->integer, 128);
  EXPECT_EQ(reply.elements[1].find("partition")->integer, 9);
  EXPECT_EQ(reply.elements[1].find("result")->text, "incomplete");
  EXPECT_EQ(reply.elements[1].find("keys_compared")->integer, 20);
  EXPECT_EQ(reply.elements[1].find("keys_repaired")->integer, 3);
}

TEST_F(RingRepairTest, AsksForTheOneThatIsNamed) {
  receive(session_, line("RING REPAIR 15"));
  EXPECT_EQ(worker_.service().repairs().back().second, 15U);
  answer({});
  EXPECT_EQ(sent(session_), "-ERR this node holds no copy of partition 15; those that do: ok\r\n");
}

TEST_F(RingRepairTest, MistakesAreNamed) {
  EXPECT_EQ(say(session_, "RING REPAIR 16"), "-ERR partitions are numbered from 0 to 15\r\n");
  EXPECT_EQ(say(session_, "RING REPAIR -1"), "-ERR partitions are numbered from 0 to 15\r\n");
  EXPECT_EQ(say(session_, "RING REPAIR x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(say(session_, "RING REPAIR 1 2"), "-ERR syntax error\r\n");
  EXPECT_TRUE(worker_.service().repairs().empty());
}

using RingBackupTest = RingRepairTest;

TEST_F(RingBackupTest, TellsWhatCameOfItAtEachMember) {
  receive(session_, line("RING BACKUP monday"));
  const auto& [token, request] = worker_.service().backups().back();
  EXPECT_EQ(request.name, "monday");
  EXPECT_TRUE(request.everywhere);
  RingFigures figures;
  figures.backups = {{"a", "", "/a/backups/monday"}, {"b", "it is down", ""}};
  worker_.service().client().ring_figures_done(token, std::move(figures));
  const Reply reply = parsed(sent(session_));
  ASSERT_EQ(reply.elements.size(), 2U);
  EXPECT_EQ(reply.elements[0].find("node")->text, "a");
  EXPECT_EQ(reply.elements[0].find("result")->text, "complete");
  EXPECT_EQ(reply.elements[0].find("directory")->text, "/a/backups/monday");
  EXPECT_EQ(reply.elements[1].find("result")->text, "it is down");
}

TEST_F(RingBackupTest, ANameIsNoPath) {
  for (const char* name : {"a/b", "..", ".hidden", "a*"}) {
    EXPECT_TRUE(
        say(session_, "RING BACKUP " + std::string(name)).starts_with("-ERR a backup's name"));
  }
  EXPECT_TRUE(worker_.service().backups().empty());
}

class RingChangesTest : public testing::Test {
 protected:
  const RingRequest& asked() { return worker_.service().ring_requests().back().second; }
  ClientToken token() { return worker_.service().ring_requests().back().first; }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
};

TEST_F(RingChangesTest, AStagedChangeIsOk) {
  receive(session_, line("RING LEAVE node-2"));
  EXPECT_EQ(asked().kind, RingRequest::kLeave);
  EXPECT_EQ(asked().node, "node-2");
  EXPECT_FALSE(asked().now);
  worker_.service().client().number_done(token(), 7);
  EXPECT_EQ(sent(session_), "+OK\r\n");
}

TEST_F(RingChangesTest, OneThatIsCommittedTellsItsEpoch) {
  receive(session_, line("RING JOIN 127.0.0.1:17002 now"));
  EXPECT_EQ(asked().kind, RingRequest::kJoin);
  EXPECT_EQ(asked().node, "127.0.0.1:17002");
  EXPECT_TRUE(asked().now);
  worker_.service().client().number_done(token(), 8);
  EXPECT_EQ(sent(session_), ":8\r\n");
  receive(session_, line("RING COMMIT"));
  EXPECT_EQ(asked().kind, RingRequest::kCommit);
  worker_.service().client().number_done(token(), 9);
  EXPECT_EQ(sent(session_), ":9\r\n");
}

TEST_F(RingChangesTest, ForceAndNowMayComeInAnyOrderAfterTheNodes) {
  receive(session_, line("RING REMOVE node-3 NOW FORCE"));
  EXPECT_EQ(asked().kind, RingRequest::kRemove);
  EXPECT_EQ(asked().node, "node-3");
  EXPECT_TRUE(asked().now);
  EXPECT_TRUE(asked().force);
  worker_.service().client().status_done(token(), "NOMAJORITY 1 of 3 members answered");
  EXPECT_EQ(sent(session_), "-NOMAJORITY 1 of 3 members answered\r\n");
}

TEST_F(RingChangesTest, LeaveMeansThisNodeWhereNoneIsNamed) {
  receive(session_, line("RING LEAVE NOW"));
  EXPECT_EQ(asked().node, "");
  EXPECT_TRUE(asked().now);
}

TEST_F(RingChangesTest, ReplaceNamesBothNodes) {
  receive(session_, line("RING REPLACE node-3 127.0.0.1:17004"));
  EXPECT_EQ(asked().node, "node-3");
  EXPECT_EQ(asked().replacement, "127.0.0.1:17004");
}

TEST_F(RingChangesTest, TooManyOrTooFewNodesAreASyntaxError) {
  for (const char* words : {"RING JOIN NOW", "RING JOIN a b", "RING LEAVE a b", "RING REMOVE FORCE",
                            "RING REPLACE a NOW", "RING JOIN a FORCE"}) {
    receive(session_, line(words));
    EXPECT_EQ(sent(session_), "-ERR syntax error\r\n") << words;
  }
  EXPECT_TRUE(worker_.service().ring_requests().empty());
}

TEST_F(RingCommandsTest, DrainIsAnsweredOnce) {
  EXPECT_EQ(say(session_, "RING DRAIN"), "+OK\r\n");
  EXPECT_EQ(say(session_, "RING CLEAR GOSSIP"), "+OK\r\n");
  EXPECT_EQ(say(session_, "RING CLEAR SOMETHING"), "-ERR syntax error\r\n");
}

TEST_F(RingCommandsTest, NothingStagedIsAnEmptyPlan) {
  EXPECT_EQ(say(session_, "RING PLAN"), "*0\r\n");
}

TEST(PreferenceList, AMovingPartitionShowsWhoArrivesAndWhoDeparts) {
  ClusterDocument cluster;
  for (NodeId id = 1; id <= 5; ++id) {
    Member member;
    member.id = id;
    member.name = "node-" + std::to_string(id);
    cluster.members.push_back(member);
  }
  cluster.ring = Ring::make(1, 3, 3, {1, 2, 3}).value();
  cluster.moves = {{0, MovePhase::kReadOld, {1, 2, 4}}};
  RingView view{&cluster, 1, {{.id = 2, .up = true}}};
  const auto roles = [&] {
    ReplyWriter writer;
    write_preference_list(writer, view, 0);
    std::vector<std::string> result;
    for (const Reply& entry : parsed(writer.view()).elements) {
      result.push_back(entry.find("node")->text + " " + entry.find("state")->text + " " +
                       entry.find("role")->text);
    }
    return result;
  };
  EXPECT_THAT(roles(), ElementsAre("node-1 up primary", "node-2 up primary", "node-3 down primary",
                                   "node-4 down arriving", "node-5 down fallback"));
  cluster.moves[0].phase = MovePhase::kReadNew;
  EXPECT_THAT(roles(), ElementsAre("node-1 up primary", "node-2 up primary", "node-4 down primary",
                                   "node-3 down departing", "node-5 down fallback"));
}

}  // namespace
}  // namespace kindred
