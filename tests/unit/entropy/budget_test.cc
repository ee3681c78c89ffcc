#include "replication/entropy/budget.h"

#include <gtest/gtest.h>

#include <functional>

namespace kindred {
namespace {

constexpr uint64_t kTickUs = 5000;
constexpr uint64_t kSecondUs = 1'000'000;
constexpr uint64_t kMax = 64ULL << 20;
constexpr uint64_t kPage = 64ULL << 10;

/// A shard's ticks: works want more all the time, requests come a thousand a second.
class LoadedShard {
 public:
  explicit LoadedShard(BudgetLimits limits = {}) : budget(limits) {}

  std::function<uint64_t()> request_us = [] { return uint64_t{300}; };
  uint64_t requests_per_tick = 5;
  std::vector<BackgroundWork> wanted;
  BackgroundBudget budget;
  uint64_t now_us = 7 * kSecondUs;

  void go(uint64_t seconds) {
    for (const uint64_t end_us = now_us + seconds * kSecondUs; now_us < end_us;) {
      now_us += kTickUs;
      for (uint64_t i = 0; i < requests_per_tick; ++i) {
        budget.note_request(request_us());
      }
      budget.tick(now_us);
      for (const BackgroundWork work : wanted) {
        while (budget.may_begin(work, now_us)) {
          budget.spend(work, kPage);
        }
      }
    }
  }
  uint64_t spent(BackgroundWork work) const {
    return budget.figures().spent_bytes[static_cast<size_t>(work)];
  }
  uint64_t spent_in(uint64_t seconds, BackgroundWork work) {
    const uint64_t before = spent(work);
    go(seconds);
    return spent(work) - before;
  }
};

TEST(Latencies, PercentilesAreWithinAnEighth) {
  Latencies all;
  for (uint64_t us = 1; us <= 10'000; ++us) {
    all.add(us);
  }
  EXPECT_EQ(all.count(), 10'000U);
  for (const auto& [per_mille, exact] : {std::pair<uint64_t, double>{500, 5000}, {990, 9900}}) {
    const auto found = static_cast<double>(all.percentile_us(per_mille));
    EXPECT_GE(found, exact);
    EXPECT_LE(found, exact * 1.13);
  }
  all.clear();
  EXPECT_EQ(all.percentile_us(990), 0U);
  all.add(0);
  EXPECT_EQ(all.percentile_us(990), 0U);
  all.add(UINT64_MAX);
  EXPECT_GT(all.percentile_us(990), 3'600'000'000U / 2) << "kept in the last bucket";
}

TEST(Budget, GrowsToItsLimitWhereNothingSuffersAndStaysWithinIt) {
  LoadedShard run;
  run.wanted = {BackgroundWork::kHints};
  EXPECT_LT(run.budget.figures().bytes_per_s, kMax);
  run.go(2);
  EXPECT_LT(run.budget.figures().bytes_per_s, kMax / 8) << "careful until it knows what is usual";
  run.go(10);
  EXPECT_EQ(run.budget.figures().bytes_per_s, kMax);
  const uint64_t spent = run.spent_in(10, BackgroundWork::kHints);
  EXPECT_LE(spent, 11 * kMax);
  EXPECT_GE(spent, 9 * kMax);
}

TEST(Budget, GrowsFastWhereNobodyAsksForAnything) {
  LoadedShard run;
  run.requests_per_tick = 0;
  run.wanted = {BackgroundWork::kTransfers};
  run.go(2);
  EXPECT_EQ(run.budget.figures().bytes_per_s, kMax);
}

TEST(Budget, IsSharedEquallyByThoseWhoWantSomething) {
  LoadedShard run;
  run.wanted = {BackgroundWork::kTransfers, BackgroundWork::kHints, BackgroundWork::kExchanges};
  run.go(10);
  const uint64_t before[] = {run.spent(BackgroundWork::kTransfers),
                             run.spent(BackgroundWork::kHints),
                             run.spent(BackgroundWork::kExchanges)};
  run.go(10);
  uint64_t sum = 0;
  for (size_t i = 0; i < run.wanted.size(); ++i) {
    const uint64_t spent = run.spent(run.wanted[i]) - before[i];
    EXPECT_GT(spent, 10 * kMax * 3 / 10);
    sum += spent;
  }
  EXPECT_LE(sum, 11 * kMax);
}

TEST(Budget, HalvesWhileRequestsAreSlowDownToAFloorThatIsAlwaysLeft) {
  LoadedShard run;
  run.go(2);  // learns what is usual
  run.wanted = {BackgroundWork::kExchanges};
  run.go(1);
  run.request_us = [] { return uint64_t{3000}; };
  run.go(2);
  EXPECT_GE(run.budget.figures().slowdowns, 3U);
  EXPECT_LE(run.budget.figures().bytes_per_s, kMax / 8);
  EXPECT_LT(run.budget.figures().target_us, 600U);
  run.go(1);
  EXPECT_EQ(run.budget.figures().bytes_per_s, BackgroundBudget::kFloorBytesPerS);
  EXPECT_EQ(run.budget.figures().p99_us / 1000, 3U);
  EXPECT_GE(run.spent_in(1, BackgroundWork::kExchanges), BackgroundBudget::kFloorBytesPerS / 2);
}

TEST(Budget, LearnsAtItsFloorThatOthersMakeRequestsSlow) {
  LoadedShard run;
  run.go(2);
  run.wanted = {BackgroundWork::kExchanges};
  run.request_us = [] { return uint64_t{3000}; };  // whatever is spent
  run.go(60);
  EXPECT_EQ(run.budget.figures().bytes_per_s, kMax);
  EXPECT_GE(run.budget.figures().target_us, 3000U);
}

// Peers that do the same work make requests slow at the floor too, for a while.
TEST(Budget, LearnsLittleAtItsFloorInSeconds) {
  LoadedShard run;
  run.go(2);
  run.wanted = {BackgroundWork::kReaping};
  run.go(1);
  run.request_us = [] { return uint64_t{3000}; };
  run.go(8);
  EXPECT_EQ(run.budget.figures().bytes_per_s, BackgroundBudget::kFloorBytesPerS);
  EXPECT_LT(run.budget.figures().target_us, 900U);
}

TEST(Budget, AStallMovesTheTargetByAFewParts) {
  LoadedShard run;
  run.go(4);
  const uint64_t before = run.budget.figures().target_us;
  run.request_us = [] { return uint64_t{50'000}; };
  run.budget.tick(run.now_us);
  run.go(1);
  EXPECT_GT(run.budget.figures().target_us, before);
  EXPECT_LT(run.budget.figures().target_us, 2 * before);
}

TEST(Budget, DoesNotGiveWayWhereNothingIsSpent) {
  LoadedShard run;
  run.go(2);
  const uint64_t rate = run.budget.figures().bytes_per_s;
  run.request_us = [] { return uint64_t{9000}; };
  run.go(10);
  EXPECT_GE(run.budget.figures().bytes_per_s, rate);
  EXPECT_EQ(run.budget.figures().slowdowns, 0U);
}

TEST(Budget, FindsTheRateThatRequestsBear) {
  LoadedShard run;
  constexpr double kBaseUs = 400;
  // 32 MB a second make requests twice as slow.
  run.request_us = [&run] {
    const bool works = !run.wanted.empty();
    const auto rate = works ? static_cast<double>(run.budget.figures().bytes_per_s) : 0;
    return static_cast<uint64_t>(kBaseUs * (1 + rate / (32 << 20)));
  };
  run.go(5);
  run.wanted = {BackgroundWork::kTransfers, BackgroundWork::kRebuilds};
  run.go(20);
  uint64_t slow_seconds = 0;
  for (int second = 0; second < 60; ++second) {
    run.go(1);
    slow_seconds += static_cast<double>(run.request_us()) > 1.75 * kBaseUs ? 1 : 0;
  }
  EXPECT_LE(slow_seconds, 20U);
  EXPECT_GT(run.spent_in(10, BackgroundWork::kTransfers), 10U * (4U << 20) / 2);
}

TEST(Budget, GoesByAGivenTarget) {
  BudgetLimits limits;
  limits.p99_target_us = 10'000;
  LoadedShard run(limits);
  run.wanted = {BackgroundWork::kHints};
  run.request_us = [] { return uint64_t{8000}; };
  run.go(10);
  EXPECT_EQ(run.budget.figures().bytes_per_s, kMax);
  EXPECT_EQ(run.budget.figures().target_us, 10'000U);
  run.request_us = [] { return uint64_t{12'000}; };
  run.go(10);
  EXPECT_EQ(run.budget.figures().bytes_per_s, BackgroundBudget::kFloorBytesPerS);
}

TEST(Budget, TakesNewLimitsAtOnce) {
  LoadedShard run;
  run.wanted = {BackgroundWork::kSweeps};
  run.go(10);
  BudgetLimits limits;
  limits.bytes_per_s_max = 4096;  // less than the floor
  run.budget.set_limits(limits);
  EXPECT_EQ(run.budget.figures().bytes_per_s, 4096U);
  run.go(1);
  EXPECT_LE(run.spent_in(100, BackgroundWork::kSweeps), 101 * 4096U + kPage);
}

TEST(Budget, WhatAPeerAskedForHoldsOwnWorkUpForAMomentOnly) {
  LoadedShard run;
  EXPECT_TRUE(run.budget.may_begin(BackgroundWork::kTransfers, run.now_us));
  run.budget.spend_for_peer(BackgroundWork::kTransfers, 100 * kMax);
  EXPECT_EQ(run.spent(BackgroundWork::kTransfers), 100 * kMax);
  EXPECT_FALSE(run.budget.may_begin(BackgroundWork::kTransfers, run.now_us));
  run.wanted = {BackgroundWork::kTransfers};
  run.request_us = [] { return uint64_t{9000}; };
  const uint64_t before = run.spent(BackgroundWork::kTransfers);
  run.go(2);
  EXPECT_GT(run.spent(BackgroundWork::kTransfers), before);
}

TEST(Budget, JudgesFewRequestsOverALongerTimeOrNotAtAll) {
  LoadedShard run;
  run.requests_per_tick = 0;
  run.go(2);
  run.wanted = {BackgroundWork::kHints};
  for (int second = 0; second < 20; ++second) {
    run.budget.note_request(90'000);  // one a second, slow
    run.go(1);
  }
  EXPECT_EQ(run.budget.figures().slowdowns, 0U);
  EXPECT_EQ(run.budget.figures().target_us, 0U);
  EXPECT_EQ(run.budget.figures().bytes_per_s, kMax);
}

}  // namespace
}  // namespace kindred
