// Exchanges between the shards of whole nodes.
#include "tests/unit/node/exchange_world.h"

namespace kindred::exchange_test {
namespace {

/// `keys` alike on all nodes, then `differing` of them written at some and not at others.
void fill(World& world, uint64_t keys, uint64_t differing) {
  for (uint64_t i = 0; i < keys; ++i) {
    const KeyRef key = world.key(i);
    const State state = world.state(1 + i % 3, 1'600'000'000'000 + i, "value");
    for (auto& one : world.peers) {
      one->hold(key, state, world.now);
    }
  }
  for (uint64_t i = 0; i < differing; ++i) {
    Replicate write;
    write.step = 1;
    write.key = world.key(world.random() % (keys + keys / 3 + 1));
    std::string record;
    encode_record(write.key, world.state(world.random(), 1'650'000'000'000 + i, "newer"), &record);
    write.record = record;
    Peer& one = world.peer(1 + world.random() % world.peers.size());
    one.shard().receive(9, write, world.now);
  }
  world.settle();
}

void expect_equal(World& world) {
  for (auto& one : world.peers) {
    EXPECT_EQ(one->engine(), world.peer(1).engine());
    EXPECT_EQ(one->tree().root(), world.peer(1).tree().root());
    EXPECT_EQ(one->tree().keys(), one->engine().size());
  }
}

TEST(Exchange, MakesTwoCopiesEqualWhateverDiffers) {
  for (uint64_t prng_seed = 1; prng_seed <= 60; ++prng_seed) {
    World world(prng_seed);
    world.pending_loads_of_100 = prng_seed % 3 == 0 ? 30 : 0;
    const uint64_t keys = world.random() % 600;
    fill(world, keys, world.random() % (keys + 1));
    const RepairReport report = world.repair(1 + prng_seed % 2);
    EXPECT_TRUE(report.ok) << prng_seed;
    EXPECT_EQ(report.exchanges, 1U);
    expect_equal(world);
    const RepairReport again = world.repair(2 - prng_seed % 2);
    EXPECT_TRUE(again.ok);
    EXPECT_EQ(again.keys_compared, 0U) << "nothing is left to compare";
    EXPECT_EQ(again.keys_repaired, 0U);
  }
}

TEST(Exchange, OfEqualCopiesIsOneQuestion) {
  World world(1);
  fill(world, 300, 0);
  world.messages = 0;
  const RepairReport report = world.repair(1);
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(world.messages, 2U);
  EXPECT_EQ(report.keys_compared, 0U);
}

TEST(Exchange, FillsAnEmptyCopyFromEitherSide) {
  for (const NodeId asking : {1, 2}) {
    World world(3);
    for (uint64_t i = 0; i < 3000; ++i) {
      world.peer(1).hold(world.key(i), world.state(1, 1'600'000'000'000 + i, "v"), world.now);
    }
    world.settle();
    const RepairReport report = world.repair(asking);
    EXPECT_TRUE(report.ok);
    EXPECT_EQ(report.keys_repaired, 3000U);
    EXPECT_GT(report.bytes, world.bytes * 2 / 3);
    EXPECT_LT(report.bytes, world.bytes * 3 / 2);
    expect_equal(world);
  }
}

TEST(Exchange, CostsInProportionToWhatDiffers) {
  uint64_t bytes_of_ten = 0;
  for (const uint64_t differing : {10U, 100U}) {
    World world(4);
    fill(world, 20'000, differing);
    world.bytes = 0;
    const RepairReport report = world.repair(1);
    expect_equal(world);
    EXPECT_LE(report.keys_repaired, differing);
    EXPECT_LE(report.keys_compared, differing * 40);
    EXPECT_LE(world.bytes, differing * 2500);
    EXPECT_GT(report.bytes, world.bytes * 2 / 3) << "counted about as they are";
    EXPECT_LT(report.bytes, world.bytes * 3 / 2);
    bytes_of_ten = bytes_of_ten == 0 ? world.bytes : bytes_of_ten;
    EXPECT_LT(world.bytes, bytes_of_ten * 20);
  }
}

TEST(Exchange, OfOneKeyWrittenOnBothSidesKeepsBothVersions) {
  World world(5);
  const KeyRef key = world.key(1);
  world.peer(1).hold(key, world.state(1, 1'600'000'000'001, "one"), world.now);
  world.peer(2).hold(key, world.state(2, 1'600'000'000'002, "two"), world.now);
  EXPECT_EQ(world.repair(1).keys_repaired, 1U);
  expect_equal(world);
  State state;
  ASSERT_TRUE(decode_record(key, world.peer(1).engine().begin()->second, &state));
  EXPECT_EQ(state.siblings.size(), 2U);
}

TEST(AntiEntropy, ARepairThatIsAskedForComparesAnewBesideARunningExchange) {
  World world(6);
  fill(world, 100, 0);
  Shard& asking = world.peer(1).shard();
  asking.repair(kPartition, 100, world.now);  // has asked for the root by now
  asking.repair(kPartition, 101, world.now);
  world.settle();
  EXPECT_EQ(world.peer(1).reports.at(100).exchanges, 1U);
  EXPECT_EQ(world.peer(1).reports.at(101).exchanges, 1U);
  EXPECT_EQ(asking.metrics().exchanges, 2U);
}

TEST(Exchange, EndsWithoutHarmWhereMessagesAreLost) {
  World world(6);
  fill(world, 500, 200);
  world.loses_answers = true;
  world.peer(1).shard().repair(kPartition, 100, world.now);
  world.settle();
  world.now.mono_us += 6'000'000;
  world.settle();
  ASSERT_EQ(world.peer(1).reports.size(), 1U);
  EXPECT_FALSE(world.peer(1).reports.at(100).ok);
  EXPECT_FALSE(world.peer(1).shard().needs_tick());
  world.loses_answers = false;
  EXPECT_TRUE(world.repair(1).ok);
  expect_equal(world);
}

TEST(Exchange, FailsWhereTheEngineRefuses) {
  World world(7);
  fill(world, 100, 50);
  world.peer(1).refuses_stores = true;
  EXPECT_FALSE(world.repair(1).ok);
  world.peer(1).refuses_stores = false;
  EXPECT_TRUE(world.repair(1).ok);
  expect_equal(world);
}

TEST(Exchange, ComparesOnlyUnderTheSameFlush) {
  World world(8);
  fill(world, 20, 5);
  world.install_at(world.peer(2), stamp_at_ms(1'640'000'000'000));
  EXPECT_FALSE(world.repair(1).ok);
  EXPECT_EQ(world.repair(1).keys_compared, 0U);
}

TEST(Exchange, WithADownOwnerFailsAtOnce) {
  World world(9, 3);
  fill(world, 50, 20);
  world.peer(1).shard().set_alive(3, false, world.now);
  const RepairReport report = world.repair(1);
  EXPECT_FALSE(report.ok);
  EXPECT_EQ(report.exchanges, 1U);
}

TEST(AntiEntropy, AllRootsAreComparedAtOnceButFewExchangesGoOn) {
  World world(11, 3);
  for (uint64_t i = 0; i < 400; ++i) {  // of all partitions, each at one node alone
    std::string name = "any:" + std::to_string(i);
    const KeyRef key = make_key(name, kPartitions);
    world.peer(1 + i % 3).hold(key, world.state(1, 1'600'000'000'000 + i, "v"), world.now);
  }
  world.settle();
  int64_t roots = 0;
  int64_t roots_most = 0;
  int64_t listings = 0;
  int64_t listings_most = 0;
  world.observe = [&](NodeId from, const Message& message) {
    const auto* question = std::get_if<TreeFetch>(&message);
    roots += from == 1 && question != nullptr && question->level == 0 ? 1 : 0;
    listings += from == 1 && std::holds_alternative<KeyDigestsFetch>(message) ? 1 : 0;
    roots -= from != 1 && std::holds_alternative<TreeReply>(message) ? 1 : 0;
    listings -= from != 1 && std::holds_alternative<KeyDigestsReply>(message) ? 1 : 0;
    roots_most = std::max(roots_most, roots);
    listings_most = std::max(listings_most, listings);
  };
  for (uint16_t partition = 0; partition < kPartitions; ++partition) {
    world.peer(1).shard().repair(partition, partition, world.now);
  }
  EXPECT_EQ(roots_most, 2 * int64_t{kPartitions});
  world.settle();
  EXPECT_EQ(listings_most, 4);
  for (uint16_t partition = 0; partition < kPartitions; ++partition) {
    EXPECT_TRUE(world.peer(1).reports.at(partition).ok);
  }
  EXPECT_EQ(world.peer(1).engine().size(), 400U);
  EXPECT_FALSE(world.peer(1).shard().needs_tick());
}

TEST(AntiEntropy, CyclesMakeAllOwnersEqualAndThenRepairNothing) {
  World world(10, 3);
  fill(world, 400, 150);
  auto cycle = [&world] {
    for (auto& one : world.peers) {
      one->shard().start_anti_entropy(world.now);
    }
    world.settle();
  };
  cycle();
  cycle();
  expect_equal(world);
  uint64_t exchanges = 0;
  uint64_t repairs = 0;
  auto count = [&] {
    exchanges = 0;
    repairs = 0;
    for (auto& one : world.peers) {
      exchanges += one->shard().metrics().exchanges;
      repairs += one->shard().metrics().exchange_repairs;
      EXPECT_FALSE(one->shard().needs_tick());
    }
  };
  count();
  const uint64_t repairs_before = repairs;
  EXPECT_GT(repairs_before, 0U);
  EXPECT_EQ(exchanges, 2U * 3 * kPartitions) << "each pair once a cycle";
  cycle();
  cycle();
  count();
  EXPECT_EQ(repairs, repairs_before) << "quiet cycles repair nothing";
  EXPECT_EQ(exchanges, 4U * 3 * kPartitions);
}

}  // namespace
}  // namespace kindred::exchange_test
