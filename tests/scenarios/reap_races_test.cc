// Reap rounds against what else goes on at the same time: late messages, restarts, cuts, damaged
// records, clocks that differ (docs/design/reaping.md).

#include <gtest/gtest.h>

#include <memory>
#include <string>
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

State old_value(World& world, uint64_t ms = kLongAgoMs) {
  return world.state(5, ms, "deleted long ago");
}
State tombstone(World& world, uint64_t ms = kLongAgoMs) {
  State state = old_value(world, ms);
  apply_register(state, {stamp_at_ms(ms + 1), 6}, nullptr);  // DEL
  EXPECT_TRUE(state.siblings.empty());
  return state;
}
const RoundMark& mark(World& world, NodeId id) {
  return world.peer(id).shard().copies().at(kPartition).mark;
}
void configure(World& world, uint64_t grace_ms, bool sloppy, uint8_t write = 2) {
  for (auto& one : world.peers) {
    ShardConfig config;
    config.tombstone_grace_ms = grace_ms;
    config.quorum.is_sloppy = sloppy;
    config.quorum.write = write;
    one->shard().set_config(config);
  }
}
Operation set_of(const KeyRef& key, std::string_view value) {
  Operation set;
  set.kind = OpKind::kSet;
  set.key = key;
  set.value = Value::borrowed(value);
  return set;
}
auto lose_commits_to_others = [](NodeId, NodeId, const Message& message) {
  const auto* call = std::get_if<RoundCall>(&message);
  return call != nullptr && call->part == RoundPart::kCommit;
};

// A tombstone that one owner still has hides a SET that two others acknowledged after it went.
TEST(ReapRaces, AnAckedSetIsNotHiddenByATombstoneThatWasReaped) {
  World world(21, 3);
  configure(world, /*grace_ms=*/50, false);
  const KeyRef key = world.key(1);
  const uint64_t deleted_ms = world.now.cluster_ms - 100;
  hold_everywhere(world, key, tombstone(world, deleted_ms));
  // The commit does not reach node 3: it is down by then.
  world.drops = [](NodeId, NodeId to, const Message& message) {
    const auto* call = std::get_if<RoundCall>(&message);
    return call != nullptr && call->part == RoundPart::kCommit && to == 3;
  };
  reap(world);
  world.drops = nullptr;
  ASSERT_TRUE(held(world.peer(1), key).never_written());
  ASSERT_TRUE(held(world.peer(2), key).never_written());
  ASSERT_FALSE(held(world.peer(3), key).never_written());
  world.peer(1).shard().set_alive(3, false, world.now);
  world.peer(2).shard().set_alive(3, false, world.now);
  // Node 2's clock is 300 ms behind node 1's, and it was started after the reap.
  Now slow = world.now;
  slow.cluster_ms -= 300;
  const KeyRef mark_key = KeyRef::round_mark(kPartition, kPartitions);
  const State kept = held(world.peer(2), mark_key);
  world.peers[1] = std::make_unique<Peer>(world, 2);
  world.install_at(world.peer(2), 1);
  configure(world, 50, false);
  world.peer(2).hold(mark_key, kept, world.now);
  world.peer(2).shard().set_alive(3, false, world.now);
  world.peer(2).shard().submit(1, set_of(key, "acknowledged"), slow);
  world.settle();
  ASSERT_EQ(world.peer(2).outcomes.at(1).code, OutcomeCode::kOk);
  ASSERT_EQ(held(world.peer(1), key).siblings.size(), 1U);
  ASSERT_EQ(held(world.peer(2), key).siblings.size(), 1U);
  world.peer(1).shard().set_alive(3, true, world.now);
  world.peer(2).shard().set_alive(3, true, world.now);
  world.settle();
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_EQ(held(world.peer(id), key).siblings.size(), 1U) << "lost at node " << id;
  }
}

void install_members(World& world, Peer& one, uint64_t epoch, NodeId members) {
  auto document = std::make_shared<ClusterDocument>();
  document->epoch = epoch;
  document->flush_stamp = 1;
  std::vector<NodeId> flat;
  for (NodeId id = 1; id <= members; ++id) {
    Member member;
    member.id = id;
    member.name = std::to_string(id);
    document->members.push_back(member);
  }
  for (uint32_t p = 0; p < kPartitions; ++p) {
    flat.insert(flat.end(), {1, 2, 3});
  }
  document->replicas = 3;
  document->ring = Ring::make(kPartitions, 3, 3, flat).value();
  one.shard().set_cluster(document, CopyState::kWhole, world.now);
}

// A fallback that was told an old round makes hints that the owners refuse, and drops them.
TEST(ReapRaces, AHintWrittenAfterARoundIsNotDroppedUndelivered) {
  World world(22, 3);
  const KeyRef key = world.key(1);
  const KeyRef fresh = world.key(2);
  hold_everywhere(world, key, tombstone(world));
  world.drops = lose_commits_to_others;  // on their way
  reap(world);
  ASSERT_NE(mark(world, 1).round, 0U);
  ASSERT_EQ(mark(world, 2).round, 0U);
  // Nodes 4 and 5 join just then, and ask an owner that has not heard of the decision.
  for (NodeId id = 4; id <= 5; ++id) {
    world.peers.push_back(std::make_unique<Peer>(world, id));
  }
  for (NodeId id = 1; id <= 5; ++id) {
    install_members(world, world.peer(id), 2, 5);
  }
  configure(world, 86'400'000, /*sloppy=*/true);
  for (NodeId id = 4; id <= 5; ++id) {
    world.peer(id).shard().set_alive(4, true, world.now);
    world.peer(id).shard().set_alive(5, true, world.now);
    world.peer(id).shard().set_alive(2, true, world.now);
    world.peer(id).shard().set_alive(3, true, world.now);
  }
  world.settle();
  ASSERT_TRUE(world.peer(4).shard().copies().at(kPartition).knows_round);
  ASSERT_TRUE(world.peer(5).shard().copies().at(kPartition).knows_round);
  world.drops = nullptr;
  world.peer(1).shard().submit(9, set_of(world.key(3), "another"), world.now);
  world.settle();  // the owners hear of it
  ASSERT_NE(mark(world, 2).round, 0U);
  ASSERT_NE(mark(world, 3).round, 0U);
  // A cut: 4 and 5 see no owner. A client writes there, and is answered.
  for (NodeId id = 4; id <= 5; ++id) {
    for (NodeId owner = 1; owner <= 3; ++owner) {
      world.peer(id).shard().set_alive(owner, false, world.now);
    }
  }
  world.peer(5).shard().submit(1, set_of(fresh, "acknowledged"), world.now);
  world.settle();
  ASSERT_EQ(world.peer(5).outcomes.at(1).code, OutcomeCode::kOk);
  ASSERT_NE(
      world.peer(4).shard().hints().pending_count() + world.peer(5).shard().hints().pending_count(),
      0U);
  for (NodeId id = 1; id <= 5; ++id) {
    for (NodeId other = 1; other <= 5; ++other) {
      world.peer(id).shard().set_alive(other, true, world.now);
    }
  }
  for (int i = 0; i < 20; ++i) {
    world.settle();
  }
  exchange(world);
  bool anywhere = false;
  for (NodeId id = 1; id <= 3; ++id) {
    anywhere = anywhere || !held(world.peer(id), fresh).siblings.empty();
  }
  EXPECT_TRUE(anywhere) << "the acknowledged write is nowhere";
}

// A vote of a call that the driver's earlier life made passes for one to this life's.
TEST(ReapRaces, ALateVoteOfAnEarlierLifeDoesNotCount) {
  World world(23, 3);
  const KeyRef first = world.key(1);
  const KeyRef second = world.key(2);
  hold_everywhere(world, first, tombstone(world));
  hold_everywhere(world, second, tombstone(world));
  std::vector<std::pair<RoundReply, std::string>> late;
  world.drops = [&](NodeId from, NodeId to, const Message& message) {
    const auto* reply = std::get_if<RoundReply>(&message);
    if (reply != nullptr && from == 3 && to == 1 && !reply->agreed.empty() && late.empty()) {
      late.emplace_back(*reply, std::string(reply->agreed));
      return true;  // slow
    }
    return false;
  };
  reap(world);
  ASSERT_EQ(late.size(), 1U);
  // The driver starts again. Meanwhile the two keys lived, and were deleted again; node 3 has
  // missed that of the second.
  State born = tombstone(world);
  NewVersion version;
  version.dot = {stamp_at_ms(kLongAgoMs + 10), 6};
  version.value = Value::copied("second life");
  apply_register(born, version.dot, &version);
  State again = born;
  apply_register(again, {stamp_at_ms(kLongAgoMs + 20), 6}, nullptr);
  for (NodeId id = 1; id <= 3; ++id) {
    const KeyRef mark_key = KeyRef::round_mark(kPartition, kPartitions);
    const State kept = held(world.peer(id), mark_key);
    world.peers[id - 1] = std::make_unique<Peer>(world, id);
    world.install_at(world.peer(id), 1);
    if (!kept.never_written()) {
      world.peer(id).hold(mark_key, kept, world.now);
    }
    world.peer(id).hold(first, again, world.now);
    world.peer(id).hold(second, id == 3 ? born : again, world.now);
  }
  bool is_played = false;
  world.drops = [&](NodeId from, NodeId to, const Message& message) {
    const auto* reply = std::get_if<RoundReply>(&message);
    if (reply != nullptr && from == 3 && to == 1 && !is_played) {
      is_played = true;
      RoundReply old = late[0].first;
      old.agreed = late[0].second;
      world.peer(1).shard().receive(3, old, world.now);
    }
    return false;
  };
  reap(world);
  world.drops = nullptr;
  EXPECT_TRUE(is_played);
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(held(world.peer(id), second).siblings.empty()) << "back at node " << id;
  }
}

// A round far ahead of any clock, in one message to each owner.
TEST(ReapRaces, ARoundFarAheadEmptiesNoCopy) {
  World world(24, 3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, old_value(world));
  std::string record;
  encode_record(key, old_value(world), &record);
  Replicate flipped;
  flipped.id = 77;
  flipped.rounds = {Round{1} << 63, Round{1} << 63};
  flipped.step = world.peer(1).shard().cluster().step(kPartition);
  flipped.key = world.key(3);
  flipped.record = record;
  for (NodeId id = 1; id <= 3; ++id) {
    world.peer(id).shard().receive(id % 3 + 1, flipped, world.now);
  }
  world.settle();
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(held(world.peer(id), key).siblings.empty()) << "gone at node " << id;
  }
}

/// Nodes 2 and 3 come back with directories from before a round, see nobody else, and acknowledge a
/// write to `fresh`; then all are in reach again.
void write_at_copies_put_back(World& world, const KeyRef& fresh, uint64_t hint_bytes_max) {
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  reap(world);
  for (NodeId id = 2; id <= 3; ++id) {
    world.peers[id - 1] = std::make_unique<Peer>(world, id);
    world.install_at(world.peer(id), 1);
    world.peer(id).shard().set_alive(1, false, world.now);
    world.peer(1).shard().set_alive(id, false, world.now);
    world.peer(id).hold(key, old_value(world), world.now);
  }
  for (auto& one : world.peers) {
    ShardConfig config;
    config.hint_bytes_max = hint_bytes_max;
    one->shard().set_config(config);
  }
  world.now.cluster_ms += 1000;  // the round was a moment ago
  world.peer(2).shard().submit(1, set_of(fresh, "acknowledged"), world.now);
  world.settle();
  ASSERT_EQ(world.peer(2).outcomes.at(1).code, OutcomeCode::kOk);
  for (NodeId id = 1; id <= 3; ++id) {
    for (NodeId other = 1; other <= 3; ++other) {
      world.peer(id).shard().set_alive(other, true, world.now);
    }
  }
  world.settle();
}

// They are emptied, but not of that.
TEST(ReapRaces, WhatCopiesThatWerePutBackAcknowledgeIsKept) {
  World world(25, 3);
  const KeyRef fresh = world.key(2);
  write_at_copies_put_back(world, fresh, /*hint_bytes_max=*/0);
  world.pass_ms(5000);  // they fill, and build their trees anew
  exchange(world);
  world.pass_ms(5000);
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_FALSE(held(world.peer(id), fresh).siblings.empty()) << "lost at node " << id;
    EXPECT_TRUE(held(world.peer(id), world.key(1)).siblings.empty()) << "back at node " << id;
  }
}

// Nor does the hint go that node 2 made for node 1, though node 1 refuses it as it is.
TEST(ReapRaces, AHintOfACopyThatWasPutBackIsDeliveredIfItIsNewer) {
  World world(25, 3);
  const KeyRef fresh = world.key(2);
  write_at_copies_put_back(world, fresh, ShardConfig{}.hint_bytes_max);
  world.pass_ms(1000);
  EXPECT_FALSE(held(world.peer(1), fresh).siblings.empty());
  EXPECT_EQ(world.peer(2).shard().hints().pending_count(), 0U);
  EXPECT_EQ(world.peer(2).shard().hints().counts().delivered, 1U);
}

// The tombstone's record is found damaged between this owner's vote and the commit.
TEST(ReapRaces, ACopyThatPutsATombstoneAsideAfterItsVoteVouchesForNothing) {
  World world(26, 3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  world.drops = [](NodeId, NodeId to, const Message& message) {
    const auto* call = std::get_if<RoundCall>(&message);
    return call != nullptr && call->part == RoundPart::kCommit && to == 3;
  };
  reap(world);
  world.drops = nullptr;
  ASSERT_NE(mark(world, 3).clean, 0U);
  ASSERT_EQ(mark(world, 3).round, 0U);
  world.peer(3).engine().erase(stored_name(key));  // put aside
  world.peer(3).shard().found_corrupt(key);
  std::string record;
  encode_record(key, old_value(world), &record);
  Replicate late;  // sent by one that had not voted yet
  late.id = 77;
  late.step = world.peer(3).shard().cluster().step(kPartition);
  late.key = key;
  late.record = record;
  world.peer(3).shard().receive(2, late, world.now);
  world.settle();
  exchange(world);
  ASSERT_EQ(world.peer(3).shard().copies().at(kPartition).state, CopyState::kWhole);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(held(world.peer(id), key).siblings.empty()) << "back at node " << id;
  }
}

// Who owns no copy of the partition drives none of its rounds.
TEST(ReapRaces, AStrangersCommitReapsNothing) {
  World world(30, /*nodes=*/4, /*copies=*/3);
  const KeyRef key = world.key(1);
  const State deleted = tombstone(world);
  hold_everywhere(world, key, deleted);
  RoundCall commit;
  commit.id = 1;
  commit.part = RoundPart::kCommit;
  commit.step = world.peer(1).shard().cluster().step(kPartition);
  commit.partition = kPartition;
  commit.round = stamp_at_ms(world.now.cluster_ms);
  const ReapItem items[] = {{key, tree_digest(deleted), true}};
  commit.items = items;
  for (NodeId id = 1; id <= 3; ++id) {
    world.peer(id).shard().receive(4, commit, world.now);
  }
  world.settle();
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_EQ(mark(world, id).round, 0U);
    EXPECT_EQ(world.peer(id).shard().copies().at(kPartition).state, CopyState::kWhole);
    EXPECT_FALSE(held(world.peer(id), key).never_written()) << "gone at node " << id;
  }
}

// tombstone-grace-ms is lowered.
TEST(ReapRaces, AShorterGraceHoldsAtOnce) {
  World world(27, 3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world, world.now.cluster_ms - 10'000));
  reap(world);
  EXPECT_FALSE(held(world.peer(1), key).never_written());
  configure(world, /*grace_ms=*/0, false);
  world.now.cluster_ms += 60'000;
  reap(world);
  EXPECT_TRUE(held(world.peer(1), key).never_written());
  EXPECT_EQ(world.peer(1).shard().metrics().reap_waiting, 0U);
}

// A page is asked for before the commit, and read after it.
TEST(ReapRaces, APageReadBehindACommitDoesNotMakeACopyClean) {
  World world(28, 3);
  configure(world, 1000, false, /*write=*/3);  // one source is enough for a fill
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  Round round = 0;
  Digest item_digest = 0;
  world.drops = [&](NodeId, NodeId, const Message& message) {
    const auto* call = std::get_if<RoundCall>(&message);
    if (call != nullptr && call->part == RoundPart::kCommit) {
      round = call->round;
      item_digest = call->items.front().digest;
      return true;
    }
    return false;
  };
  reap(world);
  ASSERT_NE(round, 0U);
  world.peer(3).shard().set_alive(1, false, world.now);
  bool is_done = false;
  world.drops = [&](NodeId from, NodeId to, const Message& message) {
    const auto* range = std::get_if<FetchRange>(&message);
    if (range != nullptr && from == 3 && to == 2 && range->partition == kPartition && !is_done) {
      is_done = true;
      world.later([&] {
        world.later([&] {
          RoundCall commit;
          commit.id = 1;
          commit.part = RoundPart::kCommit;
          commit.partition = kPartition;
          commit.round = round;
          const ReapItem items[] = {{key, item_digest, true}};
          commit.items = items;
          world.peer(2).shard().receive(1, commit, world.now);
        });
      });
    }
    return false;
  };
  // durability none: the engine refuses the tombstone behind node 3's back, after its vote.
  const State shown = old_value(world);
  encode_record(key, shown, &world.peer(3).engine()[stored_name(key)]);
  world.peer(3).shard().lost(key, true, tombstone(world), &shown, world.now);
  world.settle();
  ASSERT_TRUE(is_done);
  world.drops = nullptr;
  world.peer(3).shard().set_alive(1, true, world.now);
  world.settle();
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(held(world.peer(id), key).siblings.empty()) << "back at node " << id;
  }
}

// An owner that missed the commit gives the tombstone back to the others.
TEST(ReapRaces, AnOwnerThatMissedTheCommitIsToldAgain) {
  World world(29, 3);
  const KeyRef key = world.key(1);
  hold_everywhere(world, key, tombstone(world));
  int told = 0;
  world.drops = [&](NodeId, NodeId to, const Message& message) {
    const auto* call = std::get_if<RoundCall>(&message);
    return call != nullptr && call->part == RoundPart::kCommit && to == 3 && ++told <= 2;
  };
  reap(world);
  world.pass_ms(1000);
  EXPECT_EQ(told, 3);
  EXPECT_NE(mark(world, 3).round, 0U);
  exchange(world);
  for (NodeId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(held(world.peer(id), key).never_written()) << "at node " << id;
  }
}

}  // namespace
}  // namespace kindred
