// Published failures of repair in stores of this kind, played here. Each names its source.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replication/causal/write.h"
#include "tests/unit/node/exchange_world.h"

namespace kindred {
namespace {

using exchange_test::kPartition;
using exchange_test::Peer;
using exchange_test::World;

State put(const State& on, Dot dot, std::string_view value) {
  State state = on;
  NewVersion version;
  version.dot = dot;
  version.value = Value::copied(value);
  apply_put(state, ClientContext{}, dot, &version);
  return state;
}

uint64_t exchanged_keys(World& world) {
  uint64_t keys = 0;
  for (auto& one : world.peers) {
    keys += one->shard().metrics().exchanged_keys;
  }
  return keys;
}

void run_cycle(World& world) {
  for (auto& one : world.peers) {
    one->shard().start_anti_entropy(world.now);
  }
  world.settle();
}

// A hinted handoff that fails is tried again, without a restart of the node that keeps the hints.
// In Riak a fallback could shut down after a failed handoff, and kept the data until it was started
// again (https://github.com/basho/riak_kv/issues/847).
TEST(RepairScenarios, AHandoffThatFailsIsTriedAgainUntilItIsThrough) {
  World world(1, /*nodes=*/3);
  Peer& keeper = world.peer(1);
  Peer& target = world.peer(3);
  keeper.shard().set_alive(3, false, world.now);
  const KeyRef key = world.key(1);
  Operation set;
  set.kind = OpKind::kSet;
  set.key = key;
  set.value = Value::borrowed("written meanwhile");
  keeper.shard().submit(1, set, world.now);
  world.settle();
  ASSERT_EQ(keeper.shard().hints().pending_count(), 1U);

  target.refuses_stores = true;
  const auto come_back = [&] {
    keeper.shard().set_alive(3, true, world.now);
    world.settle();
    keeper.shard().set_alive(3, false, world.now);  // and lost again half way
    world.settle();
  };
  for (int attempt = 0; attempt < 20; ++attempt) {
    world.now.mono_us += 1'000'000;
    come_back();
    ASSERT_EQ(keeper.shard().hints().pending_count(), 1U) << "kept until it is stored there";
  }
  target.refuses_stores = false;
  keeper.shard().set_alive(3, true, world.now);
  for (int second = 0; second < 11 && keeper.shard().hints().pending_count() > 0; ++second) {
    world.now.mono_us += 1'000'000;
    world.settle();
  }
  EXPECT_EQ(keeper.shard().hints().pending_count(), 0U);
  EXPECT_EQ(keeper.shard().hints().counts().delivered, 1U);
  std::string stored;
  encode_stored_key(key, &stored);
  EXPECT_EQ(target.engine()[stored], world.peer(2).engine()[stored]);
}

// A tree that does not tell what its copy holds is found out and built anew, at whichever of the
// two nodes it is: keys that don't differ aren't compared for ever. In Riak they were
// (https://github.com/basho/riak_kv/pull/473).
TEST(RepairScenarios, ATreeThatIsWrongIsBuiltAnewNotRepairedForEver) {
  for (const NodeId wrong : {NodeId{1}, NodeId{2}}) {
    World world(2);
    for (uint64_t i = 0; i < 200; ++i) {
      for (auto& one : world.peers) {
        one->hold(world.key(i), world.state(1, 1'600'000'000'000 + i, "v"), world.now);
      }
    }
    const KeyRef key = world.key(7);
    CopyTree& tree = world.peer(wrong).shard().copies().at(kPartition).tree;
    tree.change({key.slot, key.hash}, 0x5eed, 0xbad);
    for (int cycle = 0; cycle < 6; ++cycle) {
      run_cycle(world);
    }
    EXPECT_GT(exchanged_keys(world), 0U);
    EXPECT_EQ(world.peer(1).tree().root(), world.peer(2).tree().root());
    const uint64_t compared = exchanged_keys(world);
    run_cycle(world);
    run_cycle(world);
    EXPECT_EQ(exchanged_keys(world), compared) << "quiet from now on";
    for (auto& one : world.peers) {
      EXPECT_EQ(one->stores, 0U) << "nothing ever differed";
      EXPECT_EQ(one->shard().metrics().exchange_repairs, 0U);
    }
  }
}

// Equal states have equal digests, by whatever way each copy came to its own. In Riak two equal
// objects could hash to different values, as their metadata had no canonical order, and were
// repaired for ever (https://github.com/basho/riak_kv/issues/1189).
TEST(RepairScenarios, StatesThatBecameEqualOnDifferentWaysDontDiffer) {
  World world(3);
  const State first = put(State{}, {stamp_at_ms(1'600'000'000'001), 11}, "one");
  const State second = put(State{}, {stamp_at_ms(1'600'000'000'002), 12}, "two");
  const State third = put(State{}, {stamp_at_ms(1'600'000'000'003), 13}, "three");
  const State after = put(second, {stamp_at_ms(1'600'000'000'004), 12}, "four");
  const State here = merge(merge(first, second), merge(third, after));
  const State there = merge(merge(after, third), merge(second, first));
  ASSERT_EQ(here.siblings.size(), 4U);
  world.peer(1).hold(world.key(1), here, world.now);
  world.peer(2).hold(world.key(1), there, world.now);
  EXPECT_EQ(world.peer(1).engine(), world.peer(2).engine());
  world.messages = 0;
  const RepairReport report = world.repair(1);
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(report.keys_compared, 0U);
  EXPECT_EQ(world.messages, 2U);
}

}  // namespace
}  // namespace kindred
