#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plugins/api/engine.h"
#include "replication/node/messages.h"

namespace kindred {

/// A FetchRange that owns its key.
struct OwnedRange {
  FetchRange range;
  std::string after_key;

  explicit OwnedRange(const FetchRange& asked) : range(asked), after_key(asked.after_key) {}
  FetchRange view() const {
    FetchRange view = range;
    view.after_key = after_key;
    return view;
  }
};

/// Part of a partition, owned.
struct RangeContent {
  plugins::Status status;
  bool done = false;
  uint16_t partition = 0;
  bool is_of_all_layers = false;  // hints
  std::string bytes;              // stored keys and records, one after the other
  struct Piece {
    size_t key_size;
    size_t record_size;
  };
  std::vector<Piece> pieces;

  /// Views into this, the partition's alone; false where a stored key is damaged, which is left
  /// out.
  bool entries(const KeyPartitions& partitions, std::vector<RangeEntry>* out) const;
};

/// Reads from an engine; on whatever thread the engine allows.
RangeContent read_engine_range(plugins::Engine& engine, const FetchRange& range,
                               const KeyPartitions& partitions);

/// What is found at start.
struct Inventory {
  plugins::Status status;
  uint64_t records = 0;
  uint64_t damaged = 0;
  uint64_t known_copies = 0;  // whose records were not read
};

/// Who takes an inventory. `found` and `damaged` must not use the engine.
struct InventoryTaker {
  std::function<bool(uint32_t partition)> wanted;  // its records, marks and hints; asked of any
  std::function<bool(uint32_t partition)> knows;   // its records need not be read; asked once
  std::function<void(const KeyRef&, const State&)> found;
  std::function<void(const KeyRef&)> damaged;
  std::function<void(uint64_t records)> progress;  // now and then
};

/// Reads records, round marks and hints, and checks them.
Inventory take_inventory(plugins::Engine& engine, const KeyPartitions& partitions,
                         const InventoryTaker& taker);

/// The key under which a damaged record is put aside.
std::string quarantine_key(std::string_view stored_key);

}  // namespace kindred
