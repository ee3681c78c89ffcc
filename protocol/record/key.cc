#include "protocol/record/key.h"

#include <algorithm>
#include <tuple>

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"
#include "replication/ring/slot.h"

namespace kindred {

namespace {

// A key length below this is one byte; this byte says that four more follow, most significant
// first. So lengths sort as numbers.
constexpr uint8_t kLongLength = 0xff;
constexpr size_t kPositionBytes = 1 + 2 + 8;

bool has_target(NodeId hint_for) {
  return hint_for != 0 && hint_for != kRoundMarks;
}

size_t position_bytes(NodeId hint_for) {
  return has_target(hint_for) ? kPositionBytes + kHintTargetBytes : kPositionBytes;
}

// Most significant byte first, so that bytes compare like numbers.
char* store_be16(char* to, uint16_t value) {
  return store_le(to, __builtin_bswap16(value));
}
char* store_be32(char* to, uint32_t value) {
  return store_le(to, __builtin_bswap32(value));
}
char* store_be64(char* to, uint64_t value) {
  return store_le(to, __builtin_bswap64(value));
}

char* store_position(char* to, NodeId hint_for, uint16_t slot, uint64_t hash) {
  if (hint_for == 0) [[likely]] {
    *to++ = static_cast<char>(StoredKind::kRecord);
  } else if (hint_for == kRoundMarks) {
    *to++ = static_cast<char>(StoredKind::kRoundMark);
  } else {
    *to++ = static_cast<char>(StoredKind::kHint);
    to = store_be64(to, hint_for);
  }
  to = store_be16(to, slot);
  return store_be64(to, hash);
}

std::string position_bound(NodeId hint_for, uint16_t slot, uint64_t hash) {
  std::string bound(position_bytes(hint_for), '\0');
  store_position(bound.data(), hint_for, slot, hash);
  return bound;
}

// The least that sorts behind all keys of a position.
std::string position_end(NodeId hint_for, uint16_t slot, uint64_t hash) {
  return hash == ~uint64_t{0} ? position_bound(hint_for, static_cast<uint16_t>(slot + 1), 0)
                              : position_bound(hint_for, slot, hash + 1);
}

StoredKeyRange range_of(NodeId hint_for, uint32_t partition, const KeyPartitions& partitions) {
  const SlotRange slots = partitions.slots_of(partition);
  return {position_bound(hint_for, slots.first, 0),
          position_bound(hint_for, static_cast<uint16_t>(slots.last + 1), 0)};
}

bool decode_round_mark(std::string_view stored, const KeyPartitions& partitions, KeyRef* key) {
  ByteReader reader(stored.substr(1));
  const uint16_t slot = __builtin_bswap16(reader.u16());
  const uint64_t hash = reader.u64();
  const uint8_t length = reader.u8();
  if (!reader.complete() || slot >= kSlotCount || hash != 0 || length != 0) {
    return false;
  }
  *key = KeyRef::round_mark(partition_of_slot(slot, partitions.slot_partitions()), partitions);
  return key->slot == slot;
}

}  // namespace

KeyRef make_key(std::string_view key, const KeyPartitions& partitions) {
  KeyRef result;
  result.key = key;
  result.hash = hash64(key);
  result.slot = key_slot(key);
  result.partition = static_cast<uint16_t>(partitions.of(key, result.slot));
  return result;
}

void encode_stored_key(const KeyRef& key, std::string* out) {
  const bool is_long = key.key.size() >= kLongLength;
  out->resize(position_bytes(key.hint_for) + (is_long ? 5 : 1) + key.key.size());
  char* to = store_position(out->data(), key.hint_for, key.slot, key.hash);
  if (is_long) {
    *to++ = static_cast<char>(kLongLength);
    to = store_be32(to, static_cast<uint32_t>(key.key.size()));
  } else {
    *to++ = static_cast<char>(key.key.size());
  }
  store_bytes(to, key.key);
}

bool decode_stored_key(std::string_view stored, const KeyPartitions& partitions, KeyRef* key) {
  ByteReader reader(stored);
  const uint8_t kind = reader.u8();
  if (kind == static_cast<uint8_t>(StoredKind::kRoundMark)) {
    return decode_round_mark(stored, partitions, key);
  }
  const bool is_hint = kind == static_cast<uint8_t>(StoredKind::kHint);
  const NodeId hint_for = is_hint ? __builtin_bswap64(reader.u64()) : 0;
  const uint16_t slot = __builtin_bswap16(reader.u16());
  const uint64_t hash = __builtin_bswap64(reader.u64());
  uint32_t length = reader.u8();
  if (length == kLongLength) {
    length = __builtin_bswap32(reader.u32());
    if (length < kLongLength) {
      return false;
    }
  }
  const std::string_view bytes = reader.raw(length);
  const bool is_known =
      is_hint ? has_target(hint_for) : kind == static_cast<uint8_t>(StoredKind::kRecord);
  if (!reader.complete() || !is_known) {
    return false;
  }
  *key = make_key(bytes, partitions);
  key->hint_for = hint_for;
  return key->slot == slot && key->hash == hash;
}

bool comes_before(const KeyRef& a, const KeyRef& b) {
  return std::tuple(a.hint_for, a.slot, a.hash, a.key.size(), a.key) <
         std::tuple(b.hint_for, b.slot, b.hash, b.key.size(), b.key);
}

StoredKeyRange partition_range(uint32_t partition, const KeyPartitions& partitions) {
  return range_of(0, partition, partitions);
}

StoredKeyRange all_round_marks_range() {
  constexpr auto kKind = static_cast<char>(StoredKind::kRoundMark);
  return {std::string(1, kKind), std::string(1, kKind + 1)};
}

StoredKeyRange all_hints_range() {
  constexpr auto kKind = static_cast<char>(StoredKind::kHint);
  return {std::string(1, kKind), std::string(1, kKind + 1)};
}

StoredKeyRange fetch_range(const FetchRange& range, const KeyPartitions& partitions) {
  StoredKeyRange bounds = range_of(range.hint_for, range.partition, partitions);
  std::string from;
  if (range.after_key.empty()) {
    from = position_bound(range.hint_for, range.from_slot, range.from_hash);
  } else {
    KeyRef after;
    after.key = range.after_key;
    after.slot = range.from_slot;
    after.hash = range.from_hash;
    after.hint_for = range.hint_for;
    encode_stored_key(after, &from);
    from.push_back('\0');  // the least that sorts behind it
  }
  bounds.begin = std::max(bounds.begin, from);
  bounds.end = std::min(bounds.end, position_end(range.hint_for, range.last_slot, range.last_hash));
  return bounds;
}

}  // namespace kindred
