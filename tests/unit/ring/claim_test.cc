#include "replication/ring/claim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "replication/ring/share.h"

namespace kindred {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

std::vector<ClaimMember> same_weight(NodeId count) {
  std::vector<ClaimMember> members;
  for (NodeId id = 1; id <= count; ++id) {
    members.push_back({id, 1, "default"});
  }
  return members;
}

TEST(BalancedClaim, ListsAreAsLongAsThereAreNodes) {
  const BalancedClaim claim;
  EXPECT_EQ(claim.place(nullptr, {}, {16, 3}).copies(), 0u);
  const Ring one = claim.place(nullptr, same_weight(1), {16, 3});
  EXPECT_EQ(one.copies(), 1u);
  EXPECT_THAT(one.flat_owners(), SizeIs(16));
  EXPECT_THAT(one.flat_owners(), Each(1));
  const Ring two = claim.place(&one, same_weight(2), {16, 3});
  EXPECT_EQ(two.copies(), 2u);
  EXPECT_EQ(two.replicas(), 3u);
  EXPECT_EQ(copies_to_transfer(one, two), 16u);
}

TEST(BalancedClaim, AMemberWithoutWeightHoldsNothing) {
  auto members = same_weight(4);
  members[2].weight = 0;
  const Ring ring = BalancedClaim().place(nullptr, members, {16, 3});
  for (PartitionIndex partition = 0; partition < 16; ++partition) {
    EXPECT_FALSE(ring.owns(partition, 3));
  }
}

TEST(BalancedClaim, AnUnchangedClusterKeepsItsRing) {
  const BalancedClaim claim;
  const auto members = same_weight(7);
  const Ring ring = claim.place(nullptr, members, {64, 3});
  EXPECT_EQ(claim.place(&ring, members, {64, 3}), ring);
}

TEST(BalancedClaim, FirstPlacesOfALeaverGoToThoseWhoHaveTheData) {
  const BalancedClaim claim;
  const Ring before = claim.place(nullptr, same_weight(6), {60, 3});
  const Ring after = claim.place(&before, same_weight(5), {60, 3});
  for (PartitionIndex partition = 0; partition < 60; ++partition) {
    EXPECT_TRUE(before.owns(partition, after.owners(partition)[0])) << "partition " << partition;
  }
  EXPECT_EQ(copies_to_transfer(before, after), 30u);
}

TEST(BalancedClaim, OtherZonesComeBeforeRepeatedOnes) {
  const std::vector<ClaimMember> members{{1, 1, "a"}, {2, 1, "a"}, {3, 1, "a"}, {4, 1, "b"}};
  const Ring ring = BalancedClaim().place(nullptr, members, {16, 3});
  for (PartitionIndex partition = 0; partition < 16; ++partition) {
    const auto list = ring.owners(partition);
    EXPECT_NE(list[0] == 4, list[1] == 4) << "partition " << partition;
  }
}

TEST(BalancedClaim, AFailedNodesLoadSpreadsOverTheOthers) {
  const Ring ring = BalancedClaim().place(nullptr, same_weight(12), {256, 3});
  for (NodeId node = 1; node <= 12; ++node) {
    std::set<NodeId> companions;
    for (PartitionIndex partition = 0; partition < 256; ++partition) {
      if (ring.owns(partition, node)) {
        const auto list = ring.owners(partition);
        companions.insert(list.begin(), list.end());
      }
    }
    EXPECT_GE(companions.size(), 11u) << "node " << node;
  }
}

// The rings that a claim may choose from, all of them, on clusters small enough to list them.
class AllRings {
 public:
  AllRings(const Ring& previous, const std::vector<ClaimMember>& members, PlacementParams params)
      : previous_(previous), members_(members), params_(params) {
    shares_ = copy_shares(members, params.partition_count, params.replicas);
    counts_.resize(members.size());
    std::set<std::string> zones;
    for (const ClaimMember& member : members) {
      zones.insert(member.zone);
    }
    zones_wanted_ = std::min<std::size_t>(zones.size(), params.replicas);
  }

  std::uint32_t fewest_moves() {
    visit(0, 0);
    return best_;
  }

 private:
  void visit(PartitionIndex partition, std::uint32_t moves) {
    if (moves >= best_) {
      return;
    }
    if (partition == params_.partition_count) {
      for (std::size_t m = 0; m < members_.size(); ++m) {
        if (counts_[m] < shares_[m].low || counts_[m] > shares_[m].high) {
          return;
        }
      }
      best_ = moves;
      return;
    }
    for (unsigned set = 0; set < 1u << members_.size(); ++set) {
      std::set<std::string> zones;
      std::uint32_t size = 0;
      std::uint32_t moved = 0;
      for (std::size_t m = 0; m < members_.size(); ++m) {
        if ((set >> m & 1) != 0) {
          ++size;
          zones.insert(members_[m].zone);
          moved += previous_.owns(partition, members_[m].id) ? 0 : 1;
        }
      }
      if (size != params_.replicas || zones.size() != zones_wanted_) {
        continue;
      }
      for (std::size_t m = 0; m < members_.size(); ++m) {
        counts_[m] += set >> m & 1;
      }
      visit(partition + 1, moves + moved);
      for (std::size_t m = 0; m < members_.size(); ++m) {
        counts_[m] -= set >> m & 1;
      }
    }
  }

  const Ring& previous_;
  const std::vector<ClaimMember>& members_;
  const PlacementParams params_;
  std::vector<ShareRange> shares_;
  std::vector<std::uint32_t> counts_;
  std::size_t zones_wanted_;
  std::uint32_t best_ = std::numeric_limits<std::uint32_t>::max();
};

TEST(BalancedClaim, NoBalancedRingMovesLess) {
  const BalancedClaim claim;
  const PlacementParams params{5, 2};
  const std::vector<std::vector<ClaimMember>> sequence{
      {{1, 1, "a"}, {2, 1, "a"}, {3, 1, "b"}},
      {{1, 1, "a"}, {2, 1, "a"}, {3, 1, "b"}, {4, 1, "b"}},
      {{1, 2, "a"}, {2, 1, "a"}, {3, 1, "b"}, {4, 1, "c"}},
      {{1, 2, "a"}, {2, 1, "a"}, {4, 1, "c"}},
      {{1, 2, "a"}, {2, 1, "a"}, {4, 1, "a"}, {5, 3, "a"}},
      {{2, 1, "a"}, {4, 1, "b"}, {5, 3, "c"}, {6, 1, "d"}},
  };
  Ring ring = claim.place(nullptr, sequence[0], params);
  for (std::size_t step = 1; step < sequence.size(); ++step) {
    const Ring next = claim.place(&ring, sequence[step], params);
    EXPECT_EQ(copies_to_transfer(ring, next), AllRings(ring, sequence[step], params).fewest_moves())
        << "step " << step;
    ring = next;
  }
}

TEST(BalancedClaim, NoBalancedRingMovesLessOnRandomChanges) {
  const BalancedClaim claim;
  std::mt19937_64 random(1);
  const auto random_members = [&random] {
    std::vector<ClaimMember> members;
    for (NodeId id = 1; id <= 5; ++id) {
      if (members.size() + 5 - id < 3 || random() % 4 != 0) {
        const auto weight = static_cast<std::uint32_t>(1 + random() % 3);
        members.push_back({id, weight, std::string(1, "abc"[random() % 3])});
      }
    }
    return members;
  };
  for (int round = 0; round < 300; ++round) {
    const PlacementParams params{4, static_cast<std::uint32_t>(1 + random() % 3)};
    const Ring before = claim.place(nullptr, random_members(), params);
    const auto members = random_members();
    const Ring after = claim.place(&before, members, params);
    ASSERT_EQ(copies_to_transfer(before, after), AllRings(before, members, params).fewest_moves())
        << "round " << round;
  }
}

}  // namespace
}  // namespace kindred
