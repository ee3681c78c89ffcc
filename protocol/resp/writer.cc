#include "protocol/resp/writer.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "protocol/resp/number.h"

namespace kindred {

namespace {

constexpr size_t kReplyCapacityMin = 512;
constexpr size_t kMaxHeaderBytes = 1 + 20 + 2;

template <typename Integer>
char* write_header(char* out, char type, Integer value) {
  *out++ = type;
  out = std::to_chars(out, out + 20, value).ptr;
  *out++ = '\r';
  *out++ = '\n';
  return out;
}

}  // namespace

void ReplyBuffer::grow(size_t size) {
  const size_t capacity = std::max({size_ + size, 2 * capacity_, kReplyCapacityMin});
  auto fresh = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ > 0) {
    std::memcpy(fresh.get(), bytes_.get(), size_);
  }
  bytes_ = std::move(fresh);
  capacity_ = capacity;
}

void ReplyBuffer::reset(size_t retain_bytes) {
  size_ = 0;
  if (capacity_ > retain_bytes) {
    bytes_.reset();
    capacity_ = 0;
  }
}

void ReplyWriter::header(char type, size_t value) {
  char* const start = buffer_.prepare(kMaxHeaderBytes);
  buffer_.commit(static_cast<size_t>(write_header(start, type, value) - start));
}

void ReplyWriter::simple_string(std::string_view text) {
  char* out = buffer_.prepare(text.size() + 3);
  *out++ = '+';
  out = std::copy(text.begin(), text.end(), out);
  *out++ = '\r';
  *out++ = '\n';
  buffer_.commit(text.size() + 3);
}

void ReplyWriter::error(std::string_view text) {
  char* out = buffer_.prepare(text.size() + 3);
  *out++ = '-';
  out = std::transform(text.begin(), text.end(), out,
                       [](char c) { return c == '\r' || c == '\n' ? ' ' : c; });
  *out++ = '\r';
  *out++ = '\n';
  buffer_.commit(text.size() + 3);
}

void ReplyWriter::integer(int64_t value) {
  char* const start = buffer_.prepare(kMaxHeaderBytes);
  buffer_.commit(static_cast<size_t>(write_header(start, ':', value) - start));
}

void ReplyWriter::bulk(std::string_view bytes) {
  char* const start = buffer_.prepare(kMaxHeaderBytes + bytes.size() + 2);
  char* out = write_header(start, '$', bytes.size());
  if (!bytes.empty()) {
    std::memcpy(out, bytes.data(), bytes.size());
    out += bytes.size();
  }
  *out++ = '\r';
  *out++ = '\n';
  buffer_.commit(static_cast<size_t>(out - start));
}

void ReplyWriter::bulk_integer(int64_t value) {
  char digits[20];
  char* const end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  bulk({digits, static_cast<size_t>(end - digits)});
}

void ReplyWriter::null() {
  buffer_.append(is_resp3() ? "_\r\n" : "$-1\r\n");
}

void ReplyWriter::null_array() {
  buffer_.append(is_resp3() ? "_\r\n" : "*-1\r\n");
}

void ReplyWriter::boolean(bool value) {
  if (is_resp3()) {
    buffer_.append(value ? "#t\r\n" : "#f\r\n");
  } else {
    buffer_.append(value ? ":1\r\n" : ":0\r\n");
  }
}

void ReplyWriter::number(double value) {
  const std::string text = format_double(value);
  if (!is_resp3()) {
    bulk(text);
    return;
  }
  buffer_.append(",");
  buffer_.append(text);
  buffer_.append("\r\n");
}

void ReplyWriter::verbatim(std::string_view format, std::string_view text) {
  if (!is_resp3()) {
    bulk(text);
    return;
  }
  header('=', format.size() + 1 + text.size());
  buffer_.append(format);
  buffer_.append(":");
  buffer_.append(text);
  buffer_.append("\r\n");
}

}  // namespace kindred
