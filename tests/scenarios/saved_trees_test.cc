// Trees and counts that a clean stop saves, and a start takes over in place of reading all records
// (docs/design/anti-entropy.md).

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "protocol/record/saved_copy.h"
#include "replication/causal/write.h"
#include "replication/ring/slot.h"
#include "tests/unit/node/exchange_world.h"

namespace kindred {
namespace {

using exchange_test::kPartition;
using exchange_test::kPartitions;
using exchange_test::Peer;
using exchange_test::World;

constexpr uint64_t kSaveId = 77;
constexpr NodeId kStopped = 2;
constexpr uint64_t kKeys = 1000;

using Saves = std::map<uint16_t, std::string>;  // bytes of what was saved, by partition

Saves save(Peer& peer) {
  Saves saves;
  for (uint16_t p = 0; p < kPartitions; ++p) {
    if (const auto copy = peer.shard().saved_copy(p); copy) {
      encode_saved_copy(kSaveId, p, *copy, &saves[p]);
    }
  }
  return saves;
}

bool restore(Peer& peer, uint16_t partition, const Saves& saves) {
  const auto saved = saves.find(partition);
  SavedCopy copy;
  return saved != saves.end() && decode_saved_copy(saved->second, kSaveId, partition, &copy) &&
         peer.shard().restore_copy(partition, std::move(copy));
}

/// A new process over the same engine; what is not among the saves is counted.
Peer& start(World& world, const Saves& saves) {
  world.ended_peers.push_back(std::move(world.peers[kStopped - 1]));
  world.peers[kStopped - 1] = std::make_unique<Peer>(world, kStopped);
  Peer& peer = world.peer(kStopped);
  peer.engine() = world.ended_peers.back()->engine();
  world.install_at(peer, 1);
  std::map<uint16_t, bool> is_restored;
  for (uint16_t p = 0; p < kPartitions; ++p) {
    is_restored[p] = restore(peer, p, saves);
  }
  for (const auto& [stored, record] : peer.engine()) {
    KeyRef key;
    State state;
    EXPECT_TRUE(decode_stored_key(stored, kPartitions, &key));
    EXPECT_TRUE(decode_record(key, record, &state));
    if (!is_restored[key.partition] && !state.never_written()) {
      EXPECT_TRUE(peer.shard().count_existing(key, state, world.now));
    }
  }
  return peer;
}

/// What a node finds that reads all of kStopped's records.
std::unique_ptr<Peer> counted(World& world) {
  auto peer = std::make_unique<Peer>(world, kStopped);
  world.install_document(*peer);
  for (const auto& [stored, record] : world.peer(kStopped).engine()) {
    KeyRef key;
    State state;
    EXPECT_TRUE(decode_stored_key(stored, kPartitions, &key));
    EXPECT_TRUE(decode_record(key, record, &state));
    if (!state.never_written()) {
      peer->hold(key, state, world.now);
    }
  }
  return peer;
}

void expect_as_counted(World& world) {
  const auto reference = counted(world);
  Copy& expected = reference->shard().copies().at(kPartition);
  Copy& found = world.peer(kStopped).shard().copies().at(kPartition);
  EXPECT_GE(expected.tree.tree().keys(), kKeys);
  EXPECT_TRUE(found.tree.is_exact());
  EXPECT_EQ(found.tree.tree().keys(), expected.tree.tree().keys());
  EXPECT_EQ(found.tree.tree().root(), expected.tree.tree().root());
  const uint64_t now_ms = world.now.cluster_ms;
  EXPECT_EQ(found.count.live(now_ms), expected.count.live(now_ms));
  EXPECT_EQ(found.count.expiring(now_ms), expected.count.expiring(now_ms));
  EXPECT_EQ(found.count.dead(now_ms), expected.count.dead(now_ms));
  EXPECT_EQ(found.count.crowded(), expected.count.crowded());
  EXPECT_EQ(found.count.by_siblings(), expected.count.by_siblings());
  EXPECT_EQ(found.count.by_clock(), expected.count.by_clock());
}

void write(World& world, NodeId at, const KeyRef& key, OpKind kind, uint64_t ttl_ms = 0) {
  Operation operation;
  operation.kind = kind;
  operation.modification = Modification::kDelete;  // of those, the one that is used here
  operation.key = key;
  operation.value = Value::borrowed("value");
  operation.expire_at_ms = ttl_ms == 0 ? 0 : world.now.cluster_ms + ttl_ms;
  world.peer(at).shard().submit(++world.tokens, operation, world.now);
}

/// Values, tombstones, siblings, keys that have expired and keys that will.
void write_all_kinds(World& world) {
  for (uint64_t i = 0; i < kKeys; ++i) {
    write(world, 1, world.key(i), OpKind::kSet, i % 5 == 0 ? 100 + i : 0);
  }
  world.settle();
  for (uint64_t i = 0; i < kKeys; i += 7) {
    write(world, 2, world.key(i), i % 2 == 0 ? OpKind::kModify : OpKind::kPut);
  }
  world.settle();
  world.now.cluster_ms += 500;
}

TEST(SavedTrees, ACopyThatIsTakenOverIsAsIfItsRecordsHadBeenRead) {
  World world(41);
  write_all_kinds(world);
  world.peer(kStopped).shard().seal();
  const Saves saves = save(world.peer(kStopped));
  ASSERT_EQ(saves.size(), kPartitions);
  world.now.cluster_ms += 200;  // more has expired when it starts
  Peer& back = start(world, saves);
  EXPECT_EQ(back.shard().metrics().restored_copies, kPartitions);
  expect_as_counted(world);
  const Copy& copy = back.shard().copies().at(kPartition);
  EXPECT_NE(copy.count.by_siblings()[0], 0U) << "tombstones";
  EXPECT_NE(copy.count.by_siblings()[2], 0U) << "keys of two siblings";
  EXPECT_EQ(world.repair(1).keys_compared, 0U);
}

// A message that comes while the process ends: what it brought would be in the engine and not in
// the tree.
TEST(SavedTrees, NothingIsStoredOnceTheyAreSaved) {
  World world(42);
  write_all_kinds(world);
  world.peer(kStopped).shard().seal();
  const Saves saves = save(world.peer(kStopped));
  write(world, 1, world.key(kKeys + 1), OpKind::kSet);
  world.settle();
  start(world, saves);
  expect_as_counted(world);
}

TEST(SavedTrees, TheyAreComparedWithTheRecordsOnceWhileWritesGoOn) {
  World world(43);
  write_all_kinds(world);
  world.peer(kStopped).shard().seal();
  Peer& back = start(world, save(world.peer(kStopped)));
  ASSERT_TRUE(back.shard().copies().at(kPartition).tree.is_unchecked());
  for (uint64_t i = 0; i < 40; ++i) {
    write(world, 1, world.key(i * 25), i % 3 == 0 ? OpKind::kModify : OpKind::kSet);
    write(world, 1, world.key(2 * kKeys + i), OpKind::kSet, 10'000);
    world.pass_ms(5);
  }
  world.pass_ms(2000);
  EXPECT_EQ(back.shard().metrics().checked_copies, kPartitions);
  EXPECT_EQ(back.shard().metrics().mended_copies, 0U);
  EXPECT_FALSE(back.shard().needs_tick());
  expect_as_counted(world);
}

// Taken over from another time than the records, as no mark should allow: it is found and mended.
TEST(SavedTrees, AWrongOneIsBuiltAnewAndItsKeysCountedAnew) {
  World world(44);
  write_all_kinds(world);
  const Saves early = save(world.peer(kStopped));
  for (uint64_t i = 0; i < 30; ++i) {
    write(world, 1, world.key(kKeys + i), OpKind::kSet);
    write(world, 1, world.key(3 * i), OpKind::kSet);
  }
  world.settle();
  world.peer(kStopped).shard().seal();
  Peer& back = start(world, early);
  write(world, 1, world.key(5), OpKind::kSet);
  world.pass_ms(3000);
  EXPECT_EQ(back.shard().metrics().mended_copies, 1U);
  expect_as_counted(world);
  EXPECT_EQ(world.repair(1).keys_compared, 0U);
}

// A tree in doubt does not wait until the slow comparison of others is over.
TEST(SavedTrees, AComparisonMakesWayForTreesInDoubt) {
  World world(45);
  write_all_kinds(world);
  world.peer(kStopped).shard().seal();
  Peer& back = start(world, save(world.peer(kStopped)));
  world.pass_ms(10);
  ASSERT_TRUE(back.shard().copies().at(kPartition).tree.is_unchecked()) << "it is under way";
  back.shard().set_storage(StorageTrouble::kFailing);
  back.shard().set_storage(StorageTrouble::kNone);
  world.settle();
  EXPECT_LE(back.shard().metrics().checked_copies, 1U) << "an empty one came before";
  expect_as_counted(world);
}

// A copy whose tree is in doubt, or being counted anew, is left to the next start's reading.
TEST(SavedTrees, WhatIsNotKnownExactlyIsNotSaved) {
  World world(46);
  write_all_kinds(world);
  Peer& peer = world.peer(kStopped);
  peer.shard().copies().at(kPartition).tree.doubt();
  EXPECT_EQ(save(peer).count(kPartition), 0U);
  EXPECT_EQ(save(peer).size(), kPartitions - 1);
  peer.shard().found_corrupt(world.key(1));
  EXPECT_TRUE(save(peer).empty());
}

}  // namespace
}  // namespace kindred
