#include "server/figures/gossip_count.h"

#include <gtest/gtest.h>

namespace kindred {
namespace {

TEST(GossipCount, TellsSumsAndTheRateOfTheLastWholeSpan) {
  GossipCount count;
  uint64_t now_us = 1'000'000;
  count.sample(now_us);
  for (int i = 0; i < 50; ++i) {
    count.sent(100);
    count.received(30);
  }
  EXPECT_EQ(count.sent_a_second().messages, 0u);
  now_us += GossipCount::kSpanUs;
  count.sample(now_us);
  EXPECT_EQ(count.sent_a_second().messages, 10u);
  EXPECT_EQ(count.sent_a_second().bytes, 1'000u);
  count.sent(100);
  count.sample(now_us + GossipCount::kSpanUs / 2);
  EXPECT_EQ(count.sent_a_second().messages, 10u);
  EXPECT_EQ(count.all_sent().messages, 51u);
  EXPECT_EQ(count.all_sent().bytes, 5'100u);
  EXPECT_EQ(count.all_received().messages, 50u);
  EXPECT_EQ(count.all_received().bytes, 1'500u);
}

}  // namespace
}  // namespace kindred
