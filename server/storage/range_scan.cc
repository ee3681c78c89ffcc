#include "server/storage/range_scan.h"

#include <algorithm>
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

bool RangeContent::entries(const KeyPartitions& partitions, std::vector<RangeEntry>* out) const {
  out->clear();
  bool all_sound = true;
  std::string_view rest = bytes;
  for (const Piece& piece : pieces) {
    RangeEntry entry;
    entry.record = rest.substr(piece.key_size, piece.record_size);
    if (decode_stored_key(rest.substr(0, piece.key_size), partitions, &entry.key)) {
      // By patterns that came since it was read, it may be another layer's.
      if (is_of_all_layers || entry.key.partition == partition) {
        out->push_back(entry);
      }
    } else {
      all_sound = false;
    }
    rest.remove_prefix(piece.key_size + piece.record_size);
  }
  return all_sound;
}

bool RangeRead::go_on(plugins::Engine& engine, const KeyPartitions& partitions) {
  FetchRange range = range_;
  range.after_key = after_key_;
  content_.partition = range.partition;
  content_.is_of_all_layers = range.hint_for != 0;
  const bool has_others = partitions.layers() > 1 && !content_.is_of_all_layers;
  const StoredKeyRange bounds = fetch_range(range, partitions);
  const std::string& begin = next_.empty() ? bounds.begin : next_;
  if (begin >= bounds.end) {
    content_.done = true;
    return true;
  }
  size_t others = 0;
  bool is_full = false;
  bool pauses = false;
  const auto look = [&](std::string_view stored_key, std::string_view record) {
    std::string bare;
    KeyRef key;
    const bool is_readable =
        (has_others || !range.values_wanted) && decode_stored_key(stored_key, partitions, &key);
    if (has_others && is_readable && key.partition != range.partition) {
      pauses = ++others > kOthersAtOnceMax;
      if (pauses) {
        next_.assign(stored_key);
      }
      return !pauses;
    }
    is_full = !content_.pieces.empty() &&
              (content_.pieces.size() >= range.entries_max ||
               content_.bytes.size() + stored_key.size() + record.size() > range.bytes_max);
    if (is_full) {
      return false;
    }
    if (!range.values_wanted && is_readable) {
      bare = without_values(key, record);
      record = bare;
    }
    content_.bytes.append(stored_key).append(record);
    content_.pieces.push_back({stored_key.size(), record.size()});
    return true;
  };
  content_.status = engine.scan(begin, bounds.end, look);
  content_.done = content_.status.ok() && !is_full && !pauses;
  return !pauses || !content_.status.ok();
}

Inventory take_inventory(plugins::Engine& engine, const KeyPartitions& partitions,
                         const InventoryTaker& taker) {
  Inventory inventory;
  State state;
  std::vector<bool> known(partitions.layers());  // of the slots being read, by layer
  const auto look = [&](std::string_view stored_key, std::string_view record) {
    KeyRef key;
    if (!decode_stored_key(stored_key, partitions, &key)) {
      ++inventory.damaged;
    } else if (!taker.wanted(key.partition) ||
               known[partitions.layer_of_partition(key.partition)]) {
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
  for (uint32_t slots = 0; slots < partitions.slot_partitions() && inventory.status.ok(); ++slots) {
    if (!taker.wanted(slots)) {
      continue;
    }
    for (uint32_t layer = 0; layer < partitions.layers(); ++layer) {
      known[layer] = taker.knows(partitions.in_layer(slots, layer));
      inventory.known_copies += known[layer] ? 1 : 0;
    }
    if (std::find(known.begin(), known.end(), false) != known.end()) {
      const StoredKeyRange bounds = partition_range(slots, partitions);
      inventory.status = engine.scan(bounds.begin, bounds.end, look);
    }
  }
  known.assign(known.size(), false);
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
