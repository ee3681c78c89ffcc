#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace kindred {

// A growable run of bytes that is not cleared as it grows. Movable; one owner.
class ReplyBuffer {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity_bytes() const { return capacity_; }
  // Valid until the next call that changes the buffer.
  std::string_view view() const { return {bytes_.get(), size_}; }

  // Room for `size` bytes at the end, to be filled and then counted with commit().
  char* prepare(size_t size) {
    if (capacity_ - size_ < size) [[unlikely]] {
      grow(size);
    }
    return bytes_.get() + size_;
  }
  void commit(size_t size) { size_ += size; }

  void append(std::string_view bytes) {
    if (!bytes.empty()) {
      std::memcpy(prepare(bytes.size()), bytes.data(), bytes.size());
      commit(bytes.size());
    }
  }

  // Forgets all but the first `size` bytes.
  void truncate(size_t size) { size_ = size < size_ ? size : size_; }
  void clear() { size_ = 0; }
  // Empties the buffer and frees its memory if that is more than `retain_bytes`.
  void reset(size_t retain_bytes);

 private:
  void grow(size_t size);

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

enum class RespVersion : uint8_t { kResp2 = 2, kResp3 = 3 };

// Writes replies to the end of one contiguous buffer, so that a pipeline's replies leave in one
// send. Shapes that RESP2 lacks turn into what Redis sends to its RESP2 clients.
//
// One owner, one thread. Source: https://redis.io/docs/reference/protocol-spec/.
class ReplyWriter {
 public:
  explicit ReplyWriter(RespVersion version = RespVersion::kResp2) : version_(version) {}

  RespVersion version() const { return version_; }
  void set_version(RespVersion version) { version_ = version; }

  // The bytes written so far: to be sent, cleared, cut back or swapped for another buffer.
  ReplyBuffer& buffer() { return buffer_; }
  const ReplyBuffer& buffer() const { return buffer_; }
  std::string_view view() const { return buffer_.view(); }
  size_t size() const { return buffer_.size(); }

  // `text` holds neither CR nor LF.
  void simple_string(std::string_view text);
  void ok() { buffer_.append("+OK\r\n"); }
  // `text` begins with the error's prefix ("ERR ..."), without '-'; CR and LF become spaces.
  void error(std::string_view text);
  void integer(int64_t value);
  void bulk(std::string_view bytes);
  // A bulk of decimal digits.
  void bulk_integer(int64_t value);
  void null();
  // RESP2 *-1.
  void null_array();
  void boolean(bool value);
  // RESP2: a bulk.
  void number(double value);
  // RESP2: a bulk. `format` is three characters, "txt" or "mkd".
  void verbatim(std::string_view format, std::string_view text);

  // Headers; as many replies as they announce follow: `size`, or twice as many for a map.
  void array(size_t size) { header('*', size); }
  void set(size_t size) { header(is_resp3() ? '~' : '*', size); }
  void map(size_t size) { header(is_resp3() ? '%' : '*', is_resp3() ? size : 2 * size); }
  void push(size_t size) { header(is_resp3() ? '>' : '*', size); }

  // Bytes that are whole replies already.
  void raw(std::string_view bytes) { buffer_.append(bytes); }

 private:
  bool is_resp3() const { return version_ == RespVersion::kResp3; }
  void header(char type, size_t value);

  ReplyBuffer buffer_;
  RespVersion version_;
};

}  // namespace kindred
