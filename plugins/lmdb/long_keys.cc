#include "plugins/lmdb/long_keys.h"

#include <algorithm>

namespace kindred::plugins::lmdb {
namespace {

constexpr std::size_t kSizeBytes = 4;

void append_size(std::size_t size, std::string* out) {
  for (std::size_t i = 0; i < kSizeBytes; ++i) {
    out->push_back(static_cast<char>(size >> (8 * i) & 0xff));
  }
}

std::size_t read_size(std::string_view bytes) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < kSizeBytes; ++i) {
    size |= std::size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return size;
}

}  // namespace

Place::Place(std::string_view key) : key_(key), in_bucket_(key.size() > kHeadBytes) {
  if (in_bucket_) {
    bucket_key_.reserve(kHeadBytes + 1);
    bucket_key_.append(key.substr(0, kHeadBytes)).push_back('\0');
    tail_ = key.substr(kHeadBytes);
  }
}

bool decode_bucket(std::string_view bytes, std::vector<LongRecord>* records) {
  records->clear();
  while (!bytes.empty()) {
    if (bytes.size() < 2 * kSizeBytes) {
      return false;
    }
    const std::size_t tail_size = read_size(bytes);
    const std::size_t value_size = read_size(bytes.substr(kSizeBytes));
    bytes.remove_prefix(2 * kSizeBytes);
    if (tail_size == 0 || bytes.size() < tail_size + value_size) {
      return false;
    }
    records->push_back({bytes.substr(0, tail_size), bytes.substr(tail_size, value_size)});
    bytes.remove_prefix(tail_size + value_size);
  }
  return !records->empty();
}

std::string encode_bucket(const std::vector<LongRecord>& records) {
  std::string bytes;
  std::size_t total = 0;
  for (const LongRecord& record : records) {
    total += 2 * kSizeBytes + record.tail.size() + record.value.size();
  }
  bytes.reserve(total);
  for (const LongRecord& record : records) {
    append_size(record.tail.size(), &bytes);
    append_size(record.value.size(), &bytes);
    bytes.append(record.tail).append(record.value);
  }
  return bytes;
}

std::vector<LongRecord>::iterator find_tail(std::vector<LongRecord>& records,
                                            std::string_view tail) {
  return std::lower_bound(
      records.begin(), records.end(), tail,
      [](const LongRecord& record, std::string_view wanted) { return record.tail < wanted; });
}

}  // namespace kindred::plugins::lmdb
