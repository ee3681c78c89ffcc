#include "replication/membership/cluster_clock.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

TEST(ClusterClock, JumpsOnceThenSlews) {
  ClusterClock clock;
  const std::vector<int64_t> first = {900, 1'000};
  EXPECT_TRUE(clock.end_round(first, 3));
  EXPECT_EQ(clock.offset_ms(), 900);
  const std::vector<int64_t> second = {1'000, 1'000};
  EXPECT_TRUE(clock.end_round(second, 3));
  EXPECT_EQ(clock.offset_ms(), 905);
  EXPECT_EQ(clock.cluster_ms(10'000), 10'905u);
}

TEST(ClusterClock, StandsStillWithoutAMajorityOfAtLeastThree) {
  ClusterClock clock;
  clock.restore(40);
  const std::vector<int64_t> one = {900};
  const std::vector<int64_t> two = {900, 900};
  EXPECT_FALSE(clock.end_round({}, 1));
  EXPECT_FALSE(clock.end_round(one, 2));
  EXPECT_FALSE(clock.end_round(one, 3));
  EXPECT_FALSE(clock.end_round(two, 6));
  EXPECT_EQ(clock.offset_ms(), 40);
  EXPECT_TRUE(clock.end_round(two, 5));
  EXPECT_EQ(clock.offset_ms(), 900);
}

TEST(ClusterClock, IsNeverNegativeOrPastItsBits) {
  ClusterClock clock;
  clock.restore(-5'000);
  EXPECT_EQ(clock.cluster_ms(1'000), 0u);
  clock.restore(5'000);
  EXPECT_EQ(clock.cluster_ms(UINT64_MAX), ClusterClock::kUnixMsMax);
}

/// Three nodes, the first with its clock an hour ahead.
class WrongClock : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      world_.add({0, 1, 2});
    }
    world_.set_clock_ahead_ms(0, 3'600'000);
    world_.set_clock_ahead_ms(1, -8);
    for (std::size_t node = 0; node < 3; ++node) {
      world_.start(node);
    }
    ASSERT_TRUE(world_.run_until([&] { return world_.all_see_each_other({0, 1, 2}); }, 5'000));
    world_.run_ms(10'000);
  }
  /// The node's reading of the cluster clock less the third node's wall clock, which is true.
  int64_t error_ms(std::size_t node) {
    const uint64_t reading = world_.machine(node).cluster_ms(world_.local_time(node).unix_ms);
    return static_cast<int64_t>(reading) - static_cast<int64_t>(world_.local_time(2).unix_ms);
  }

  World world_{31};
};

TEST_F(WrongClock, FollowsTheOthersAndSaysSo) {
  EXPECT_LE(std::abs(error_ms(0)), 5);
  EXPECT_LE(std::abs(error_ms(1)), 5);
  EXPECT_LE(std::abs(error_ms(2)), 5);
  EXPECT_TRUE(world_.has_logged(0, "ms off the median"));
  EXPECT_FALSE(world_.has_logged(1, "ms off the median"));
}

TEST_F(WrongClock, KeepsItsOffsetOverARestartAlone) {
  world_.crash(1);
  world_.crash(2);
  world_.restart(0);
  world_.run_ms(5'000);
  EXPECT_LE(std::abs(error_ms(0)), 5);
}

TEST_F(WrongClock, MovesSlowlyWhenAClockIsSet) {
  world_.set_clock_ahead_ms(0, 0);
  const int64_t before = error_ms(0);
  EXPECT_LE(before, -3'590'000);
  world_.run_ms(10'000);
  EXPECT_GE(error_ms(0) - before, 60);
  EXPECT_LE(error_ms(0) - before, 110);
}

}  // namespace
}  // namespace kindred::membership_test
