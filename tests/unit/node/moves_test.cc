#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

constexpr Step kMoved = 2;

std::vector<NodeId> targets(const std::vector<Sent>& messages) {
  std::vector<NodeId> result;
  result.reserve(messages.size());
  for (const Sent& one : messages) {
    result.push_back(one.to);
  }
  std::sort(result.begin(), result.end());
  return result;
}

const Sent& sent_to(const std::vector<Sent>& messages, NodeId node) {
  const auto found = std::find_if(messages.begin(), messages.end(),
                                  [node](const Sent& one) { return one.to == node; });
  if (found == messages.end()) {
    ADD_FAILURE() << "nothing was sent to node " << node;
    return messages.front();
  }
  return *found;
}

TEST(Moves, AWriteNeedsAQuorumOfBothLists) {
  Node node;
  node.move(move_to({2, 3, 4}), kMoved);
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  EXPECT_EQ(targets(writes), (std::vector<NodeId>{2, 3, 4}));
  EXPECT_EQ(writes[0].as<Replicate>()->step, kMoved);
  node.ack(sent_to(writes, 4));
  EXPECT_FALSE(node.replied(token)) << "old: node 1 alone; new: node 4 alone";
  node.ack(sent_to(writes, 2));
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
}

TEST(Moves, AWriteThatTheNewOwnersRefuseFails) {
  Node node({1, 2, 3});
  node.move(move_to({1, 4}), kMoved);
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  EXPECT_EQ(targets(writes), (std::vector<NodeId>{2, 3, 4}));
  node.ack(sent_to(writes, 2));
  node.ack(sent_to(writes, 3));
  EXPECT_FALSE(node.replied(token)) << "W of the new list, which has two, is two";
  node.ack(sent_to(writes, 4), AckStatus::kFailed);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumWrite);
}

TEST(Moves, AWriteIsRefusedAtOnceWhereTooFewNewOwnersAreUp) {
  Node node;
  node.move(move_to({1, 4}), kMoved);
  node.shard().set_alive(4, false, node.now);
  const ClientToken token = node.submit(Node::set("v"));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoReplicas);
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(Moves, ReadsGoToTheOldOwnersThenToTheNewOnes) {
  Node node;
  node.move(move_to({1, 4}), kMoved);
  node.submit(Node::read(3));
  EXPECT_EQ(targets(node.ports.take<Fetch>()), (std::vector<NodeId>{2, 3}));
  node.move(move_to({1, 4}, MovePhase::kReadNew), kMoved + 1);
  EXPECT_EQ(targets(node.ports.take<Fetch>()), (std::vector<NodeId>{})) << "R=3 of two: refused";
  node.submit(Node::read());
  EXPECT_EQ(targets(node.ports.take<Fetch>()), (std::vector<NodeId>{4}));
}

TEST(Moves, AWriteUnderWayBeginsItsRoundAgainUnderTheNewStep) {
  Node node;
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> before = node.ports.take<Replicate>();
  EXPECT_EQ(targets(before), (std::vector<NodeId>{2, 3}));
  node.move(move_to({2, 3, 4}), kMoved);
  const std::vector<Sent> after = node.ports.take<Replicate>();
  EXPECT_EQ(targets(after), (std::vector<NodeId>{2, 3, 4}));
  EXPECT_EQ(node.state_in(after[0]), node.state_in(before[0]));
  node.ack(before[0]);
  node.ack(before[1]);
  EXPECT_FALSE(node.replied(token)) << "they acknowledged under the step before";
  node.ack(sent_to(after, 2));
  EXPECT_FALSE(node.replied(token)) << "node 1 and 2 of the old, node 2 of the new";
  node.ack(sent_to(after, 4));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
}

TEST(Moves, ACoordinatorThatLostThePartitionStillGathersTheNewOwners) {
  Node node;
  const ClientToken token = node.submit(Node::set("v"));
  node.ports.take<Replicate>();
  const size_t stores = node.ports.stores.size();
  node.reown({2, 3, 4}, kMoved);
  EXPECT_EQ(node.copy_state(), CopyState::kDeparting);
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  EXPECT_EQ(targets(writes), (std::vector<NodeId>{2, 3, 4}));
  EXPECT_EQ(node.ports.stores.size(), stores);
  node.ack(sent_to(writes, 2));
  EXPECT_FALSE(node.replied(token)) << "its own copy counts no more";
  node.ack(sent_to(writes, 3));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
}

TEST(Moves, AReadUnderWayIsPassedOnByWhoLostThePartition) {
  Node node;
  const ClientToken token = node.submit(Node::read());
  const std::vector<Sent> fetches = node.ports.take<Fetch>();
  node.reown({2, 3, 4}, kMoved);
  const std::vector<Sent> passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].to, 2U);
  EXPECT_EQ(passed[0].as<PassOn>()->step, kMoved);
  EXPECT_EQ(passed[0].as<PassOn>()->operation->kind, OpKind::kRead);
  node.answer(fetches[0], State{});
  EXPECT_FALSE(node.replied(token));
}

TEST(Moves, WhatWaitsForTheEngineIsPassedOnToo) {
  Node node;
  node.ports.load_status = LoadStatus::kPending;
  node.submit(Node::set("v"));
  node.submit(Node::modify(Modification::kIncrement, 1));
  node.submit(Node::modify(Modification::kIncrement, 1));
  const std::vector<Loading> loads = node.ports.loads;
  ASSERT_EQ(loads.size(), 2U) << "the second of the same key waits for the first";
  node.reown({2, 3, 4}, kMoved);
  EXPECT_EQ(node.ports.take<PassOn>().size(), 3U);
  for (const Loading& load : loads) {
    node.shard().loaded(load.token, LoadStatus::kLoaded, State{}, node.now);
  }
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(Moves, APassedOnRequestIsRefusedByWhoLostThePartition) {
  Node node;
  Operation operation = Node::read();
  node.shard().receive(4, PassOn{99, kStep, &operation}, node.now);
  node.ports.take<Fetch>();
  node.reown({2, 3, 4}, kMoved);
  const std::vector<Sent> replies = node.ports.take<PassOnReply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].as<PassOnReply>()->status, PassOnStatus::kRefused);
}

TEST(Moves, AModifyThatIsWritingStopsWhereOthersBeginElsewhere) {
  Node node;
  const ClientToken token = node.submit(Node::modify(Modification::kIncrement, 1));
  for (const Sent& fetch : node.ports.take<Fetch>()) {
    node.answer(fetch, State{});
  }
  ASSERT_EQ(node.ports.take<Replicate>().size(), 2U);
  node.reown({2, 1, 3}, kMoved);
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumWrite);
}

TEST(Moves, AReplicaRefusesOtherStepsThanItsOwn) {
  Node node;
  node.move(move_to({1, 2, 4}), kMoved);
  const std::string record = node.ports.records.add(put_state({5, 9}, "v"));
  const KeyRef key = Node::key("k");
  for (const Step step : {kMoved - 1, kMoved + 1}) {
    const bool is_older = step < kMoved;
    node.ports.documents_wanted.clear();
    node.shard().receive(2, Replicate{7, step, {}, key, record, Durability::kLogged, false},
                         node.now);
    EXPECT_EQ(node.ports.take<ReplicateAck>()[0].as<ReplicateAck>()->status,
              is_older ? AckStatus::kStale : AckStatus::kBehind);
    EXPECT_EQ(node.ports.documents_wanted,
              is_older ? std::vector<NodeId>{} : std::vector<NodeId>{2});
    node.shard().receive(2, Fetch{8, step, key, true}, node.now);
    EXPECT_EQ(node.ports.take<FetchReply>()[0].as<FetchReply>()->status,
              is_older ? FetchStatus::kStale : FetchStatus::kBehind);
    const Operation operation = Node::set("w");
    node.shard().receive(2, PassOn{9, step, &operation}, node.now);
    EXPECT_EQ(node.ports.take<PassOnReply>()[0].as<PassOnReply>()->status,
              is_older ? PassOnStatus::kStale : PassOnStatus::kBehind);
    FetchRange range;
    range.id = 10;
    range.step = step;
    range.partition = kPartition;
    node.shard().receive(2, range, node.now);
    EXPECT_EQ(node.ports.take<FetchRangeReply>()[0].as<FetchRangeReply>()->status,
              is_older ? FetchStatus::kStale : FetchStatus::kBehind);
  }
  EXPECT_TRUE(node.ports.stores.empty());
  EXPECT_TRUE(node.ports.range_reads.empty());
}

TEST(Moves, AReplicaLooksAtTheStepAgainWhenTheEngineAnswers) {
  Node node;
  node.ports.load_status = LoadStatus::kPending;
  const std::string record = node.ports.records.add(put_state({5, 9}, "v"));
  node.shard().receive(
      2, Replicate{7, kStep, {}, Node::key("k"), record, Durability::kLogged, false}, node.now);
  node.shard().receive(2, Fetch{8, kStep, Node::key("k"), true}, node.now);
  node.ports.load_status = LoadStatus::kLoaded;
  node.reown({2, 3, 4}, kMoved);
  for (const Loading& load : std::vector<Loading>(node.ports.loads)) {
    node.shard().loaded(load.token, LoadStatus::kLoaded, State{}, node.now);
  }
  EXPECT_EQ(node.ports.take<ReplicateAck>()[0].as<ReplicateAck>()->status, AckStatus::kStale);
  EXPECT_EQ(node.ports.take<FetchReply>()[0].as<FetchReply>()->status, FetchStatus::kStale);
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(Moves, AWriterAsksAgainWhoWentByAnotherStep) {
  Node node;
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  node.ack(writes[0], AckStatus::kBehind);
  node.ack(writes[1], AckStatus::kStale);
  EXPECT_EQ(node.ports.documents_wanted, (std::vector<NodeId>{writes[1].to}));
  EXPECT_FALSE(node.replied(token));
  node.pass_ms(5);
  EXPECT_TRUE(node.ports.take<Replicate>().empty());
  node.pass_ms(15);
  const std::vector<Sent> again = node.ports.take<Replicate>();
  EXPECT_EQ(targets(again), (std::vector<NodeId>{2, 3}));
  EXPECT_EQ(node.state_in(again[0]), node.state_in(writes[0]));
  node.ack(again[0]);
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
}

TEST(Moves, AWriterReadsItsCopyAgainBeforeItAsksWhoWentByAnotherStep) {
  Node node;
  const ClientToken token = node.submit(Node::set("v"));
  const std::vector<Sent> writes = node.ports.take<Replicate>();
  node.ack(writes[0], AckStatus::kBehind);
  node.ports.load_status = LoadStatus::kPending;
  node.pass_ms(20);
  EXPECT_TRUE(node.ports.take<Replicate>().empty());
  ASSERT_EQ(node.ports.loads.size(), 1U);
  node.shard().loaded(node.ports.loads[0].token, LoadStatus::kLoaded, node.ports.held("k"),
                      node.now);
  const std::vector<Sent> again = node.ports.take<Replicate>();
  EXPECT_EQ(targets(again), (std::vector<NodeId>{2}));
  node.ack(again[0]);
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
}

TEST(Moves, AWriterThatCanNotReadItsCopyForThemIsNeitherFailedNorAnsweredTwice) {
  for (const bool is_answered : {false, true}) {
    SCOPED_TRACE(is_answered);
    Node node;
    const ClientToken token = node.submit(Node::set("v"));
    const std::vector<Sent> writes = node.ports.take<Replicate>();
    node.ack(writes[0], AckStatus::kBehind);
    node.ports.load_status = LoadStatus::kPending;
    node.pass_ms(20);
    ASSERT_EQ(node.ports.loads.size(), 1U);
    if (is_answered) {
      node.ack(writes[1]);
      ASSERT_EQ(node.outcome(token).code, OutcomeCode::kOk);
    }
    node.shard().loaded(node.ports.loads[0].token, LoadStatus::kFailed, State{}, node.now);
    EXPECT_EQ(node.replied(token), is_answered);
    if (!is_answered) {
      node.ports.load_status = LoadStatus::kLoaded;
      node.pass_ms(20);
      EXPECT_EQ(targets(node.ports.take<Replicate>()), (std::vector<NodeId>{2})) << "later again";
    }
  }
}

TEST(Moves, AWriterAsksAgainUntilItsTimeIsOver) {
  Node node;
  const ClientToken token = node.submit(Node::set("v"));
  size_t asked = 0;
  for (int i = 0; i < 220; ++i) {
    for (const Sent& write : node.ports.take<Replicate>()) {
      ++asked;
      node.ack(write, AckStatus::kBehind);
    }
    node.pass_ms(5);
  }
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumWrite);
  EXPECT_GT(asked, 100U);
}

TEST(Moves, AReaderAsksAnotherAndThenAgainWhoWentByAnotherStep) {
  Node node;
  const ClientToken token = node.submit(Node::read());
  std::vector<Sent> fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U);
  node.answer(fetches[0], State{}, FetchStatus::kBehind);
  fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U);
  EXPECT_EQ(fetches[0].to, 3U);
  node.answer(fetches[0], State{}, FetchStatus::kStale);
  EXPECT_EQ(node.ports.documents_wanted, (std::vector<NodeId>{3}));
  EXPECT_FALSE(node.replied(token));
  node.pass_ms(20);
  fetches = node.ports.take<Fetch>();
  EXPECT_EQ(targets(fetches), (std::vector<NodeId>{2, 3}));
  node.answer(fetches[0], State{});
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
}

TEST(Moves, AReaderGivesUpWhoWentDownMeanwhile) {
  Node node;
  const ClientToken token = node.submit(Node::read());
  node.answer(node.ports.take<Fetch>()[0], State{}, FetchStatus::kBehind);
  node.shard().set_alive(2, false, node.now);
  node.shard().set_alive(3, false, node.now);
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumRead);
}

void refuse(Node& node, const Sent& passed, PassOnStatus status) {
  PassOnReply reply;
  reply.id = passed.as<PassOn>()->id;
  reply.status = status;
  node.shard().receive(passed.to, reply, node.now);
}

TEST(Moves, APasserTriesAnotherNodeThanOneThatIsBehind) {
  Node node({2, 3, 4});
  node.submit(Node::set("v"));
  std::vector<Sent> passed = node.ports.take<PassOn>();
  refuse(node, passed[0], PassOnStatus::kBehind);
  passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].to, 3U);
  refuse(node, passed[0], PassOnStatus::kRefused);
  refuse(node, node.ports.take<PassOn>()[0], PassOnStatus::kBehind);
  EXPECT_TRUE(node.ports.take<PassOn>().empty());
  node.pass_ms(20);
  passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U) << "all over again";
  EXPECT_EQ(passed[0].to, 2U);
}

TEST(Moves, APasserThatIsBehindWaitsForTheDocument) {
  Node node({2, 3, 4});
  const ClientToken token = node.submit(Node::set("v"));
  refuse(node, node.ports.take<PassOn>()[0], PassOnStatus::kStale);
  EXPECT_EQ(node.ports.documents_wanted, (std::vector<NodeId>{2}));
  EXPECT_TRUE(node.ports.take<PassOn>().empty());
  node.reown({3, 4, 2}, kMoved);
  const std::vector<Sent> passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].to, 3U);
  EXPECT_EQ(passed[0].as<PassOn>()->step, kMoved);
  EXPECT_FALSE(node.replied(token));
}

TEST(Moves, AModifyWaitsForItsFirstPrimaryToComeToItsStep) {
  Node node({2, 3, 4});
  node.submit(Node::modify(Modification::kIncrement, 1));
  const std::vector<Sent> first = node.ports.take<PassOn>();
  refuse(node, first[0], PassOnStatus::kBehind);
  EXPECT_TRUE(node.ports.take<PassOn>().empty());
  node.pass_ms(20);
  EXPECT_EQ(targets(node.ports.take<PassOn>()), (std::vector<NodeId>{2}));
  refuse(node, first[0], PassOnStatus::kBehind);  // the same answer again, late
  node.pass_ms(20);
  EXPECT_TRUE(node.ports.take<PassOn>().empty()) << "it may be coordinated there by now";
}

TEST(Moves, AScanIsAskedForAgainUnderTheNewStep) {
  Node node;
  ScanRequest request;
  request.cursor = uint64_t{slot_range(kPartition, kPartitions).first} << ScanRequest::kHashBits;
  node.shard().submit_scan(77, request, node.now);
  std::vector<Sent> asked = node.ports.take<FetchRange>();
  ASSERT_EQ(asked.size(), 1U);
  node.move(move_to({1, 4}, MovePhase::kReadNew), kMoved);
  asked = node.ports.take<FetchRange>();
  EXPECT_EQ(targets(asked), (std::vector<NodeId>{4}));
  FetchRangeReply reply;
  reply.id = asked[0].as<FetchRange>()->id;
  reply.partition = kPartition;
  reply.status = FetchStatus::kBehind;
  node.shard().receive(4, reply, node.now);
  EXPECT_FALSE(node.ports.scanned(77));
  node.pass_ms(20);
  asked = node.ports.take<FetchRange>();
  ASSERT_EQ(targets(asked), (std::vector<NodeId>{4}));
  reply.id = asked[0].as<FetchRange>()->id;
  reply.status = FetchStatus::kOk;
  reply.done = true;
  node.shard().receive(4, reply, node.now);
  node.shard().range_read(node.ports.range_reads.back().token, true, {}, true, node.now);
  EXPECT_TRUE(node.ports.page(77).ok);
}

}  // namespace
}  // namespace kindred
