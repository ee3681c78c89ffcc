#include "tests/unit/node/node.h"

namespace kindred::node_test {
namespace {

/// Node 1 is a fallback that holds hints of owners 2, 3 and 4; all are up but node 2.
class HandoffTest : public ::testing::Test {
 protected:
  HandoffTest() { node_.shard().set_alive(2, false, node_.now); }

  static ShardConfig config() {
    ShardConfig config = Node::default_config();
    config.hint_ttl_ms = 60'000;
    return config;
  }
  static KeyRef hint(std::string_view name, NodeId target = 2) {
    KeyRef key = Node::key(name);
    key.hint_for = target;
    return key;
  }
  State state(std::string_view value, int64_t age_ms = 0) {
    ++dots_;  // and as many actors
    return put_state(Dot{stamp_ms_from(node_.now, -age_ms) + dots_, dots_}, value);
  }
  void keep(std::string_view name, const State& one, NodeId target = 2) {
    Replicate message;
    message.id = 9;
    message.step = kStep;
    message.key = hint(name, target);
    const std::string record = node_.ports.records.add(one);
    message.record = record;
    node_.shard().receive(4, message, node_.now);
    node_.ports.take<ReplicateAck>();
  }
  State kept(std::string_view name, NodeId target = 2) {
    return node_.ports.held(RecordingPorts::name_of(hint(name, target)));
  }
  /// Answers the page that is being read with the hints of these keys.
  void give_page(const std::vector<std::string>& names, bool done = true) {
    ASSERT_FALSE(node_.ports.range_reads.empty());
    const RangeRead read = node_.ports.range_reads.back();
    node_.ports.range_reads.clear();
    std::vector<std::string> records;
    for (const std::string& name : names) {
      records.push_back(node_.ports.records.add(kept(name, read.range.hint_for)));
    }
    std::vector<RangeEntry> entries;
    for (size_t i = 0; i < names.size(); ++i) {
      entries.push_back({hint(names[i], read.range.hint_for), records[i]});
    }
    node_.shard().range_read(read.token, true, entries, done, node_.now);
  }
  std::vector<Sent> delivered() { return node_.ports.take<Replicate>(); }
  const HintCounts& counts() { return node_.shard().hints().counts(); }
  uint64_t pending() { return node_.shard().hints().pending_count(); }
  void expect_conserved() {
    const HintCounts& all = counts();
    EXPECT_EQ(all.stored, all.delivered + all.superseded + all.expired + pending());
  }

  Node node_{{2, 3, 4}, config()};
  uint64_t dots_ = 0;
};

TEST_F(HandoffTest, NothingHappensWhileTheTargetIsDown) {
  keep("k", state("v"));
  node_.pass_ms(200);
  EXPECT_TRUE(node_.ports.range_reads.empty());
  EXPECT_FALSE(node_.shard().needs_tick());
}

TEST_F(HandoffTest, AHintGoesOnceItsTargetStoredIt) {
  keep("k", state("v"));
  node_.shard().set_alive(2, true, node_.now);
  EXPECT_TRUE(node_.shard().needs_tick());
  node_.pass_ms(10);
  give_page({"k"});
  const auto sent = delivered();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].to, 2U);
  EXPECT_EQ(sent[0].as<Replicate>()->key.hint_for, 0U) << "it is stored as the copy";
  EXPECT_FALSE(kept("k").never_written()) << "not stored yet";
  node_.ack(sent[0]);
  EXPECT_TRUE(kept("k").never_written());
  EXPECT_EQ(counts().delivered, 1U);
  expect_conserved();
  node_.pass_ms(10);
  EXPECT_FALSE(node_.shard().needs_tick());
}

TEST_F(HandoffTest, WhoLeavesHandsItsHintsToTheOtherPrimariesAndTakesNoMore) {
  keep("k", state("v"));
  node_.leave();
  EXPECT_FALSE(node_.shard().may_go()) << "it holds a hint";
  Replicate late;
  late.id = 10;
  late.step = kStep;
  late.key = hint("l");
  const std::string record = node_.ports.records.add(state("w"));
  late.record = record;
  node_.shard().receive(4, late, node_.now);
  EXPECT_EQ(node_.ports.take<ReplicateAck>().at(0).as<ReplicateAck>()->status,
            AckStatus::kNotOwner);
  node_.pass_ms(10);
  give_page({"k"});
  const auto sent = delivered();
  ASSERT_EQ(sent.size(), 2U) << "its target is down";
  node_.ack(sent[0]);
  EXPECT_FALSE(node_.shard().may_go());
  node_.ports.copy_changes = 0;
  node_.ack(sent[1]);
  EXPECT_TRUE(node_.shard().may_go());
  node_.pass_ms(5);
  EXPECT_EQ(node_.ports.copy_changes, 1) << "the driver hears of it";
  expect_conserved();
}

TEST_F(HandoffTest, WhoIsAboutToBeRestartedHandsItsHintsToTheOtherPrimaries) {
  keep("k", state("v"));
  node_.pass_ms(20);
  EXPECT_TRUE(node_.ports.range_reads.empty()) << "its target is down";
  node_.shard().yield();
  node_.pass_ms(10);
  give_page({"k"});
  const auto sent = delivered();
  ASSERT_EQ(sent.size(), 2U);
  node_.ack(sent[0]);
  EXPECT_EQ(pending(), 1U);
  node_.ack(sent[1]);
  EXPECT_EQ(pending(), 0U);
  expect_conserved();
}

TEST_F(HandoffTest, AHintThatGrewMeanwhileStaysAndGoesNextTime) {
  keep("k", state("v"));
  node_.shard().set_alive(2, true, node_.now);
  node_.pass_ms(10);
  give_page({"k"});
  const auto first = delivered();
  keep("k", state("w"));
  node_.ack(first.at(0));
  EXPECT_EQ(kept("k").siblings.size(), 2U);
  EXPECT_EQ(counts().delivered, 0U);
  node_.pass_ms(10);
  give_page({"k"});
  node_.ack(delivered().at(0));
  EXPECT_EQ(pending(), 0U);
  expect_conserved();
}

TEST_F(HandoffTest, ARefusalIsRetriedLater) {
  keep("k", state("v"));
  node_.shard().set_alive(2, true, node_.now);
  node_.pass_ms(10);
  give_page({"k"});
  node_.ack(delivered().at(0), AckStatus::kOverloaded);
  EXPECT_EQ(pending(), 1U);
  node_.pass_ms(50);
  EXPECT_TRUE(node_.ports.range_reads.empty());
  EXPECT_TRUE(node_.shard().needs_tick());
  node_.pass_ms(100);
  give_page({"k"});
  node_.ack(delivered().at(0));
  EXPECT_EQ(pending(), 0U);
}

TEST_F(HandoffTest, ATargetThatGoesDownOrSilentGetsItLater) {
  keep("k", state("v"));
  node_.shard().set_alive(2, true, node_.now);
  node_.pass_ms(10);
  give_page({"k"});
  delivered();
  node_.shard().set_alive(2, false, node_.now);
  node_.pass_ms(500);
  EXPECT_TRUE(node_.ports.range_reads.empty());
  node_.shard().set_alive(2, true, node_.now);
  node_.pass_ms(10);
  give_page({"k"});
  delivered();
  node_.pass_ms(5'000);
  give_page({"k"});
  node_.ack(delivered().at(0));
  EXPECT_EQ(pending(), 0U);
}

TEST_F(HandoffTest, PagesFollowEachOtherOverKeysAndPartitions) {
  keep("a", state("1"));
  keep("b", state("2"));
  node_.shard().set_alive(2, true, node_.now);
  node_.pass_ms(10);
  EXPECT_EQ(node_.ports.range_reads.at(0).range.hint_for, 2U);
  give_page({"a"}, /*done=*/false);
  node_.ack(delivered().at(0));
  node_.pass_ms(10);
  EXPECT_EQ(node_.ports.range_reads.at(0).range.after_key, "a");
  give_page({"b"});
  node_.ack(delivered().at(0));
  EXPECT_EQ(counts().delivered, 2U);
  expect_conserved();
}

TEST_F(HandoffTest, AHintOfOneThatLostThePartitionGoesToAllWhoHoldIt) {
  keep("k", state("v"), /*target=*/7);
  node_.pass_ms(50);
  EXPECT_TRUE(node_.ports.range_reads.empty()) << "one of them is down";
  node_.shard().set_alive(2, true, node_.now);
  node_.pass_ms(10);
  give_page({"k"});
  const auto sent = delivered();
  ASSERT_EQ(sent.size(), 3U);
  node_.ack(sent[0]);
  node_.ack(sent[1], AckStatus::kFilling);
  EXPECT_EQ(pending(), 1U);
  node_.ack(sent[2]);
  EXPECT_EQ(pending(), 0U);
  EXPECT_EQ(counts().delivered, 1U);
}

TEST_F(HandoffTest, AnOldHintGoesOnceAQuorumOfTheOthersHoldsIt) {
  keep("old", state("v", 90'000));
  keep("young", state("w"));
  node_.pass_ms(10);
  give_page({"old", "young"});
  const auto sent = delivered();
  ASSERT_EQ(sent.size(), 2U) << "the old one, to nodes 3 and 4";
  EXPECT_EQ(sent[0].to, 3U);
  EXPECT_EQ(sent[1].to, 4U);
  node_.ack(sent[0]);
  EXPECT_EQ(pending(), 2U);
  node_.ack(sent[1]);
  EXPECT_EQ(pending(), 1U);
  EXPECT_EQ(counts().expired, 1U);
  EXPECT_FALSE(kept("young").never_written());
  expect_conserved();
}

TEST_F(HandoffTest, AnOldHintStaysWhereNoQuorumHoldsIt) {
  keep("old", state("v", 90'000));
  node_.shard().set_alive(3, false, node_.now);
  node_.pass_ms(10);
  give_page({"old"});
  EXPECT_TRUE(delivered().empty());
  EXPECT_EQ(pending(), 1U);
}

TEST_F(HandoffTest, AFullStoreRefusesAndDropsNothing) {
  ShardConfig small = config();
  small.hint_bytes_max = 200;
  node_.shard().set_config(small);
  keep("k", state("v"));
  Replicate message;
  message.id = 9;
  message.step = kStep;
  message.key = hint("l");
  const std::string record = node_.ports.records.add(state(std::string(100, 'x')));
  message.record = record;
  node_.shard().receive(4, message, node_.now);
  EXPECT_EQ(node_.ports.take<ReplicateAck>().at(0).as<ReplicateAck>()->status, AckStatus::kFailed);
  EXPECT_FALSE(kept("k").never_written());
  EXPECT_EQ(pending(), 1U);
  EXPECT_EQ(node_.shard().metrics().hints_refused, 1U);
}

TEST_F(HandoffTest, WhatARestartFindsCountsAsStored) {
  EXPECT_TRUE(node_.shard().count_existing(hint("k"), state("v"), node_.now));
  EXPECT_EQ(counts().stored, 1U);
  const auto waiting = node_.shard().hints().pending();
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].target, 2U);
  EXPECT_EQ(waiting[0].count, 1U);
  EXPECT_GT(waiting[0].bytes, 0U);
  EXPECT_LE(waiting[0].oldest_ms, node_.now.cluster_ms);
  EXPECT_GT(waiting[0].oldest_ms + 2000, node_.now.cluster_ms);
}

TEST_F(HandoffTest, AStoreThatFailsLateLeavesTheCountsRight) {
  const State before = state("v");
  keep("k", before);
  const State after = merge(before, state("w"));
  keep("k", after);
  node_.shard().lost(hint("k"), false, after, &before, node_.now);
  expect_conserved();
  EXPECT_EQ(pending(), 1U);
  const State none;
  node_.shard().lost(hint("k"), false, before, &none, node_.now);
  expect_conserved();
  EXPECT_EQ(pending(), 0U);
}

TEST_F(HandoffTest, TheBudgetHoldsPagesBack) {
  ShardConfig slow = config();
  slow.hint_bytes_per_s = 5120;  // ten hints a second
  node_.shard().set_config(slow);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    keep(name, state("v"));
  }
  node_.shard().set_alive(2, true, node_.now);
  node_.pass_ms(10);
  give_page({"a", "b", "c", "d"}, /*done=*/false);
  for (const Sent& sent : delivered()) {
    node_.ack(sent);
  }
  node_.pass_ms(100);
  EXPECT_TRUE(node_.ports.range_reads.empty());
  node_.pass_ms(400);
  give_page({"e"});
}

}  // namespace
}  // namespace kindred::node_test
