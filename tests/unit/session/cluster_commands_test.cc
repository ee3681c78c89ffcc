#include <gmock/gmock.h>

#include "server/session/cluster_text.h"
#include "tests/unit/session/harness.h"

// CLUSTER in Redis's shapes.

namespace kindred {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kNodeName = "0000000000000000000000006b696e6472656401";

class ClusterCommandsTest : public OkTest {};

TEST_F(ClusterCommandsTest, SlotsNameOneNodeARange) {
  EXPECT_EQ(say(session_, "CLUSTER SLOTS"),
            "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$9\r\n127.0.0.1\r\n:6379\r\n$40\r\n" +
                std::string(kNodeName) + "\r\n*0\r\n");
}

TEST_F(ClusterCommandsTest, NodesIsALineANode) {
  EXPECT_EQ(
      parsed(say(session_, "CLUSTER NODES")).text,
      std::string(kNodeName) + " 127.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-16383\n");
}

TEST_F(ClusterCommandsTest, ShardsHaveRedissFields) {
  const Reply reply = parsed(say(session_, "CLUSTER SHARDS"));
  const Reply& shard = reply.elements.at(0);
  EXPECT_EQ(shard.find("slots")->elements.at(1).integer, 16383);
  const Reply& node = shard.find("nodes")->elements.at(0);
  EXPECT_EQ(node.find("id")->text, kNodeName);
  EXPECT_EQ(node.find("role")->text, "master");
  EXPECT_EQ(node.find("health")->text, "online");
  EXPECT_EQ(node.find("port")->integer, 6379);
}

TEST_F(ClusterCommandsTest, SlotsGiveEachNodeAMapOfFurtherNames) {
  say(session_, "HELLO 3");
  EXPECT_THAT(say(session_, "CLUSTER SLOTS"), testing::EndsWith("\r\n%0\r\n"));
}

TEST_F(ClusterCommandsTest, InfoSaysThatAllSlotsAreHeld) {
  const std::string text = parsed(say(session_, "CLUSTER INFO")).text;
  EXPECT_THAT(text, StartsWith("cluster_state:ok\r\ncluster_slots_assigned:16384\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\ncluster_known_nodes:1\r\n"));
}

TEST_F(ClusterCommandsTest, KeysOfASlot) {
  talk(session_, line("MSET {t}1 a {t}2 b other c"));
  const std::string slot = std::to_string(parsed(say(session_, "CLUSTER KEYSLOT {t}x")).integer);
  EXPECT_EQ(say(session_, "CLUSTER COUNTKEYSINSLOT " + slot), ":2\r\n");
  EXPECT_EQ(parsed(say(session_, "CLUSTER GETKEYSINSLOT " + slot + " 1")).elements.size(), 1U);
  EXPECT_EQ(say(session_, "CLUSTER COUNTKEYSINSLOT 16384"), "-ERR Invalid slot\r\n");
  EXPECT_EQ(say(session_, "CLUSTER GETKEYSINSLOT -1 1"), "-ERR Invalid slot or number of keys\r\n");
}

TEST_F(ClusterCommandsTest, OtherAnswers) {
  EXPECT_EQ(say(session_, "CLUSTER MYID"), "$40\r\n" + std::string(kNodeName) + "\r\n");
  EXPECT_EQ(say(session_, "CLUSTER KEYSLOT 123456789"), ":12739\r\n");
  for (const std::string_view text : {"READONLY", "READWRITE", "ASKING"}) {
    EXPECT_EQ(say(session_, text), "+OK\r\n");
  }
  EXPECT_EQ(say(session_, "CLUSTER MEET a 1"),
            "-ERR unknown subcommand 'MEET'. Try CLUSTER HELP.\r\n");
}

TEST(HeldRangesTest, NeighboursOfOneHolderAreOneRangeAndDeadOnesAGap) {
  const Ring ring = *Ring::make(4, 1, 1, {1, 1, 2, 1});
  const std::vector<HeldRange> ranges = held_ranges(ring, {1, 1, 0, 1});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].first, 0);
  EXPECT_EQ(ranges[0].last, 8191);
  EXPECT_EQ(ranges[1].first, 12288);
  EXPECT_EQ(ranges[1].last, 16383);
}

}  // namespace
}  // namespace kindred
