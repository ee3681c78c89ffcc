#include <gtest/gtest.h>

#include <unordered_map>

#include "replication/causal/state.h"
#include "tests/unit/causal/histories.h"

namespace kindred {
namespace {

using causal_test::Histories;

constexpr uint64_t kPrngSeed = 20261122;
constexpr int kTriples = 250'000;

// Few assertions a triple: each is a function call, and this runs a quarter of a million times.
TEST(MergeLaws, HoldOverRandomHistories) {
  Histories histories(kPrngSeed);
  std::vector<State> states;
  int siblings_seen = 0;
  int single_dots_seen = 0;
  int floors_seen = 0;
  for (int i = 0; i < kTriples; ++i) {
    if (i % 50 == 0) {
      states = histories.next();
    }
    const State& a = states[histories.below(states.size())];
    const State& b = states[histories.below(states.size())];
    const State& c = states[histories.below(states.size())];
    const State ab = merge(a, b);
    ASSERT_TRUE(ab == merge(b, a)) << "commutative, triple " << i;
    ASSERT_TRUE(merge(ab, c) == merge(a, merge(b, c))) << "associative, triple " << i;
    ASSERT_TRUE(merge(a, a) == a) << "idempotent, triple " << i;
    ASSERT_TRUE(merge(a, ab) == ab && merge(ab, b) == ab) << "absorbing, triple " << i;
    ASSERT_EQ(includes(a, b), ab == a) << "triple " << i;
    ASSERT_TRUE(includes(ab, a) && includes(ab, b)) << "triple " << i;
    siblings_seen += ab.siblings.size() > 1 ? 1 : 0;
    single_dots_seen += ab.context.dots().empty() ? 0 : 1;
    floors_seen += ab.floor.is_zero() ? 0 : 1;
  }
  EXPECT_GT(siblings_seen, kTriples / 20) << "the histories must make siblings";
  EXPECT_GT(single_dots_seen, kTriples / 100) << "the histories must make single dots";
  EXPECT_GT(floors_seen, kTriples / 4) << "the histories must make floors";
}

TEST(MergeLaws, ASiblingIsKnownToItsContextAndARegisterIsNotUnderTheFloor) {
  Histories histories(kPrngSeed + 1);
  for (int i = 0; i < 5'000; ++i) {
    for (const State& state : histories.next()) {
      for (const Sibling& sibling : state.siblings) {
        ASSERT_TRUE(state.context.covers(sibling.dot));
        ASSERT_FALSE(sibling.is_register && sibling.dot < state.floor);
      }
      for (const Dot& dot : state.context.dots()) {
        ASSERT_FALSE(state.context.vector_covers(dot));
      }
    }
  }
}

TEST(Digest, IsEqualExactlyForEqualStates) {
  Histories histories(kPrngSeed + 2);
  std::unordered_map<Digest, State> by_digest;
  for (int i = 0; i < 20'000; ++i) {
    for (const State& state : histories.next()) {
      auto [place, fresh] = by_digest.try_emplace(digest(state), state);
      // Values are left out: histories number them differently under one dot.
      ASSERT_TRUE(place->second.context == state.context && place->second.floor == state.floor);
      ASSERT_EQ(place->second.siblings.size(), state.siblings.size());
      for (size_t s = 0; s < state.siblings.size(); ++s) {
        ASSERT_EQ(place->second.siblings[s].dot, state.siblings[s].dot);
      }
    }
  }
  EXPECT_GT(by_digest.size(), 30'000U);
}

// Flushing before or after a merge must leave the same versions: nodes learn of it at any time.
TEST(Flush, CommutesWithMergeInWhatItLeaves) {
  Histories histories(kPrngSeed + 3);
  int left = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::vector<State> states = histories.next();
    State a = states[histories.below(states.size())];
    State b = states[histories.below(states.size())];
    const Stamp flush_stamp = 1 + histories.below(12);
    State late = merge(a, b);
    apply_flush(late, flush_stamp);
    apply_flush(a, flush_stamp);
    State half = merge(a, b);
    apply_flush(half, flush_stamp);
    apply_flush(b, flush_stamp);
    const State early = merge(a, b);
    ASSERT_TRUE(late.siblings == early.siblings && late.siblings == half.siblings);
    left += late.siblings.empty() ? 0 : 1;
    // Whoever flushed early or late converges by merging.
    ASSERT_TRUE(merge(late, early) == merge(early, late));
    ASSERT_TRUE(merge(late, early).siblings == late.siblings);
  }
  EXPECT_GT(left, 1'000);
}

}  // namespace
}  // namespace kindred
