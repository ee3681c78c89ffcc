#include <gtest/gtest.h>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

TEST(Write, ASingleNodeAnswersWithinTheStep) {
  Node node({1});
  const ClientToken token = node.submit(Node::set("v"));
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_EQ(node.outcome(token).dot.actor, node.actor());
  EXPECT_EQ(text(node.ports.held("k").siblings[0].value), "v");
  EXPECT_EQ(node.ports.unread_messages(), 0U);
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
  EXPECT_FALSE(node.shard().needs_tick() && node.shard().operations_in_flight() > 0);
}

TEST(Write, AnswersAtWWithTheWholeStateAtEveryOwner) {
  Node node;
  const State before = put_state({stamp_ms_from(node.now, -50), 9}, "sibling");
  node.ports.hold("k", before);
  Operation put = Node::operation(OpKind::kPut, "v");
  const ClientToken token = node.submit(put);
  EXPECT_FALSE(node.replied(token));
  ASSERT_EQ(node.ports.stores.size(), 1U) << "stored here before anything is sent";
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(node.state_in(writes[0]), node.ports.held("k"));
  EXPECT_EQ(node.state_in(writes[1]).siblings.size(), 2U);
  node.ack(writes[0]);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_TRUE(node.outcome(token).context.covered.covers(node.outcome(token).dot));
  node.ack(writes[1]);  // late: changes nothing
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(Write, TwoAcksOfOneNodeCountOnce) {
  Node node;
  Operation set = Node::set("v");
  set.quorum.w = 3;
  const ClientToken token = node.submit(set);
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  node.ack(writes[0]);
  node.ack(writes[0]);
  EXPECT_FALSE(node.replied(token));
  node.ack(writes[1]);
  EXPECT_TRUE(node.replied(token));
}

TEST(Write, RefusesAtOnceWhenTooFewAreUp) {
  Node node;
  node.shard().set_alive(2, false, node.now);
  node.shard().set_alive(3, false, node.now);
  const ClientToken token = node.submit(Node::set("v"));
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoReplicas);
  EXPECT_EQ(node.outcome(token).needed, 2);
  EXPECT_EQ(node.outcome(token).seen, 1);
  EXPECT_TRUE(node.ports.stores.empty()) << "nothing was applied anywhere";
  EXPECT_EQ(node.ports.unread_messages(), 0U);
}

TEST(Write, TimesOutAtItsDeadlineByTicksAlone) {
  Node node;
  Operation set = Node::set("v");
  set.quorum.timeout_ms = 200;
  const ClientToken token = node.submit(set);
  node.pass_ms(195);
  EXPECT_FALSE(node.replied(token));
  node.pass_ms(10);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumWrite);
  EXPECT_EQ(node.outcome(token).needed, 2);
  EXPECT_EQ(node.outcome(token).seen, 1);
}

TEST(Write, EndsOnceItsQuorumCannotBeMet) {
  Node node;
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  node.ack(writes[0], AckStatus::kFilling);
  EXPECT_FALSE(node.replied(token)) << "a filling copy does not count";
  node.shard().set_alive(3, false, node.now);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumWrite);
}

TEST(Write, RefusesNumbersThatCannotBe) {
  Node node;
  Operation set = Node::set("v");
  set.quorum.w = 4;
  EXPECT_EQ(node.outcome(node.submit(set)).code, OutcomeCode::kQuorumTooLarge);
  Node small({1, 2});
  set.quorum.w = 3;
  EXPECT_EQ(small.outcome(small.submit(set)).code, OutcomeCode::kNoReplicas);
}

TEST(Write, NeedsAnEngineThatSyncsForDw) {
  ShardConfig config = Node::default_config();
  config.engine_can_sync = false;
  Node node({1}, config);
  Operation set = Node::set("v");
  set.quorum.dw = 1;
  EXPECT_EQ(node.outcome(node.submit(set)).code, OutcomeCode::kCannotSync);
  EXPECT_TRUE(node.ports.stores.empty());
  Node able({1});
  EXPECT_EQ(able.outcome(able.submit(set)).code, OutcomeCode::kOk);
  EXPECT_EQ(able.ports.stores[0].durability, Durability::kSynced);
}

TEST(Write, ASetWhoseReplicaHeldAHigherDotIsStampedAgain) {
  Node node;
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> first = node.ports.take<Replicate>();
  const Dot ahead{stamp_ms_from(node.now, 400), 77};
  node.ack(first[0], AckStatus::kStored, ahead);
  EXPECT_FALSE(node.replied(token));
  const std::vector<Sent> second = node.ports.take<Replicate>();
  ASSERT_EQ(second.size(), 2U);
  const State state = node.state_in(second[0]);
  EXPECT_GT(state.floor, ahead);
  ASSERT_EQ(state.siblings.size(), 1U);
  EXPECT_EQ(text(state.siblings[0].value), "v");
  node.ack(first[1]);
  EXPECT_FALSE(node.replied(token)) << "acks of the first round don't count";
  node.ack(second[1]);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).dot, state.floor);
  EXPECT_EQ(node.shard().metrics().restamped_writes, 1U);
}

TEST(Write, APutIsNotStampedAgain) {
  Node node;
  const ClientToken token = node.submit(Node::operation(OpKind::kPut, "v"));
  node.ack(node.ports.take<Replicate>()[0], AckStatus::kStored, {stamp_ms_from(node.now, 400), 77});
  EXPECT_TRUE(node.replied(token));
}

TEST(Write, RefusesMoreSiblingsThanAllowed) {
  ShardConfig config = Node::default_config();
  config.siblings_max = 2;
  Node node({1}, config);
  node.submit(Node::operation(OpKind::kPut, "a"));
  node.submit(Node::operation(OpKind::kPut, "b"));
  const ClientToken token = node.submit(Node::operation(OpKind::kPut, "c"));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kTooManySiblings);
  EXPECT_EQ(node.ports.held("k").siblings.size(), 2U);
}

TEST(Write, RemovesWithAnEmptyContextNothing) {
  Node node;
  const ClientToken token = node.submit(Node::operation(OpKind::kRemove));
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_TRUE(node.outcome(token).context.empty());
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(Write, WaitsForAPendingLoadAndAPendingStore) {
  Node node({1});
  node.ports.load_status = LoadStatus::kPending;
  node.ports.store_status = StoreStatus::kPending;
  std::string buffer = "v";
  Operation set = Node::operation(OpKind::kSet);
  set.value = Value::borrowed(buffer);
  const ClientToken token = node.submit(set);
  buffer = "x";  // the receive buffer is used again
  ASSERT_EQ(node.ports.loads.size(), 1U);
  EXPECT_TRUE(node.ports.stores.empty());
  node.shard().loaded(node.ports.loads[0].token, LoadStatus::kLoaded, State{}, node.now);
  ASSERT_EQ(node.ports.stores.size(), 1U);
  EXPECT_FALSE(node.replied(token));
  node.shard().stored(node.ports.stores[0].token, true, node.now);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_EQ(text(node.ports.held("k").siblings[0].value), "v");
}

TEST(Write, AnEngineThatRefusesEndsTheActor) {
  Node node;
  const ActorId before = node.actor();
  node.ports.store_status = StoreStatus::kFailed;
  const ClientToken token = node.submit(Node::set("v"));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kStorageFailed);
  EXPECT_NE(node.actor(), before);
  EXPECT_EQ(node.ports.unread_messages(), 0U) << "nothing left this node";
}

TEST(Write, AStoreThatFailsLaterEndsTheActorAndTheWritesUnderWay) {
  Node node;
  node.ports.store_status = StoreStatus::kPending;
  const ActorId before = node.actor();
  Operation other = Node::set("w");
  other.key = Node::key("other");
  const ClientToken second = node.submit(other);
  const std::vector<Sent> writes_of_other = node.ports.take<Replicate>();
  const ClientToken first = node.submit(Node::set("v"));
  node.shard().stored(node.ports.stores[1].token, false, node.now);
  EXPECT_NE(node.actor(), before);
  EXPECT_EQ(node.outcome(first).code, OutcomeCode::kNoQuorumWrite);
  node.ack(writes_of_other[0]);
  ASSERT_TRUE(node.replied(second)) << "its actor has ended: outcome unknown";
  EXPECT_EQ(node.outcome(second).code, OutcomeCode::kNoQuorumWrite);
}

// Two other copies acknowledged, the client has its answer, and then this copy loses the write. Had
// its actor gone on, its next write's vector entry would claim to know the lost one.
TEST(Write, AStoreThatFailsAfterTheAnswerEndsTheActorToo) {
  Node node;
  node.ports.store_status = StoreStatus::kPending;
  const ActorId before = node.actor();
  const ClientToken token = node.submit(Node::set("v"));
  for (const Sent& write : node.ports.take<Replicate>()) {
    node.ack(write);
  }
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_EQ(node.actor(), before);
  node.shard().stored(node.ports.stores[0].token, false, node.now);
  EXPECT_NE(node.actor(), before);
  EXPECT_EQ(node.shard().metrics().storage_failures, 1U);
}

TEST(Wait, CountsTheOtherCopies) {
  Node node;
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "v"));
  Operation spread = Node::operation(OpKind::kSpread);
  spread.integer = 1;
  const ClientToken token = node.submit(spread);
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_TRUE(node.ports.stores.empty());
  node.ack(writes[1]);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).integer, 1);
}

TEST(Wait, ForMoreThanThereAreCountsAllThatAnswer) {
  Node node;
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "v"));
  Operation spread = Node::operation(OpKind::kSpread);
  spread.integer = 5;
  const ClientToken token = node.submit(spread);
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  EXPECT_FALSE(node.replied(token));
  node.ack(writes[0]);
  EXPECT_FALSE(node.replied(token));
  node.ack(writes[1]);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).integer, 2);
}

TEST(Wait, EndsAtItsDeadlineWithWhatItHas) {
  Node node;
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "v"));
  node.shard().set_alive(3, false, node.now);
  Operation spread = Node::operation(OpKind::kSpread);
  spread.integer = 2;
  spread.quorum.timeout_ms = 100;
  ClientToken token = node.submit(spread);
  node.ack(node.ports.take<Replicate>()[0]);
  ASSERT_TRUE(node.replied(token)) << "nobody else is left to wait for";
  EXPECT_EQ(node.outcome(token).integer, 1);
  token = node.submit(spread);
  node.pass_ms(110);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).integer, 0);
}

TEST(Write, ThePartOfItsQuorumThatIsNotMetIsNamed) {
  Node node;
  Operation set = Node::set("v");
  set.quorum.w = 1;
  set.quorum.pw = 2;
  const ClientToken late = node.submit(set);
  node.pass_ms(1100);
  ASSERT_TRUE(node.replied(late));
  EXPECT_EQ(node.outcome(late).code, OutcomeCode::kNoQuorumWrite);
  EXPECT_EQ(node.outcome(late).unmet, QuorumPart::kPrimaries);
  EXPECT_EQ(node.outcome(late).needed, 2);
  EXPECT_EQ(node.outcome(late).seen, 1);
  node.shard().set_alive(2, false, node.now);
  set.quorum.pw = 3;
  const ClientToken refused = node.submit(set);
  EXPECT_EQ(node.outcome(refused).code, OutcomeCode::kNoReplicas);
  EXPECT_EQ(node.outcome(refused).unmet, QuorumPart::kPrimaries);
  EXPECT_EQ(node.outcome(refused).seen, 2);
}

TEST(Wait, CountsOnlyCopiesOfTheWriteItWaitsFor) {
  Node node;
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "v"));
  Operation spread = Node::operation(OpKind::kSpread);
  spread.integer = 2;
  spread.context.covered.add_dot({stamp_ms_from(node.now, -5), 9});
  ClientToken token = node.submit(spread);
  for (const Sent& write : node.ports.take<Replicate>()) {
    node.ack(write);
  }
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).integer, 2);

  spread.context.covered = CausalContext();
  spread.context.covered.add_dot({stamp_ms_from(node.now, -4), 8});
  token = node.submit(spread);
  ASSERT_TRUE(node.replied(token))
      << "the coordinator lacks the write: what it spreads says nothing";
  EXPECT_EQ(node.outcome(token).integer, 0);
  EXPECT_TRUE(node.ports.take<Replicate>().empty());
}

TEST(Write, AnAckToAnEarlierRunsRequestIsNone) {
  ShardConfig config = Node::default_config();
  config.id_seed = 71;
  Node before({1, 2, 3}, config);
  before.ports.store_status = StoreStatus::kPending;
  before.submit(Node::set("of the run that ended"));
  const std::vector<Sent> asked = before.ports.take<Replicate>();
  ASSERT_FALSE(asked.empty());
  config.id_seed = 9'000'000'000'000'000'017ULL;
  Node node({1, 2, 3}, config);
  const ClientToken token = node.submit(Node::set("v"));
  for (const Sent& write : asked) {
    node.ack(write);
  }
  EXPECT_FALSE(node.replied(token));
}

TEST(Write, AKeyOverTheSiblingLimitCanBeBroughtDown) {
  ShardConfig config = Node::default_config();
  config.siblings_max = 2;
  Node node({1, 2, 3}, config);
  State crowded;
  for (ActorId actor = 11; actor <= 15; ++actor) {
    crowded = merge(crowded, put_state({stamp_ms_from(node.now, -1000), actor}, "v"));
  }
  node.ports.hold("k", crowded);
  Operation put = Node::operation(OpKind::kPut, "merged");
  for (ActorId actor = 11; actor <= 13; ++actor) {
    put.context.covered.raise(actor, stamp_ms_from(node.now, -1000));
  }
  node.submit(put);
  EXPECT_EQ(node.ports.held("k").siblings.size(), 3U);
  const ClientToken blind = node.submit(Node::operation(OpKind::kPut, "one more"));
  ASSERT_TRUE(node.replied(blind));
  EXPECT_EQ(node.outcome(blind).code, OutcomeCode::kTooManySiblings);
  EXPECT_EQ(node.ports.held("k").siblings.size(), 3U);
}

}  // namespace
}  // namespace kindred
