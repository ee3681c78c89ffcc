// A key and its value in one block of memory.
//
//   u8 key size, or 255 and u32 key size | u32 value size | key | value
//
// Five bytes of header for the usual key; sizes are in the machine's byte order.
#pragma once

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace kindred::plugins::memory {

// Not owning: whoever holds it in a container calls free_record.
using Record = char*;

inline constexpr std::size_t kShortKeyBytesMax = 254;
inline constexpr unsigned char kLongKeyMark = 255;

struct RecordView {
  std::string_view key;
  std::string_view value;
};

inline RecordView view_record(const char* record) {
  const auto short_size = static_cast<unsigned char>(record[0]);
  std::uint32_t key_size = short_size;
  const char* cursor = record + 1;
  if (short_size == kLongKeyMark) {
    std::memcpy(&key_size, cursor, sizeof(key_size));
    cursor += sizeof(key_size);
  }
  std::uint32_t value_size = 0;
  std::memcpy(&value_size, cursor, sizeof(value_size));
  cursor += sizeof(value_size);
  return {{cursor, key_size}, {cursor + key_size, value_size}};
}

inline std::string_view record_key(const char* record) {
  return view_record(record).key;
}

// What the allocator gave for the block, its own word included.
inline std::size_t block_bytes(Record record) {
  return ::malloc_usable_size(record) + sizeof(std::size_t);
}

// Null when memory is out.
Record make_record(std::string_view key, std::string_view value);

// True when the new value fits into the block and leaves less than half of it unused; `value` may
// be the record's own.
bool overwrite_in_place(Record record, std::string_view value);

inline void free_record(Record record) {
  std::free(record);
}

}  // namespace kindred::plugins::memory
