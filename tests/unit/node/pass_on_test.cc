#include <gtest/gtest.h>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

void answer_pass_on(Node& node, const Sent& passed, PassOnStatus status, const Outcome* outcome) {
  node.shard().receive(passed.to, PassOnReply{passed.as<PassOn>()->id, status, outcome}, node.now);
}

TEST(PassOn, ANodeWithoutACopyAsksAnOwner) {
  Node node({2, 3, 4});
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].to, 2U);
  EXPECT_EQ(text(passed[0].as<PassOn>()->operation->value), "v");
  EXPECT_TRUE(node.ports.stores.empty());
  Outcome outcome;
  outcome.integer = 7;
  answer_pass_on(node, passed[0], PassOnStatus::kDone, &outcome);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).integer, 7);
}

TEST(PassOn, ARefusalMovesItToTheNext) {
  Node node({2, 3, 4});
  const ClientToken token = node.submit(Node::set("v"));
  for (NodeId expected : {NodeId{2}, NodeId{3}, NodeId{4}}) {
    const std::vector<Sent> passed = node.ports.take<PassOn>();
    ASSERT_EQ(passed.size(), 1U);
    EXPECT_EQ(passed[0].to, expected);
    answer_pass_on(node, passed[0], PassOnStatus::kRefused, nullptr);
  }
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoReplicas);
}

TEST(PassOn, AModifyRunsAtTheFirstHealthyPrimary) {
  Node node({2, 1, 3});
  const ClientToken token = node.submit(Node::modify(Modification::kIncrement, 1));
  std::vector<Sent> passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].to, 2U);
  answer_pass_on(node, passed[0], PassOnStatus::kRefused, nullptr);  // it is filling
  EXPECT_TRUE(node.ports.take<PassOn>().empty());
  EXPECT_EQ(node.ports.take<Fetch>().size(), 1U) << "this node is the next in the list";
  EXPECT_FALSE(node.replied(token));
  node.shard().set_alive(2, false, node.now);
  node.submit(Node::modify(Modification::kIncrement, 1));
  EXPECT_TRUE(node.ports.take<PassOn>().empty());
}

TEST(PassOn, ANodeThatYieldsCoordinatesOnlyWhatNobodyElseCan) {
  Node node({1, 2, 3});
  node.shard().yield();
  const ClientToken token = node.submit(Node::set("v"));
  for (NodeId expected : {NodeId{2}, NodeId{3}}) {
    const std::vector<Sent> passed = node.ports.take<PassOn>();
    ASSERT_EQ(passed.size(), 1U);
    EXPECT_EQ(passed[0].to, expected);
    EXPECT_TRUE(node.ports.stores.empty());
    answer_pass_on(node, passed[0], PassOnStatus::kRefused, nullptr);
  }
  EXPECT_EQ(node.ports.stores.size(), 1U) << "both refused";
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 2U) << "it is a replica still";
  node.ack(writes[0]);
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  const Operation operation = Node::set("v");
  node.shard().receive(4, PassOn{99, kStep, &operation}, node.now);
  const std::vector<Sent> replies = node.ports.take<PassOnReply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].as<PassOnReply>()->status, PassOnStatus::kRefused);
}

// An owner that has just joined may not have met those that the passer sees.
TEST(PassOn, IsGivenBackByAnOwnerThatSeesTooFew) {
  Node node;
  node.shard().set_alive(2, false, node.now);
  node.shard().set_alive(3, false, node.now);
  for (const bool modifies : {false, true}) {
    const Operation operation =
        modifies ? Node::modify(Modification::kIncrement, 1) : Node::set("v");
    node.shard().receive(4, PassOn{99, kStep, &operation}, node.now);
    const std::vector<Sent> replies = node.ports.take<PassOnReply>();
    ASSERT_EQ(replies.size(), 1U);
    const auto* reply = replies[0].as<PassOnReply>();
    EXPECT_EQ(reply->status, modifies ? PassOnStatus::kDone : PassOnStatus::kRefused)
        << "read-modify-writes of a key stay at its first primary";
  }
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(PassOn, IsNeverPassedOnAgain) {
  Node node({2, 3, 4});
  const Operation operation = Node::set("v");
  node.shard().receive(4, PassOn{99, kStep, &operation}, node.now);
  EXPECT_TRUE(node.ports.take<PassOn>().empty());
  const std::vector<Sent> replies = node.ports.take<PassOnReply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].to, 4U);
  EXPECT_EQ(replies[0].as<PassOnReply>()->id, 99U);
  EXPECT_EQ(replies[0].as<PassOnReply>()->status, PassOnStatus::kRefused);
}

TEST(PassOn, AnOwnerRunsItAndAnswersThePasser) {
  Node node;
  const Operation operation = Node::set("v");
  node.shard().receive(4, PassOn{99, kStep, &operation}, node.now);
  node.ack(node.ports.take<Replicate>()[0]);
  const std::vector<Sent> replies = node.ports.take<PassOnReply>();
  ASSERT_EQ(replies.size(), 1U);
  ASSERT_NE(replies[0].as<PassOnReply>()->outcome, nullptr);
  EXPECT_EQ(replies[0].as<PassOnReply>()->outcome->code, OutcomeCode::kOk);
}

TEST(PassOn, AWriteWhoseCoordinatorGoesDownIsUnknownAReadMoves) {
  Node node({2, 3, 4});
  const ClientToken write = node.submit(Node::set("v"));
  const ClientToken read = node.submit(Node::read());
  node.ports.take<PassOn>();
  node.shard().set_alive(2, false, node.now);
  EXPECT_EQ(node.outcome(write).code, OutcomeCode::kNoQuorumWrite);
  EXPECT_FALSE(node.replied(read));
  const std::vector<Sent> moved = node.ports.take<PassOn>();
  ASSERT_EQ(moved.size(), 1U);
  EXPECT_EQ(moved[0].to, 3U);
}

/// Two owners pass for this node's candidates; the first one hangs.
class SilentPeer : public ::testing::Test {
 protected:
  static constexpr uint64_t kPatienceMs = SilentPeers::kPatienceUs / 1000;

  SilentPeer() { first_ = pass(Node::set("v")); }

  /// Whom the request went to.
  Sent pass(const Operation& operation) {
    token_ = node_.submit(operation);
    return node_.ports.take<PassOn>().at(0);
  }

  Node node_{{2, 3, 4}};
  ClientToken token_ = 0;
  Sent first_;
};

TEST_F(SilentPeer, IsAskedLastOnceARequestWaitsForItTooLong) {
  node_.pass_ms(kPatienceMs / 2);
  EXPECT_EQ(pass(Node::set("w")).to, 2U) << "slow yet";
  node_.pass_ms(kPatienceMs / 2 + 2 * Shard::kTickMs);
  EXPECT_EQ(pass(Node::set("x")).to, 3U);
  EXPECT_EQ(pass(Node::read()).to, 3U);
  node_.shard().set_alive(3, false, node_.now);
  node_.shard().set_alive(4, false, node_.now);
  node_.ports.take<PassOn>();  // the read moves
  EXPECT_EQ(pass(Node::set("y")).to, 2U) << "nobody else is left";
}

TEST_F(SilentPeer, IsAskedAsBeforeOnceItAnswersAnything) {
  node_.pass_ms(kPatienceMs + 2 * Shard::kTickMs);
  ASSERT_EQ(pass(Node::set("w")).to, 3U);
  const Outcome outcome;
  answer_pass_on(node_, first_, PassOnStatus::kDone, &outcome);
  EXPECT_EQ(pass(Node::set("x")).to, 2U);
}

TEST_F(SilentPeer, IsAskedAgainAfterAWhile) {
  node_.pass_ms(kPatienceMs + 2 * Shard::kTickMs);
  ASSERT_EQ(pass(Node::set("w")).to, 3U);
  node_.pass_ms(4000);
  EXPECT_EQ(pass(Node::set("x")).to, 2U);
}

TEST_F(SilentPeer, StillRunsReadModifyWritesSoThatTheyMeet) {
  node_.pass_ms(kPatienceMs + 2 * Shard::kTickMs);
  EXPECT_EQ(pass(Node::modify(Modification::kIncrement, 1)).to, 2U);
}

TEST_F(SilentPeer, KeepsAWriteAndLosesAReadToTheNext) {
  const ClientToken write = token_;
  EXPECT_EQ(pass(Node::read()).to, 2U);
  node_.pass_ms(kPatienceMs + 2 * Shard::kTickMs);
  const std::vector<Sent> moved = node_.ports.take<PassOn>();
  ASSERT_EQ(moved.size(), 1U) << "the write may be under way there";
  EXPECT_EQ(moved[0].to, 3U);
  Outcome outcome;
  outcome.integer = 7;
  answer_pass_on(node_, moved[0], PassOnStatus::kDone, &outcome);
  ASSERT_TRUE(node_.replied(token_));
  EXPECT_EQ(node_.outcome(token_).integer, 7);
  EXPECT_FALSE(node_.replied(write));
  answer_pass_on(node_, first_, PassOnStatus::kDone, &outcome);
  EXPECT_TRUE(node_.replied(write));
}

TEST_F(SilentPeer, AnswersAReadThatHasMovedOn) {
  const Sent read = pass(Node::read());
  node_.pass_ms(kPatienceMs + 2 * Shard::kTickMs);
  const std::vector<Sent> moved = node_.ports.take<PassOn>();
  ASSERT_EQ(moved.size(), 1U);
  Outcome failed;
  failed.code = OutcomeCode::kNoQuorumRead;
  answer_pass_on(node_, read, PassOnStatus::kDone, &failed);
  answer_pass_on(node_, read, PassOnStatus::kRefused, nullptr);
  EXPECT_FALSE(node_.replied(token_)) << "the next one may know better";
  Outcome outcome;
  outcome.integer = 7;
  answer_pass_on(node_, read, PassOnStatus::kDone, &outcome);
  ASSERT_TRUE(node_.replied(token_));
  EXPECT_EQ(node_.outcome(token_).integer, 7);
  answer_pass_on(node_, moved[0], PassOnStatus::kDone, &outcome);
  EXPECT_TRUE(node_.ports.take<PassOn>().empty());
}

TEST(PassOn, ARefusalThatTookItsTimeSaysNothingAboutTheNext) {
  Node node({2, 3, 4});
  node.submit(Node::set("v"));
  node.pass_ms(SilentPeers::kPatienceUs / 1000 - 2 * Shard::kTickMs);
  answer_pass_on(node, node.ports.take<PassOn>()[0], PassOnStatus::kRefused, nullptr);
  node.pass_ms(4 * Shard::kTickMs);
  answer_pass_on(node, node.ports.take<PassOn>()[0], PassOnStatus::kRefused, nullptr);
  node.ports.take<PassOn>();
  for (NodeId expected : {NodeId{2}, NodeId{3}}) {
    node.submit(Node::set("w"));
    const Sent passed = node.ports.take<PassOn>().at(0);
    EXPECT_EQ(passed.to, expected);
    node.shard().set_alive(expected, false, node.now);
    node.ports.take<PassOn>();
  }
}

TEST(PassOn, AnAnswerOfSomebodyElseIsIgnored) {
  Node node({2, 3, 4});
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> passed = node.ports.take<PassOn>();
  const Outcome outcome;
  node.shard().receive(3, PassOnReply{passed[0].as<PassOn>()->id, PassOnStatus::kDone, &outcome},
                       node.now);
  EXPECT_FALSE(node.replied(token));
}

TEST(Drain, RefusesNewRequestsAndEndsRunningOnes) {
  Node node;
  const ClientToken running = node.submit(Node::set("v"));
  node.shard().drain();
  EXPECT_EQ(node.outcome(node.submit(Node::set("w"))).code, OutcomeCode::kOverloaded);
  const Operation operation = Node::set("x");
  node.shard().receive(4, PassOn{99, kStep, &operation}, node.now);
  EXPECT_EQ(node.ports.take<PassOnReply>()[0].as<PassOnReply>()->status, PassOnStatus::kRefused);
  node.ack(node.ports.take<Replicate>()[0]);
  EXPECT_EQ(node.outcome(running).code, OutcomeCode::kOk);
}

TEST(Overload, IsRefusedPromptly) {
  ShardConfig config = Node::default_config();
  config.operations_max = 2;
  Node node({1, 2, 3}, config);
  node.submit(Node::set("a"));
  node.submit(Node::set("b"));
  const ClientToken token = node.submit(Node::set("c"));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOverloaded);
  EXPECT_EQ(node.shard().metrics().overload_refusals, 1U);
}

}  // namespace
}  // namespace kindred
