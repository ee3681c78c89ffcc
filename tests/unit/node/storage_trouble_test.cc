// A node whose engine takes no writes.
#include <gtest/gtest.h>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

void answer_pass_on(Node& node, const Sent& passed, PassOnStatus status) {
  node.shard().receive(passed.to, PassOnReply{passed.as<PassOn>()->id, status, nullptr}, node.now);
}

PassOnReply reply_to_passed_on(Node& node, const Operation& operation) {
  PassOn message;
  message.id = 77;
  message.step = kStep;
  message.operation = &operation;
  node.shard().receive(2, message, node.now);
  const std::vector<Sent> replies = node.ports.take<PassOnReply>();
  return replies.empty() ? PassOnReply{} : *replies[0].as<PassOnReply>();
}

TEST(StorageTrouble, NothingIsAcknowledged) {
  Node node;
  node.shard().set_storage(StorageTrouble::kFull);
  const ActorId before = node.actor();
  const State state = register_state({stamp_ms_from(node.now, -5), 9}, "v");
  node.shard().receive(
      2,
      Replicate{5, kStep, {}, Node::key("k"), node.ports.records.add(state), Durability::kLogged},
      node.now);
  EXPECT_EQ(node.ports.take<ReplicateAck>()[0].as<ReplicateAck>()->status, AckStatus::kFailed);
  EXPECT_TRUE(node.ports.stores.empty());
  EXPECT_EQ(node.actor(), before) << "it has lost nothing";
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
}

TEST(StorageTrouble, WritesGoToOthersAndReadsAreAnswered) {
  Node node;
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "v"));
  node.shard().set_storage(StorageTrouble::kReadOnly);
  for (const Operation& write : {Node::set("w"), Node::modify(Modification::kIncrement, 1)}) {
    const ClientToken token = node.submit(write);
    for (const NodeId expected : {NodeId{2}, NodeId{3}}) {
      const std::vector<Sent> passed = node.ports.take<PassOn>();
      ASSERT_EQ(passed.size(), 1U);
      EXPECT_EQ(passed[0].to, expected);
      answer_pass_on(node, passed[0], PassOnStatus::kRefused);
    }
    ASSERT_TRUE(node.replied(token));
    EXPECT_EQ(node.outcome(token).code, OutcomeCode::kStorageReadOnly);
  }
  const ClientToken read = node.submit(Node::read(1));
  ASSERT_TRUE(node.replied(read));
  EXPECT_EQ(text(node.outcome(read).state.siblings[0].value), "v");
}

TEST(StorageTrouble, WritesOfOthersAreRefusedSoThatTheyGoOn) {
  Node node;
  node.shard().set_storage(StorageTrouble::kFailing);
  EXPECT_EQ(reply_to_passed_on(node, Node::set("w")).status, PassOnStatus::kRefused);
}

TEST(StorageTrouble, ALoneCopySaysWhatIsWrongUntilItIsOver) {
  Node node({1});
  node.shard().set_storage(StorageTrouble::kFull);
  EXPECT_EQ(node.outcome(node.submit(Node::set("v"))).code, OutcomeCode::kStorageFull);
  EXPECT_TRUE(node.ports.stores.empty());
  node.shard().set_storage(StorageTrouble::kNone);
  EXPECT_EQ(node.outcome(node.submit(Node::set("v"))).code, OutcomeCode::kOk);
  EXPECT_EQ(text(node.ports.held("k").siblings[0].value), "v");
}

TEST(StorageTrouble, AReadThatTheEngineFailsIsAskedOfAnother) {
  Node node;
  node.ports.load_status = LoadStatus::kPending;
  const ClientToken token = node.submit(Node::read(1));
  ASSERT_EQ(node.ports.loads.size(), 1U);
  node.shard().loaded(node.ports.loads[0].token, LoadStatus::kFailed, State{}, node.now);
  const std::vector<Sent> passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
  answer_pass_on(node, passed[0], PassOnStatus::kRefused);
  answer_pass_on(node, node.ports.take<PassOn>().at(0), PassOnStatus::kRefused);
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kStorageFailed);
}

}  // namespace
}  // namespace kindred
