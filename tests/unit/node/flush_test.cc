#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

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
  node.shard().receive(
      2, Replicate{5, kStep, {}, Node::key("k"), record, Durability::kLogged, false}, node.now);
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
  bool is_swept = false;
  for (int turns = 0; turns < 100 && node.shard().needs_tick(); ++turns) {
    node.pass_ms(5);
    std::vector<RangeRead> reads;
    reads.swap(node.ports.range_reads);
    for (const RangeRead& read : reads) {
      std::vector<RangeEntry> entries;
      const std::string stale_record = node.ports.records.add(stale);
      const std::string dead_record = node.ports.records.add(dead);
      if (read.range.partition == kPartition && !is_swept) {
        is_swept = true;
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

/// A partition's records as an engine keeps them, and sweeps over it by pages of two.
class SweptNode {
 public:
  Node node{{1}};

  void write(const std::string& name) {
    Operation set = Node::set("v");
    set.key = key(name);
    node.submit(set);
    names_.insert(name);
  }
  /// As `name` stands at another node that stamps above the flush.
  void survive(const std::string& name, Stamp stamp) {
    const std::string record = node.ports.records.add(register_state({stamp, 9}, "survivor"));
    node.shard().receive(2, Replicate{5, kStep, {}, key(name), record, Durability::kLogged, true},
                         node.now);
    names_.insert(name);
  }
  /// Sweeps to the end; `between` runs after a page was read and before it is taken.
  void sweep(const std::function<void(int)>& between) {
    int page = 0;
    for (int turns = 0; turns < 1000 && node.shard().needs_tick(); ++turns) {
      node.pass_ms(5);
      while (!node.ports.range_reads.empty()) {
        const RangeRead read = node.ports.range_reads.back();
        node.ports.range_reads.pop_back();
        give_page(read, between, &page);
      }
    }
    EXPECT_FALSE(node.shard().needs_tick());
  }
  uint64_t live() { return node.shard().copies().at(kPartition).count.live(node.now.cluster_ms); }

 private:
  static KeyRef key(std::string_view name) {
    KeyRef made = Node::key(name);
    made.hash = std::stoull(std::string(name));  // so names are in order
    return made;
  }

  void give_page(const RangeRead& read, const std::function<void(int)>& between, int* page) {
    std::vector<std::string> records;
    std::vector<std::string> found;
    bool done = true;
    for (const std::string& name : names_) {
      const bool is_behind = !read.range.after_key.empty() && name <= read.range.after_key;
      if (read.range.partition != kPartition || is_behind ||
          node.ports.held(name).never_written()) {
        continue;
      }
      if (found.size() == 2) {
        done = false;
        break;
      }
      found.push_back(name);
      records.push_back(node.ports.records.add(node.ports.held(name)));
    }
    std::vector<RangeEntry> entries;
    for (size_t i = 0; i < found.size(); ++i) {
      entries.push_back({key(found[i]), records[i]});
    }
    if (read.range.partition == kPartition) {
      between(++*page);
    }
    node.shard().range_read(read.token, true, entries, done, node.now);
  }

  std::set<std::string> names_;
};

TEST(Flush, TheSweepCountsEachSurvivorOnceBesideWrites) {
  SweptNode swept;
  const Stamp flush = stamp_ms_from(swept.node.now, 300);
  swept.write("100");
  swept.write("110");
  swept.write("140");
  swept.survive("120", flush + 5);
  swept.survive("130", flush + 6);
  swept.survive("150", flush + 7);
  swept.node.install(CopyState::kWhole, flush);
  EXPECT_EQ(swept.live(), 0U) << "counted anew";
  swept.write("150");
  swept.write("160");
  EXPECT_EQ(swept.live(), 2U) << "what is written is counted at once";
  swept.sweep([&](int page) {
    if (page == 1) {
      swept.write("100");  // of the page under way, dead in it
      swept.write("105");  // new in its range
    } else if (page == 2) {
      swept.write("100");  // swept, so counted: no second time
      swept.write("130");  // a survivor of the page under way
    }
  });
  EXPECT_EQ(swept.live(), 6U) << "100 105 120 130 150 160";
  EXPECT_TRUE(swept.node.ports.held("110").never_written());
  EXPECT_TRUE(swept.node.ports.held("140").never_written());
  EXPECT_FALSE(swept.node.ports.held("100").never_written());
}

TEST(Flush, TheSweepErasesWhatIsPendingInTheEngine) {
  SweptNode swept;
  swept.write("100");
  swept.node.install(CopyState::kWhole, stamp_ms_from(swept.node.now, 300));
  swept.node.ports.load_status = LoadStatus::kPending;
  swept.sweep([](int) {});
  EXPECT_TRUE(swept.node.ports.held("100").never_written());
}

TEST(Flush, ARestartedNodeSweepsOn) {
  SweptNode swept;
  swept.write("100");
  swept.write("110");
  const State dead = swept.node.ports.held("100");
  swept.node.install(CopyState::kWhole, stamp_ms_from(swept.node.now, 300));
  SweptNode restarted;
  restarted.node.install(CopyState::kWhole, stamp_ms_from(swept.node.now, 300));
  restarted.sweep([](int) {});
  restarted.write("105");
  restarted.node.ports.hold("100", dead);
  restarted.survive("100", 0);
  EXPECT_FALSE(restarted.node.shard().count_existing(Node::key("100"), dead, restarted.node.now));
  EXPECT_EQ(restarted.live(), 1U);
  restarted.sweep([](int) {});
  EXPECT_TRUE(restarted.node.ports.held("100").never_written());
  EXPECT_EQ(restarted.live(), 1U);
}

TEST(Flush, WhatIsFoundAtStartIsDeadToo) {
  Node node({1});
  const State old = register_state({stamp_ms_from(node.now, -5), 9}, "old");
  node.install(CopyState::kWhole, stamp_ms_from(node.now, 0));
  EXPECT_FALSE(node.shard().count_existing(Node::key("k"), old, node.now));
}

}  // namespace
}  // namespace kindred
