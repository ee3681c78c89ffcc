// A copy's Merkle tree tells what the copy holds, whatever happens to it.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using node_test::kPartition;
using node_test::kPartitions;
using node_test::Node;
using node_test::RangeRead;
using node_test::register_state;
using node_test::stamp_ms_from;

const std::vector<std::string> kKeys = {"a", "b", "c", "d"};

const CopyTree& tree_of(Node& node) {
  return node.shard().copies().at(kPartition).tree;
}

MerkleTree expected(Node& node, uint8_t level, Stamp flush_stamp = 0) {
  MerkleTree tree(slot_range(kPartition, kPartitions), level);
  for (const std::string& name : kKeys) {
    const KeyRef key = Node::key(name);
    State state = node.ports.held(name);
    apply_flush(state, flush_stamp);
    tree.update({key.slot, key.hash}, 0, tree_digest(state));
  }
  return tree;
}

void expect_exact(Node& node, Stamp flush_stamp = 0) {
  EXPECT_TRUE(tree_of(node).is_exact());
  EXPECT_EQ(tree_of(node).tree(), expected(node, tree_of(node).tree().level(), flush_stamp));
}

Operation set(const std::string& name, std::string_view value) {
  Operation operation = Node::set(value);
  operation.key = Node::key(name);
  return operation;
}

/// Answers what is read of ranges until nothing more is asked. `between` runs before each answer.
template <typename Between>
void answer_reads(Node& node, Between between) {
  for (int turns = 0; turns < 200; ++turns) {
    node.pass_ms(5);
    std::vector<RangeRead> reads;
    reads.swap(node.ports.range_reads);
    for (const RangeRead& read : reads) {
      std::vector<std::pair<KeyRef, std::string>> found;
      if (read.range.partition == kPartition) {
        for (const std::string& name : kKeys) {
          if (const State state = node.ports.held(name); !state.never_written()) {
            found.emplace_back(Node::key(name), node.ports.records.add(state));
          }
        }
      }
      std::sort(found.begin(), found.end(),
                [](const auto& a, const auto& b) { return a.first.hash < b.first.hash; });
      std::vector<RangeEntry> page;
      bool done = true;
      for (const auto& [key, record] : found) {
        if (!read.range.after_key.empty() && key.hash <= read.range.from_hash) {
          continue;
        }
        if (page.size() == 2) {
          done = false;
          break;
        }
        page.push_back({key, record});
      }
      between();
      node.shard().range_read(read.token, true, page, done, node.now);
    }
  }
}

void answer_reads(Node& node) {
  answer_reads(node, [] {});
}

TEST(CopyTree, FollowsWritesOfClientsAndPeers) {
  Node node;
  node.submit(set("a", "1"));
  node.submit(set("b", "2"));
  node.submit(set("a", "3"));
  expect_exact(node);
  Replicate replicate;
  replicate.id = 7;
  replicate.step = 1;
  for (int64_t ms : {5, 10, 5}) {
    replicate.key = Node::key("c");
    const std::string record =
        node.ports.records.add(register_state({stamp_ms_from(node.now, ms), 9}, "x"));
    replicate.record = record;
    node.shard().receive(2, replicate, node.now);
    expect_exact(node);
  }
  EXPECT_EQ(tree_of(node).tree().keys(), 3U);
}

TEST(CopyTree, OfAnEngineThatRefusesStaysAsItWas) {
  Node node;
  node.submit(set("a", "1"));
  node.ports.store_status = StoreStatus::kFailed;
  node.submit(set("a", "2"));
  expect_exact(node);
}

TEST(CopyTree, TellsWhatIsShownAfterAWriteIsLost) {
  Node node;
  node.submit(set("a", "1"));
  const State shown = node.ports.held("a");
  node.submit(set("a", "2"));
  const State lost = node.ports.held("a");
  node.ports.hold("a", shown);
  node.shard().lost(Node::key("a"), false, lost, &shown, node.now);
  expect_exact(node);
}

TEST(CopyTree, IsBuiltAnewAfterAQuarantineWhileWritesGoOn) {
  Node node;
  for (const std::string& name : kKeys) {
    node.submit(set(name, "1"));
  }
  node.shard().found_corrupt(Node::key("b"));
  EXPECT_FALSE(tree_of(node).is_exact());
  Replicate replicate;
  replicate.id = 7;
  replicate.step = 1;
  int64_t ms = 100;
  answer_reads(node, [&] {
    for (const std::string& name : {kKeys[0], kKeys[3]}) {
      replicate.key = Node::key(name);
      const std::string record =
          node.ports.records.add(register_state({stamp_ms_from(node.now, ++ms), 9}, "x"));
      replicate.record = record;
      node.shard().receive(2, replicate, node.now);
    }
  });
  expect_exact(node);
}

TEST(CopyTree, AfterAFlushKnowsWhatIsAboveIt) {
  Node node({1});
  node.submit(set("a", "old"));
  const Stamp flush = stamp_ms_from(node.now, 300);
  node.ports.hold("b", register_state({stamp_ms_from(node.now, 400), 9}, "newer"));
  node.install(CopyState::kWhole, flush);
  EXPECT_FALSE(tree_of(node).is_exact());
  answer_reads(node);
  expect_exact(node, flush);
  EXPECT_EQ(tree_of(node).tree().keys(), 1U);
}

TEST(CopyTree, OfACopyThatComesAfterAFlushIsFit) {
  Node node({2, 3, 4});
  node.install(CopyState::kWhole, stamp_ms_from(node.now, 300));
  answer_reads(node);
  node.reown({1, 2, 3}, 2);
  answer_reads(node);
  EXPECT_TRUE(tree_of(node).is_exact());
}

TEST(CopyTree, CountsWhatIsThereAtStartAndIsFoldedToWhatSuits) {
  Node node;
  const State held = register_state({stamp_ms_from(node.now, -5), 9}, "old");
  node.ports.hold("a", held);
  EXPECT_TRUE(node.shard().count_existing(Node::key("a"), held, node.now));
  EXPECT_GT(tree_of(node).tree().level(), MerkleTree::kLevelMin);
  node.pass_ms(5);
  EXPECT_EQ(tree_of(node).tree().level(), MerkleTree::kLevelMin);
  expect_exact(node);
}

}  // namespace
}  // namespace kindred
