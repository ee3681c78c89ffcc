#include "server/node/key_counts.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

// DBSIZE over several nodes: which are asked, and what becomes of those that say nothing.

namespace kindred {
namespace {

constexpr uint32_t kTimeoutMs = 1000;
constexpr uint64_t kPatienceUs = 500'000;

class Ports final : public KeyCountPorts {
 public:
  struct Asked {
    NodeId holder = 0;
    uint64_t question = 0;
    std::vector<uint16_t> partitions;
  };

  std::vector<NodeId> owners_in_reach(uint16_t partition) override {
    std::vector<NodeId> in_reach;
    for (const NodeId owner : owners[partition]) {
      if (!down.contains(owner)) {
        in_reach.push_back(owner);
      }
    }
    return in_reach;
  }
  bool is_in_reach(NodeId node) override { return !down.contains(node); }
  void ask_count(NodeId holder, uint64_t question, std::vector<uint16_t> partitions) override {
    asked.push_back({holder, question, std::move(partitions)});
  }
  void counted(Asker, uint64_t keys) override { total = keys; }
  void count_failed(Asker, std::string_view text) override { error = text; }

  std::map<uint16_t, std::vector<NodeId>> owners;
  std::set<NodeId> down;
  std::vector<Asked> asked;
  std::optional<uint64_t> total;
  std::string error;
};

class KeyCountsTest : public testing::Test {
 protected:
  KeyCountsTest() { ports_.owners = {{0, {1, 2}}, {1, {1, 2}}, {2, {2, 3}}}; }

  void begin() { counts_.begin({0, 7}, 3, kTimeoutMs, 0); }

  Ports ports_;
  KeyCounts counts_{ports_};
};

TEST_F(KeyCountsTest, EachPartitionIsAskedForOnceAtItsFirstOwner) {
  begin();
  ASSERT_EQ(ports_.asked.size(), 2U);
  EXPECT_EQ(ports_.asked[0].holder, 1U);
  EXPECT_EQ(ports_.asked[0].partitions, (std::vector<uint16_t>{0, 1}));
  EXPECT_EQ(ports_.asked[1].holder, 2U);
  counts_.answered(ports_.asked[0].question, 10);
  EXPECT_FALSE(ports_.total);
  counts_.answered(ports_.asked[1].question, 5);
  EXPECT_EQ(ports_.total, 15U);
  EXPECT_TRUE(counts_.idle());
}

TEST_F(KeyCountsTest, ASilentNodesPartitionsAreCountedElsewhereAndItsLateAnswerIsNot) {
  begin();
  counts_.answered(ports_.asked[1].question, 5);
  counts_.tick(kPatienceUs - 1);
  EXPECT_EQ(ports_.asked.size(), 2U);
  counts_.tick(kPatienceUs);
  ASSERT_EQ(ports_.asked.size(), 3U);
  EXPECT_EQ(ports_.asked[2].holder, 2U);
  EXPECT_EQ(ports_.asked[2].partitions, (std::vector<uint16_t>{0, 1}));
  counts_.answered(ports_.asked[0].question, 1000);
  counts_.answered(ports_.asked[2].question, 10);
  EXPECT_EQ(ports_.total, 15U);
}

TEST_F(KeyCountsTest, ANodeThatGoesDownIsGivenUpAtOnce) {
  begin();
  ports_.down = {2};
  counts_.tick(1);
  ASSERT_EQ(ports_.asked.size(), 3U);
  EXPECT_EQ(ports_.asked[2].holder, 3U);
  EXPECT_EQ(ports_.asked[2].partitions, (std::vector<uint16_t>{2}));
}

TEST_F(KeyCountsTest, ASlowNodeIsWaitedForWhereThereIsNoOther) {
  ports_.owners[2] = {2};
  begin();
  counts_.answered(ports_.asked[0].question, 10);
  counts_.tick(kPatienceUs);
  EXPECT_EQ(ports_.asked.size(), 2U);
  counts_.answered(ports_.asked[1].question, 5);
  EXPECT_EQ(ports_.total, 15U);
}

TEST_F(KeyCountsTest, ALostNodeWithoutAnotherIsAnErrorAtOnce) {
  ports_.owners[2] = {2};
  begin();
  ports_.down = {2};
  counts_.tick(1);
  EXPECT_EQ(ports_.error, "NOREPLICAS read needs R=1 replicas, up=0");
}

TEST_F(KeyCountsTest, WhatNobodyTellsInTimeIsAnError) {
  begin();
  counts_.answered(ports_.asked[0].question, 10);
  counts_.tick(kPatienceUs);
  counts_.tick(kTimeoutMs * 1000);
  EXPECT_FALSE(ports_.total);
  EXPECT_TRUE(ports_.error.starts_with("NOQUORUM read R=1 answered=0 within 1000 ms"))
      << ports_.error;
  EXPECT_TRUE(counts_.idle());
}

TEST_F(KeyCountsTest, APartitionWithoutOwnersInReachIsAnErrorAtOnce) {
  ports_.down = {2, 3};
  begin();
  EXPECT_EQ(ports_.error, "NOREPLICAS read needs R=1 replicas, up=0");
  EXPECT_TRUE(counts_.idle());
}

}  // namespace
}  // namespace kindred
