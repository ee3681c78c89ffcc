#include "replication/causal/context.h"

#include <gtest/gtest.h>

#include "replication/causal/write.h"

namespace kindred {
namespace {

TEST(CausalContext, CoversByVectorOrBySingleDot) {
  CausalContext context;
  context.raise(7, 20);
  context.add_dot({30, 7});
  EXPECT_TRUE(context.covers({1, 7}));
  EXPECT_TRUE(context.covers({20, 7}));
  EXPECT_FALSE(context.covers({21, 7}));
  EXPECT_TRUE(context.covers({30, 7}));
  EXPECT_FALSE(context.covers({1, 8}));
  EXPECT_EQ(context.stamp_of(7), 20U);
  EXPECT_EQ(context.stamp_of(8), 0U);
  EXPECT_EQ(context.highest_stamp(), 30U);
}

TEST(CausalContext, IsCanonicalWhateverTheOrder) {
  CausalContext first;
  first.add_dot({5, 2});
  first.add_dot({9, 1});
  first.raise(3, 4);
  first.raise(2, 6);  // takes 5@2 in
  CausalContext second;
  second.raise(2, 6);
  second.add_dot({9, 1});
  second.add_dot({5, 2});
  second.raise(3, 4);
  second.raise(3, 2);
  EXPECT_EQ(first, second);
  ASSERT_EQ(first.vector().size(), 2U);
  ASSERT_EQ(first.dots().size(), 1U);
}

TEST(CausalContext, JoinDropsDotsThatTheOtherVectorCovers) {
  CausalContext left;
  left.add_dot({5, 2});
  left.add_dot({8, 2});
  CausalContext right;
  right.raise(2, 6);
  right.add_dot({3, 4});
  left.join(right);
  EXPECT_EQ(left.stamp_of(2), 6U);
  ASSERT_EQ(left.dots().size(), 2U);
  EXPECT_EQ(left.dots()[0], (Dot{3, 4}));
  EXPECT_EQ(left.dots()[1], (Dot{8, 2}));
}

TEST(CausalContext, AppendsInCanonicalOrderAlone) {
  CausalContext context;
  EXPECT_FALSE(context.append_entry({0, 5}));
  EXPECT_FALSE(context.append_entry({5, 0}));
  EXPECT_TRUE(context.append_entry({5, 5}));
  EXPECT_FALSE(context.append_entry({5, 6}));
  EXPECT_FALSE(context.append_entry({4, 6}));
  EXPECT_FALSE(context.append_dot({5, 5})) << "covered by the vector";
  EXPECT_FALSE(context.append_dot({6, 0}));
  EXPECT_FALSE(context.append_dot({0, 6}));
  EXPECT_TRUE(context.append_dot({6, 5}));
  EXPECT_FALSE(context.append_dot({6, 5}));
  EXPECT_FALSE(context.append_dot({6, 4}));
  EXPECT_TRUE(context.append_dot({6, 6}));
  EXPECT_EQ(context.dots().size(), 2U);
}

State state_of_actors(size_t actors) {
  State state;
  for (size_t i = 1; i <= actors; ++i) {
    NewVersion version;
    version.dot = {100 + i, i};
    apply_put(state, ClientContext{}, version.dot, &version);
  }
  return state;
}

TEST(ContextOfRead, CoversTheSiblingsActorsAndTheFloor) {
  State state = state_of_actors(2);
  state.context.raise(9, 50);  // an actor whose versions are all gone
  state.floor = {60, 9};
  const ClientContext context = context_of_read(state);
  EXPECT_EQ(context.covered.stamp_of(1), 101U);
  EXPECT_EQ(context.covered.stamp_of(2), 102U);
  EXPECT_EQ(context.covered.stamp_of(9), 0U);
  EXPECT_EQ(context.floor, (Dot{60, 9}));
  EXPECT_EQ(context.highest_stamp(), 102U);
}

TEST(ContextOfRead, CoversAllOfATombstone) {
  State state = state_of_actors(3);
  apply_put(state, context_of_read(state), {200, 1}, nullptr);
  ASSERT_TRUE(state.siblings.empty());
  const ClientContext context = context_of_read(state);
  EXPECT_EQ(context.covered.vector().size(), 3U);
  EXPECT_EQ(context.covered.stamp_of(1), 200U);
}

TEST(ContextOfRead, NothingIsKnownOfAKeyNeverWritten) {
  EXPECT_TRUE(context_of_read(State{}).empty());
}

TEST(ContextOfRead, LeavesOutWhatIsBeyondItsEntries) {
  State state = state_of_actors(kClientContextEntriesMax + 5);
  const ClientContext context = context_of_read(state);
  EXPECT_EQ(context.covered.vector().size(), kClientContextEntriesMax);
  NewVersion version;
  version.dot = {1000, 1};
  apply_put(state, context, version.dot, &version);
  EXPECT_EQ(state.siblings.size(), 6U) << "siblings that were left out stay";
}

TEST(ContextOfPut, AddsItsOwnDotAsASingleDot) {
  State state = state_of_actors(2);
  ClientContext given;
  given.covered.raise(2, 102);
  given.floor = {4, 4};
  apply_put(state, given, {300, 1}, nullptr);
  const ClientContext context = context_of_put(given, state, {300, 1});
  EXPECT_EQ(context.floor, given.floor);
  EXPECT_EQ(context.covered.stamp_of(2), 102U);
  EXPECT_TRUE(context.covered.covers({300, 1}));
  EXPECT_FALSE(context.covered.covers({101, 1})) << "an earlier sibling of the same actor";
}

TEST(ContextOfPut, LeavesOutDotsThatTheCoordinatorKnows) {
  State state = state_of_actors(2);
  ClientContext given;
  given.covered.add_dot({101, 1});  // known at the coordinator
  given.covered.add_dot({77, 9});   // not met yet
  apply_put(state, given, {300, 2}, nullptr);
  const ClientContext context = context_of_put(given, state, {300, 2});
  EXPECT_FALSE(context.covered.covers({101, 1}));
  EXPECT_TRUE(context.covered.covers({77, 9}));
}

TEST(ContextOfPut, AlwaysHasRoomForItsOwnDot) {
  ClientContext given;
  for (ActorId actor = 1; actor <= kClientContextEntriesMax; ++actor) {
    given.covered.raise(actor, 5);
    given.covered.add_dot({9, actor});
  }
  State state;
  NewVersion version;
  version.dot = {500, 1000};
  apply_put(state, given, version.dot, &version);
  const ClientContext context = context_of_put(given, state, version.dot);
  EXPECT_TRUE(context.covered.covers(version.dot));
  EXPECT_LE(context.covered.vector().size() + context.covered.dots().size(),
            kClientContextEntriesMax);
}

TEST(ContextOfPut, KeepsTheLastWritesOfARowBeforeAnythingElse) {
  ClientContext given;
  for (ActorId actor = 1; actor <= kClientContextEntriesMax; ++actor) {
    given.covered.raise(actor, 5);
  }
  State state;
  NewVersion version;
  for (Stamp stamp = 500; stamp < 503; ++stamp) {
    version.dot = {stamp, 1000};
    apply_put(state, given, version.dot, &version);
    given = context_of_put(given, state, version.dot);
    EXPECT_EQ(state.siblings.size(), 1U) << "each replaces the one before";
  }
}

}  // namespace
}  // namespace kindred
