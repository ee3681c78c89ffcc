// LMDB takes keys of up to 511 bytes. Longer ones share a record, their bucket, whose key is what
// they begin with: order stays that of the whole keys, and no key's length is refused.
//
//   key of up to 510 bytes   stored as it is
//   a longer one             head (510 bytes) and a zero byte -> bucket
//
// The bucket's key is above the head alone and below every other key that is above the head. Inside
// it the records are sorted by the rest of their keys, their tails:
//   { tail size (u32), value size (u32), tail, value } ..., little endian
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::plugins::lmdb {

inline constexpr std::size_t kHeadBytes = 510;

// Where a key is stored. Views the key, which must outlive it and not be empty.
class Place {
 public:
  explicit Place(std::string_view key);

  // What LMDB gets as the key; valid as long as this.
  std::string_view stored_key() const { return in_bucket_ ? bucket_key_ : key_; }
  bool in_bucket() const { return in_bucket_; }
  // Empty unless in_bucket().
  std::string_view tail() const { return tail_; }

 private:
  std::string_view key_;
  std::string_view tail_;
  std::string bucket_key_;
  bool in_bucket_;
};

// Whether a key that LMDB holds is a bucket's.
inline bool is_bucket(std::string_view stored_key) {
  return stored_key.size() > kHeadBytes;
}

struct LongRecord {
  std::string_view tail;
  std::string_view value;
};

// A bucket's records, in order; views into `bytes`. False where they are no bucket.
[[nodiscard]] bool decode_bucket(std::string_view bytes, std::vector<LongRecord>* records);
std::string encode_bucket(const std::vector<LongRecord>& records);

// The record with this tail, or where it belongs.
std::vector<LongRecord>::iterator find_tail(std::vector<LongRecord>& records,
                                            std::string_view tail);

}  // namespace kindred::plugins::lmdb
