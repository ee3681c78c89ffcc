// What copies that come back, hints that come back, and memories of reaped keys may vouch for
// (docs/design/reaping.md).

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "replication/causal/write.h"
#include "tests/scenarios/reaping.h"

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

State old_value(World& world) {
  return world.state(5, kLongAgoMs, "deleted long ago");
}
State tombstone(World& world) {
  State state = old_value(world);
  apply_register(state, {stamp_at_ms(kLongAgoMs + 1), 6}, nullptr);  // DEL
  return state;
}
KeyRef mark_key() {
  return KeyRef::round_mark(kPartition, kPartitions);
}
const Copy& copy(World& world, NodeId id) {
  return world.peer(id).shard().copies().at(kPartition);
}

/// A new process of node `id`, over an empty engine, whose copies are `copies`.
Peer& begin_anew(World& world, NodeId id, CopyState copies) {
  world.peers[id - 1] = std::make_unique<Peer>(world, id);
  Peer& peer = world.peer(id);
  peer.shard().set_cluster(std::make_shared<ClusterDocument>(world.document), copies, world.now);
  return peer;
}
void see_all(World& world, Peer& peer) {
  for (NodeId id = 1; id <= world.peers.size(); ++id) {
    peer.shard().set_alive(id, true, world.now);
  }
}

// Node 3 voted, and its machine crashed: the mark with the vote is there, the tombstone is not.
TEST(ReapMarks, ACopyThatFillsVouchesForNoVoteOfItsLifeBefore) {
  World world(31, 3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  world.drops = [](NodeId, NodeId to, const Message& message) {
    const auto* call = std::get_if<RoundCall>(&message);
    return call != nullptr && call->part == RoundPart::kCommit && to == 3;
  };
  reap(world);
  world.drops = nullptr;
  const Round voted = copy(world, 3).mark.clean;
  ASSERT_NE(voted, 0U);
  ASSERT_EQ(copy(world, 3).mark.round, 0U);
  const State kept = held(world.peer(3), mark_key());

  Peer& back = begin_anew(world, 3, CopyState::kFilling);
  back.hold(mark_key(), kept, world.now);
  back.hold(key, old_value(world), world.now);
  EXPECT_EQ(copy(world, 3).mark.clean, 0U);
  see_all(world, back);
  world.pass_ms(5000);
  exchange(world);
  ASSERT_EQ(copy(world, 3).state, CopyState::kWhole);
  EXPECT_EQ(copy(world, 3).mark.round, voted);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(held(world.peer(id), key).siblings.empty()) << "back at node " << id;
  }
}

// Nothing was synced while node 3 voted and heard of the round: the mark came to the disk, and the
// tombstone did not. Since then the node has been told to sync.
TEST(ReapMarks, AMarkStoredUnsyncedIsNotBelievedWhateverIsConfiguredAfterwards) {
  World world(35, 3);
  ShardConfig unsynced;
  unsynced.durability = Durability::kMemory;
  world.peer(3).shard().set_config(unsynced);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  reap(world);
  ASSERT_NE(copy(world, 3).mark.round, 0U);
  const State kept = held(world.peer(3), mark_key());

  Peer& back = begin_anew(world, 3, CopyState::kFilling);
  back.hold(mark_key(), kept, world.now);
  back.hold(key, old_value(world), world.now);
  EXPECT_EQ(copy(world, 3).mark.round, 0U);
  EXPECT_EQ(copy(world, 3).mark.clean, 0U);
  see_all(world, back);
  world.pass_ms(5000);
  exchange(world);
  ASSERT_EQ(copy(world, 3).state, CopyState::kWhole);
  EXPECT_EQ(copy(world, 3).mark.round, copy(world, 1).mark.round);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(held(world.peer(id), key).siblings.empty()) << "back at node " << id;
  }
}

// Digests of reaped keys are remembered up to a bound, however many rounds a cycle has.
TEST(ReapMarks, WhatIsRememberedOfReapedKeysIsBounded) {
  constexpr uint64_t kKeys = 9000;
  World world(32, 2);
  for (uint64_t i = 0; i < kKeys; ++i) {
    hold_everywhere(world, world.key(i), tombstone(world));
  }
  size_t most = 0;
  world.observe = [&](NodeId, const Message&) {
    most = std::max({most, copy(world, 1).reaped.size(), copy(world, 2).reaped.size()});
  };
  reap(world);
  EXPECT_GT(most, 8000U);
  EXPECT_LE(most, 8192U);
  for (NodeId id = 1; id <= 2; ++id) {
    EXPECT_EQ(world.peer(id).tree().keys(), 0U);
    EXPECT_EQ(world.peer(id).shard().metrics().reaped_keys, kKeys);
  }
}

/// Node 4 owns nothing. The others reap `key`.
void reap_at_owners(World& world, const KeyRef& key) {
  for (NodeId id = 1; id <= 3; ++id) {
    world.peer(id).hold(key, tombstone(world), world.now);
  }
  reap(world);
  ASSERT_NE(copy(world, 3).mark.round, 0U);
}

// A hint for a node that has lost the partition goes to all its owners, of whom the holder is one.
// All refuse it, as it came back with what had been reaped. So it goes.
TEST(ReapMarks, AHintThatItsOwnHolderRefusesIsNotSentForEver) {
  World world(33, /*nodes=*/4, /*copies=*/3);
  const KeyRef key = world.key(1);
  reap_at_owners(world, key);
  KeyRef hint = key;
  hint.hint_for = 4;
  world.peer(3).hold(hint, old_value(world), world.now);
  ASSERT_EQ(world.peer(3).shard().hints().pending_count(), 1U);
  world.pass_ms(5000);
  EXPECT_EQ(world.peer(3).shard().hints().pending_count(), 0U);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(held(world.peer(id), key).siblings.empty()) << "back at node " << id;
  }
}

// The same with something that was written since: it is labelled anew, and delivered.
TEST(ReapMarks, ANewHintThatItsOwnHolderRefusesIsDelivered) {
  World world(34, /*nodes=*/4, /*copies=*/3);
  reap_at_owners(world, world.key(1));
  KeyRef hint = world.key(2);
  const KeyRef fresh = hint;
  hint.hint_for = 4;
  world.peer(3).hold(hint, world.state(7, world.now.cluster_ms + 50, "new"), world.now);
  world.pass_ms(5000);
  EXPECT_EQ(world.peer(3).shard().hints().pending_count(), 0U);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_EQ(held(world.peer(id), fresh).siblings.size(), 1U) << "lost at node " << id;
  }
}

}  // namespace
}  // namespace kindred
