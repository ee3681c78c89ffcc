#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace kindred {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the formats are copied as they lie");

/// Little-endian integers at any address.
template <typename T>
inline T load_le(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <typename T>
inline char* store_le(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

/// A varint is seven bits a byte, the lowest first, the top bit set on all but the last byte. Only
/// the shortest form of a number is valid.
inline constexpr size_t kVarintBytesMax = 10;

/// Room for kVarintBytesMax bytes at `to`; returns the end of what was written.
inline char* store_varint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

/// Copies bytes, none included (memcpy takes no null pointer).
inline char* store_bytes(char* to, std::string_view bytes) {
  if (!bytes.empty()) {
    std::memcpy(to, bytes.data(), bytes.size());
  }
  return to + bytes.size();
}

/// Appends fields to a string that the caller owns; for what is not on the path of every request.
class ByteWriter {
 public:
  /// `out` outlives the writer.
  explicit ByteWriter(std::string* out) : out_(out) {}

  void u8(uint8_t value) { out_->push_back(static_cast<char>(value)); }
  void u16(uint16_t value) { fixed(value); }
  void u32(uint32_t value) { fixed(value); }
  void u64(uint64_t value) { fixed(value); }
  void boolean(bool value) { u8(value ? 1 : 0); }
  void varint(uint64_t value) {
    char room[kVarintBytesMax];
    out_->append(room, static_cast<size_t>(store_varint(room, value) - room));
  }
  void raw(std::string_view bytes) { out_->append(bytes); }
  /// A varint length, then the bytes.
  void sized(std::string_view bytes) {
    varint(bytes.size());
    raw(bytes);
  }

 private:
  template <typename T>
  void fixed(T value) {
    char room[sizeof value];
    store_le(room, value);
    out_->append(room, sizeof room);
  }

  std::string* out_;
};

/// Reads fields out of bytes that somebody else owns and that may be hostile. The first read that
/// goes past the end or finds a malformed field makes ok() false for good, and from then on every
/// read gives zero or nothing: check once at the end. Views point into the input.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  /// All was read and nothing failed.
  bool complete() const { return ok_ && at_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }

  uint8_t u8() { return fixed<uint8_t>(); }
  uint16_t u16() { return fixed<uint16_t>(); }
  uint32_t u32() { return fixed<uint32_t>(); }
  uint64_t u64() { return fixed<uint64_t>(); }
  /// Anything but 0 and 1 is malformed.
  bool boolean() {
    const uint8_t value = u8();
    if (value > 1) {
      fail();
    }
    return value == 1;
  }
  uint64_t varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      return static_cast<uint8_t>(*at_++);
    }
    return long_varint();
  }
  /// The number of elements that follow, each at least `element_bytes_min` (not 0) long: a count
  /// that the rest of the input cannot hold, or above `count_max`, is malformed. So it may be
  /// reserved for.
  size_t count(size_t element_bytes_min, size_t count_max = SIZE_MAX) {
    const uint64_t value = varint();
    if (value > count_max || value > remaining() / element_bytes_min) {
      fail();
      return 0;
    }
    return static_cast<size_t>(value);
  }
  std::string_view raw(uint64_t size) {
    if (size > remaining()) {
      fail();
      return {};
    }
    const std::string_view bytes(at_, static_cast<size_t>(size));
    at_ += bytes.size();
    return bytes;
  }
  std::string_view sized() { return raw(varint()); }
  std::string_view rest() { return raw(remaining()); }

  /// For the caller's own checks.
  void fail() {
    ok_ = false;
    at_ = end_;
  }

 private:
  template <typename T>
  T fixed() {
    if (remaining() < sizeof(T)) {
      fail();
      return 0;
    }
    const T value = load_le<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  uint64_t long_varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<uint8_t>(*at_++);
      if (shift == 63 && byte > 1) {
        break;
      }
      value |= uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift > 0) {
          break;
        }
        return value;
      }
    }
    fail();
    return 0;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace kindred
