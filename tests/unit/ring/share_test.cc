#include "replication/ring/share.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kindred {
namespace {

struct Expected {
  std::uint32_t low;
  std::uint32_t high;
};

void expect_shares(const std::vector<ShareRange>& shares, const std::vector<Expected>& expected) {
  ASSERT_EQ(shares.size(), expected.size());
  for (std::size_t i = 0; i < shares.size(); ++i) {
    EXPECT_EQ(shares[i].low, expected[i].low) << "member " << i;
    EXPECT_EQ(shares[i].high, expected[i].high) << "member " << i;
  }
}

TEST(Share, FollowsWeight) {
  const std::vector<ClaimMember> members{{1, 1, "a"}, {2, 2, "a"}, {3, 1, "a"}};
  expect_shares(copy_shares(members, 10, 1), {{2, 3}, {5, 5}, {2, 3}});
}

TEST(Share, ANodeHoldsAPartitionOnce) {
  const std::vector<ClaimMember> members{{1, 100, "a"}, {2, 1, "a"}, {3, 3, "a"}};
  expect_shares(copy_shares(members, 16, 2), {{16, 16}, {4, 4}, {12, 12}});
}

TEST(Share, AZoneHoldsAPartitionOnceWhileZonesSuffice) {
  const std::vector<ClaimMember> members{{1, 9, "a"}, {2, 9, "a"}, {3, 1, "b"},
                                         {4, 1, "c"}, {5, 1, "c"}, {6, 1, "c"}};
  expect_shares(copy_shares(members, 16, 2), {{8, 8}, {8, 8}, {4, 4}, {4, 4}, {4, 4}, {4, 4}});
}

TEST(Share, EveryZoneHoldsEveryPartitionWhenZonesAreFew) {
  const std::vector<ClaimMember> members{{1, 9, "a"}, {2, 9, "a"}, {3, 9, "a"}, {4, 1, "b"}};
  expect_shares(copy_shares(members, 16, 3), {{10, 11}, {10, 11}, {10, 11}, {16, 16}});
}

TEST(Share, FirstPlacesFollowWeightAlone) {
  const std::vector<ClaimMember> members{{1, 9, "a"}, {2, 3, "a"}, {3, 4, "b"}};
  expect_shares(first_place_shares(members, 16), {{9, 9}, {3, 3}, {4, 4}});
}

TEST(Share, LargestInputsDoNotOverflow) {
  std::vector<ClaimMember> members;
  for (NodeId id = 0; id < 5000; ++id) {
    members.push_back({id, kWeightMax, id % 2 == 0 ? "a" : std::to_string(id)});
  }
  // Zone a gets one copy a partition: 16384 / 2500 = 6.55. The others share 63: 412.88.
  const auto shares = copy_shares(members, kSlotCount, 64);
  for (std::size_t i = 0; i < members.size(); ++i) {
    ASSERT_EQ(shares[i].low, i % 2 == 0 ? 6u : 412u);
    ASSERT_EQ(shares[i].high, i % 2 == 0 ? 7u : 413u);
  }
}

}  // namespace
}  // namespace kindred
