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

char* store_position(char* to, uint16_t slot, uint64_t hash) {
  *to++ = static_cast<char>(StoredKind::kRecord);
  to = store_be16(to, slot);
  return store_be64(to, hash);
}

std::string position_bound(uint16_t slot, uint64_t hash) {
  std::string bound(kPositionBytes, '\0');
  store_position(bound.data(), slot, hash);
  return bound;
}

}  // namespace

KeyRef make_key(std::string_view key, uint32_t partition_count) {
  KeyRef result;
  result.key = key;
  result.hash = hash64(key);
  result.slot = key_slot(key);
  result.partition = static_cast<uint16_t>(partition_of_slot(result.slot, partition_count));
  return result;
}

void encode_stored_key(const KeyRef& key, std::string* out) {
  const bool is_long = key.key.size() >= kLongLength;
  out->resize(kPositionBytes + (is_long ? 5 : 1) + key.key.size());
  char* to = store_position(out->data(), key.slot, key.hash);
  if (is_long) {
    *to++ = static_cast<char>(kLongLength);
    to = store_be32(to, static_cast<uint32_t>(key.key.size()));
  } else {
    *to++ = static_cast<char>(key.key.size());
  }
  store_bytes(to, key.key);
}

bool decode_stored_key(std::string_view stored, uint32_t partition_count, KeyRef* key) {
  ByteReader reader(stored);
  const uint8_t kind = reader.u8();
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
  if (!reader.complete() || kind != static_cast<uint8_t>(StoredKind::kRecord)) {
    return false;
  }
  *key = make_key(bytes, partition_count);
  return key->slot == slot && key->hash == hash;
}

bool comes_before(const KeyRef& a, const KeyRef& b) {
  return std::tuple(a.slot, a.hash, a.key.size(), a.key) <
         std::tuple(b.slot, b.hash, b.key.size(), b.key);
}

StoredKeyRange partition_range(uint32_t partition, uint32_t partition_count) {
  const SlotRange slots = slot_range(partition, partition_count);
  return {position_bound(slots.first, 0), position_bound(static_cast<uint16_t>(slots.last + 1), 0)};
}

StoredKeyRange fetch_range(const FetchRange& range, uint32_t partition_count) {
  StoredKeyRange bounds = partition_range(range.partition, partition_count);
  std::string from;
  if (range.after_key.empty()) {
    from = position_bound(range.from_slot, range.from_hash);
  } else {
    KeyRef after;
    after.key = range.after_key;
    after.slot = range.from_slot;
    after.hash = range.from_hash;
    encode_stored_key(after, &from);
    from.push_back('\0');  // the least that sorts behind it
  }
  bounds.begin = std::max(bounds.begin, from);
  return bounds;
}

}  // namespace kindred
