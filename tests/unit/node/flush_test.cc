#include <gtest/gtest.h>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

TEST(Flush, HidesWhatIsOlderAndStampsAbove) {
  Node node({1});
  node.submit(Node::set("old"));
  const Stamp flush = stamp_ms_from(node.now, 300);
  node.install(CopyState::kWhole, flush);
  EXPECT_TRUE(node.outcome(node.submit(Node::read())).state.never_written());
  EXPECT_EQ(node.shard().copies().at(kPartition).count.live(node.now.cluster_ms), 0U);
  EXPECT_GE(node.shard().highest_stamp(), flush);
  const ClientToken token = node.submit(Node::set("new"));
  EXPECT_GT(node.outcome(token).dot.stamp, flush);
  EXPECT_EQ(text(node.outcome(node.submit(Node::read())).state.siblings[0].value), "new");
}

TEST(Flush, AReplicaRefusesOlderWritesAndReportsIt) {
  Node node;
  const Stamp flush = stamp_ms_from(node.now, 10);
  node.install(CopyState::kWhole, flush);
  const std::string record =
      node.ports.records.add(register_state({stamp_ms_from(node.now, 5), 9}, "old"));
  node.shard().receive(2, Replicate{5, kStep, Node::key("k"), record, Durability::kLogged, false},
                       node.now);
  const ReplicateAck ack = *node.ports.take<ReplicateAck>()[0].as<ReplicateAck>();
  EXPECT_EQ(ack.status, AckStatus::kRefused);
  EXPECT_GE(ack.highest.stamp, flush);
  EXPECT_TRUE(node.ports.stores.empty());
}

// The coordinator has not heard of the flush yet; the replicas have.
TEST(Flush, ASetThatWasRefusedIsStampedAboveIt) {
  Node node;
  const ClientToken token = node.submit(Node::set("v"));
  const Dot flush{stamp_ms_from(node.now, 300), UINT64_MAX};
  for (const Sent& write : node.ports.take<Replicate>()) {
    node.ack(write, AckStatus::kRefused, flush);
  }
  EXPECT_FALSE(node.replied(token));
  const std::vector<Sent> again = node.ports.take<Replicate>();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_GT(node.state_in(again[0]).floor.stamp, flush.stamp);
  node.ack(again[0]);
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_GT(node.outcome(token).dot.stamp, flush.stamp);
}

TEST(Flush, TheSweepErasesTheDeadAndKeepsNewerWrites) {
  Node node({1});
  Operation old = Node::set("old");
  old.key = Node::key("dead");
  node.submit(old);
  node.submit(Node::set("old"));
  const State stale = node.ports.held("k");
  const State dead = node.ports.held("dead");
  const Stamp flush = stamp_ms_from(node.now, 300);
  node.install(CopyState::kWhole, flush);
  EXPECT_TRUE(node.shard().needs_tick());
  for (int turns = 0; turns < 100 && node.shard().needs_tick(); ++turns) {
    node.pass_ms(5);
    std::vector<RangeRead> reads;
    reads.swap(node.ports.range_reads);
    for (const RangeRead& read : reads) {
      std::vector<RangeEntry> entries;
      const std::string stale_record = node.ports.records.add(stale);
      const std::string dead_record = node.ports.records.add(dead);
      if (read.range.partition == kPartition) {
        node.submit(Node::set("new"));  // written after the page was read
        entries = {{Node::key("dead"), dead_record}, {Node::key("k"), stale_record}};
      }
      node.shard().range_read(read.token, true, entries, true, node.now);
    }
  }
  EXPECT_FALSE(node.shard().needs_tick());
  ASSERT_EQ(node.ports.stores.back().key.key, "dead");
  EXPECT_TRUE(node.ports.stores.back().record.empty()) << "erased";
  EXPECT_TRUE(node.ports.held("dead").never_written());
  EXPECT_EQ(text(node.ports.held("k").siblings[0].value), "new");
}

TEST(Flush, WhatIsFoundAtStartIsDeadToo) {
  Node node({1});
  const State old = register_state({stamp_ms_from(node.now, -5), 9}, "old");
  node.install(CopyState::kWhole, stamp_ms_from(node.now, 0));
  EXPECT_FALSE(node.shard().count_existing(Node::key("k"), old, node.now));
}

}  // namespace
}  // namespace kindred
