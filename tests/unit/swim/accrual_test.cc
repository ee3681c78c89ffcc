#include "replication/membership/accrual.h"

#include <gtest/gtest.h>

namespace kindred {
namespace {

AccrualEstimator link_of(uint64_t first_us, uint64_t second_us) {
  AccrualEstimator link;
  for (int i = 0; i < 100; ++i) {
    link.add(i % 2 == 0 ? first_us : second_us);
  }
  return link;
}

TEST(Accrual, KnowsNothingBeforeTheFirstAnswer) {
  EXPECT_EQ(AccrualEstimator().phi(60'000'000), 0);
  EXPECT_EQ(AccrualEstimator().elapsed_us_at(5), 0u);
}

TEST(Accrual, PhiIsTheExponentOfTheChanceThatTheAnswerStillComes) {
  // Of a normal distribution: one in a thousand lies above 3.09 deviations.
  EXPECT_NEAR(deviations_at_phi(3), 3.0902, 1e-3);
  EXPECT_NEAR(deviations_at_phi(8), 5.6120, 1e-3);
  const AccrualEstimator link = link_of(900, 1'100);
  EXPECT_NEAR(link.phi(1'000), 0.3, 0.05);  // half of the answers take longer
  EXPECT_NEAR(link.phi(link.elapsed_us_at(deviations_at_phi(8))), 8, 0.2);
  EXPECT_LT(link.phi(1'100), link.phi(1'200));
}

TEST(Accrual, ASlowOrUnsteadyLinkIsGivenMoreTime) {
  const double deviations = deviations_at_phi(8);
  const uint64_t steady_us = link_of(1'000, 1'010).elapsed_us_at(deviations);
  EXPECT_LT(steady_us, 1'100u);
  EXPECT_GT(link_of(200'000, 200'010).elapsed_us_at(deviations), 200'000u);
  EXPECT_GT(link_of(1'000, 100'000).elapsed_us_at(deviations), 300'000u);
}

TEST(Accrual, FollowsALinkThatChanges) {
  AccrualEstimator link = link_of(300'000, 400'000);
  for (int i = 0; i < 200; ++i) {
    link.add(1'000);
  }
  EXPECT_LT(link.elapsed_us_at(deviations_at_phi(8)), 2'000u);
}

}  // namespace
}  // namespace kindred
