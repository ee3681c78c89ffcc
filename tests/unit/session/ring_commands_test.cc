#include <gmock/gmock.h>

#include "server/session/ring_view.h"
#include "tests/unit/session/harness.h"

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
}

TEST_F(RingCommandsTest, TheSameFieldsInResp3) {
  const Reply old = parsed(say(session_, "RING MEMBERS"));
  say(session_, "HELLO 3");
  const std::string bytes = say(session_, "RING MEMBERS");
  EXPECT_TRUE(bytes.starts_with("*1\r\n%11\r\n")) << bytes;
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
