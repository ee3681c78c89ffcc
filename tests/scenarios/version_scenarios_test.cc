// The shortest histories in which a rule of the versions, left out, loses an acknowledged write or
// shows a wrong one (docs/design/simulator.md). Each names the rule that it guards.

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "replication/causal/state.h"
#include "replication/causal/write.h"

namespace kindred {
namespace {

constexpr ActorId kAlice = 1;
constexpr ActorId kBob = 2;
constexpr ActorId kCarol = 3;
constexpr ActorId kAliceReborn = 4;

NewVersion version(Dot dot, const std::string& value) {
  NewVersion result;
  result.dot = dot;
  result.value = Value::copied(value);
  return result;
}

ClientContext put(State& state, const ClientContext& context, Dot dot, const std::string& value) {
  const NewVersion one = version(dot, value);
  apply_put(state, context, dot, &one);
  return context_of_put(context, state, dot);
}

void remove(State& state, const ClientContext& context, Dot dot) {
  apply_put(state, context, dot, nullptr);
}

void set(State& state, Dot dot, const std::string& value) {
  const NewVersion one = version(dot, value);
  apply_register(state, dot, &one);
}

std::vector<std::string> values(const State& state) {
  std::vector<std::string> result;
  for (const Sibling& sibling : state.siblings) {
    result.emplace_back(sibling.value.bytes());
  }
  return result;
}

using testing::ElementsAre;
using testing::IsEmpty;

// A copy that forgot what others hold must write under a new actor: its vector would claim the
// forgotten write.
TEST(VersionScenarios, RollbackComesBackUnderANewActor) {
  State forgotten;
  put(forgotten, {}, Dot{10, kAlice}, "acknowledged by others");
  State same_actor;
  put(same_actor, {}, Dot{20, kAlice}, "after the rollback");
  EXPECT_THAT(values(merge(forgotten, same_actor)), ElementsAre("after the rollback"));  // lost

  State new_actor;
  put(new_actor, {}, Dot{20, kAliceReborn}, "after the rollback");
  EXPECT_THAT(values(merge(forgotten, new_actor)),
              ElementsAre("acknowledged by others", "after the rollback"));
}

// Replicas get whole states: a new version alone under the vector claims siblings that it lacks.
TEST(VersionScenarios, WholeStatesTravelNotDeltas) {
  State coordinator;
  put(coordinator, {}, Dot{10, kAlice}, "first");
  put(coordinator, {}, Dot{20, kAlice}, "second");
  State delta = coordinator;
  delta.siblings.erase(delta.siblings.begin());
  const State replica = merge(State{}, delta);
  EXPECT_THAT(values(merge(replica, coordinator)), ElementsAre("second"));  // "first" is lost
  EXPECT_THAT(values(merge(merge(State{}, coordinator), coordinator)),
              ElementsAre("first", "second"));
}

// DPUT's context covers its own dot, not the same actor's earlier versions that its client never
// saw.
TEST(VersionScenarios, ContextOfAPutIsExact) {
  State state;
  put(state, {}, Dot{10, kAlice}, "another client's");
  const ClientContext mine = put(state, {}, Dot{20, kAlice}, "mine");
  put(state, mine, Dot{30, kAlice}, "mine again");
  EXPECT_THAT(values(state), ElementsAre("another client's", "mine again"));
}

// A dot in a write's context is dropped when it turns up later, without catching up first.
TEST(VersionScenarios, AContextsDotThatTheCoordinatorNeverMetIsDroppedLater) {
  State first;
  const ClientContext seen = put(first, {}, Dot{10, kAlice}, "replaced");
  State elsewhere;
  put(elsewhere, seen, Dot{20, kBob}, "new");
  EXPECT_THAT(values(merge(elsewhere, first)), ElementsAre("new"));
}

// Equal stamps: the whole dot decides, so an acknowledgement must report dots, not stamps.
TEST(VersionScenarios, TiesOfStampsAreBrokenByTheActor) {
  State held;
  set(held, Dot{10, kCarol}, "older");
  State late;
  set(late, Dot{10, kAlice}, "newer");
  EXPECT_GT(held.highest_dot(), (Dot{10, kAlice}));  // what the replica reports: stamp again
  const CausalContext first_round = late.context;
  const NewVersion again = version(Dot{11, kAlice}, "newer");
  apply_restamp(late, first_round, again.dot, &again);
  EXPECT_THAT(values(merge(held, late)), ElementsAre("newer"));
}

// An older DPUT with a higher stamp would be what GET shows: siblings count for the report too.
TEST(VersionScenarios, ASetIsStampedAboveSiblingsNotOnlyAboveTheFloor) {
  State held;
  put(held, {}, Dot{100, kAlice}, "older version");
  EXPECT_TRUE(held.floor.is_zero());
  EXPECT_EQ(held.highest_dot(), (Dot{100, kAlice}));
}

// A re-stamp covers what its first round covered and no more.
TEST(VersionScenarios, ARestampDoesNotCoverWhatCameInBetween) {
  State state;
  set(state, Dot{10, kAlice}, "register");
  const CausalContext first_round = state.context;
  State other;
  put(other, {}, Dot{15, kBob}, "in between");
  state = merge(state, other);
  const NewVersion again = version(Dot{20, kAlice}, "register");
  apply_restamp(state, first_round, again.dot, &again);
  EXPECT_THAT(values(state), ElementsAre("in between", "register"));
}

// The floor is state: a register that lost stays lost when the winner was deleted by one who never
// saw the loser.
TEST(VersionScenarios, AStaleRegisterStaysUnderTheFloor) {
  State stale;
  set(stale, Dot{8, kAlice}, "stale");
  State winner;
  set(winner, Dot{10, kBob}, "winner");
  const ClientContext seen = context_of_read(winner);
  State deleted = stale;
  remove(deleted, seen, Dot{20, kCarol});
  EXPECT_THAT(values(deleted), IsEmpty());
  EXPECT_THAT(values(merge(merge(winner, deleted), stale)), IsEmpty());
  EXPECT_EQ(merge(merge(winner, stale), deleted), merge(winner, merge(stale, deleted)));
}

// A DPUT concurrent with a SET is not dropped by the floor.
TEST(VersionScenarios, AConcurrentVersionSurvivesASet) {
  State one;
  put(one, {}, Dot{10, kAlice}, "version");
  State other;
  set(other, Dot{20, kBob}, "register");
  EXPECT_THAT(values(merge(one, other)), ElementsAre("version", "register"));
}

}  // namespace
}  // namespace kindred
