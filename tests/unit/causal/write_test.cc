#include "replication/causal/write.h"

#include <gtest/gtest.h>

namespace kindred {
namespace {

constexpr uint64_t kNowMs = 1000;

NewVersion version_of(const Dot& dot, uint64_t expire_at_ms = 0) {
  NewVersion version;
  version.dot = dot;
  version.expire_at_ms = expire_at_ms;
  version.value = Value::copied("v" + std::to_string(dot.stamp));
  return version;
}

void put(State& state, const Dot& dot, const ClientContext& context = {},
         uint64_t expire_at_ms = 0) {
  const NewVersion version = version_of(dot, expire_at_ms);
  apply_put(state, context, dot, &version);
}

void set(State& state, const Dot& dot, uint64_t expire_at_ms = 0) {
  const NewVersion version = version_of(dot, expire_at_ms);
  apply_register(state, dot, &version);
}

TEST(ApplyPut, ReplacesExactlyWhatItsContextCovers) {
  State state;
  put(state, {10, 1});
  const ClientContext seen = context_of_read(state);
  put(state, {20, 2});
  put(state, {30, 3}, seen);
  ASSERT_EQ(state.siblings.size(), 2U);
  EXPECT_EQ(state.siblings[0].dot, (Dot{20, 2}));
  EXPECT_EQ(state.siblings[1].dot, (Dot{30, 3}));
  EXPECT_FALSE(state.siblings[1].is_register);
  EXPECT_EQ(state.siblings[1].value.bytes(), "v30");
}

TEST(ApplyPut, ABlindWriteReplacesNothing) {
  State state;
  set(state, {10, 1});
  put(state, {20, 1});
  EXPECT_EQ(state.siblings.size(), 2U);
  EXPECT_EQ(state.floor, (Dot{10, 1}));
}

TEST(ApplyPut, DeletesLeaveAContextAndNoSibling) {
  State state;
  put(state, {10, 1});
  apply_put(state, context_of_read(state), {20, 1}, nullptr);
  EXPECT_TRUE(state.siblings.empty());
  EXPECT_EQ(state.context.stamp_of(1), 20U);
  EXPECT_FALSE(state.never_written());
}

TEST(ApplyPut, TakesItsContextsFloor) {
  State state;
  set(state, {10, 1});
  ClientContext context;
  context.floor = {15, 2};
  put(state, {20, 3}, context);
  EXPECT_EQ(state.floor, (Dot{15, 2}));
  ASSERT_EQ(state.siblings.size(), 1U) << "the register is under the floor that the client saw";
  EXPECT_EQ(state.siblings[0].dot, (Dot{20, 3}));
}

TEST(ApplyRegister, ReplacesAllAndRaisesTheFloor) {
  State state;
  put(state, {10, 1});
  put(state, {20, 2});
  set(state, {30, 1});
  ASSERT_EQ(state.siblings.size(), 1U);
  EXPECT_TRUE(state.siblings[0].is_register);
  EXPECT_EQ(state.floor, (Dot{30, 1}));
  EXPECT_EQ(state.context.stamp_of(2), 20U);
  apply_register(state, {40, 1}, nullptr);
  EXPECT_TRUE(state.siblings.empty());
  EXPECT_EQ(state.floor, (Dot{40, 1}));
}

TEST(ApplyRestamp, CoversWhatTheFirstRoundCoveredAndNoMore) {
  State state;
  put(state, {10, 2});
  set(state, {20, 1});
  const CausalContext first_round = state.context;
  put(state, {25, 3});  // came between the rounds
  const NewVersion again = version_of({50, 1});
  apply_restamp(state, first_round, {50, 1}, &again);
  ASSERT_EQ(state.siblings.size(), 2U);
  EXPECT_EQ(state.siblings[0].dot, (Dot{25, 3}));
  EXPECT_EQ(state.siblings[1].dot, (Dot{50, 1}));
  EXPECT_TRUE(state.siblings[1].is_register);
  EXPECT_EQ(state.floor, (Dot{50, 1}));
}

TEST(ApplyRestamp, DropsRegistersUnderItsNewFloor) {
  State state;
  set(state, {20, 1});
  const CausalContext first_round = state.context;
  State other;
  set(other, {40, 2});
  state = merge(state, other);
  apply_restamp(state, first_round, {50, 1}, nullptr);
  EXPECT_TRUE(state.siblings.empty()) << "the delete is above both";
}

TEST(ApplyExpiry, GivesEveryLiveSiblingANewDotInOrder) {
  State state;
  set(state, {10, 1}, 5000);
  put(state, {20, 2});
  put(state, {30, 3}, {}, kNowMs);  // expired
  const Dot last = apply_expiry(state, 7, 100, 9000, kNowMs);
  EXPECT_EQ(last, (Dot{101, 7}));
  ASSERT_EQ(state.siblings.size(), 3U);
  EXPECT_EQ(state.siblings[0].dot, (Dot{30, 3})) << "expired for this clock alone: not deleted";
  EXPECT_EQ(state.siblings[0].expire_at_ms, kNowMs);
  state.siblings.erase(state.siblings.begin());
  EXPECT_EQ(state.siblings[0].dot, (Dot{100, 7}));
  EXPECT_TRUE(state.siblings[0].is_register);
  EXPECT_EQ(state.siblings[0].value.bytes(), "v10");
  EXPECT_EQ(state.siblings[1].dot, (Dot{101, 7}));
  EXPECT_FALSE(state.siblings[1].is_register);
  EXPECT_EQ(state.siblings[1].value.bytes(), "v20");
  EXPECT_EQ(state.siblings[0].expire_at_ms, 9000U);
  EXPECT_EQ(state.siblings[1].expire_at_ms, 9000U);
  EXPECT_EQ(state.floor, (Dot{100, 7})) << "the register's new dot, not the put's";
  EXPECT_EQ(state.context.stamp_of(7), 101U);
}

TEST(ApplyExpiry, SupersedesTheOldDotsElsewhere) {
  State old;
  set(old, {10, 1});
  put(old, {20, 2});
  State renewed = old;
  apply_expiry(renewed, 7, 100, 9000, kNowMs);
  EXPECT_EQ(merge(old, renewed), renewed);
}

TEST(ApplyExpiry, OfNothingAliveChangesNothing) {
  State state;
  put(state, {30, 3}, {}, kNowMs);
  const State before = state;
  const Dot last = apply_expiry(state, 7, 100, 9000, kNowMs);
  EXPECT_TRUE(last.is_zero());
  EXPECT_EQ(state, before);
}

}  // namespace
}  // namespace kindred
