#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/api/engine.h"
#include "server/storage/state_store.h"
#include "server/storage/storage_threads.h"

namespace kindred {

/// For an engine that may block. What is stored stays in memory until the engine has it, and is
/// what loads see; storage threads do the waiting.
class ThreadedStore final : public StateStore {
 public:
  /// `engine` outlives the store. `wake` is called from other threads when deliver() has work.
  /// `probes`: see StorageThreads.
  ThreadedStore(plugins::Engine& engine, unsigned readers, std::function<void()> wake,
                bool probes = true);

  [[nodiscard]] LoadStatus try_load(const KeyRef& key, State* state) override;
  void load(const KeyRef& key, StoreToken token) override;
  [[nodiscard]] StoreStatus store(const KeyRef& key, std::string_view record, Durability durability,
                                  StoreToken token) override;
  [[nodiscard]] bool is_storing(const KeyRef& key) override;
  void read_range(const FetchRange& range, StoreToken token) override;
  void quarantine(const KeyRef& key) override;
  void prefetch(std::span<const KeyRef>) override {}
  void flush() override;
  bool deliver(StoreClient& client) override;
  void expect_unsynced() override { threads_.stop_probing(); }
  void stop() override;

 private:
  struct BytesHash {
    using is_transparent = void;
    size_t operator()(std::string_view bytes) const { return std::hash<std::string_view>()(bytes); }
  };
  template <typename T>
  using ByStoredKey = std::unordered_map<std::string, T, BytesHash, std::equal_to<>>;

  // On its way to the engine. An empty record: removed.
  struct Pending {
    Value record;
    uint64_t sequence = 0;
  };
  struct Loading {
    std::vector<StoreToken> tokens;
    std::string key;
    uint64_t hash = 0;
    // A store since the load began: what the engine then said is old, even if the store has
    // reached it by the time the load's answer comes.
    bool overtaken = false;
    Value record;
  };

  void remember(StorageJob&& job);
  void finish_write(const StorageResult& result, StoreClient& client);
  void tell_lost(const StorageResult& result, const Value* lost, StoreClient& client);
  void tell_storage(const plugins::Status& status, StoreClient& client);
  void finish_load(const StorageResult& result, StoreClient& client);

  plugins::Engine& engine_;
  plugins::PinnedValue pinned_;
  std::string stored_key_;
  uint64_t last_sequence_ = 0;
  KeyPartitions threads_partitions_;
  ByStoredKey<Pending> pending_;
  ByStoredKey<Loading> loading_;
  std::vector<StorageJob> jobs_;  // of this turn
  std::vector<StorageResult> results_;
  std::vector<RangeEntry> entries_;
  StorageThreads threads_;
};

}  // namespace kindred
