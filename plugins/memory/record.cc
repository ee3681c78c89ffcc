#include "plugins/memory/record.h"

namespace kindred::plugins::memory {
namespace {

// The allocator's blocks are multiples of 16 less its own word: asking for all of one makes the
// rest ours to grow into.
std::size_t whole_block(std::size_t bytes) {
  constexpr std::size_t kStep = 16;
  return (bytes + sizeof(std::size_t) + kStep - 1) / kStep * kStep - sizeof(std::size_t);
}

}  // namespace

Record make_record(std::string_view key, std::string_view value) {
  const bool short_key = key.size() <= kShortKeyBytesMax;
  const std::size_t header_bytes = short_key ? 5 : 9;
  const auto record =
      static_cast<Record>(std::malloc(whole_block(header_bytes + key.size() + value.size())));
  if (record == nullptr) {
    return nullptr;
  }
  char* cursor = record;
  *cursor++ = static_cast<char>(short_key ? key.size() : kLongKeyMark);
  if (!short_key) {
    const auto key_size = static_cast<std::uint32_t>(key.size());
    std::memcpy(cursor, &key_size, sizeof(key_size));
    cursor += sizeof(key_size);
  }
  const auto value_size = static_cast<std::uint32_t>(value.size());
  std::memcpy(cursor, &value_size, sizeof(value_size));
  cursor += sizeof(value_size);
  std::memcpy(cursor, key.data(), key.size());
  if (!value.empty()) {
    std::memcpy(cursor + key.size(), value.data(), value.size());
  }
  return record;
}

bool overwrite_in_place(Record record, std::string_view value) {
  const RecordView old = view_record(record);
  char* value_at = const_cast<char*>(old.value.data());
  const std::size_t used = static_cast<std::size_t>(value_at - record) + value.size();
  const std::size_t block = ::malloc_usable_size(record);
  if (used > block || (value.size() != old.value.size() && block > 64 && used < block / 2)) {
    return false;
  }
  const auto value_size = static_cast<std::uint32_t>(value.size());
  std::memcpy(value_at - old.key.size() - sizeof(value_size), &value_size, sizeof(value_size));
  if (!value.empty()) {
    std::memmove(value_at, value.data(), value.size());
  }
  return true;
}

}  // namespace kindred::plugins::memory
