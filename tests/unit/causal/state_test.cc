#include "replication/causal/state.h"

#include <gtest/gtest.h>

#include "replication/causal/write.h"

namespace kindred {
namespace {

NewVersion version_of(const Dot& dot, std::string_view value = "v") {
  NewVersion version;
  version.dot = dot;
  version.value = Value::copied(value);
  return version;
}

void put(State& state, const Dot& dot, const ClientContext& context = {}) {
  const NewVersion version = version_of(dot);
  apply_put(state, context, dot, &version);
}

void set(State& state, const Dot& dot) {
  const NewVersion version = version_of(dot);
  apply_register(state, dot, &version);
}

TEST(State, KnowsItsHighestDotAndStamp) {
  State state;
  EXPECT_TRUE(state.never_written());
  EXPECT_TRUE(state.highest_dot().is_zero());
  set(state, {10, 1});
  put(state, {20, 2});
  EXPECT_EQ(state.highest_dot(), (Dot{20, 2}));
  apply_register(state, {30, 1}, nullptr);
  EXPECT_EQ(state.highest_dot(), (Dot{30, 1})) << "a delete's floor hides as a value does";
  state.context.add_dot({40, 3});
  EXPECT_EQ(state.highest_stamp(), 40U);
  EXPECT_EQ(state.highest_dot(), (Dot{30, 1})) << "a dot not met shows nothing and hides nothing";
  EXPECT_FALSE(state.never_written());
}

TEST(State, FindsAndExpiresSiblings) {
  State state;
  put(state, {10, 1});
  put(state, {20, 2});
  state.siblings[0].expire_at_ms = 500;
  state.siblings[1].expire_at_ms = 600;
  EXPECT_NE(state.find({20, 2}), nullptr);
  EXPECT_EQ(state.find({20, 1}), nullptr);
  EXPECT_FALSE(state.siblings[0].expired(499));
  EXPECT_TRUE(state.siblings[0].expired(500));
  EXPECT_TRUE(state.has_live_sibling(599));
  EXPECT_FALSE(state.has_live_sibling(600));
}

TEST(Merge, ConcurrentPutsStaySiblings) {
  State a;
  State b;
  put(a, {10, 1});
  put(b, {10, 2});  // the same stamp
  const State merged = merge(a, b);
  ASSERT_EQ(merged.siblings.size(), 2U);
  EXPECT_EQ(merged.siblings[0].dot, (Dot{10, 1}));
  EXPECT_EQ(merged.siblings[1].dot, (Dot{10, 2}));
}

TEST(Merge, OfTwoSetsOneIsLeft) {
  State a;
  State b;
  set(a, {10, 1});
  set(b, {10, 2});
  const State merged = merge(a, b);
  ASSERT_EQ(merged.siblings.size(), 1U);
  EXPECT_EQ(merged.siblings[0].dot, (Dot{10, 2})) << "equal stamps: by actor, at every node";
}

TEST(Merge, ASetDropsNoConcurrentPut) {
  State a;
  State b;
  set(a, {10, 1});
  put(b, {5, 2});
  EXPECT_EQ(merge(a, b).siblings.size(), 2U);
}

// The winner of two SETs is deleted by somebody who never saw the loser. A rule that compared
// siblings while merging would bring the loser back, or not, by the order of merges.
TEST(Merge, TheFloorOutlivesTheWinner) {
  State loser;
  set(loser, {10, 1});
  State winner;
  set(winner, {20, 2});
  State deleted = winner;
  apply_put(deleted, context_of_read(winner), {30, 2}, nullptr);
  EXPECT_TRUE(merge(merge(loser, winner), deleted).siblings.empty());
  EXPECT_TRUE(merge(loser, merge(winner, deleted)).siblings.empty());
}

// A copy acknowledged v1 to others and lost it in a crash. Had it gone on as the same actor, its
// next write's vector entry would claim to know v1.
TEST(Merge, ANewActorClaimsNothingOfTheOldOne) {
  State others;
  put(others, {10, 1});
  State reused;
  put(reused, {20, 1});
  EXPECT_EQ(merge(others, reused).siblings.size(), 1U) << "why actors are not reused";
  State fresh;
  put(fresh, {20, 9});
  EXPECT_EQ(merge(others, fresh).siblings.size(), 2U);
}

// A DPUT that returned its dot as a vector entry would cover the same actor's earlier siblings,
// which its client has not seen.
TEST(Merge, AClientsOwnDotCoversNoEarlierSibling) {
  State state;
  put(state, {10, 1});  // somebody else's
  ClientContext mine;
  put(state, {20, 1}, mine);
  mine = context_of_put(mine, state, {20, 1});
  put(state, {30, 1}, mine);
  ASSERT_EQ(state.siblings.size(), 2U);
  EXPECT_NE(state.find({10, 1}), nullptr);
  EXPECT_NE(state.find({30, 1}), nullptr);
}

// A write adds its context's dots to the state: the replaced version is dropped when it turns up.
TEST(Merge, ADotNotMetIsDroppedWhenItComes) {
  State elsewhere;
  put(elsewhere, {10, 1});
  const ClientContext context = context_of_put({}, elsewhere, {10, 1});
  State here;
  put(here, {20, 2}, context);
  const State merged = merge(here, elsewhere);
  ASSERT_EQ(merged.siblings.size(), 1U);
  EXPECT_EQ(merged.siblings[0].dot, (Dot{20, 2}));
  EXPECT_TRUE(merged.context.dots().empty()) << "the vector has caught up";
}

TEST(Includes, IsFalseForNewsOfEachKind) {
  State held;
  set(held, {10, 1});
  put(held, {20, 1});
  State same = held;
  EXPECT_TRUE(includes(held, same));
  EXPECT_TRUE(includes(held, State{}));
  EXPECT_FALSE(includes(State{}, held));
  State floor = held;
  floor.floor = {11, 1};
  EXPECT_FALSE(includes(held, floor));
  State entry = held;
  entry.context.raise(3, 1);
  EXPECT_FALSE(includes(held, entry));
  State dot = held;
  dot.context.add_dot({5, 3});
  EXPECT_FALSE(includes(held, dot));
  State removed = held;
  removed.siblings.pop_back();
  EXPECT_FALSE(includes(held, removed)) << "somebody deleted a sibling that we hold";
  EXPECT_TRUE(includes(removed, held));
}

TEST(Digest, SeesEachPart) {
  State state;
  set(state, {10, 1});
  const Digest before = digest(state);
  EXPECT_NE(before, digest(State{}));
  State changed = state;
  changed.floor = {11, 1};
  EXPECT_NE(digest(changed), before);
  changed = state;
  changed.context.raise(1, 11);
  EXPECT_NE(digest(changed), before);
  changed = state;
  changed.context.add_dot({11, 1});
  EXPECT_NE(digest(changed), before);
  changed = state;
  changed.siblings.clear();
  EXPECT_NE(digest(changed), before);
}

TEST(Flush, TakesAwayWhatIsOlder) {
  State state;
  put(state, {10, 1});
  put(state, {20, 2});
  State untouched = state;
  EXPECT_FALSE(apply_flush(untouched, 0));
  EXPECT_FALSE(apply_flush(untouched, 9));
  EXPECT_EQ(untouched, state);
  EXPECT_TRUE(apply_flush(state, 10));
  ASSERT_EQ(state.siblings.size(), 1U);
  EXPECT_EQ(state.siblings[0].dot, (Dot{20, 2}));
  EXPECT_EQ(state.context.stamp_of(1), 10U) << "what is newer keeps its context";
  EXPECT_FALSE(apply_flush(state, 10));
  EXPECT_TRUE(apply_flush(state, 20));
  EXPECT_TRUE(state.never_written());
  EXPECT_FALSE(apply_flush(state, 20)) << "nothing left to change";
}

}  // namespace
}  // namespace kindred
