#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "plugins/api/engine.h"
#include "replication/node/messages.h"

namespace kindred {

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

/// A part of a partition being read. The keys of other layers between its own cost time too: it
/// pauses where there are many, so that whoever waits for the same thread gets its turn. What is
/// read after a pause is as it is then.
class RangeRead {
 public:
  /// Keys of other layers that are looked at between two pauses.
  static constexpr size_t kOthersAtOnceMax = 4096;

  explicit RangeRead(const FetchRange& asked) : range_(asked), after_key_(asked.after_key) {}

  /// Reads on, on whatever thread the engine allows; false where it pauses.
  [[nodiscard]] bool go_on(plugins::Engine& engine, const KeyPartitions& partitions);
  /// Once there is no more to read; the read is over.
  RangeContent take_content() { return std::move(content_); }

 private:
  FetchRange range_;       // its after_key is
  std::string after_key_;  // this
  std::string next_;       // the stored key to go on at after a pause
  RangeContent content_;
};

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
