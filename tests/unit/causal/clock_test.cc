#include "replication/causal/clock.h"

#include <gtest/gtest.h>

#include <limits>

namespace kindred {
namespace {

constexpr uint64_t kNowMs = 1'700'000'000'000;

TEST(HybridClock, FollowsTheClusterClock) {
  HybridClock clock;
  EXPECT_EQ(clock.next(kNowMs, 0), stamp_at_ms(kNowMs));
  EXPECT_EQ(clock.next(kNowMs + 1, 0), stamp_at_ms(kNowMs + 1));
  EXPECT_EQ(stamp_unix_ms(clock.highest()), kNowMs + 1);
}

TEST(HybridClock, GrowsWhileTheClusterClockStandsOrStepsBack) {
  HybridClock clock;
  Stamp last = clock.next(kNowMs, 0);
  for (uint64_t i = 0; i < 100'000; ++i) {  // beyond 16 bits of counter
    const Stamp next = clock.next(kNowMs - i % 7, 0);
    ASSERT_GT(next, last);
    last = next;
  }
}

TEST(HybridClock, StampsAboveWhatAWriteExtends) {
  HybridClock clock;
  const Stamp ahead = stamp_at_ms(kNowMs + 500) + 7;
  EXPECT_EQ(clock.next(kNowMs, ahead), ahead + 1);
  EXPECT_EQ(clock.next(kNowMs, 0), ahead + 2) << "a near stamp moves the clock";
}

TEST(HybridClock, AFarStampIsStampedOverButMovesNothing) {
  HybridClock clock;
  const Stamp far = stamp_at_ms(kNowMs + HybridClock::kJumpMsMax + 1);
  EXPECT_EQ(clock.next(kNowMs, far), far + 1);
  EXPECT_EQ(clock.highest(), 0U);
  EXPECT_EQ(clock.next(kNowMs, 0), stamp_at_ms(kNowMs));
}

TEST(HybridClock, ObservesUpToTheJumpBound) {
  HybridClock clock;
  const Stamp near = stamp_at_ms(kNowMs + HybridClock::kJumpMsMax);
  clock.observe(kNowMs, near);
  EXPECT_EQ(clock.highest(), near);
  clock.observe(kNowMs, stamp_at_ms(kNowMs + HybridClock::kJumpMsMax + 1));
  EXPECT_EQ(clock.highest(), near);
  clock.observe(kNowMs, stamp_at_ms(kNowMs));
  EXPECT_EQ(clock.highest(), near) << "a lower stamp takes nothing back";
  EXPECT_EQ(clock.next(kNowMs, 0), near + 1);
}

TEST(HybridClock, HasNoStampAboveTheLast) {
  HybridClock clock;
  constexpr Stamp kLast = std::numeric_limits<Stamp>::max();
  EXPECT_EQ(clock.next(kNowMs, kLast), 0U);
  EXPECT_EQ(clock.next(kNowMs, kLast - 1), kLast);
  EXPECT_EQ(clock.next(kNowMs, 0), stamp_at_ms(kNowMs));
}

}  // namespace
}  // namespace kindred
