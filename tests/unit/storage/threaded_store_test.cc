#include "server/storage/threaded_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>

#include "plugins/decorators/fault_engine.h"
#include "tests/unit/storage/store_fixture.h"

namespace kindred {
namespace {

using plugins::EngineCall;

/// An engine that may block and syncs at will: keeps records in a map and the durability of each
/// batch.
class SlowEngine final : public plugins::Engine {
 public:
  plugins::Capabilities capabilities() const override {
    return {.persistent = true, .can_sync = true};
  }
  plugins::Status get(std::string_view key, std::string* value) override {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(std::string(key));
    if (found == records_.end()) {
      return plugins::Status(plugins::StatusCode::kNotFound);
    }
    *value = found->second;
    return {};
  }
  plugins::Status apply(const plugins::WriteBatch& batch, plugins::Durability durability) override {
    const std::lock_guard lock(mutex_);
    for (const auto& operation : batch) {
      if (operation.kind == plugins::WriteBatch::Kind::kPut) {
        records_[std::string(operation.key)] = operation.value;
      } else {
        records_.erase(std::string(operation.key));
      }
    }
    applied_.push_back({batch.size(), durability});
    return {};
  }
  plugins::Status scan(std::string_view begin, std::string_view end,
                       plugins::ScanVisitor visitor) override {
    const std::lock_guard lock(mutex_);
    for (auto at = records_.lower_bound(std::string(begin));
         at != records_.end() && (end.empty() || at->first < end); ++at) {
      if (!visitor(at->first, at->second)) {
        break;
      }
    }
    return {};
  }
  plugins::Status erase(std::string_view, std::string_view) override { return {}; }
  plugins::EngineStats stats() override { return {}; }

  std::vector<std::pair<size_t, plugins::Durability>> applied() {
    const std::lock_guard lock(mutex_);
    return applied_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> records_;
  std::vector<std::pair<size_t, plugins::Durability>> applied_;
};

class ThreadedStoreTest : public testing::Test {
 protected:
  ThreadedStoreTest() {
    auto slow = std::make_unique<SlowEngine>();
    slow_ = slow.get();
    engine_ = std::make_unique<plugins::FaultEngine>(std::move(slow), plan_);
    store_ = std::make_unique<ThreadedStore>(*engine_, 1, [this] { wakes_.wake(); });
    store_->set_partitions(kTestPartitions);
  }
  ~ThreadedStoreTest() override {
    plan_->clear();
    store_->stop();
  }

  KeyRef key(std::string_view name) { return make_key(name, kTestPartitions); }
  StoreStatus store(std::string_view name, std::string_view value, Durability durability,
                    StoreToken token) {
    return store_->store(key(name), record_of(key(name), value, token), durability, token);
  }
  void deliver_stores(size_t count) {
    wakes_.deliver_until(*store_, client_, [&] { return client_.stores.size() >= count; });
  }
  void deliver_loads(size_t count) {
    wakes_.deliver_until(*store_, client_, [&] { return client_.loads.size() >= count; });
  }
  /// Holds calls of a kind back until the promise is kept.
  void hold(EngineCall held, std::promise<void>& reached, std::shared_future<void> go) {
    plan_->set_hook(
        [&reached, held, go, first = std::make_shared<std::atomic<bool>>(true)](EngineCall call) {
          if (call == held && first->exchange(false)) {
            reached.set_value();
            go.wait();
          }
        });
  }

  std::shared_ptr<plugins::FaultPlan> plan_ = std::make_shared<plugins::FaultPlan>();
  SlowEngine* slow_ = nullptr;
  std::unique_ptr<plugins::Engine> engine_;
  WakeCounter wakes_;
  RecordingClient client_;
  std::unique_ptr<ThreadedStore> store_;
};

TEST_F(ThreadedStoreTest, WhatIsOnItsWayIsWhatLoadsSee) {
  State state;
  EXPECT_EQ(store_->try_load(key("k"), &state), LoadStatus::kPending);
  EXPECT_EQ(store("k", "one", Durability::kSynced, 1), StoreStatus::kPending);
  EXPECT_EQ(store_->try_load(key("k"), &state), LoadStatus::kLoaded);
  EXPECT_EQ(value_in(state), "one");
  EXPECT_EQ(store("k", "two", Durability::kSynced, 2), StoreStatus::kPending);
  EXPECT_EQ(store_->try_load(key("k"), &state), LoadStatus::kLoaded);
  EXPECT_EQ(value_in(state), "two");
  deliver_stores(2);
  EXPECT_EQ(client_.stores, (std::vector<RecordingClient::Stored>{{1, true}, {2, true}}));
  store_->load(key("k"), 9);
  deliver_loads(1);
  EXPECT_EQ(client_.loads, (std::vector<RecordingClient::Loaded>{{9, LoadStatus::kLoaded, "two"}}));
}

TEST_F(ThreadedStoreTest, OneTurnsWritesAreOneBatchAsDurableAsTheMostDemanding) {
  EXPECT_EQ(store("a", "1", Durability::kMemory, 1), StoreStatus::kDone);
  EXPECT_EQ(store("b", "2", Durability::kLogged, 2), StoreStatus::kPending);
  EXPECT_EQ(store("c", "3", Durability::kSynced, 3), StoreStatus::kPending);
  deliver_stores(2);
  EXPECT_EQ(store("d", "4", Durability::kLogged, 4), StoreStatus::kPending);
  deliver_stores(3);
  const auto applied = slow_->applied();
  ASSERT_EQ(applied.size(), 2U);
  EXPECT_EQ(applied[0], (std::pair<size_t, plugins::Durability>(3, plugins::Durability::kGroup)));
  EXPECT_EQ(applied[1], (std::pair<size_t, plugins::Durability>(1, plugins::Durability::kAsync)));
}

TEST_F(ThreadedStoreTest, WritesThatWaitForASyncShareTheNext) {
  std::promise<void> reached;
  std::promise<void> go;
  hold(EngineCall::kApply, reached, go.get_future().share());
  EXPECT_EQ(store("a", "1", Durability::kSynced, 1), StoreStatus::kPending);
  store_->flush();
  reached.get_future().wait();
  for (StoreToken token = 2; token <= 6; ++token) {
    EXPECT_EQ(store("k" + std::to_string(token), "v", Durability::kSynced, token),
              StoreStatus::kPending);
    store_->flush();
  }
  EXPECT_TRUE(client_.stores.empty());
  go.set_value();
  deliver_stores(6);
  const auto applied = slow_->applied();
  ASSERT_EQ(applied.size(), 2U);
  EXPECT_EQ(applied[1].first, 5U);
}

TEST_F(ThreadedStoreTest, ARefusedWriteIsToldAndNotSeen) {
  plan_->fail_next(EngineCall::kApply, 1, {plugins::Status(plugins::StatusCode::kIoError)});
  EXPECT_EQ(store("k", "lost", Durability::kSynced, 1), StoreStatus::kPending);
  deliver_stores(1);
  EXPECT_EQ(client_.stores, (std::vector<RecordingClient::Stored>{{1, false}}));
  EXPECT_EQ(store_->failed_writes(), 1U);
  store_->load(key("k"), 2);
  deliver_loads(1);
  EXPECT_EQ(client_.loads[0].value, "(none)");
}

TEST_F(ThreadedStoreTest, ALoadThatAStoreOvertookGivesTheStored) {
  EXPECT_EQ(store("k", "old", Durability::kSynced, 1), StoreStatus::kPending);
  deliver_stores(1);
  std::promise<void> reached;
  std::promise<void> go;
  hold(EngineCall::kGet, reached, go.get_future().share());
  store_->load(key("k"), 2);
  store_->load(key("k"), 3);
  store_->flush();
  reached.get_future().wait();
  EXPECT_EQ(store("k", "new", Durability::kSynced, 4), StoreStatus::kPending);
  deliver_stores(2);
  go.set_value();
  deliver_loads(2);
  EXPECT_EQ(client_.loads, (std::vector<RecordingClient::Loaded>{{2, LoadStatus::kLoaded, "new"},
                                                                 {3, LoadStatus::kLoaded, "new"}}));
}

TEST_F(ThreadedStoreTest, ALoadShowsWhatTheAnswerToTheOneBeforeItStored) {
  const auto write_at_first = [this](StoreToken token) {
    if (token == 2) {
      EXPECT_EQ(store("k", "of the first", Durability::kSynced, 4), StoreStatus::kPending);
    }
  };
  client_.on_loaded = write_at_first;
  store_->load(key("k"), 2);
  store_->load(key("k"), 3);
  deliver_loads(2);
  EXPECT_EQ(client_.loads[0].value, "(none)");
  EXPECT_EQ(client_.loads[1].value, "of the first");
}

TEST_F(ThreadedStoreTest, APromisedWriteThatIsRefusedIsTold) {
  EXPECT_EQ(store("k", "kept", Durability::kMemory, 1), StoreStatus::kDone);
  EXPECT_EQ(store("other", "synced", Durability::kSynced, 2), StoreStatus::kPending);
  deliver_stores(1);
  plan_->fail_next(EngineCall::kApply, 1, {plugins::Status(plugins::StatusCode::kIoError)});
  EXPECT_EQ(store("k", "lost", Durability::kMemory, 3), StoreStatus::kDone);
  EXPECT_EQ(store("other", "refused", Durability::kSynced, 4), StoreStatus::kPending);
  deliver_stores(2);
  EXPECT_EQ(client_.losses,
            (std::vector<RecordingClient::Loss>{{"k", true, "lost", "kept"},
                                                {"other", false, "refused", "synced"}}));
}

TEST_F(ThreadedStoreTest, ARefusedWriteThatALaterOneReplacedLeavesWhatLoadsSee) {
  std::promise<void> reached;
  std::promise<void> go;
  hold(EngineCall::kApply, reached, go.get_future().share());
  plan_->fail_next(EngineCall::kApply, 1, {plugins::Status(plugins::StatusCode::kIoError)});
  EXPECT_EQ(store("k", "first", Durability::kSynced, 1), StoreStatus::kPending);
  store_->flush();
  reached.get_future().wait();
  EXPECT_EQ(store("k", "second", Durability::kSynced, 2), StoreStatus::kPending);
  store_->flush();
  go.set_value();
  deliver_stores(2);
  EXPECT_EQ(client_.stores, (std::vector<RecordingClient::Stored>{{1, false}, {2, true}}));
  EXPECT_TRUE(client_.losses.empty());
  store_->load(key("k"), 3);
  deliver_loads(1);
  EXPECT_EQ(client_.loads[0].value, "second");
}

TEST_F(ThreadedStoreTest, ALoadThatARefusedStoreOvertookShowsWhatWasBefore) {
  std::promise<void> reached;
  std::promise<void> go;
  hold(EngineCall::kGet, reached, go.get_future().share());
  store_->load(key("k"), 2);
  store_->flush();
  reached.get_future().wait();
  plan_->fail_next(EngineCall::kApply, 1, {plugins::Status(plugins::StatusCode::kIoError)});
  EXPECT_EQ(store("k", "refused", Durability::kSynced, 4), StoreStatus::kPending);
  deliver_stores(1);
  go.set_value();
  deliver_loads(1);
  EXPECT_EQ(client_.loads[0], (RecordingClient::Loaded{2, LoadStatus::kLoaded, "(none)"}));
}

TEST_F(ThreadedStoreTest, AnEmptyRecordErases) {
  EXPECT_EQ(store("k", "v", Durability::kSynced, 1), StoreStatus::kPending);
  deliver_stores(1);
  EXPECT_EQ(store_->store(key("k"), "", Durability::kSynced, 2), StoreStatus::kPending);
  deliver_stores(2);
  std::string stored_key;
  encode_stored_key(key("k"), &stored_key);
  std::string record;
  EXPECT_TRUE(slow_->get(stored_key, &record).not_found());
}

TEST_F(ThreadedStoreTest, AHintOnItsWayIsNotTheCopy) {
  KeyRef hint = key("k");
  hint.hint_for = 9;
  EXPECT_EQ(store("k", "copy", Durability::kSynced, 1), StoreStatus::kPending);
  EXPECT_EQ(store_->store(hint, record_of(hint, "hint", 2), Durability::kSynced, 2),
            StoreStatus::kPending);
  State state;
  EXPECT_EQ(store_->try_load(key("k"), &state), LoadStatus::kLoaded);
  EXPECT_EQ(value_in(state), "copy");
  EXPECT_EQ(store_->try_load(hint, &state), LoadStatus::kLoaded);
  EXPECT_EQ(value_in(state), "hint");
  deliver_stores(2);
  store_->load(hint, 3);
  store_->load(key("k"), 4);
  deliver_loads(2);
  EXPECT_EQ(client_.loads[0].value, "hint");
  EXPECT_EQ(client_.loads[1].value, "copy");
}

TEST_F(ThreadedStoreTest, AFailedLoadIsNoMissingKey) {
  plan_->fail_next(EngineCall::kGet, 1, {plugins::Status(plugins::StatusCode::kIoError)});
  store_->load(key("k"), 1);
  deliver_loads(1);
  EXPECT_EQ(client_.loads[0].status, LoadStatus::kFailed);
}

TEST_F(ThreadedStoreTest, ARangeSeesTheWritesBeforeIt) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(store("{t}" + std::to_string(i), "v", Durability::kMemory, 1), StoreStatus::kDone);
  }
  FetchRange range;
  range.partition = key("{t}").partition;
  range.from_slot = key("{t}").slot;
  range.entries_max = 100;
  range.bytes_max = 1 << 20;
  store_->read_range(range, 8);
  wakes_.deliver_until(*store_, client_, [&] { return !client_.ranges.empty(); });
  EXPECT_EQ(client_.ranges[0].token, 8U);
  EXPECT_TRUE(client_.ranges[0].ok);
  EXPECT_TRUE(client_.ranges[0].done);
  EXPECT_EQ(client_.ranges[0].keys.size(), 5U);
}

TEST_F(ThreadedStoreTest, ASparseLayerIsReadToItsEnd) {
  const std::vector<std::string> layers = {"few:*"};
  const KeyPartitions partitions(kTestPartitions, layers);
  store_->set_partitions(partitions);
  constexpr size_t kOthers = 2 * RangeRead::kOthersAtOnceMax + 100;
  for (size_t i = 0; i < kOthers; ++i) {
    EXPECT_EQ(store("{t}" + std::to_string(i), "v", Durability::kMemory, 1), StoreStatus::kDone);
  }
  EXPECT_EQ(store("few:{t}", "v", Durability::kMemory, 1), StoreStatus::kDone);
  FetchRange range;
  range.partition = make_key("few:{t}", partitions).partition;
  range.entries_max = 100;
  range.bytes_max = 1 << 20;
  store_->read_range(range, 8);
  wakes_.deliver_until(*store_, client_, [&] { return !client_.ranges.empty(); });
  EXPECT_TRUE(client_.ranges[0].ok && client_.ranges[0].done);
  EXPECT_EQ(client_.ranges[0].keys, std::vector<std::string>{"few:{t}"});
}

TEST_F(ThreadedStoreTest, QuarantineTakesTheRecordAway) {
  const KeyRef damaged = key("k");
  EXPECT_EQ(store_->store(damaged, "nonsense", Durability::kSynced, 1), StoreStatus::kPending);
  deliver_stores(1);
  store_->load(damaged, 2);
  deliver_loads(1);
  EXPECT_EQ(client_.loads[0].status, LoadStatus::kCorrupt);
  store_->quarantine(damaged);
  State state;
  EXPECT_EQ(store_->try_load(damaged, &state), LoadStatus::kLoaded);
  EXPECT_TRUE(state.never_written());
  EXPECT_EQ(store("other", "v", Durability::kSynced, 3), StoreStatus::kPending);
  deliver_stores(2);
  store_->load(damaged, 4);
  deliver_loads(2);
  EXPECT_EQ(client_.loads[1], (RecordingClient::Loaded{4, LoadStatus::kLoaded, "(none)"}));
}

TEST_F(ThreadedStoreTest, AnEngineThatRefusesIsProbedUntilItTakesWrites) {
  plan_->fail_next(EngineCall::kApply, 3, {plugins::Status(plugins::StatusCode::kNoSpace)});
  EXPECT_EQ(store("k", "v", Durability::kSynced, 1), StoreStatus::kPending);
  deliver_stores(1);
  EXPECT_EQ(client_.stores[0], (RecordingClient::Stored{1, false}));
  EXPECT_EQ(client_.troubles, std::vector<StorageTrouble>{StorageTrouble::kFull});
  wakes_.deliver_until(*store_, client_, [&] { return client_.troubles.size() > 1; });
  EXPECT_EQ(client_.troubles.back(), StorageTrouble::kNone);
  EXPECT_EQ(plan_->faults_injected(), 3U) << "two probes failed before one came through";
}

TEST_F(ThreadedStoreTest, WhatFailsTheEnginesChecksIsToldAsDamage) {
  plan_->fail_next(EngineCall::kGet, 1, {plugins::Status(plugins::StatusCode::kCorruption)});
  store_->load(key("k"), 1);
  deliver_loads(1);
  EXPECT_EQ(client_.loads[0].status, LoadStatus::kCorrupt);
  EXPECT_EQ(client_.damages, 0) << "one record";
  plan_->fail_next(EngineCall::kScan, 1, {plugins::Status(plugins::StatusCode::kCorruption)});
  FetchRange range;
  range.entries_max = 100;
  range.bytes_max = 1 << 20;
  store_->read_range(range, 8);
  wakes_.deliver_until(*store_, client_, [&] { return !client_.ranges.empty(); });
  EXPECT_FALSE(client_.ranges[0].ok);
  EXPECT_EQ(client_.damages, 1);
}

TEST_F(ThreadedStoreTest, StopWaitsUntilTheEngineHasEverything) {
  for (int i = 0; i < 100; ++i) {
    static_cast<void>(store("k" + std::to_string(i), "v", Durability::kMemory, 1));
  }
  store_->stop();
  size_t applied = 0;
  for (const auto& [size, durability] : slow_->applied()) {
    applied += size;
  }
  EXPECT_EQ(applied, 100U);
}

}  // namespace
}  // namespace kindred
