// Whole clusters of machines under faults, in virtual time.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "bench/ringsim/gossip_world.h"

namespace kindred {
namespace {

using bench::GossipWorld;

constexpr uint64_t kHangSeenMsMax = 3'000;  // as promised to clients

class SwimCluster : public testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override {
    ASSERT_LE(world_.run_until([&] { return world_.all_running_see_each_other(); }, 5'000), 3'000u);
    world_.run_ms(30'000);
    world_.forget_changes();
  }
  /// Nobody but observers of `changed`, and that node itself, changed an opinion.
  void expect_calm_but_for(uint32_t changed) {
    for (uint32_t node = 0; node < world_.size(); ++node) {
      for (uint32_t other = 0; other < world_.size(); ++other) {
        if (node != changed && other != changed && node != other) {
          EXPECT_EQ(world_.changes(node, other), 0u) << node << " of " << other;
        }
      }
    }
  }
  bool all_hold_the_same_words() {
    for (uint32_t about = 0; about < world_.size(); ++about) {
      for (uint32_t node = 0; node < world_.size(); ++node) {
        const Rumour own{world_.id(about), world_.machine(about).incarnation(), SwimState::kAlive,
                         0};
        if (node != about && world_.machine(node).find(world_.id(about))->word != own) {
          return false;
        }
      }
    }
    return true;
  }

  GossipWorld world_{5, SwimConfig{}, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Seeds, SwimCluster, testing::Range<uint64_t>(1, 21));

TEST_P(SwimCluster, QuietTimesAreQuiet) {
  const uint64_t bytes = world_.bytes_sent();
  world_.run_ms(60'000);
  expect_calm_but_for(world_.size());
  EXPECT_TRUE(all_hold_the_same_words());
  EXPECT_LT((world_.bytes_sent() - bytes) / 60 / world_.size(), 1'000u);
}

TEST_P(SwimCluster, AHangOfFortySecondsIsOneDownAndOneUp) {
  world_.hang(0, true);
  EXPECT_LE(world_.run_until([&] { return world_.seen_by(0) == 0; }, 10'000), kHangSeenMsMax);
  world_.run_ms(40'000);
  world_.hang(0, false);
  EXPECT_LE(world_.run_until([&] { return world_.seen_by(0) == 4; }, 10'000), 1'000u);
  world_.run_ms(20'000);
  expect_calm_but_for(0);
  for (uint32_t node = 1; node < 5; ++node) {
    EXPECT_EQ(world_.changes(node, 0), 2u);
    EXPECT_EQ(world_.changes(0, node), 0u);
  }
  EXPECT_TRUE(all_hold_the_same_words());
}

TEST_P(SwimCluster, ADeathIsSeenAtOnceWhereLinksBreakAndSoonWhereTheyDont) {
  world_.kill(0, true);
  EXPECT_EQ(world_.run_until([&] { return world_.seen_by(0) == 0; }, 10'000), 0u);
  world_.run_ms(10'000);
  world_.start(0);
  EXPECT_LE(world_.run_until([&] { return world_.seen_by(0) == 4; }, 10'000), 1'000u);
  world_.run_ms(30'000);
  EXPECT_TRUE(all_hold_the_same_words());  // a new process rises above the words on the old one
  world_.kill(0, false);
  EXPECT_LE(world_.run_until([&] { return world_.seen_by(0) == 0; }, 10'000), kHangSeenMsMax);
  world_.start(0);
  world_.run_ms(10'000);
  expect_calm_but_for(0);
}

TEST_P(SwimCluster, ACutBetweenTwoIsTheirsAlone) {
  world_.set_loss([](uint32_t from, uint32_t to) { return from == 0 && to == 1; });
  world_.run_ms(kHangSeenMsMax);
  // One way is enough: each would wait for the other's answers.
  EXPECT_FALSE(world_.sees(0, 1));
  EXPECT_FALSE(world_.sees(1, 0));
  world_.run_ms(30'000);
  EXPECT_EQ(world_.machine(2).find(world_.id(0))->word.state, SwimState::kAlive);
  EXPECT_EQ(world_.machine(0).metrics().suspicions, 0u);
  world_.set_loss({});
  EXPECT_LE(world_.run_until([&] { return world_.all_running_see_each_other(); }, 10'000), 1'500u);
  world_.run_ms(10'000);
  EXPECT_EQ(world_.changes(0, 1), 2u);
  EXPECT_EQ(world_.changes(1, 0), 2u);
  for (uint32_t node = 2; node < 5; ++node) {
    EXPECT_EQ(world_.changes(node, 0) + world_.changes(node, 1), 0u);
  }
}

TEST_P(SwimCluster, AHealedCutConverges) {
  world_.set_loss([](uint32_t from, uint32_t to) { return (from < 2) != (to < 2); });
  const auto sides_agree = [&] {
    return world_.seen_by(0) == 1 && world_.seen_by(1) == 1 && world_.seen_by(2) == 2 &&
           world_.seen_by(3) == 2 && world_.seen_by(4) == 2;
  };
  EXPECT_LE(world_.run_until(sides_agree, 10'000), kHangSeenMsMax);
  world_.run_ms(60'000);
  world_.set_loss({});
  EXPECT_LE(world_.run_until([&] { return world_.all_running_see_each_other(); }, 10'000), 1'500u);
  EXPECT_LE(world_.run_until([&] { return all_hold_the_same_words(); }, 30'000), 10'000u);
  world_.run_ms(10'000);
  for (uint32_t node = 0; node < 5; ++node) {
    for (uint32_t other = 0; other < 5; ++other) {
      const bool is_across = (node < 2) != (other < 2);
      EXPECT_EQ(world_.changes(node, other), is_across ? 2u : 0u) << node << " of " << other;
    }
  }
}

TEST_P(SwimCluster, ALieIsRefutedAndBelievedByNobody) {
  SwimMessage lie;
  lie.incarnation = world_.machine(0).incarnation();
  lie.rumours.push_back({world_.id(3), world_.machine(3).incarnation(), SwimState::kDead, 0});
  const uint64_t incarnation = world_.machine(3).incarnation();
  world_.deliver(0, 1, lie);
  EXPECT_LE(
      world_.run_until([&] { return world_.machine(3).incarnation() == incarnation + 1; }, 10'000),
      1'000u);
  EXPECT_LE(world_.run_until([&] { return all_hold_the_same_words(); }, 30'000), 10'000u);
  expect_calm_but_for(world_.size());
}

TEST_P(SwimCluster, GossipClearedEverywhereComesBack) {
  for (uint32_t node = 0; node < 5; ++node) {
    world_.machine(node).clear_gossip();
  }
  EXPECT_LE(world_.run_until([&] { return all_hold_the_same_words(); }, 30'000), 5'000u);
  world_.run_ms(10'000);
  expect_calm_but_for(world_.size());
}

// Members that this node has not asked for long: others' word takes them down, and up again.
TEST(SwimOfSixty, AHangIsKnownToAllWithinThreeSeconds) {
  GossipWorld world(60, SwimConfig{}, 11);
  ASSERT_LE(world.run_until([&] { return world.all_running_see_each_other(); }, 20'000), 10'000u);
  world.run_ms(60'000);
  world.forget_changes();
  for (uint32_t hung = 0; hung < 10; ++hung) {
    world.hang(hung, true);
    EXPECT_LE(world.run_until([&] { return world.seen_by(hung) == 0; }, 10'000), kHangSeenMsMax);
    world.run_ms(10'000);
    world.hang(hung, false);
    EXPECT_LE(world.run_until([&] { return world.seen_by(hung) == 59; }, 10'000), 2'000u);
    world.run_ms(10'000);
  }
  for (uint32_t node = 10; node < 60; ++node) {
    for (uint32_t other = 0; other < 60; ++other) {
      EXPECT_EQ(world.changes(node, other), other < 10 ? 2u : 0u) << node << " of " << other;
    }
  }
}

TEST(SwimOfSixty, TwoThatWereCutFromEachOtherMeetSoon) {
  GossipWorld world(60, SwimConfig{}, 13);
  world.run_ms(60'000);
  world.set_loss([](uint32_t from, uint32_t to) { return from + to == 1; });
  world.run_ms(20'000);  // longer than a round
  ASSERT_FALSE(world.sees(0, 1) || world.sees(1, 0));
  EXPECT_EQ(world.seen_by(0), 58u);
  world.set_loss({});
  EXPECT_LE(world.run_until([&] { return world.sees(0, 1) && world.sees(1, 0); }, 60'000), 600u);
}

TEST(SwimOfSixty, AHealedCutConverges) {
  GossipWorld world(60, SwimConfig{}, 12);
  ASSERT_LE(world.run_until([&] { return world.all_running_see_each_other(); }, 20'000), 10'000u);
  world.run_ms(60'000);
  world.forget_changes();
  world.set_loss([](uint32_t from, uint32_t to) { return (from < 30) != (to < 30); });
  world.run_ms(60'000);
  for (uint32_t node = 0; node < 60; ++node) {
    ASSERT_EQ(world.seen_by(node), 29u);
  }
  world.set_loss({});
  EXPECT_LE(world.run_until([&] { return world.all_running_see_each_other(); }, 60'000), 2'500u);
  world.run_ms(20'000);
  for (uint32_t node = 0; node < 60; ++node) {
    for (uint32_t other = 0; other < 60; ++other) {
      const bool is_across = (node < 30) != (other < 30);
      EXPECT_EQ(world.changes(node, other), is_across ? 2u : 0u) << node << " of " << other;
    }
  }
}

}  // namespace
}  // namespace kindred
