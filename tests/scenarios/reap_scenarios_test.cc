// What may bring deleted data back once its tombstone is gone, played here against reap rounds
// (docs/design/reaping.md).

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "replication/causal/write.h"
#include "replication/ring/slot.h"
#include "tests/scenarios/reaping.h"
#include "tests/unit/node/exchange_world.h"

namespace kindred {
namespace {

using exchange_test::kPartition;
using exchange_test::kPartitions;
using exchange_test::Peer;
using exchange_test::World;
using reaping_test::exchange;
using reaping_test::held;
using reaping_test::hold_everywhere;
using reaping_test::kLongAgoMs;
using reaping_test::reap;
using reaping_test::stored_name;

constexpr uint64_t kAfterGraceMs = ShardConfig{}.tombstone_grace_ms + 1;
constexpr NodeId kDriver = 1;  // the first of every preference list
constexpr ActorId kDeadActor = 5;
constexpr ActorId kDeleter = 6;

void pass(World& world, uint64_t ms) {
  world.now.cluster_ms += ms;
  world.now.mono_us += ms * 1000;
}

/// A value that kDeadActor wrote long ago.
State old_value(World& world) {
  return world.state(kDeadActor, kLongAgoMs, "deleted long ago");
}

/// The tombstone that took it away.
State tombstone(World& world) {
  State state = old_value(world);
  ClientContext all;
  all.covered = state.context;
  apply_put(state, all, {stamp_at_ms(kLongAgoMs + 1), kDeleter}, nullptr);
  EXPECT_TRUE(state.siblings.empty());
  return state;
}

/// A value beside many entries of actors that nobody writes with any more, kDeadActor's among them.
State crowded(World& world) {
  State state = tombstone(world);
  for (ActorId actor = 20; actor < 40; ++actor) {
    state.context.raise(actor, stamp_at_ms(kLongAgoMs + actor));
  }
  NewVersion version;
  version.dot = {stamp_at_ms(kLongAgoMs + 50), 30};
  version.value = Value::copied("value");
  apply_put(state, ClientContext{}, version.dot, &version);
  return state;
}

bool has(Peer& peer, const KeyRef& key) {
  const auto place = peer.engine().find(stored_name(key));
  return place != peer.engine().end() && !place->second.empty();
}

/// A frame with `state`, as a copy at `rounds` sent it.
void deliver(World& world, NodeId to, const KeyRef& key, const State& state, Rounds rounds) {
  std::string record;
  encode_record(key, state, &record);
  Replicate late;
  late.id = 77;
  late.rounds = rounds;
  late.step = world.peer(to).shard().cluster().step(kPartition);
  late.key = key;
  late.record = record;
  world.peer(to).shard().receive(2, late, world.now);
  world.settle();
}

/// What the other nodes think of it.
void set_seen(World& world, NodeId node, bool alive) {
  for (NodeId id = 1; id <= 3; ++id) {
    if (id != node) {
      world.peer(id).shard().set_alive(node, alive, world.now);
    }
  }
}

void submit(World& world, NodeId at, OpKind kind, const KeyRef& key) {
  Operation operation;
  operation.kind = kind;
  operation.key = key;
  operation.value = Value::borrowed("value");
  operation.modification = Modification::kDelete;  // of kModify
  world.peer(at).shard().submit(1, operation, world.now);
  world.settle();
}

const ShardMetrics& metrics(World& world, NodeId id) {
  return world.peer(id).shard().metrics();
}

// An old frame, duplicate or read repair that comes after the tombstone went is refused.
TEST(ReapScenarios, ALateFrameBringsNothingBack) {
  World world(1, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  reap(world);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 1U);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), key));
    EXPECT_EQ(metrics(world, id).reaped_keys, 1U);
    deliver(world, id, key, old_value(world), Rounds{});
    EXPECT_FALSE(has(world.peer(id), key)) << "at node " << id;
  }
  exchange(world);
  EXPECT_FALSE(has(world.peer(1), key));
}

// Copies that have reaped and copies that have not don't pass the tombstone to and fro.
TEST(ReapScenarios, ATombstoneDoesNotBounce) {
  World world(2, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  reap(world);
  const Rounds rounds = {0, world.peer(1).shard().copies().at(kPartition).mark.round};
  deliver(world, 1, key, tombstone(world), rounds);  // of one that voted, and has not reaped yet
  EXPECT_FALSE(has(world.peer(1), key));
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), key));
    EXPECT_EQ(metrics(world, id).exchange_repairs, 0U);
  }
}

// A crash between the mark and the drop leaves the tombstone at one copy: it goes with a later
// round.
TEST(ReapScenarios, ATombstoneKeptOverACrashGoesLater) {
  World world(11, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  reap(world);
  world.peer(3).hold(key, tombstone(world), world.now);
  reap(world);  // the others have forgotten by then what they agreed on
  exchange(world);
  pass(world, ShardConfig{}.tombstone_grace_ms);  // a copy without dead rests for so long
  reap(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), key)) << "at node " << id;
  }
  const uint64_t repairs = metrics(world, 3).exchange_repairs;
  exchange(world);
  EXPECT_EQ(metrics(world, 3).exchange_repairs, repairs);
}

// A node comes back with an older copy of its directory, without knowing it.
TEST(ReapScenarios, ACopyFromBeforeARoundIsEmptiedBeforeItMerges) {
  World world(3, /*nodes=*/3);
  const KeyRef key = world.key(1);
  const KeyRef other = world.key(2);
  hold_everywhere(world, key, tombstone(world));
  hold_everywhere(world, other, world.state(9, kLongAgoMs, "kept"));
  reap(world);
  ASSERT_FALSE(has(world.peer(3), key));
  world.peers[2] = std::make_unique<Peer>(world, 3);
  world.install_at(world.peer(3), 1);
  world.peer(3).hold(key, old_value(world), world.now);
  world.settle();
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), key)) << "at node " << id;
    EXPECT_TRUE(has(world.peer(id), other)) << "at node " << id;
  }
  EXPECT_EQ(metrics(world, 3).emptied_copies, 1U);
  EXPECT_EQ(world.peer(3).shard().copies().at(kPartition).state, CopyState::kWhole);
}

// Under `durability none` a tombstone that was acknowledged may be refused by the engine later, and
// what it deleted shows again, at a copy that has voted meanwhile.
TEST(ReapScenarios, ACopyThatLostATombstoneBehindItsBackVouchesForNothing) {
  World world(13, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  reap(world);
  Peer& unlucky = world.peer(3);
  ASSERT_NE(unlucky.shard().copies().at(kPartition).mark.clean, 0U);
  const State shown = old_value(world);
  encode_record(key, shown, &unlucky.engine()[stored_name(key)]);
  unlucky.shard().lost(key, /*was_promised=*/true, tombstone(world), &shown, world.now);
  EXPECT_EQ(unlucky.shard().copies().at(kPartition).mark.clean, 0U);
  world.settle();
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), key)) << "at node " << id;
  }
  EXPECT_EQ(unlucky.shard().copies().at(kPartition).state, CopyState::kWhole);
  EXPECT_EQ(metrics(world, 3).emptied_copies, 1U);
}

// What a salvage of damaged files leaves out is gone as a whole, never older: with its mark alone a
// copy that lost the tombstone still takes in nothing from before the round.
TEST(ReapScenarios, ASalvageThatLostTheTombstoneKeepsToItsMark) {
  World world(14, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  reap(world);
  const KeyRef mark = KeyRef::round_mark(kPartition, kPartitions);
  const State kept = held(world.peer(3), mark);
  world.peers[2] = std::make_unique<Peer>(world, 3);
  world.install_at(world.peer(3), 1);
  world.peer(3).hold(mark, kept, world.now);
  deliver(world, 3, key, old_value(world), Rounds{});
  EXPECT_FALSE(has(world.peer(3), key));
  exchange(world);
  EXPECT_FALSE(has(world.peer(1), key));
  EXPECT_EQ(metrics(world, 3).emptied_copies, 0U);
}

// A node keeps a hint and goes down; what the hint says is deleted, and all who hold a copy agree.
// Where the tombstone goes then, the hint brings the value back with its node
// (https://github.com/scylladb/scylladb/issues/23712). Here rounds wait for the node.
TEST(ReapScenarios, AHintOfANodeThatWasAwayBringsNothingBack) {
  World world(4, /*nodes=*/3);
  const KeyRef key = world.key(1);
  set_seen(world, 3, false);
  submit(world, 2, OpKind::kSet, key);
  ASSERT_EQ(world.peer(2).shard().hints().pending_count(), 1U);
  set_seen(world, 2, false);
  world.peer(1).shard().set_alive(3, true, world.now);
  submit(world, 1, OpKind::kModify, key);
  pass(world, kAfterGraceMs);
  exchange(world);
  reap(world);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 0U);
  EXPECT_EQ(metrics(world, kDriver).reap_waiting, 1U);
  EXPECT_EQ(metrics(world, kDriver).reap_held_up_by, 2U);
  EXPECT_TRUE(held(world.peer(3), key).siblings.empty());

  set_seen(world, 2, true);
  world.peer(2).shard().set_alive(3, true, world.now);
  world.settle();
  exchange(world);
  reap(world);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 1U);
  EXPECT_EQ(metrics(world, kDriver).reap_waiting, 0U);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), key)) << "at node " << id;
    EXPECT_EQ(world.peer(id).shard().hints().pending_count(), 0U);
  }
}

// Also with all members in reach: what a hint says may be from before the tombstone.
TEST(ReapScenarios, AHintHoldsTheRoundUpUntilItIsDelivered) {
  World world(17, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  world.peer(2).shard().set_alive(3, false, world.now);
  submit(world, 2, OpKind::kSet, world.key(2));
  ASSERT_EQ(world.peer(2).shard().hints().pending_count(), 1U);
  reap(world);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 0U);
  EXPECT_EQ(metrics(world, kDriver).reap_waiting, 1U);
  EXPECT_EQ(metrics(world, kDriver).reap_held_up_by, 2U);
  EXPECT_TRUE(has(world.peer(1), key));

  world.peer(2).shard().set_alive(3, true, world.now);
  world.settle();
  ASSERT_EQ(world.peer(2).shard().hints().pending_count(), 0U);
  reap(world);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 1U);
  EXPECT_EQ(metrics(world, kDriver).reap_waiting, 0U);
  EXPECT_FALSE(has(world.peer(1), key));
}

// A key is deleted while a node is down; with the node, which has not heard of it, the key comes
// back (https://github.com/Snapchat/KeyDB/issues/83, https://github.com/Snapchat/KeyDB/issues/390).
TEST(ReapScenarios, ANodeThatWasDownWhileAKeyWasDeletedDoesNotBringItBack) {
  World world(15, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, old_value(world));
  set_seen(world, 3, false);
  submit(world, 1, OpKind::kModify, key);
  pass(world, kAfterGraceMs);
  reap(world);
  EXPECT_TRUE(held(world.peer(1), key).siblings.empty()) << "kept for as long as the node is away";
  EXPECT_EQ(metrics(world, kDriver).reap_held_up_by, 3U);

  world.peers[2] = std::make_unique<Peer>(world, 3);
  world.install_at(world.peer(3), 1);
  world.peer(3).hold(key, old_value(world), world.now);
  set_seen(world, 3, true);
  world.settle();
  exchange(world);
  reap(world);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 1U);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), key)) << "at node " << id;
  }
}

// Where an engine drops what has expired behind the trees, entries of keys that are gone pile up in
// them, and copies whose clocks differ repair each other's expired keys
// (https://github.com/basho/riak/issues/981). Here a key leaves its copy and its tree in one step.
TEST(ReapScenarios, ExpiredKeysLeaveTheTreesWithTheCopies) {
  World world(16, /*nodes=*/3);
  State session = old_value(world);
  session.siblings[0].expire_at_ms = world.now.cluster_ms + 1000;
  for (uint64_t i = 0; i < 100; ++i) {
    hold_everywhere(world, world.key(i), session);
  }
  const uint64_t root = world.peer(1).tree().root();
  pass(world, 2000);
  exchange(world);
  EXPECT_EQ(world.peer(1).tree().root(), root) << "time alone changes no digest";
  pass(world, kAfterGraceMs);
  reap(world);
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_EQ(metrics(world, id).reaped_keys, 100U);
    EXPECT_EQ(world.peer(id).tree().keys(), 0U);
    EXPECT_EQ(metrics(world, id).exchange_repairs, 0U);
  }
}

// Who vouched for having no hints takes none in that was sent before the owners voted.
TEST(ReapScenarios, AHintFromBeforeTheRoundIsNotTakenIn) {
  World world(5, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  reap(world);
  KeyRef hint = key;
  hint.hint_for = 2;
  deliver(world, 3, hint, old_value(world), Rounds{});
  EXPECT_EQ(world.peer(3).shard().hints().pending_count(), 0U);
}

TEST(ReapScenarios, AMemberOutOfReachHoldsRoundsUpVisibly) {
  World world(6, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  world.peer(kDriver).shard().set_alive(3, false, world.now);
  reap(world);
  EXPECT_TRUE(has(world.peer(1), key));
  EXPECT_EQ(metrics(world, kDriver).reap_waiting, 1U);
  EXPECT_EQ(metrics(world, kDriver).reap_held_up_by, 3U);
}

// One copy has a write that the others have not met: it is no tombstone any more, and stays.
TEST(ReapScenarios, ACopyThatIsNotAsAgreedKeepsItsKey) {
  World world(7, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  const KeyRef gone = world.key(2);
  hold_everywhere(world, gone, tombstone(world));
  State written = tombstone(world);
  NewVersion version;
  version.dot = {stamp_at_ms(kLongAgoMs + 5), 8};
  version.value = Value::copied("newer");
  apply_put(written, ClientContext{}, version.dot, &version);
  deliver(world, 3, key, written, Rounds{});
  reap(world);
  EXPECT_FALSE(has(world.peer(1), gone)) << "what they agree on goes";
  EXPECT_TRUE(has(world.peer(1), key));
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_EQ(held(world.peer(id), key), written) << "at node " << id;
  }
}

// One copy missed the delete. It would bring the value back if the others let the tombstone go, as
// they do where a tombstone's age alone decides (https://github.com/scylladb/scylladb/issues/3560).
TEST(ReapScenarios, ACopyThatMissedTheDeleteHoldsTheRoundUp) {
  World world(12, /*nodes=*/3);
  const KeyRef key = world.key(1);
  world.peer(1).hold(key, tombstone(world), world.now);
  world.peer(2).hold(key, tombstone(world), world.now);
  world.peer(3).hold(key, old_value(world), world.now);
  reap(world);
  EXPECT_TRUE(has(world.peer(1), key));
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 0U);
  EXPECT_EQ(metrics(world, kDriver).reap_held_up_by, 3U);
  exchange(world);
  reap(world);
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), key)) << "at node " << id;
  }
}

TEST(ReapScenarios, ExpiredKeysLeaveAndKeysThatLiveOnStay) {
  World world(8, /*nodes=*/3);
  State expired = old_value(world);
  expired.siblings[0].expire_at_ms = kLongAgoMs + 1000;
  hold_everywhere(world, world.key(1), expired);
  State living = old_value(world);
  living.siblings[0].expire_at_ms = world.now.cluster_ms + 1000;
  hold_everywhere(world, world.key(2), living);
  reap(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(has(world.peer(id), world.key(1)));
    EXPECT_TRUE(has(world.peer(id), world.key(2)));
    EXPECT_EQ(world.peer(id).shard().copies().at(kPartition).count.dead(world.now.cluster_ms), 0U);
  }
}

// Values that nobody can read any more take room: they don't wait as long as tombstones do. A copy
// is looked through again a minute later at the earliest, so keys that expire all the time cost one
// walk a minute.
TEST(ReapScenarios, ExpiredKeysDoNotWaitForTheGraceOfTombstones) {
  World world(18, /*nodes=*/3);
  const auto expiring = [&](uint64_t in_ms) {
    State state = old_value(world);
    state.siblings[0].expire_at_ms = world.now.cluster_ms + in_ms;
    return state;
  };
  State fresh_tombstone = world.state(kDeadActor, world.now.cluster_ms, "");
  fresh_tombstone.siblings.clear();
  hold_everywhere(world, world.key(1), expiring(1000));
  hold_everywhere(world, world.key(2), fresh_tombstone);
  pass(world, 30'000);
  reap(world);
  EXPECT_TRUE(has(world.peer(1), world.key(1)));
  pass(world, 61'000);
  hold_everywhere(world, world.key(3), expiring(0));
  reap(world);
  EXPECT_FALSE(has(world.peer(1), world.key(1)));
  EXPECT_TRUE(has(world.peer(1), world.key(2)));
  pass(world, 59'000);
  reap(world);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 1U) << "the copy rests";
  pass(world, 2'000);
  reap(world);
  EXPECT_FALSE(has(world.peer(1), world.key(3)));
  EXPECT_TRUE(has(world.peer(1), world.key(2)));
  pass(world, kAfterGraceMs);
  reap(world);
  EXPECT_FALSE(has(world.peer(1), world.key(2)));
}

// A copy a start, an entry each: what nobody writes with any more goes, at all copies alike, and
// what its writers deleted stays deleted.
TEST(ReapScenarios, ActorsOfThePastLeaveTheContext) {
  World world(9, /*nodes=*/3);
  const KeyRef key = world.key(1);
  const State state = crowded(world);
  hold_everywhere(world, key, state);
  reap(world);
  for (NodeId id = 1; id <= 3; ++id) {
    const State left = held(world.peer(id), key);
    EXPECT_EQ(left.siblings, state.siblings);
    EXPECT_EQ(left.context.vector().size(), 1U) << "of the sibling's actor";
    EXPECT_EQ(metrics(world, id).pruned_keys, 1U);
    deliver(world, id, key, old_value(world), Rounds{});
    EXPECT_EQ(held(world.peer(id), key), left) << "the entry that covered it is gone";
  }
}

// One copy missed what the entry of such an actor covers: without the entry that would come back.
TEST(ReapScenarios, ACopyThatMissedTheDeleteKeepsTheEntryThatCoversIt) {
  World world(19, /*nodes=*/3);
  const KeyRef key = world.key(1);
  const State state = crowded(world);
  world.peer(1).hold(key, state, world.now);
  world.peer(2).hold(key, state, world.now);
  world.peer(3).hold(key, old_value(world), world.now);
  reap(world);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 0U);
  EXPECT_EQ(metrics(world, kDriver).reap_held_up_by, 3U);
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_EQ(held(world.peer(id), key), state) << "at node " << id;
  }
}

// A write that comes between an owner's vote and the word that all have agreed.
TEST(ReapScenarios, AWriteAfterTheVoteIsKept) {
  World world(20, /*nodes=*/3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  bool is_written = false;
  world.observe = [&](NodeId, const Message& message) {
    const auto* call = std::get_if<RoundCall>(&message);
    if (call == nullptr || call->part != RoundPart::kCommit || is_written) {
      return;
    }
    is_written = true;
    world.later([&] {
      Operation set;
      set.kind = OpKind::kSet;
      set.key = key;
      set.value = Value::borrowed("value");
      world.peer(3).shard().submit(1, set, world.now);
    });
  };
  reap(world);
  EXPECT_TRUE(is_written);
  EXPECT_EQ(metrics(world, kDriver).reap_rounds, 1U);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_EQ(held(world.peer(id), key).siblings.size(), 1U) << "at node " << id;
  }
}

// Many keys go in many rounds, of a bounded size each.
TEST(ReapScenarios, ManyKeysGoInBatches) {
  World world(10, /*nodes=*/3);
  world.pending_loads_of_100 = 90;
  for (uint64_t i = 0; i < 1'500; ++i) {
    hold_everywhere(world, world.key(i), tombstone(world));
  }
  reap(world);
  EXPECT_GE(metrics(world, kDriver).reap_rounds, 2U);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_EQ(metrics(world, id).reaped_keys, 1'500U);
    EXPECT_EQ(world.peer(id).tree().keys(), 0U);
  }
  EXPECT_LE(world.loads_under_way_max, 32U * 3) << "of one round at three nodes";
}

}  // namespace
}  // namespace kindred
