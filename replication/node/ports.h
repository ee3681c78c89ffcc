#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "replication/node/messages.h"
#include "replication/node/operation.h"
#include "replication/node/scan.h"

namespace kindred {

/// Names a client's request at the driver.
using ClientToken = uint64_t;
/// Names a request for a repair at the driver.
using RepairToken = uint64_t;
/// Names a storage request of a shard.
using StoreToken = uint64_t;

/// What a repair of a partition came to, over all other owners.
struct RepairReport {
  bool ok = false;         // compared with each of them
  uint32_t exchanges = 0;  // that came to their end
  uint64_t keys_compared = 0;
  uint64_t keys_repaired = 0;
  uint64_t bytes = 0;
};

enum class LoadStatus : uint8_t {
  kLoaded,   // `state` is the key's current state (never_written() where there is none)
  kPending,  // it would block: the shard calls load() and is stepped again by Shard::loaded()
  kCorrupt,  // the stored record is damaged
  kFailed,   // the engine refused
};

/// Why an engine takes no writes.
enum class StorageTrouble : uint8_t {
  kNone,
  kFull,      // no space
  kReadOnly,  // the device lets nothing be written
  kFailing,   // I/O errors
};

enum class StoreStatus : uint8_t {
  kDone,     // held as safely as was asked; loads see it at once
  kPending,  // Shard::stored() will tell; loads see it at once
  kFailed,
};

/// All that a shard can make happen. The driver implements it (libuv in server/, the simulator in
/// tests/sim). Calls are made from within a step, on the shard's thread, and take effect in order.
class ShardPorts {
 public:
  virtual ~ShardPorts() = default;

  /// Canonical encoding. The view is good until the next encode() or the end of the step.
  virtual std::string_view encode(const KeyRef& key, const State& state) = 0;
  /// False where the record is damaged or another key's; an empty record is a key never written.
  /// `state` borrows the record's bytes.
  [[nodiscard]] virtual bool decode(const KeyRef& key, std::string_view record, State* state) = 0;

  /// The key's state, as the last store() left it. `state` may borrow bytes that are good until the
  /// next store() of that key.
  [[nodiscard]] virtual LoadStatus try_load(const KeyRef& key, State* state) = 0;
  /// Shard::loaded() brings the state as it is when it is called: a store() of the key made while
  /// the engine was being read must show in it.
  virtual void load(const KeyRef& key, StoreToken token) = 0;
  /// Takes a copy of the record; an empty record erases the key. After kFailed, or stored() with
  /// ok=false, loads show what was there before. Stores of one key are applied in order.
  [[nodiscard]] virtual StoreStatus store(const KeyRef& key, std::string_view record,
                                          Durability durability, StoreToken token) = 0;
  /// Whether what loads show of the key is still on its way to the engine, which may refuse it.
  [[nodiscard]] virtual bool is_storing(const KeyRef& /*key*/) { return false; }
  /// Reads records of a partition in order of (slot, hash, key), as the last store() left them;
  /// Shard::range_read() brings them, never within this call.
  virtual void read_range(const FetchRange& range, StoreToken token) = 0;
  /// Puts a damaged record aside, so that the key reads as never written.
  virtual void quarantine(const KeyRef& key) = 0;

  virtual void send(NodeId to, const Message& message) = 0;
  virtual void reply(ClientToken token, Outcome&& outcome) = 0;
  virtual void reply_scan(ClientToken token, ScanPage&& page) = 0;

  virtual void reply_repair(RepairToken token, const RepairReport& report) = 0;

  /// `holder` goes by a later step than this shard: its cluster document is wanted. Called for each
  /// message that shows it.
  virtual void document_wanted(NodeId holder) = 0;
  /// A copy became whole, stopped being so, or went (see Shard::transfers()); where a document
  /// changes many, once, after all of them.
  virtual void copies_changed() = 0;

  /// What the resolver of that name makes of `values`: two or more, no two the same, in byte order.
  /// False where this node has none of that name, or it failed. Pure.
  [[nodiscard]] virtual bool resolve(std::string_view resolver, const KeyRef& key,
                                     std::span<const std::string_view> values,
                                     std::string* resolved) = 0;

  /// A random number that is new over all restarts (actors). Never zero.
  virtual uint64_t random() = 0;
};

}  // namespace kindred
