#include <gtest/gtest.h>

#include "tests/unit/node/node.h"

// A peer may know of layers of the ring that this node has not heard of, or say so. Messages that
// name a key are no part of it: its partition is what this node's own document says.

namespace kindred {
namespace {

using namespace node_test;

class UnknownLayers : public testing::TestWithParam<uint16_t> {
 protected:
  template <typename M>
  void receive(M message) {
    message.id = 7;
    for (const Step step : {Step{0}, node_.step(), node_.step() + 5}) {
      if constexpr (requires { message.step = step; }) {
        message.step = step;
      }
      if constexpr (requires { message.partition = GetParam(); }) {
        message.partition = GetParam();
      }
      node_.shard().receive(2, message, node_.now);
    }
  }

  Node node_;
};

TEST_P(UnknownLayers, EndNoNode) {
  FetchRange range;
  range.entries_max = 10;
  range.bytes_max = 1000;
  receive(range);
  receive(FetchRangeReply());
  const uint32_t root = 0;
  TreeFetch tree;
  tree.nodes = {&root, 1};
  receive(tree);
  KeyDigestsFetch digests;
  digests.last_slot = kSlotCount - 1;
  digests.entries_max = 10;
  receive(digests);
  receive(RoundCall());
  node_.shard().tick(node_.now);
  const ClientToken token = node_.submit(Node::set("v"));
  for (const Sent& sent : node_.ports.take<Replicate>()) {
    node_.ack(sent);
  }
  ASSERT_TRUE(node_.replied(token)) << "it serves what it knows of";
  EXPECT_EQ(node_.outcome(token).code, OutcomeCode::kOk);
}

INSTANTIATE_TEST_SUITE_P(Partitions, UnknownLayers,
                         testing::Values(uint16_t{kPartitions}, uint16_t{kPartitions + 3},
                                         uint16_t{255}, uint16_t{65535}));

}  // namespace
}  // namespace kindred
