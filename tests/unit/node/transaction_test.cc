#include "replication/mutation/transaction.h"

#include <gtest/gtest.h>

#include "tests/unit/node/node.h"

// Transactions on several keys of a partition: "a" and "b".

namespace kindred {
namespace {

using namespace node_test;

TransactionProgram::Step add_one_to(size_t key) {
  return {key, Node::modify(Modification::kIncrement, 1)};
}

TransactionProgram::Key watched_key(const Node& node, std::string_view key, const State& seen) {
  return {Node::key(key), true, witness(seen, node.now.cluster_ms)};
}

/// Adds one to each of the keys.
Operation add_to(const std::vector<TransactionProgram::Key>& keys) {
  TransactionProgram program;
  program.keys = keys;
  for (size_t i = 0; i < keys.size(); ++i) {
    program.steps.push_back(add_one_to(i));
  }
  Operation operation = Node::operation(OpKind::kModify, encode_program(program));
  operation.modification = Modification::kTransaction;
  operation.key = keys.front().ref;
  return operation;
}

TransactionProgram::Key unwatched_key(std::string_view key) {
  return {Node::key(key), false, 0};
}

Operation add_to_both() {
  return add_to({unwatched_key("a"), unwatched_key("b")});
}

std::vector<int64_t> integers_of(const Outcome& outcome) {
  std::vector<Outcome> steps;
  EXPECT_TRUE(decode_step_outcomes(outcome.value.bytes(), &steps));
  std::vector<int64_t> integers;
  integers.reserve(steps.size());
  for (const Outcome& step : steps) {
    integers.push_back(step.integer);
  }
  return integers;
}

std::string value_held(const Node& node, std::string_view key) {
  const State state = node.ports.held(key);
  return state.siblings.empty() ? "" : text(state.siblings[0].value);
}

/// Answers each of the fetches with what the node itself holds of its key.
void answer_with_held(Node& node, const std::vector<Sent>& fetches) {
  for (const Sent& fetch : fetches) {
    node.answer(fetch, node.ports.held(fetch.as<Fetch>()->key.key));
  }
}

TEST(TransactionOfSeveralKeys, ASingleNodeCarriesItOutWithinTheStep) {
  Node node({1});
  node.ports.hold("a", register_state({stamp_ms_from(node.now, -5), 9}, "4"));
  const Outcome& outcome = node.outcome(node.submit(add_to_both()));
  EXPECT_TRUE(outcome.applied);
  EXPECT_EQ(integers_of(outcome), (std::vector<int64_t>{5, 1}));
  EXPECT_EQ(value_held(node, "a"), "5");
  EXPECT_EQ(value_held(node, "b"), "1");
  EXPECT_EQ(outcome.dot, node.ports.held("a").siblings[0].dot) << "of its own key";
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(TransactionOfSeveralKeys, AllAreReadBeforeAnyIsWritten) {
  Node node;
  const ClientToken token = node.submit(add_to_both());
  std::vector<Sent> fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 2U);
  node.answer(fetches[1], State{});
  EXPECT_TRUE(node.ports.stores.empty());
  const State elsewhere = register_state({stamp_ms_from(node.now, -5), 9}, "41");
  node.answer(fetches[0], elsewhere);
  node.answer(node.ports.take<Fetch>()[0], elsewhere);
  EXPECT_EQ(node.ports.stores.size(), 2U) << "within one step";
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 4U);
  node.ack(writes[0]);
  EXPECT_FALSE(node.replied(token));
  node.ack(writes[2]);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(integers_of(node.outcome(token)), (std::vector<int64_t>{42, 1}));
}

TEST(TransactionOfSeveralKeys, NothingIsWrittenWhereAWatchedKeyHasMoved) {
  Node node;
  const State seen = register_state({stamp_ms_from(node.now, -9), 9}, "1");
  const State moved = merge(seen, register_state({stamp_ms_from(node.now, -5), 9}, "2"));
  node.ports.hold("a", seen);
  node.ports.hold("b", moved);
  const ClientToken token =
      node.submit(add_to({watched_key(node, "a", seen), watched_key(node, "b", seen)}));
  answer_with_held(node, node.ports.take<Fetch>());
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_FALSE(node.outcome(token).applied);
  EXPECT_TRUE(node.ports.stores.empty());
  const ClientToken again =
      node.submit(add_to({watched_key(node, "a", seen), watched_key(node, "b", moved)}));
  answer_with_held(node, node.ports.take<Fetch>());
  for (const Sent& write : node.ports.take<Replicate>()) {
    node.ack(write);
  }
  ASSERT_TRUE(node.replied(again));
  EXPECT_EQ(integers_of(node.outcome(again)), (std::vector<int64_t>{2, 3}));
}

// "a" has been read, "b" not yet, when another node's SET of "a" arrives.
TEST(TransactionOfSeveralKeys, WhatComesWhileItReadsTheOthersIsSeen) {
  Node node;
  const State seen = register_state({stamp_ms_from(node.now, -9), 9}, "1");
  node.ports.hold("a", seen);
  const ClientToken token = node.submit(add_to({watched_key(node, "a", seen), unwatched_key("b")}));
  const std::vector<Sent> fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 2U);
  node.answer(fetches[0], seen);
  const State later = merge(seen, register_state({stamp_ms_from(node.now, -5), 9}, "7"));
  const std::string record = node.ports.records.add(later);
  Replicate set;
  set.id = 5;
  set.step = node.step();
  set.key = Node::key("a");
  set.record = record;
  node.shard().receive(2, set, node.now);
  node.answer(fetches[1], State{});
  ASSERT_TRUE(node.replied(token));
  EXPECT_FALSE(node.outcome(token).applied);
  EXPECT_EQ(value_held(node, "a"), "7");
  EXPECT_EQ(value_held(node, "b"), "");
}

TEST(TransactionOfSeveralKeys, ItRunsAloneOnEachOfItsKeys) {
  Node node;
  Operation of_b = Node::modify(Modification::kIncrement, 1);
  of_b.key = Node::key("b");
  const ClientToken before = node.submit(of_b);
  const ClientToken whole = node.submit(add_to_both());
  const ClientToken after = node.submit(of_b);
  std::vector<Sent> fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 2U) << "of 'b' for the first, of 'a' for the transaction";
  answer_with_held(node, fetches);
  node.ack(node.ports.take<Replicate>()[0]);
  ASSERT_TRUE(node.replied(before));
  answer_with_held(node, node.ports.take<Fetch>());
  EXPECT_FALSE(node.replied(whole));
  for (const Sent& write : node.ports.take<Replicate>()) {
    node.ack(write);
  }
  ASSERT_TRUE(node.replied(whole));
  EXPECT_EQ(integers_of(node.outcome(whole)), (std::vector<int64_t>{1, 2}));
  answer_with_held(node, node.ports.take<Fetch>());
  node.ack(node.ports.take<Replicate>()[0]);
  ASSERT_TRUE(node.replied(after));
  EXPECT_EQ(node.outcome(after).integer, 3);
}

TEST(TransactionOfSeveralKeys, TwoThatNameTheirKeysInAnotherOrderDontWaitForEachOther) {
  Node node;
  const ClientToken first = node.submit(add_to({unwatched_key("a"), unwatched_key("b")}));
  const ClientToken second = node.submit(add_to({unwatched_key("b"), unwatched_key("a")}));
  for (int round = 0; round < 2; ++round) {
    answer_with_held(node, node.ports.take<Fetch>());
    for (const Sent& write : node.ports.take<Replicate>()) {
      node.ack(write);
    }
  }
  ASSERT_TRUE(node.replied(first));
  ASSERT_TRUE(node.replied(second));
  EXPECT_EQ(integers_of(node.outcome(second)), (std::vector<int64_t>{2, 2}));
}

TEST(TransactionOfSeveralKeys, AKeyThatCanNotBeReadLeavesTheOthersAlone) {
  Node node;
  const ClientToken token = node.submit(add_to_both());
  const ClientToken next = node.submit(add_to_both());
  std::vector<Sent> fetches = node.ports.take<Fetch>();
  node.answer(fetches[0], State{});
  node.pass_ms(1100);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumRead);
  EXPECT_TRUE(node.replied(next)) << "its time is over too";
  EXPECT_TRUE(node.ports.stores.empty());
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(TransactionOfSeveralKeys, AWriteWithoutItsQuorumLeavesTheWholeUnknown) {
  Node node;
  const ClientToken token = node.submit(add_to_both());
  answer_with_held(node, node.ports.take<Fetch>());
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 4U);
  node.ack(writes[0]);
  node.ack(writes[2], AckStatus::kFailed);
  EXPECT_FALSE(node.replied(token));
  node.ack(writes[3], AckStatus::kFailed);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumWrite);
}

TEST(TransactionOfSeveralKeys, WithoutRoomForItsWritesNothingIsApplied) {
  Node node;
  node.ports.store_status = StoreStatus::kFailed;
  const ClientToken token = node.submit(add_to_both());
  answer_with_held(node, node.ports.take<Fetch>());
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kStorageFailed);
  EXPECT_TRUE(node.ports.take<Replicate>().empty());
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(TransactionOfSeveralKeys, ItRunsAtTheFirstHealthyPrimaryAndNowhereElse) {
  Node node({2, 1, 3});
  node.submit(add_to_both());
  const std::vector<Sent> passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].to, 2U);
  EXPECT_TRUE(node.ports.take<Fetch>().empty());

  ShardConfig config = Node::default_config();
  config.quorum.is_sloppy = true;
  Node stranger({2, 3, 4}, config);
  for (const NodeId owner : {2, 3, 4}) {
    stranger.shard().set_alive(owner, false, stranger.now);
  }
  const ClientToken token = stranger.submit(add_to_both());
  ASSERT_TRUE(stranger.replied(token));
  EXPECT_EQ(stranger.outcome(token).code, OutcomeCode::kNoReplicas);
}

TEST(TransactionOfSeveralKeys, ADamagedCopyPassesTheWholeOn) {
  Node node;
  node.ports.damaged.insert("b");
  const ClientToken token = node.submit(add_to_both());
  const std::vector<Sent> passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].to, 2U);
  EXPECT_EQ(passed[0].as<PassOn>()->operation->key.key, "a");
  EXPECT_FALSE(node.replied(token));
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(TransactionOfSeveralKeys, OtherOwnersMakeItReadAgain) {
  Node node;
  const ClientToken token = node.submit(add_to_both());
  const std::vector<Sent> early = node.ports.take<Fetch>();
  ASSERT_EQ(early.size(), 2U);
  node.answer(early[0], State{});
  node.reown({1, 2, 4}, 2);
  const std::vector<Sent> fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 2U) << "of both";
  node.answer(early[1], State{});
  EXPECT_TRUE(node.ports.stores.empty());
  answer_with_held(node, fetches);
  for (const Sent& write : node.ports.take<Replicate>()) {
    node.ack(write);
  }
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(integers_of(node.outcome(token)), (std::vector<int64_t>{1, 1}));
}

TEST(TransactionOfSeveralKeys, ASlowEngineIsWaitedFor) {
  Node node({1});
  node.ports.load_status = LoadStatus::kPending;
  const ClientToken token = node.submit(add_to_both());
  // Each key is loaded to be read, and again to be written.
  for (size_t done = 0; done < node.ports.loads.size() && done < 20; ++done) {
    const Loading load = node.ports.loads[done];
    node.shard().loaded(load.token, LoadStatus::kLoaded, State{}, node.now);
  }
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(integers_of(node.outcome(token)), (std::vector<int64_t>{1, 1}));
}

/// Both are written, and a replica of "a" reports a higher dot. Returns what is read then.
std::vector<Sent> higher_dot_reported(Node& node) {
  answer_with_held(node, node.ports.take<Fetch>());
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  EXPECT_EQ(writes.size(), 4U);
  node.ack(writes[2]);
  node.ack(writes[0], AckStatus::kStored, {stamp_ms_from(node.now, 400), 77});
  return node.ports.take<Fetch>();
}

TEST(TransactionOfSeveralKeys, UnderAHigherDotThatNobodyShowsAWriteIsStoredAboveIt) {
  Node node;
  const ClientToken token = node.submit(add_to_both());
  const std::vector<Sent> again = higher_dot_reported(node);
  ASSERT_EQ(again.size(), 1U) << "of 'a' alone";
  EXPECT_FALSE(node.replied(token));
  answer_with_held(node, again);
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_GT(node.state_in(writes[0]).floor.stamp, stamp_ms_from(node.now, 400));
  EXPECT_EQ(text(node.state_in(writes[0]).siblings[0].value), "1") << "not computed twice";
  node.ack(writes[0]);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(integers_of(node.outcome(token)), (std::vector<int64_t>{1, 1}));
}

TEST(TransactionOfSeveralKeys, HiddenByAnotherWriteItsOutcomeIsUnknown) {
  Node node;
  const ClientToken token = node.submit(add_to_both());
  const std::vector<Sent> again = higher_dot_reported(node);
  ASSERT_EQ(again.size(), 1U);
  const State other =
      merge(node.ports.held("a"), register_state({stamp_ms_from(node.now, 400), 77}, "10"));
  node.answer(again[0], other);
  node.answer(node.ports.take<Fetch>().at(0), other);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumWrite);
  EXPECT_EQ(node.ports.take<Replicate>().size(), 0U);
}

TEST(TransactionOfSeveralKeys, KeysOfAnotherPartitionAreRefused) {
  Node node;
  TransactionProgram::Key elsewhere = unwatched_key("b");
  elsewhere.ref.slot = 0;
  const ClientToken token = node.submit(add_to({unwatched_key("a"), elsewhere}));
  ASSERT_TRUE(node.replied(token));
  EXPECT_NE(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

}  // namespace
}  // namespace kindred
