#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

Operation increment(int64_t by = 1) {
  return Node::modify(Modification::kIncrement, by);
}

TEST(Modify, ASingleNodeComputesWithinTheStep) {
  Node node({1});
  EXPECT_EQ(node.outcome(node.submit(increment(5))).integer, 5);
  EXPECT_EQ(node.outcome(node.submit(increment(-2))).integer, 3);
  EXPECT_EQ(text(node.ports.held("k").siblings[0].value), "3");
}

TEST(Modify, ReadsAQuorumFirst) {
  Node node;
  const ClientToken token = node.submit(increment());
  EXPECT_TRUE(node.ports.stores.empty());
  const State elsewhere = register_state({stamp_ms_from(node.now, -5), 9}, "41");
  node.answer(node.ports.take<Fetch>()[0], elsewhere);  // the digests differ
  const std::vector<Sent> whole = node.ports.take<Fetch>();
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_TRUE(whole[0].as<Fetch>()->whole_state);
  node.answer(whole[0], elsewhere);
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(text(node.state_in(writes[0]).siblings[0].value), "42");
  node.ack(writes[1]);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).integer, 42);
}

// Node 1 was cut off while W=2 of the others acknowledged: all three have to store the sum, but
// that does not make what they hold known here.
TEST(Modify, ALargerWriteQuorumOfItsOwnReadsNoFewerCopies) {
  ShardConfig config = Node::default_config();
  config.quorum = {1, 2, 0};
  Node node({1, 2, 3}, config);
  Operation operation = increment();
  operation.quorum.w = 3;
  node.submit(operation);
  EXPECT_TRUE(node.ports.stores.empty());
  const std::vector<Sent> reads = node.ports.take<Fetch>();
  ASSERT_EQ(reads.size(), 1U);
  const State elsewhere = register_state({stamp_ms_from(node.now, -5), 9}, "41");
  node.answer(reads[0], elsewhere);
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(text(node.state_in(writes[0]).siblings[0].value), "42");
}

TEST(Modify, OneRunsAtATimeInOrder) {
  Node node;
  const ClientToken first = node.submit(increment());
  const ClientToken second = node.submit(increment());
  std::vector<Sent> fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U) << "the second one waits";
  node.answer(fetches[0], State{});
  node.ack(node.ports.take<Replicate>()[0]);
  ASSERT_TRUE(node.replied(first));
  EXPECT_EQ(node.outcome(first).integer, 1);
  fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U);
  node.answer(fetches[0], node.ports.held("k"));
  node.ack(node.ports.take<Replicate>()[0]);
  ASSERT_TRUE(node.replied(second));
  EXPECT_EQ(node.outcome(second).integer, 2);
}

TEST(Modify, AQueueThatFailsAtOnceNeedsNoDeepStack) {
  Node node;
  constexpr int kQueued = 10'000;
  std::vector<ClientToken> tokens;
  for (int i = 0; i < kQueued; ++i) {
    tokens.push_back(node.submit(increment()));
  }
  EXPECT_EQ(node.shard().operations_in_flight(), static_cast<size_t>(kQueued));
  const std::vector<Sent> fetches = node.ports.take<Fetch>();
  node.shard().set_alive(2, false, node.now);
  node.shard().set_alive(3, false, node.now);
  for (ClientToken token : tokens) {
    ASSERT_TRUE(node.replied(token));
    ASSERT_NE(node.outcome(token).code, OutcomeCode::kOk);
  }
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(Modify, AQueueThatSucceedsAtOnceNeedsNoDeepStack) {
  Node node({1});
  node.ports.load_status = LoadStatus::kPending;
  constexpr int kQueued = 10'000;
  ClientToken last = 0;
  for (int i = 0; i < kQueued; ++i) {
    last = node.submit(Node::modify(Modification::kDelete));  // of a missing key: nothing to write
  }
  ASSERT_EQ(node.ports.loads.size(), 1U);
  node.ports.load_status = LoadStatus::kLoaded;
  node.shard().loaded(node.ports.loads[0].token, LoadStatus::kLoaded, State{}, node.now);
  EXPECT_TRUE(node.replied(last));
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(Modify, ATimedOutOneLetsTheNextRun) {
  Node node;
  Operation impatient = increment();
  impatient.quorum.timeout_ms = 50;
  const ClientToken first = node.submit(impatient);
  const ClientToken second = node.submit(increment());
  node.ports.take<Fetch>();
  node.pass_ms(60);
  ASSERT_TRUE(node.replied(first));
  EXPECT_EQ(node.outcome(first).code, OutcomeCode::kNoQuorumRead);
  EXPECT_FALSE(node.replied(second));
  EXPECT_EQ(node.ports.take<Fetch>().size(), 1U);
}

TEST(Modify, AHigherDotMakesItComputeAgain) {
  Node node;
  const ClientToken token = node.submit(increment());
  node.answer(node.ports.take<Fetch>()[0], State{});
  std::vector<Sent> writes = node.ports.take<Replicate>();
  const Dot ahead{stamp_ms_from(node.now, 400), 77};
  node.ack(writes[0], AckStatus::kStored, ahead);
  EXPECT_FALSE(node.replied(token));
  const State elsewhere = merge(node.ports.held("k"), register_state(ahead, "10"));
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  node.ack(writes[1]);
  EXPECT_FALSE(node.replied(token)) << "acks of the first round don't count";
  writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 2U);
  node.ack(writes[0], AckStatus::kStored, ahead);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).integer, 11);
  EXPECT_EQ(node.shard().metrics().recomputed_modifications, 1U);
}

/// Runs `operation` through a first round whose ack reports a higher dot, and a second read that
/// does not show what was reported, but the first round's own write. Returns the second writes.
std::vector<Sent> second_round(Node& node, const Operation& operation) {
  node.submit(operation);
  node.answer(node.ports.take<Fetch>()[0], node.ports.held("k"));
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  EXPECT_EQ(writes.size(), 2U);
  node.ack(writes[1], AckStatus::kStored, {stamp_ms_from(node.now, 400), 77});
  const std::vector<Sent> again = node.ports.take<Fetch>();
  EXPECT_EQ(again.size(), 1U);
  node.answer(again[0], node.state_in(writes[0]));
  return node.ports.take<Replicate>();
}

// The higher dot was never acknowledged, and the read before the second round misses it: what the
// second round finds is its own first one, which must not be counted on.
TEST(Modify, ItsOwnFirstRoundIsNotComputedOn) {
  Node node;
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "5"));
  const std::vector<Sent> writes = second_round(node, increment());
  ASSERT_EQ(writes.size(), 2U);
  const State state = node.state_in(writes[0]);
  EXPECT_EQ(text(state.siblings[0].value), "6");
  EXPECT_GT(state.floor.stamp, stamp_ms_from(node.now, 400));
  node.ack(writes[0]);
  EXPECT_EQ(node.outcome(1).code, OutcomeCode::kOk);
  EXPECT_EQ(node.outcome(1).integer, 6);
}

TEST(Modify, ASetIfAbsentIsNotRefusedByItsOwnFirstRound) {
  Node node;
  Operation set = Node::modify(Modification::kSet, 0, "mine");
  set.flags = op_flag::kIfAbsent;
  const std::vector<Sent> writes = second_round(node, set);
  ASSERT_EQ(writes.size(), 2U);
  node.ack(writes[0]);
  EXPECT_EQ(node.outcome(1).code, OutcomeCode::kOk);
  EXPECT_TRUE(node.outcome(1).applied);
}

TEST(Modify, AGetDeleteKeepsWhatItsFirstRoundTook) {
  Node node;
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "old"));
  const std::vector<Sent> writes = second_round(node, Node::modify(Modification::kGetDelete));
  if (!writes.empty()) {
    node.ack(writes[0]);
  }
  ASSERT_TRUE(node.replied(1));
  EXPECT_EQ(node.outcome(1).code, OutcomeCode::kOk);
  EXPECT_TRUE(node.outcome(1).has_value);
  EXPECT_EQ(text(node.outcome(1).value), "old");
}

// Its condition no longer holds because of its own first round: whether it took place can't be
// told.
TEST(Modify, AnExpiryIsNotDeniedAfterItsOwnFirstRound) {
  Node node;
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "v"));
  Operation expire = Node::modify(Modification::kExpire);
  expire.flags = op_flag::kExpireIfNone;
  expire.expire_at_ms = node.now.cluster_ms + 60'000;
  EXPECT_TRUE(second_round(node, expire).empty());
  ASSERT_TRUE(node.replied(1));
  EXPECT_EQ(node.outcome(1).code, OutcomeCode::kNoQuorumWrite);
}

TEST(Modify, ExpiryKeepsEverySibling) {
  Node node({1});
  State both = put_state({stamp_ms_from(node.now, -9), 8}, "a");
  both = merge(both, register_state({stamp_ms_from(node.now, -5), 9}, "b"));
  node.ports.hold("k", both);
  Operation expire = Node::modify(Modification::kExpire);
  expire.expire_at_ms = node.now.cluster_ms + 60'000;
  EXPECT_EQ(node.outcome(node.submit(expire)).integer, 1);
  const State state = node.ports.held("k");
  ASSERT_EQ(state.siblings.size(), 2U);
  for (const Sibling& sibling : state.siblings) {
    EXPECT_EQ(sibling.dot.actor, node.actor());
    EXPECT_EQ(sibling.expire_at_ms, expire.expire_at_ms);
  }
}

TEST(Modify, ExpiryStopsWhereNoStampsAreLeft) {
  Node node({1});
  constexpr Stamp kLast = UINT64_MAX;
  node.ports.hold("k", merge(put_state({kLast - 3, 8}, "a"), put_state({kLast - 2, 9}, "b")));
  Operation expire = Node::modify(Modification::kExpire);
  expire.expire_at_ms = node.now.cluster_ms + 60'000;
  EXPECT_EQ(node.outcome(node.submit(expire)).code, OutcomeCode::kStorageFailed);
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(Modify, OneThatWritesNothingRepairsWhatItReadAfterItsAnswer) {
  Node node;
  const State elsewhere = register_state({stamp_ms_from(node.now, -5), 9}, "text");
  const ClientToken token = node.submit(increment());
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.ports.held("k"), elsewhere);
  EXPECT_EQ(node.shard().metrics().read_repairs, 1U);
  const State newer = register_state({stamp_ms_from(node.now, -4), 9}, "newer");
  node.ports.hold("k", newer);
  node.submit(increment());
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  const std::vector<Sent> repairs = node.ports.take<Replicate>();
  ASSERT_EQ(repairs.size(), 1U);
  EXPECT_EQ(repairs[0].replies_before, 2U);
  EXPECT_EQ(node.state_in(repairs[0]), newer);
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(Modify, RefusalsWriteNothing) {
  Node node({1});
  node.ports.hold("k", register_state({stamp_ms_from(node.now, -5), 9}, "no number"));
  EXPECT_EQ(node.outcome(node.submit(increment())).code, OutcomeCode::kNotAnInteger);
  EXPECT_TRUE(node.ports.stores.empty());
}

}  // namespace
}  // namespace kindred
