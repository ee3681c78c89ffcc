#include "replication/ring/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace kindred {
namespace {

using testing::ElementsAreArray;
using testing::SizeIs;

std::vector<ClaimMember> nodes(NodeId count, std::uint32_t zones = 1) {
  std::vector<ClaimMember> members;
  for (NodeId id = 1; id <= count; ++id) {
    members.push_back({id * 7919, 1, "zone" + std::to_string(id % zones)});
  }
  return members;
}

std::map<NodeId, std::uint32_t> copies_by_node(const Ring& ring) {
  std::map<NodeId, std::uint32_t> counts;
  for (const NodeId node : ring.flat_owners()) {
    ++counts[node];
  }
  return counts;
}

class TokenPlacement : public testing::TestWithParam<bool> {
 protected:
  static std::unique_ptr<Placement> strategy(std::uint32_t tokens) {
    if (GetParam()) {
      return std::make_unique<TokenPartitions>(tokens);
    }
    return std::make_unique<TokenRanges>(tokens);
  }
};
INSTANTIATE_TEST_SUITE_P(Strategies, TokenPlacement, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& strategy) {
                           return strategy.param ? "TwoPartitions" : "OneRanges";
                         });

TEST_P(TokenPlacement, ListsAreAsLongAsThereAreNodesWithAWeight) {
  const auto placement = strategy(8);
  EXPECT_EQ(placement->place(nullptr, {}, {64, 3}).copies(), 0u);
  auto members = nodes(3);
  EXPECT_EQ(placement->place(nullptr, members, {64, 3}).copies(), 3u);
  members[1].weight = 0;
  const Ring ring = placement->place(nullptr, members, {64, 3});
  EXPECT_EQ(ring.copies(), 2u);
  EXPECT_EQ(ring.replicas(), 3u);
  EXPECT_EQ(copies_by_node(ring), (std::map<NodeId, std::uint32_t>{{7919, 64}, {3 * 7919, 64}}));
}

TEST_P(TokenPlacement, TheOrderOfMembersAndThePreviousRingPlayNoPart) {
  const auto placement = strategy(8);
  auto members = nodes(20, 3);
  const Ring ring = placement->place(nullptr, members, {256, 3});
  const Ring other = placement->place(nullptr, nodes(9), {256, 3});
  std::reverse(members.begin(), members.end());
  EXPECT_EQ(placement->place(&other, members, {256, 3}), ring);
}

TEST_P(TokenPlacement, ZonesComeBeforeRepeatedOnes) {
  const auto members = nodes(12, 3);
  std::map<NodeId, std::string> zone_of;
  for (const ClaimMember& member : members) {
    zone_of[member.id] = member.zone;
  }
  const Ring ring = strategy(4)->place(nullptr, members, {512, 5});
  for (PartitionIndex partition = 0; partition < 512; ++partition) {
    const auto list = ring.owners(partition);
    std::set<std::string> zones;
    for (const NodeId node : list.first(3)) {
      zones.insert(zone_of[node]);
    }
    ASSERT_THAT(zones, SizeIs(3)) << "partition " << partition;
    ASSERT_THAT(std::set<NodeId>(list.begin(), list.end()), SizeIs(5)) << partition;
  }
}

TEST_P(TokenPlacement, AJoiningNodeTakesFromOthersAndNobodyElseGains) {
  const auto placement = strategy(16);
  const auto before = placement->place(nullptr, nodes(10), {4096, 3});
  const auto after = placement->place(nullptr, nodes(11), {4096, 3});
  std::uint64_t gained = 0;
  for (PartitionIndex partition = 0; partition < 4096; ++partition) {
    for (const NodeId node : after.owners(partition)) {
      if (!before.owns(partition, node)) {
        ASSERT_EQ(node, 11u * 7919) << "partition " << partition;
        ++gained;
      }
    }
  }
  EXPECT_GT(gained, 4096u * 3 / 22);
  EXPECT_EQ(gained, copies_by_node(after)[11 * 7919]);
}

TEST_P(TokenPlacement, WeightIsANumberOfTokens) {
  auto members = nodes(10);
  members[0].weight = 3;
  auto counts = copies_by_node(strategy(500)->place(nullptr, members, {kSlotCount, 1}));
  EXPECT_NEAR(counts[7919], kSlotCount * 3 / 12, kSlotCount / 60);
  EXPECT_NEAR(counts[2 * 7919], kSlotCount / 12, kSlotCount / 60);
}

// By hand: the keys of (predecessor, token] are the token's, and the walk goes on clockwise.
TEST(TokenRing, APreferenceListIsAWalkFromTheToken) {
  const TokenRing tokens(nodes(3), 2);
  ASSERT_EQ(tokens.token_count(), 6u);
  std::vector<NodeId> first_nodes;
  for (std::size_t token = 0; token < 6; ++token) {
    EXPECT_EQ(tokens.token_after(tokens.position(token)), token);
    EXPECT_EQ(tokens.token_after(tokens.position(token) + 1), (token + 1) % 6);
    first_nodes.push_back(tokens.preference_list(token, 1).front());
  }
  for (std::size_t token = 0; token < 6; ++token) {
    std::vector<NodeId> walked;
    for (std::size_t step = 0; step < 6; ++step) {
      const NodeId node = first_nodes[(token + step) % 6];
      if (std::find(walked.begin(), walked.end(), node) == walked.end()) {
        walked.push_back(node);
      }
    }
    EXPECT_THAT(tokens.preference_list(token, 9), ElementsAreArray(walked));
  }
}

// What rounding costs: each range's width is off by less than one slot.
TEST(TokenRanges, RoundingMovesEachTokenByHalfASlotAtMost) {
  const auto members = nodes(30);
  const TokenRing tokens(members, 16);
  const Ring ring = TokenRanges(16).place(nullptr, members, {kSlotCount, 3});
  for (std::uint32_t slot = 0; slot < kSlotCount; ++slot) {
    const std::uint64_t begin = std::uint64_t{slot} << 50;
    const std::size_t token = tokens.token_after(begin);
    const bool is_whole = tokens.token_after(begin + (std::uint64_t{1} << 50) - 1) == token;
    if (is_whole) {
      const auto list = ring.owners(slot);
      ASSERT_THAT(tokens.preference_list(token, 3), ElementsAreArray(list.begin(), list.end()));
    }
  }
}

// Strategies 1 and 2 differ in a partition only where a token lies within it.
TEST(TokenPartitions, DifferFromRangesOnlyWhereATokenCutsAPartition) {
  const auto members = nodes(30);
  const TokenRing tokens(members, 8);
  const Ring ranges = TokenRanges(8).place(nullptr, members, {1024, 3});
  const Ring partitions = TokenPartitions(8).place(nullptr, members, {1024, 3});
  std::uint32_t different = 0;
  for (PartitionIndex partition = 0; partition < 1024; ++partition) {
    const std::uint64_t begin = std::uint64_t{partition} << 54;
    const std::size_t last_token = tokens.token_after(begin + (std::uint64_t{1} << 54) - 1);
    const bool is_cut = tokens.token_after(begin) != last_token;
    const auto a = ranges.owners(partition);
    const auto b = partitions.owners(partition);
    ASSERT_THAT(tokens.preference_list(last_token, 3), ElementsAreArray(b.begin(), b.end()));
    const bool is_equal = std::equal(a.begin(), a.end(), b.begin(), b.end());
    ASSERT_TRUE(is_equal || is_cut) << "partition " << partition;
    different += is_equal ? 0 : 1;
  }
  EXPECT_GT(different, 0u);
}

}  // namespace
}  // namespace kindred
