#include "replication/node/deadlines.h"

#include <gtest/gtest.h>

#include <vector>

namespace kindred {
namespace {

constexpr uint64_t kTickUs = Deadlines::kTickUs;

class DeadlinesTest : public ::testing::Test {
 protected:
  std::vector<uint64_t> expired(uint64_t now_us) {
    std::vector<uint64_t> ids;
    deadlines_.expire(now_us, [&](uint64_t id) { ids.push_back(id); });
    return ids;
  }
  Deadlines deadlines_;
};

TEST_F(DeadlinesTest, EachIsDueOnceAtTheTickBehindItsTime) {
  EXPECT_TRUE(expired(10 * kTickUs).empty());
  deadlines_.add(1, 12 * kTickUs);
  deadlines_.add(2, 12 * kTickUs + 1);
  deadlines_.add(3, 5000 * kTickUs);
  EXPECT_TRUE(expired(12 * kTickUs).empty());
  EXPECT_EQ(expired(13 * kTickUs), (std::vector<uint64_t>{1, 2}));
  EXPECT_TRUE(expired(4999 * kTickUs).empty()) << "rounds of the wheel later";
  EXPECT_EQ(expired(5001 * kTickUs), (std::vector<uint64_t>{3}));
  EXPECT_TRUE(deadlines_.empty());
}

// One that ends lets the next of its queue begin, whose time may be over too.
TEST_F(DeadlinesTest, WhatIsAddedLateAsOthersExpireIsDueAtTheNextTick) {
  for (const uint64_t ticks_ahead : {1, 3, 5000}) {
    SCOPED_TRACE(ticks_ahead);
    Deadlines deadlines;
    const uint64_t begin = 7000;
    deadlines.expire(begin * kTickUs, [](uint64_t) {});
    deadlines.add(1, begin * kTickUs);
    const uint64_t now = begin + ticks_ahead;
    std::vector<uint64_t> ids;
    const auto due = [&](uint64_t id) {
      ids.push_back(id);
      if (id == 1) {
        deadlines.add(2, begin * kTickUs);
      }
    };
    deadlines.expire(now * kTickUs, due);
    deadlines.expire((now + 1) * kTickUs, due);
    EXPECT_EQ(ids, (std::vector<uint64_t>{1, 2}));
    EXPECT_TRUE(deadlines.empty());
  }
}

}  // namespace
}  // namespace kindred
