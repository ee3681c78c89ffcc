#include "server/storage/direct_store.h"

#include <gtest/gtest.h>

#include <set>

#include "plugins/decorators/fault_engine.h"
#include "plugins/memory/memory_engine.h"
#include "replication/causal/write.h"
#include "tests/unit/storage/store_fixture.h"

namespace kindred {
namespace {

class DirectStoreTest : public testing::Test {
 protected:
  DirectStoreTest() {
    plugins::OpenedEngine opened = plugins::memory::open_memory_engine({});
    engine_ = std::make_unique<plugins::FaultEngine>(std::move(opened.engine), plan_);
    store_ = std::make_unique<DirectStore>(*engine_, [this] { ++wakes_; });
    store_->set_partitions(kTestPartitions);
  }

  std::string load(std::string_view name) {
    State state;
    const LoadStatus status = store_->try_load(make_key(name, kTestPartitions), &state);
    return status == LoadStatus::kLoaded ? value_in(state) : "(status)";
  }
  StoreStatus store(std::string_view name, std::string_view value, Stamp stamp) {
    const KeyRef key = make_key(name, kTestPartitions);
    return store_->store(key, record_of(key, value, stamp), Durability::kMemory, 1);
  }

  std::shared_ptr<plugins::FaultPlan> plan_ = std::make_shared<plugins::FaultPlan>();
  std::unique_ptr<plugins::Engine> engine_;
  std::unique_ptr<DirectStore> store_;
  int wakes_ = 0;
};

TEST_F(DirectStoreTest, LoadsWhatWasStored) {
  EXPECT_EQ(load("k"), "(none)");
  EXPECT_EQ(store("k", "one", 1), StoreStatus::kDone);
  EXPECT_EQ(load("k"), "one");
  EXPECT_EQ(store("k", "two", 2), StoreStatus::kDone);
  EXPECT_EQ(load("k"), "two");
}

TEST_F(DirectStoreTest, TellsOfARefusedWrite) {
  plan_->fail_next(plugins::EngineCall::kApply, 1,
                   {plugins::Status(plugins::StatusCode::kNoSpace)});
  EXPECT_EQ(store("k", "one", 1), StoreStatus::kFailed);
  EXPECT_EQ(store_->failed_writes(), 1U);
  EXPECT_EQ(load("k"), "(none)");
}

TEST_F(DirectStoreTest, PutsADamagedRecordAside) {
  const KeyRef key = make_key("k", kTestPartitions);
  std::string record = record_of(key, "one", 1);
  record.back() ^= 1;
  ASSERT_EQ(store_->store(key, record, Durability::kMemory, 1), StoreStatus::kDone);
  State state;
  EXPECT_EQ(store_->try_load(key, &state), LoadStatus::kCorrupt);
  store_->quarantine(key);
  EXPECT_EQ(load("k"), "(none)");
  std::string stored_key;
  encode_stored_key(key, &stored_key);
  std::string aside;
  EXPECT_TRUE(engine_->get(quarantine_key(stored_key), &aside).ok());
  EXPECT_EQ(aside, record);
}

TEST_F(DirectStoreTest, ReadsAPartitionPageByPage) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(store("{t}" + std::to_string(i), "v" + std::to_string(i), 1), StoreStatus::kDone);
  }
  const KeyRef any = make_key("{t}", kTestPartitions);
  FetchRange range;
  range.partition = any.partition;
  range.from_slot = static_cast<uint16_t>(slot_range(any.partition, kTestPartitions).first);
  range.entries_max = 6;
  range.bytes_max = 1 << 20;
  RecordingClient client;
  std::vector<std::string> keys;
  std::string after;
  for (StoreToken token = 1; token < 10; ++token) {
    store_->read_range(range, token);
    EXPECT_TRUE(client.ranges.empty());  // never from within the call
    ASSERT_TRUE(store_->deliver(client));
    const RecordingClient::Range page = client.ranges.back();
    client.ranges.clear();
    ASSERT_TRUE(page.ok);
    EXPECT_EQ(page.token, token);
    EXPECT_LE(page.keys.size(), 6U);
    keys.insert(keys.end(), page.keys.begin(), page.keys.end());
    if (page.done) {
      break;
    }
    after = page.keys.back();
    const KeyRef last = make_key(after, kTestPartitions);
    range.from_slot = last.slot;
    range.from_hash = last.hash;
    range.after_key = after;
  }
  EXPECT_EQ(keys.size(), 20U);
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 20U);
  EXPECT_FALSE(store_->deliver(client));
}

TEST_F(DirectStoreTest, ASparseLayerIsReadInSeveralTurns) {
  const std::vector<std::string> layers = {"few:*"};
  const KeyPartitions partitions(kTestPartitions, layers);
  store_->set_partitions(partitions);
  constexpr size_t kOthers = 2 * RangeRead::kOthersAtOnceMax + 100;
  for (size_t i = 0; i < kOthers; ++i) {
    ASSERT_EQ(store("{t}" + std::to_string(i), "v", 1), StoreStatus::kDone);
  }
  std::set<std::string> few;
  for (int i = 0; i < 10; ++i) {
    few.insert("few:{t}" + std::to_string(i));
    ASSERT_EQ(store(*few.rbegin(), "v", 1), StoreStatus::kDone);
  }
  FetchRange range;
  range.partition = make_key("few:{t}", partitions).partition;
  EXPECT_GE(range.partition, kTestPartitions);
  range.entries_max = 100;
  range.bytes_max = 1 << 20;
  RecordingClient client;
  store_->read_range(range, 1);
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_FALSE(store_->deliver(client)) << "what else the turn has to do comes first";
    EXPECT_EQ(wakes_, turn + 1);
  }
  EXPECT_TRUE(store_->deliver(client));
  EXPECT_EQ(wakes_, 2);
  ASSERT_EQ(client.ranges.size(), 1U);
  const RecordingClient::Range& page = client.ranges.front();
  EXPECT_TRUE(page.ok && page.done);
  EXPECT_EQ(std::set<std::string>(page.keys.begin(), page.keys.end()), few);
  EXPECT_EQ(page.keys.size(), few.size());
}

TEST_F(DirectStoreTest, LeavesValuesOutWhereAsked) {
  ASSERT_EQ(store("k", "long value", 1), StoreStatus::kDone);
  const KeyRef key = make_key("k", kTestPartitions);
  FetchRange range;
  range.partition = key.partition;
  range.from_slot = key.slot;
  range.entries_max = 10;
  range.bytes_max = 1 << 20;
  range.values_wanted = false;
  RecordingClient client;
  store_->read_range(range, 1);
  store_->deliver(client);
  ASSERT_EQ(client.ranges.size(), 1U);
  EXPECT_EQ(client.ranges[0].keys, std::vector<std::string>{"k"});
  EXPECT_EQ(client.ranges[0].values, std::vector<std::string>{""});
}

TEST_F(DirectStoreTest, AHintAndTheCopyAreTwoKeys) {
  KeyRef hint = make_key("k", kTestPartitions);
  hint.hint_for = 9;
  ASSERT_EQ(store("k", "copy", 1), StoreStatus::kDone);
  ASSERT_EQ(store_->store(hint, record_of(hint, "hint", 2), Durability::kMemory, 1),
            StoreStatus::kDone);
  EXPECT_EQ(load("k"), "copy");
  State state;
  ASSERT_EQ(store_->try_load(hint, &state), LoadStatus::kLoaded);
  EXPECT_EQ(value_in(state), "hint");
  RecordingClient client;
  FetchRange range;
  range.partition = hint.partition;
  range.entries_max = 10;
  range.bytes_max = 1 << 20;
  store_->read_range(range, 1);
  range.hint_for = 9;
  store_->read_range(range, 2);
  store_->deliver(client);
  EXPECT_EQ(client.ranges[0].values, std::vector<std::string>{"copy"});
  EXPECT_EQ(client.ranges[1].values, std::vector<std::string>{"hint"});
  std::vector<std::string> found;
  const auto note = [&](const KeyRef& key, const State& one) {
    found.push_back(std::to_string(key.hint_for) + ":" + value_in(one));
  };
  InventoryTaker taker;
  taker.wanted = [](uint32_t) { return true; };
  taker.knows = [](uint32_t) { return false; };
  taker.found = note;
  taker.damaged = [](const KeyRef&) {};
  (void)take_inventory(*engine_, kTestPartitions, taker);
  EXPECT_EQ(found, (std::vector<std::string>{"0:copy", "9:hint"}));
  found.clear();
  taker.knows = [&](uint32_t one) { return one == hint.partition; };
  EXPECT_EQ(take_inventory(*engine_, kTestPartitions, taker).known_copies, 1U);
  EXPECT_EQ(found, std::vector<std::string>{"9:hint"}) << "hints are looked at all the same";
  found.clear();
  taker.wanted = [&](uint32_t one) { return one != hint.partition; };
  (void)take_inventory(*engine_, kTestPartitions, taker);
  EXPECT_TRUE(found.empty());
  ASSERT_EQ(store_->store(hint, {}, Durability::kMemory, 1), StoreStatus::kDone);
  EXPECT_EQ(load("k"), "copy");
}

TEST_F(DirectStoreTest, InventoryFindsSoundAndDamagedRecords) {
  ASSERT_EQ(store("good", "v", 1), StoreStatus::kDone);
  const KeyRef bad = make_key("bad", kTestPartitions);
  ASSERT_EQ(store_->store(bad, "nonsense", Durability::kMemory, 1), StoreStatus::kDone);
  std::vector<std::string> found;
  std::vector<std::string> damaged;
  InventoryTaker taker;
  taker.wanted = [](uint32_t) { return true; };
  taker.knows = [](uint32_t) { return false; };
  taker.found = [&](const KeyRef& key, const State&) { found.emplace_back(key.key); };
  taker.damaged = [&](const KeyRef& key) { damaged.emplace_back(key.key); };
  const Inventory inventory = take_inventory(*engine_, kTestPartitions, taker);
  EXPECT_TRUE(inventory.status.ok());
  EXPECT_EQ(inventory.records, 2U);
  EXPECT_EQ(inventory.damaged, 1U);
  EXPECT_EQ(found, std::vector<std::string>{"good"});
  EXPECT_EQ(damaged, std::vector<std::string>{"bad"});
}

}  // namespace
}  // namespace kindred
