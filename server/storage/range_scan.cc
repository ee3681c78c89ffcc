#include "server/storage/range_scan.h"

#include <utility>

#include "protocol/record/key.h"
#include "protocol/record/record.h"

namespace kindred {

namespace {

constexpr char kQuarantinedRecord = '\x7f';
constexpr char kQuarantinedHint = '\x7e';
constexpr char kQuarantinedMark = '\x7d';
constexpr uint64_t kRecordsBetweenProgress = 100'000;

// Siblings with their values taken off, for readers that want to know of keys alone. A record that
// can't be read stays as it is, so that the reader sees the damage.
std::string without_values(const KeyRef& key, std::string_view record) {
  State state;
  if (!decode_record(key, record, &state)) {
    return std::string(record);
  }
  for (Sibling& sibling : state.siblings) {
    sibling.value = Value();
  }
  std::string bare;
  encode_record(key, state, &bare);
  return bare;
}

}  // namespace

bool RangeContent::entries(uint32_t partition_count, std::vector<RangeEntry>* out) const {
  out->clear();
  bool all_sound = true;
  std::string_view rest = bytes;
  for (const Piece& piece : pieces) {
    RangeEntry entry;
    entry.record = rest.substr(piece.key_size, piece.record_size);
    if (decode_stored_key(rest.substr(0, piece.key_size), partition_count, &entry.key)) {
      out->push_back(entry);
    } else {
      all_sound = false;
    }
    rest.remove_prefix(piece.key_size + piece.record_size);
  }
  return all_sound;
}

RangeContent read_engine_range(plugins::Engine& engine, const FetchRange& range,
                               uint32_t partition_count) {
  RangeContent content;
  const StoredKeyRange bounds = fetch_range(range, partition_count);
  if (bounds.begin >= bounds.end) {
    content.done = true;
    return content;
  }
  bool stopped = false;
  content.status = engine.scan(
      bounds.begin, bounds.end, [&](std::string_view stored_key, std::string_view record) {
        const bool full =
            !content.pieces.empty() &&
            (content.pieces.size() >= range.entries_max ||
             content.bytes.size() + stored_key.size() + record.size() > range.bytes_max);
        if (full) {
          stopped = true;
          return false;
        }
        std::string bare;
        KeyRef key;
        if (!range.values_wanted && decode_stored_key(stored_key, partition_count, &key)) {
          bare = without_values(key, record);
          record = bare;
        }
        content.bytes.append(stored_key).append(record);
        content.pieces.push_back({stored_key.size(), record.size()});
        return true;
      });
  content.done = content.status.ok() && !stopped;
  return content;
}

Inventory take_inventory(plugins::Engine& engine, uint32_t partition_count,
                         const InventoryTaker& taker) {
  Inventory inventory;
  State state;
  const auto look = [&](std::string_view stored_key, std::string_view record) {
    KeyRef key;
    if (!decode_stored_key(stored_key, partition_count, &key)) {
      ++inventory.damaged;
    } else if (!taker.wanted(key.partition)) {
      return true;
    } else if (!decode_record(key, record, &state)) {
      ++inventory.damaged;
      taker.damaged(key);
    } else {
      taker.found(key, state);
    }
    if (++inventory.records % kRecordsBetweenProgress == 0) {
      taker.progress(inventory.records);
    }
    return true;
  };
  for (uint32_t partition = 0; partition < partition_count && inventory.status.ok(); ++partition) {
    if (taker.wanted(partition) && taker.knows(partition)) {
      ++inventory.known_copies;
    } else if (taker.wanted(partition)) {
      const StoredKeyRange bounds = partition_range(partition, partition_count);
      inventory.status = engine.scan(bounds.begin, bounds.end, look);
    }
  }
  if (inventory.status.ok()) {
    const StoredKeyRange marks = all_round_marks_range();
    inventory.status = engine.scan(marks.begin, marks.end, look);
  }
  if (inventory.status.ok()) {
    const StoredKeyRange hints = all_hints_range();
    inventory.status = engine.scan(hints.begin, hints.end, look);
  }
  return inventory;
}

std::string quarantine_key(std::string_view stored_key) {
  std::string key(stored_key);
  const bool is_hint = key[0] == static_cast<char>(StoredKind::kHint);
  const bool is_mark = key[0] == static_cast<char>(StoredKind::kRoundMark);
  key[0] = is_hint ? kQuarantinedHint : is_mark ? kQuarantinedMark : kQuarantinedRecord;
  return key;
}

}  // namespace kindred
