#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

constexpr Step kMoved = 2;

ReplicateAck replicate(Node& node, const State& state, Step step) {
  const std::string record = node.ports.records.add(state);
  node.shard().receive(
      2, Replicate{55, step, {}, Node::key("k"), record, Durability::kLogged, false}, node.now);
  return *node.ports.take<ReplicateAck>().at(0).as<ReplicateAck>();
}

// Node 1 arrives among the owners of a partition that it had nothing of.
class Arrival : public ::testing::Test {
 protected:
  Arrival() : node({2, 3, 4}) { node.move(move_to({1, 3, 4}), kMoved); }

  void fill_from(NodeId source, FetchStatus status = FetchStatus::kOk) {
    const std::vector<Sent> asked = range_requests(node);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].to, source);
    EXPECT_EQ(asked[0].as<FetchRange>()->step, kMoved);
    answer_range(node, asked[0], {{Node::key("k"), some_state(node)}}, true, status);
  }

  Node node;
};

TEST_F(Arrival, AcksWhatItStoresAndServesNothing) {
  EXPECT_EQ(node.copy_state(), CopyState::kArriving);
  EXPECT_EQ(replicate(node, some_state(node), kMoved).status, AckStatus::kStored);
  node.shard().receive(2, Fetch{8, kMoved, Node::key("k"), true}, node.now);
  EXPECT_EQ(node.ports.take<FetchReply>()[0].as<FetchReply>()->status, FetchStatus::kFilling);
  node.submit(Node::read());
  EXPECT_EQ(node.ports.take<PassOn>().size(), 1U);
}

// Owners that fill themselves wait for it, and it for one of them to be whole.
TEST(ArrivalUntold, TakesNothingInAndAsksForPatience) {
  Node node({2, 3, 4});
  node.tells_rounds = false;
  node.move(move_to({1, 3, 4}), kMoved);
  EXPECT_EQ(replicate(node, some_state(node), kMoved).status, AckStatus::kBehind);
  // A round that it hears of is not one that it fell behind: it has nothing yet.
  const std::string record = node.ports.records.add(some_state(node));
  const Rounds rounds{stamp_at_ms(node.now.cluster_ms), 0};
  node.shard().receive(
      2, Replicate{56, kMoved, rounds, Node::key("k"), record, Durability::kLogged, false},
      node.now);
  EXPECT_EQ(node.ports.take<ReplicateAck>().at(0).as<ReplicateAck>()->status, AckStatus::kBehind);
  EXPECT_EQ(node.copy_state(), CopyState::kArriving);
  FetchRange range;
  range.id = 10;
  range.step = kMoved;
  range.partition = kPartition;
  node.shard().receive(3, range, node.now);
  ASSERT_EQ(node.ports.range_reads.size(), 1U);
  node.shard().range_read(node.ports.range_reads[0].token, true, {}, true, node.now);
  const std::vector<Sent> told = node.ports.take<FetchRangeReply>();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].as<FetchRangeReply>()->status, FetchStatus::kFilling);
  EXPECT_TRUE(told[0].as<FetchRangeReply>()->done);
  node.tell_rounds();
  EXPECT_EQ(replicate(node, some_state(node), kMoved).status, AckStatus::kStored);
}

// What it came back with may have been reaped since, though its tree has been begun anew.
TEST(ArrivalUntold, IsEmptiedWhereAFlushLeftItsTreeInDoubt) {
  Node node({2, 3, 4});
  node.tells_rounds = false;
  node.move(move_to({1, 3, 4}), kMoved);
  node.ports.take<RoundCall>();
  ASSERT_TRUE(node.shard().count_existing(Node::key("k"), some_state(node), node.now));
  node.install(CopyState::kWhole, stamp_ms_from(node.now, -100));
  const std::vector<Sent> asked = node.ports.take<RoundCall>();
  ASSERT_FALSE(asked.empty());
  RoundReply reply;
  reply.id = asked.front().as<RoundCall>()->id;
  reply.rounds.committed = stamp_ms_from(node.now, -1);
  reply.rounds.clean = reply.rounds.committed;
  node.shard().receive(asked.front().to, reply, node.now);
  const Copy& copy = node.shard().copies().at(kPartition);
  EXPECT_EQ(copy.mark.round, 0U);
  EXPECT_EQ(copy.empties_to, reply.rounds.committed);
}

TEST_F(Arrival, IsWholeAfterMergingFromEnoughOldOwners) {
  node.pass_ms(5);
  const std::vector<Transfer> transfers = node.shard().transfers();
  ASSERT_EQ(transfers.size(), 1U);
  EXPECT_EQ(transfers[0].partition, kPartition);
  EXPECT_EQ(transfers[0].state, CopyState::kArriving);
  EXPECT_EQ(transfers[0].source, 2U);
  fill_from(2);
  EXPECT_EQ(node.copy_state(), CopyState::kArriving) << "W=2 of 3: N-W+1 is two";
  EXPECT_EQ(node.shard().transfers()[0].keys, 1U);
  node.ports.copy_changes = 0;
  fill_from(3);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
  EXPECT_EQ(node.ports.copy_changes, 1);
  EXPECT_TRUE(node.shard().transfers().empty());
  EXPECT_EQ(node.ports.held("k"), some_state(node));
  node.submit(Node::read());
  EXPECT_EQ(node.ports.take<PassOn>().size(), 1U) << "whole, but the old owners serve";
  node.move(move_to({1, 3, 4}, MovePhase::kReadNew), kMoved + 1);
  node.submit(Node::read());
  EXPECT_EQ(node.ports.take<Fetch>().size(), 1U);
}

// A write shows the state before the engine has taken it, and it may yet refuse it.
TEST_F(Arrival, IsNotWholeByWhatAWriteIsStillToStore) {
  const State state = some_state(node);
  const auto fill = [&] {
    const std::vector<Sent> asked = range_requests(node);
    ASSERT_EQ(asked.size(), 1U);
    answer_range(node, asked[0], {{Node::key("k"), state}}, true);
  };
  node.ports.store_status = StoreStatus::kPending;
  const std::string record = node.ports.records.add(state);
  node.shard().receive(
      2, Replicate{55, kMoved, {}, Node::key("k"), record, Durability::kLogged, false}, node.now);
  ASSERT_EQ(node.ports.stores.size(), 1U);
  node.ports.shows_unstored = true;
  node.pass_ms(5);
  fill();
  ASSERT_EQ(node.ports.stores.size(), 2U) << "stored again: it ends behind the write's";
  EXPECT_TRUE(range_requests(node).empty()) << "the page is not done before";
  node.shard().stored(node.ports.stores[0].token, false, node.now);
  node.shard().stored(node.ports.stores[1].token, false, node.now);
  node.ports.shows_unstored = false;
  node.ports.store_status = StoreStatus::kDone;
  node.pass_ms(5);
  for (int source = 0; source < 2; ++source) {
    EXPECT_EQ(node.copy_state(), CopyState::kArriving) << "what was merged before counts no more";
    fill();
  }
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
}

// It may be filling because it lost what it, and the one that is not asked, acknowledged.
TEST_F(Arrival, CountsNoSourceThatIsFillingUnlessThereIsNoOther) {
  node.pass_ms(5);
  fill_from(2);
  fill_from(3, FetchStatus::kFilling);
  EXPECT_EQ(node.copy_state(), CopyState::kArriving);
  fill_from(4, FetchStatus::kFilling);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole) << "nobody knows more";
}

TEST_F(Arrival, AsksASourceThatWasFillingAgain) {
  node.shard().set_alive(4, false, node.now);
  node.pass_ms(5);
  fill_from(2);
  fill_from(3, FetchStatus::kFilling);
  node.pass_ms(5);
  EXPECT_TRUE(range_requests(node).empty()) << "not at once";
  node.pass_ms(2'500);
  fill_from(3);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
}

TEST_F(Arrival, AsksTheOthersBeforeOneThatGoesByAnotherStep) {
  node.pass_ms(5);
  fill_from(2, FetchStatus::kStale);
  EXPECT_EQ(node.ports.documents_wanted, (std::vector<NodeId>{2}));
  node.pass_ms(5);
  fill_from(3);
  fill_from(4);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
}

TEST_F(Arrival, BeginsAgainUnderAnotherStep) {
  node.pass_ms(5);
  fill_from(2);
  node.move(move_to({1, 2, 4}), kMoved + 1);
  EXPECT_EQ(node.copy_state(), CopyState::kArriving);
  node.pass_ms(5);
  const std::vector<Sent> asked = range_requests(node);
  EXPECT_EQ(asked.back().as<FetchRange>()->step, kMoved + 1);
  answer_range(node, asked.back(), {}, true);
  EXPECT_EQ(node.copy_state(), CopyState::kArriving) << "what was merged before counts no more";
}

TEST_F(Arrival, IsFillingOnceItLosesWhatItAcked) {
  const ActorId actor = node.actor();
  node.shard().found_corrupt(Node::key("k"));
  EXPECT_EQ(node.copy_state(), CopyState::kFilling);
  EXPECT_NE(node.actor(), actor);
  EXPECT_EQ(replicate(node, some_state(node), kMoved).status, AckStatus::kFilling);
  // N-W+1 of the old list, which it takes the past from, and enough of the new, which it acked for.
  node.pass_ms(5);
  for (NodeId source : {2, 3, 4}) {
    EXPECT_EQ(node.copy_state(), CopyState::kFilling);
    fill_from(source);
  }
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
}

TEST_F(Arrival, IsFillingWhereTheDocumentComesOnBeforeItIsWhole) {
  node.move(move_to({1, 3, 4}, MovePhase::kReadNew), kMoved + 1);
  EXPECT_EQ(node.copy_state(), CopyState::kFilling);
}

TEST_F(Arrival, DepartsAgainWhenItsMoveIsRolledBack) {
  node.reown({2, 3, 4}, kMoved + 1);
  EXPECT_EQ(node.copy_state(), CopyState::kDeparting);
  const ActorId actor = node.actor();
  node.move(move_to({1, 3, 4}), kMoved + 2);
  EXPECT_EQ(node.copy_state(), CopyState::kArriving);
  EXPECT_NE(node.actor(), actor) << "it may lack what the other one had met";
}

// This node has missed the documents in which it lost the partition.
TEST(Filling, TakesSoManyPartitionsAtATime) {
  constexpr size_t kAtATime = 8;
  Node node;
  node.install(CopyState::kWhole);
  for (uint16_t partition = 0; partition < kPartitions; ++partition) {
    KeyRef key = Node::key("k");
    key.partition = partition;
    node.shard().found_corrupt(key);
  }
  node.pass_ms(5);
  std::vector<Sent> asked = node.ports.take<FetchRange>();
  EXPECT_EQ(asked.size(), kAtATime);
  for (int source = 0; source < 2; ++source) {  // N-W+1 others each
    for (const Sent& one : asked) {
      answer_range(node, one, {}, /*done=*/true);
    }
    node.pass_ms(5);
    asked = node.ports.take<FetchRange>();
    EXPECT_EQ(asked.size(), kAtATime);
  }
  EXPECT_EQ(node.shard().transfers().size(), kPartitions - kAtATime);
}

TEST(Arriving, ACopyThatWasWholeOnceArrivesAnew) {
  Node node;
  const ActorId actor = node.actor();
  node.reown_and_move({2, 3, 4}, move_to({1, 2, 3}), kMoved + 5);
  EXPECT_EQ(node.copy_state(), CopyState::kArriving);
  EXPECT_NE(node.actor(), actor);
}

// Of nodes 1, 2 and 3, nodes 2 and 3 may have acknowledged what node 1 has never seen.
TEST(Staying, ACopyCatchesUpWhereItsListGetsShorterAndServesMeanwhile) {
  Node node;
  const ActorId actor = node.actor();
  node.move(move_to({1, 2}), kMoved);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
  ASSERT_EQ(node.shard().transfers().size(), 1U);
  EXPECT_EQ(node.shard().transfers()[0].state, CopyState::kArriving);
  node.submit(Node::read());
  EXPECT_EQ(node.ports.take<Fetch>().size(), 1U);
  node.pass_ms(5);
  for (NodeId source : {2, 3}) {
    const std::vector<Sent> asked = range_requests(node);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].to, source);
    answer_range(node, asked[0], {{Node::key("k"), some_state(node)}}, true);
  }
  EXPECT_TRUE(node.shard().transfers().empty());
  EXPECT_EQ(node.actor(), actor);
  EXPECT_EQ(node.ports.held("k"), some_state(node));
  node.move(move_to({1, 2, 4}), kMoved + 1);
  EXPECT_TRUE(node.shard().transfers().empty()) << "as long as before";
}

// Node 1 has lost the partition of all keys here to node 4.
class Departing : public ::testing::Test {
 protected:
  Departing() : held(some_state(node)) {
    node.ports.hold("k", held);
    node.reown({2, 3, 4}, kMoved);
  }

  /// Answers the read of this node's own page, if one was asked for.
  bool give_page(bool done = true) {
    node.pass_ms(5);
    if (node.ports.range_reads.empty()) {
      return false;
    }
    const RangeRead read = node.ports.range_reads.back();
    node.ports.range_reads.clear();
    EXPECT_EQ(read.range.partition, kPartition);
    const State state = node.ports.held("k");
    const std::string record = node.ports.records.add(state);
    std::vector<RangeEntry> entries;
    if (!state.never_written()) {
      entries.push_back({Node::key("k"), record});
    }
    node.shard().range_read(read.token, true, entries, done, node.now);
    return true;
  }
  std::vector<Sent> fetches() {
    std::vector<Sent> asked = node.ports.take<Fetch>();
    for (const Sent& one : asked) {
      EXPECT_EQ(one.as<Fetch>()->step, node.step());
      EXPECT_FALSE(one.as<Fetch>()->whole_state);
    }
    return asked;
  }
  bool is_erased() const { return node.ports.held("k").never_written(); }

  Node node;
  const State held;
};

TEST_F(Departing, TakesPartInNothing) {
  EXPECT_EQ(node.copy_state(), CopyState::kDeparting);
  EXPECT_EQ(replicate(node, held, kMoved).status, AckStatus::kNotOwner);
  node.shard().receive(2, Fetch{8, kMoved, Node::key("k"), true}, node.now);
  EXPECT_EQ(node.ports.take<FetchReply>()[0].as<FetchReply>()->status, FetchStatus::kNotOwner);
  node.submit(Node::set("w"));
  EXPECT_EQ(node.ports.take<PassOn>().size(), 1U);
}

TEST_F(Departing, GoesOnceEveryOwnerHasWhatItHolds) {
  ASSERT_TRUE(give_page());
  const std::vector<Sent> asked = fetches();
  ASSERT_EQ(asked.size(), 3U);
  node.answer(asked[0], held);
  node.answer(asked[1], State{});
  node.answer(asked[2], put_state({5, 7}, "other"));
  const std::vector<Sent> sent = node.ports.take<Replicate>();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(node.state_in(sent[0]), held);
  node.ack(sent[0]);
  EXPECT_FALSE(give_page());
  EXPECT_FALSE(is_erased());
  node.ack(sent[1], AckStatus::kFilling);
  node.ports.copy_changes = 0;
  ASSERT_TRUE(give_page()) << "all owners have it: it is erased";
  EXPECT_TRUE(is_erased());
  EXPECT_EQ(node.copy_state(), CopyState::kNone);
  EXPECT_EQ(node.ports.copy_changes, 1);
  EXPECT_EQ(node.shard().metrics().departed_copies, 1U);
  node.pass_ms(5);
  EXPECT_FALSE(node.shard().needs_tick());
}

TEST_F(Departing, WaitsForOwnersThatAreDown) {
  node.shard().set_alive(4, false, node.now);
  EXPECT_FALSE(give_page());
  node.shard().set_alive(4, true, node.now);
  ASSERT_TRUE(give_page());
  ASSERT_EQ(fetches().size(), 3U);
  node.shard().set_alive(4, false, node.now);
  node.pass_ms(200);
  node.shard().set_alive(4, true, node.now);
  EXPECT_FALSE(is_erased());
  ASSERT_TRUE(give_page());
  EXPECT_EQ(fetches().size(), 3U) << "the page once more";
}

TEST_F(Departing, AsksAgainWhoGoesByAnotherStepOrRefuses) {
  for (const FetchStatus status :
       {FetchStatus::kBehind, FetchStatus::kStale, FetchStatus::kOverloaded}) {
    ASSERT_TRUE(give_page());
    node.answer(fetches()[0], State{}, status);
    EXPECT_FALSE(give_page());
    node.pass_ms(100);
  }
  EXPECT_EQ(node.ports.documents_wanted, (std::vector<NodeId>{2}));
  ASSERT_TRUE(give_page());
  node.answer(fetches()[0], State{});
  node.ack(node.ports.take<Replicate>()[0], AckStatus::kFailed);
  node.pass_ms(100);
  EXPECT_TRUE(give_page());
  EXPECT_FALSE(is_erased());
}

TEST_F(Departing, GoesToTheOwnersOfNow) {
  ASSERT_TRUE(give_page());
  const std::vector<Sent> before = fetches();
  node.move(move_to({3, 4}), kMoved + 1);
  for (const Sent& one : before) {
    node.answer(one, held);
  }
  ASSERT_TRUE(give_page());
  EXPECT_EQ(fetches().size(), 3U);
  EXPECT_FALSE(is_erased());
}

TEST_F(Departing, IsNotErasedWhileAWriteMayHaveToBeSentAgain) {
  Node writer;
  const ClientToken token = writer.submit(Node::set("v"));
  writer.ports.take<Replicate>();
  writer.reown({2, 3, 4}, kMoved);
  const std::vector<Sent> writes = writer.ports.take<Replicate>();
  writer.pass_ms(5);
  writer.shard().range_read(writer.ports.range_reads.back().token, true, {}, true, writer.now);
  writer.ports.range_reads.clear();
  writer.pass_ms(50);
  EXPECT_TRUE(writer.ports.range_reads.empty());
  writer.ack(writes[0]);
  writer.ack(writes[1]);
  EXPECT_TRUE(writer.replied(token));
  writer.pass_ms(50);
  EXPECT_EQ(writer.ports.range_reads.size(), 1U);
}

TEST_F(Departing, IsFoundAgainAfterARestart) {
  Node restarted({2, 3, 4});
  restarted.pass_ms(5);
  EXPECT_FALSE(restarted.shard().needs_tick());
  EXPECT_TRUE(
      restarted.shard().count_existing(Node::key("k"), some_state(restarted), restarted.now));
  EXPECT_EQ(restarted.copy_state(), CopyState::kDeparting);
  EXPECT_TRUE(restarted.shard().needs_tick());
  restarted.pass_ms(5);
  EXPECT_EQ(restarted.ports.range_reads.size(), 1U);
}

}  // namespace
}  // namespace kindred
