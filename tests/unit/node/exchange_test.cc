// Exchanges between the shards of whole nodes, over engines that are maps.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <random>

#include "protocol/peer/frame_builder.h"
#include "protocol/peer/message_reader.h"
#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "replication/node/shard.h"

namespace kindred {
namespace {

constexpr uint32_t kPartitions = 4;
constexpr uint16_t kPartition = 1;

class World;

/// A node with one shard. Storage answers in its own time, after the step.
class Peer final : public ShardPorts {
 public:
  Peer(World& world, NodeId id) : world_(world), id_(id), shard_(ShardConfig{}, id, *this) {}

  Shard& shard() { return shard_; }
  const MerkleTree& tree() { return shard_.copies().at(kPartition).tree.tree(); }
  std::map<std::string, std::string>& engine() { return engine_; }
  /// What was in the engine before the node started.
  void hold(const KeyRef& key, const State& state, Now now) {
    std::string stored;
    encode_stored_key(key, &stored);
    encode_record(key, state, &engine_[stored]);
    EXPECT_TRUE(shard_.count_existing(key, state, now));
  }

  std::string_view encode(const KeyRef& key, const State& state) override {
    encode_record(key, state, &record_);
    return record_;
  }
  bool decode(const KeyRef& key, std::string_view record, State* state) override {
    return decode_record(key, record, state);
  }
  LoadStatus try_load(const KeyRef& key, State* state) override;
  void load(const KeyRef& key, StoreToken token) override;
  StoreStatus store(const KeyRef& key, std::string_view record, Durability, StoreToken) override {
    std::string stored;
    encode_stored_key(key, &stored);
    if (refuses_stores) {
      return StoreStatus::kFailed;
    }
    ++stores;
    engine_[stored] = record;
    return StoreStatus::kDone;
  }
  void read_range(const FetchRange& range, StoreToken token) override;
  void quarantine(const KeyRef&) override {}
  void send(NodeId to, const Message& message) override;
  void reply(ClientToken, Outcome&&) override {}
  void reply_scan(ClientToken, ScanPage&&) override {}
  void reply_repair(RepairToken token, const RepairReport& report) override {
    EXPECT_TRUE(reports.emplace(token, report).second);
  }
  void document_wanted(NodeId) override {}
  void copies_changed() override {}
  uint64_t random() override { return id_ * 1'000'000 + ++randoms_; }

  std::map<RepairToken, RepairReport> reports;
  bool refuses_stores = false;
  uint64_t stores = 0;

 private:
  World& world_;
  const NodeId id_;
  std::map<std::string, std::string> engine_;
  std::string record_;
  uint64_t randoms_ = 0;
  Shard shard_;
};

/// Nodes 1..3, which hold all partitions each; messages pass through their bytes.
class World {
 public:
  explicit World(uint64_t prng_seed, uint32_t nodes = 2) : random(prng_seed) {
    for (NodeId id = 1; id <= nodes; ++id) {
      peers.push_back(std::make_unique<Peer>(*this, id));
    }
    install(1);
  }

  void install(Stamp flush_stamp) {
    for (auto& one : peers) {
      install_at(*one, flush_stamp);
    }
  }
  void install_at(Peer& one, Stamp flush_stamp) {
    auto document = std::make_shared<ClusterDocument>();
    document->epoch = 1;
    document->flush_stamp = flush_stamp;
    std::vector<NodeId> flat;
    for (NodeId id = 1; id <= peers.size(); ++id) {
      Member member;
      member.id = id;
      member.name = std::to_string(id);
      document->members.push_back(member);
    }
    const auto copies = static_cast<uint32_t>(peers.size());
    for (uint32_t p = 0; p < kPartitions; ++p) {
      for (NodeId id = 1; id <= copies; ++id) {
        flat.push_back(id);
      }
    }
    document->replicas = copies;
    document->ring = Ring::make(kPartitions, copies, copies, flat).value();
    one.shard().set_cluster(document, CopyState::kWhole, now);
    for (NodeId id = 1; id <= peers.size(); ++id) {
      one.shard().set_alive(id, true, now);
    }
  }

  Peer& peer(NodeId id) { return *peers[id - 1]; }
  void later(std::function<void()> what) { events.push_back(std::move(what)); }
  /// Until nothing is under way.
  void settle() {
    for (int quiet = 0; quiet < 3;) {
      quiet = events.empty() ? quiet + 1 : 0;
      while (!events.empty()) {
        const auto event = std::move(events.front());
        events.pop_front();
        event();
      }
      now.mono_us += Shard::kTickMs * 1000;
      for (auto& one : peers) {
        one->shard().tick(now);
      }
    }
  }
  RepairReport repair(NodeId id) {
    peer(id).shard().repair(kPartition, ++tokens, now);
    settle();
    return peer(id).reports.at(tokens);
  }

  /// A key of kPartition.
  KeyRef key(uint64_t number) {
    for (uint64_t i = 0;; ++i) {
      std::string& name = names[number];
      name = "k" + std::to_string(number) + (i == 0 ? "" : "-" + std::to_string(i));
      const KeyRef made = make_key(name, kPartitions);
      if (made.partition == kPartition) {
        return made;
      }
    }
  }
  State state(uint64_t actor, uint64_t ms, std::string_view value) {
    State made;
    NewVersion version;
    version.dot = {stamp_at_ms(ms), actor};
    version.value = Value::copied(value);
    apply_put(made, ClientContext{}, version.dot, &version);
    return made;
  }

  std::mt19937_64 random;
  std::vector<std::unique_ptr<Peer>> peers;
  std::deque<std::function<void()>> events;
  std::map<uint64_t, std::string> names;
  Now now{1'000'000, 1'700'000'000'000};
  RepairToken tokens = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t pending_loads_of_100 = 0;
  bool loses_answers = false;
};

LoadStatus Peer::try_load(const KeyRef& key, State* state) {
  if (world_.random() % 100 < world_.pending_loads_of_100) {
    return LoadStatus::kPending;
  }
  std::string stored;
  encode_stored_key(key, &stored);
  const auto place = engine_.find(stored);
  const bool is_sound =
      decode_record(key, place == engine_.end() ? std::string_view() : place->second, state);
  return is_sound ? LoadStatus::kLoaded : LoadStatus::kCorrupt;
}

void Peer::load(const KeyRef& key, StoreToken token) {
  std::string stored;
  encode_stored_key(key, &stored);
  world_.later([this, stored, token] {
    KeyRef loaded;
    ASSERT_TRUE(decode_stored_key(stored, kPartitions, &loaded));
    const std::string record = engine_[stored];
    State state;
    ASSERT_TRUE(decode_record(loaded, record, &state));
    shard_.loaded(token, LoadStatus::kLoaded, state, world_.now);
  });
}

void Peer::read_range(const FetchRange& range, StoreToken token) {
  const StoredKeyRange bounds = fetch_range(range, kPartitions);
  world_.later([this, bounds, token, entries_max = range.entries_max] {
    std::vector<RangeEntry> entries;
    auto place = engine_.lower_bound(bounds.begin);
    for (; place != engine_.end() && place->first < bounds.end && entries.size() < entries_max;
         ++place) {
      RangeEntry entry;
      ASSERT_TRUE(decode_stored_key(place->first, kPartitions, &entry.key));
      entry.record = place->second;
      if (!entry.record.empty()) {
        entries.push_back(entry);
      }
    }
    const bool done = place == engine_.end() || place->first >= bounds.end;
    shard_.range_read(token, true, entries, done, world_.now);
  });
}

void Peer::send(NodeId to, const Message& message) {
  FrameBuilder builder;
  ASSERT_TRUE(builder.append(message));
  FrameOrigin origin;
  origin.cluster_id = 1;
  const std::string frame(builder.finish(origin));
  ++world_.messages;
  world_.bytes += frame.size() - kFrameHeaderBytes;
  world_.later([this, frame, to] {
    if (world_.loses_answers && world_.random() % 4 == 0) {
      return;
    }
    Frame read;
    ASSERT_EQ(read_frame_header(frame, kFramePayloadBytesMax, &read.header), FrameError::kNone);
    read.payload = std::string_view(frame).substr(kFrameHeaderBytes);
    MessageReader reader(kPartitions);
    reader.start(read);
    while (const Message* received = reader.next()) {
      world_.peer(to).shard().receive(id_, *received, world_.now);
    }
    ASSERT_FALSE(reader.failed());
  });
}

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
    EXPECT_GT(report.bytes, world.bytes / 3) << "counted about as they are";
    EXPECT_LT(report.bytes, world.bytes * 3);
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
}  // namespace kindred
