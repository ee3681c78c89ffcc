#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

class FlushOfThree : public testing::Test {
 protected:
  void found() {
    for (int i = 0; i < 3; ++i) {
      world_.add({0, 1, 2});
    }
    for (std::size_t node = 0; node < 3; ++node) {
      world_.start(node);
    }
    ASSERT_TRUE(world_.run_until([&] { return world_.all_see_each_other({0, 1, 2}); }, 5'000));
    world_.run_ms(1'000);
  }
  void request(std::size_t node, FlushToken token) {
    world_.step(node,
                [&](Membership& machine, LocalTime now) { machine.request_flush(token, now); });
  }
  /// The error it ends with, after at most `ms_max`; "pending" where it does not end.
  std::string outcome(std::size_t node, FlushToken token, uint64_t ms_max = 1'250) {
    auto& done = world_.driver(node).flushes_done;
    world_.run_until([&] { return done.contains(token); }, ms_max);
    return done.contains(token) ? done[token] : "pending";
  }
  Stamp stamp_of(std::size_t node) { return world_.driver(node).installed->flush_stamp; }

  World world_{41};
};

TEST_F(FlushOfThree, IsAboveEveryStampAndClockAndKnownToAllWhenAnswered) {
  found();
  const uint64_t now_ms = world_.local_time(0).unix_ms;
  world_.driver(1).shards_highest = stamp_at_ms(now_ms + 30'000) + 7;
  request(0, 1);
  EXPECT_EQ(outcome(0, 1), "");
  for (std::size_t node = 0; node < 3; ++node) {
    EXPECT_GT(stamp_of(node), stamp_at_ms(now_ms + 30'000) + 7);
    EXPECT_EQ(stamp_of(node), stamp_of(0));
    EXPECT_EQ(world_.disk(node)->document->flush_stamp, stamp_of(0)) << "answered, not synced";
  }
  EXPECT_LT(stamp_of(0), stamp_at_ms(now_ms + 40'000));
}

TEST_F(FlushOfThree, IsAboveTheClockThatIsAheadMost) {
  found();
  world_.set_clock_ahead_ms(2, 60'000);  // its offset follows only slowly
  request(0, 1);
  EXPECT_EQ(outcome(0, 1), "");
  EXPECT_GT(stamp_unix_ms(stamp_of(0)), world_.local_time(0).unix_ms + 55'000);
}

TEST_F(FlushOfThree, ASecondOneIsHigherAndTwoAtOnceAgree) {
  found();
  request(0, 1);
  request(1, 2);
  EXPECT_EQ(outcome(0, 1), "");
  EXPECT_EQ(outcome(1, 2), "");
  world_.run_ms(1'500);
  const Stamp first = stamp_of(0);
  EXPECT_EQ(stamp_of(1), first);
  EXPECT_EQ(stamp_of(2), first);
  request(2, 3);
  EXPECT_EQ(outcome(2, 3), "");
  EXPECT_GT(stamp_of(2), first);
}

TEST_F(FlushOfThree, DoesNotWaitForAMemberThatIsDownWhichGetsItLater) {
  found();
  world_.crash(1);
  world_.run_ms(100);
  request(0, 1);
  EXPECT_EQ(outcome(0, 1), "");
  EXPECT_NE(stamp_of(0), 0u);
  EXPECT_EQ(stamp_of(2), stamp_of(0));
  world_.start(1);
  EXPECT_TRUE(world_.run_until([&] { return stamp_of(1) == stamp_of(0); }, 2'000));
}

TEST_F(FlushOfThree, NeedsAMajority) {
  found();
  world_.crash(1);
  world_.crash(2);
  world_.run_ms(100);
  request(0, 1);
  EXPECT_EQ(outcome(0, 1, 0),
            "NOMAJORITY FLUSHALL needs a majority of the 3 members, up=1, nothing was flushed");
  world_.run_ms(3'000);
  EXPECT_EQ(stamp_of(0), 0u);
}

TEST_F(FlushOfThree, HangInTheFirstPhaseAppliesNothing) {
  found();
  world_.hang(1, true);
  request(0, 1);
  EXPECT_EQ(outcome(0, 1),
            "NOREPLICAS FLUSHALL needs all 3 live members, answered=2, nothing was flushed");
  world_.run_ms(3'000);
  EXPECT_EQ(stamp_of(0), 0u);
  EXPECT_EQ(stamp_of(2), 0u);
}

TEST_F(FlushOfThree, DeathInTheSecondPhaseIsNoReasonToFailAndTheDeadLearnsLater) {
  found();
  request(0, 1);
  ASSERT_TRUE(world_.run_until([&] { return stamp_of(0) != 0 || stamp_of(2) != 0; }, 1'000));
  world_.crash(1);
  EXPECT_EQ(outcome(0, 1), "");
  world_.start(1);
  EXPECT_TRUE(
      world_.run_until([&] { return stamp_of(1) != 0 && stamp_of(1) == stamp_of(0); }, 2'000));
  EXPECT_TRUE(world_.run_until([&] { return world_.disk(1)->document->flush_stamp == stamp_of(1); },
                               1'000));
}

TEST_F(FlushOfThree, ClocksADayApartAreRefused) {
  found();
  world_.driver(1).shards_highest = stamp_at_ms(world_.local_time(0).unix_ms + 90'000'000);
  request(0, 1);
  EXPECT_THAT(outcome(0, 1), testing::StartsWith("ERR FLUSHALL refused"));
  world_.run_ms(2'000);
  EXPECT_EQ(stamp_of(0), 0u);
}

TEST_F(FlushOfThree, StampFarAheadFromAMemberIsRejected) {
  found();
  auto flushed = std::make_shared<ClusterDocument>(next_document(*world_.machine(0).document()));
  flushed->flush_stamp = UINT64_MAX - 1;
  world_.inject(0, World::address(1),
                Accept{world_.sender(1), number_of(*flushed), {9, world_.driver(1).self}, flushed});
  world_.run_ms(1'000);
  EXPECT_EQ(stamp_of(0), 0u);
  EXPECT_EQ(world_.machine(0).metrics().rejected_messages, 1u);
}

TEST(Flush, WorksAloneAndNotBeforeFounding) {
  World world(42);
  world.add({});
  world.add({0, 1, 2});
  world.start(0);
  world.start(1);
  world.run_ms(100);
  for (const std::size_t node : {0, 1}) {
    world.step(node, [](Membership& machine, LocalTime now) { machine.request_flush(9, now); });
  }
  world.run_ms(100);
  EXPECT_EQ(world.driver(0).flushes_done[9], "");
  EXPECT_NE(world.driver(0).installed->flush_stamp, 0u);
  EXPECT_THAT(world.driver(1).flushes_done[9], testing::StartsWith("LOADING"));
}

}  // namespace
}  // namespace kindred::membership_test
