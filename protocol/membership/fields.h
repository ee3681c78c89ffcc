#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/record/bytes.h"
#include "replication/membership/messages.h"
#include "replication/membership/node_record.h"

namespace kindred::membership_codec {

/// Goes over the fields of a value in the order of their bytes. One list of fields, a function
/// tell(io, value), both writes and reads a type; how a field lies in the bytes follows from its
/// type. This one writes.
class FieldWriter {
 public:
  static constexpr bool kReads = false;
  template <typename T>
  using Value = const T;

  /// `bytes` outlives this object.
  explicit FieldWriter(ByteWriter* bytes) : bytes_(*bytes) {}

  template <typename... Fields>
  void operator()(const Fields&... fields) {
    (field(fields), ...);
  }
  /// A document that is always there; whole, with its own checksum.
  void document(const std::shared_ptr<const ClusterDocument>& document);
  /// One that may be null.
  void optional_document(const std::shared_ptr<const ClusterDocument>& document);
  template <typename T>
  void list(const std::vector<T>& values, size_t /*bytes_min*/, size_t /*count_max*/) {
    bytes_.varint(values.size());
    for (const T& value : values) {
      field(value);
    }
  }
  template <typename Enum>
  void choice(Enum value, Enum /*last*/) {
    bytes_.u8(static_cast<uint8_t>(value));
  }
  /// What was read must be so.
  void require(bool /*is_so*/) {}
  ByteWriter& bytes() { return bytes_; }

 private:
  void field(bool value) { bytes_.boolean(value); }
  void field(uint8_t value) { bytes_.u8(value); }
  void field(uint16_t value) { bytes_.u16(value); }
  void field(uint32_t value) { bytes_.u32(value); }
  void field(uint64_t value) { bytes_.u64(value); }
  void field(int64_t value) { bytes_.u64(static_cast<uint64_t>(value)); }
  void field(const std::string& text) { bytes_.sized(text); }
  template <typename T>
  void field(const T& value) {
    tell(*this, value);
  }

  ByteWriter& bytes_;
};

/// Reads. A field out of its bounds fails the reader.
class FieldReader {
 public:
  static constexpr bool kReads = true;
  template <typename T>
  using Value = T;

  /// `bytes` outlives this object.
  explicit FieldReader(ByteReader* bytes) : bytes_(*bytes) {}

  template <typename... Fields>
  void operator()(Fields&... fields) {
    (field(fields), ...);
  }
  void document(std::shared_ptr<const ClusterDocument>& document);
  void optional_document(std::shared_ptr<const ClusterDocument>& document);
  /// Each value takes at least `bytes_min`.
  template <typename T>
  void list(std::vector<T>& values, size_t bytes_min, size_t count_max) {
    const size_t count = bytes_.count(bytes_min, count_max);
    for (size_t i = 0; i < count && bytes_.ok(); ++i) {
      field(values.emplace_back());
    }
  }
  /// One of an enumeration from 0 to `last`.
  template <typename Enum>
  void choice(Enum& value, Enum last) {
    const uint8_t number = bytes_.u8();
    require(number <= static_cast<uint8_t>(last));
    value = static_cast<Enum>(number);
  }
  void require(bool is_so) {
    if (!is_so) {
      bytes_.fail();
    }
  }
  ByteReader& bytes() { return bytes_; }

 private:
  void field(bool& value) { value = bytes_.boolean(); }
  void field(uint8_t& value) { value = bytes_.u8(); }
  void field(uint16_t& value) { value = bytes_.u16(); }
  void field(uint32_t& value) { value = bytes_.u32(); }
  void field(uint64_t& value) { value = bytes_.u64(); }
  void field(int64_t& value) { value = static_cast<int64_t>(bytes_.u64()); }
  void field(std::string& text);
  template <typename T>
  void field(T& value) {
    tell(*this, value);
  }

  ByteReader& bytes_;
};

// What messages and the node record share.

template <typename Io>
void tell(Io& io, typename Io::template Value<Address>& address) {
  io(address.host, address.port);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Promise>& promise) {
  io(promise.node, promise.directory, promise.address, promise.cluster);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<DocumentNumber>& number) {
  io(number.generation, number.epoch);
}

template <typename Io>
void tell(Io& io, typename Io::template Value<Ballot>& ballot) {
  io(ballot.round, ballot.node);
}

}  // namespace kindred::membership_codec
