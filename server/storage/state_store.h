#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "plugins/api/status.h"
#include "replication/node/messages.h"
#include "replication/node/ports.h"

namespace kindred {

/// Hears what a store finished; a shard's steps of the same names.
class StoreClient {
 public:
  virtual ~StoreClient() = default;
  virtual void stored(StoreToken token, bool ok) = 0;
  /// The engine refused a write, which loads of the key don't see any more. `was_promised`: store()
  /// had said kDone. `shown`: what loads see instead; null where that is not known, or a later
  /// store() of the key stands in front of it. Comes before stored() of the same write.
  virtual void lost(const KeyRef& key, bool was_promised, const State& lost,
                    const State* shown) = 0;
  virtual void loaded(StoreToken token, LoadStatus status, const State& state) = 0;
  virtual void range_read(StoreToken token, bool ok, std::span<const RangeEntry> entries,
                          bool done) = 0;
  /// The engine takes no writes, for another reason than before, or takes them again (kNone).
  /// `text`: the engine's own words.
  virtual void storage_changed(StorageTrouble trouble, std::string_view text) = 0;
  /// Stored bytes fail the engine's own checks where more than one record is concerned.
  virtual void engine_damaged(std::string_view text) = 0;
};

/// What a load is told that the engine refused. What fails its checks is put aside like a record
/// that fails ours.
inline LoadStatus failed_load(const plugins::Status& status) {
  return status.code == plugins::StatusCode::kCorruption ? LoadStatus::kCorrupt
                                                         : LoadStatus::kFailed;
}

/// Keys' states over an engine, one store a worker, on the worker's thread. The first six calls
/// are those of ShardPorts and keep their promises; a store never calls back from within them.
class StateStore {
 public:
  virtual ~StateStore() = default;

  [[nodiscard]] virtual LoadStatus try_load(const KeyRef& key, State* state) = 0;
  virtual void load(const KeyRef& key, StoreToken token) = 0;
  [[nodiscard]] virtual StoreStatus store(const KeyRef& key, std::string_view record,
                                          Durability durability, StoreToken token) = 0;
  [[nodiscard]] virtual bool is_storing(const KeyRef& /*key*/) { return false; }
  virtual void read_range(const FetchRange& range, StoreToken token) = 0;
  virtual void quarantine(const KeyRef& key) = 0;

  /// Brings what try_load of the keys will look at near, all at the same time; may do nothing.
  virtual void prefetch(std::span<const KeyRef> keys) = 0;
  /// Hands over what was asked since the last call, as one batch. Once a loop turn.
  virtual void flush() = 0;
  /// Tells the client what is finished; returns whether there was anything. Outside of any step.
  virtual bool deliver(StoreClient& client) = 0;
  /// From here on writes may be acknowledged without a sync, for as long as the store lives: an
  /// engine that comes back from trouble may have forgotten some.
  virtual void expect_unsynced() {}
  /// Waits until all that was stored is with the engine. Nothing may be asked afterwards; what is
  /// not delivered is dropped.
  virtual void stop() = 0;

  /// Needed for reading ranges; before the first of them.
  void set_partitions(const KeyPartitions& partitions) { partitions_ = partitions; }
  /// Writes that the engine refused; after stop() of all.
  uint64_t failed_writes() const { return failed_writes_; }

 protected:
  KeyPartitions partitions_;
  uint64_t failed_writes_ = 0;
};

}  // namespace kindred
