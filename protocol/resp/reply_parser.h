#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kindred {

enum class ReplyType : uint8_t {
  kSimpleString,
  kError,
  kInteger,
  kBulk,
  kNull,
  kNullArray,
  kArray,
  kMap,  // elements: key, value, key, value ...
  kSet,
  kPush,
  kDouble,
  kBoolean,
  kVerbatim,   // text without its format
  kBigNumber,  // digits in text
};

// One reply as a tree of values.
struct Reply {
  ReplyType type = ReplyType::kNull;
  std::string text;
  int64_t integer = 0;  // also 0 or 1 of a boolean
  double number = 0;
  std::vector<Reply> elements;

  bool is_error() const { return type == ReplyType::kError; }
  bool is_null() const { return type == ReplyType::kNull || type == ReplyType::kNullArray; }
  // The value that follows `key` in a map, or in the flat array that RESP2 makes of it; or null.
  const Reply* find(std::string_view key) const;
};

enum class ReplyStatus : uint8_t { kReply, kNeedMore, kError };

// An incremental parser of RESP2 and RESP3 replies, for tests and tools: feed bytes, take trees.
// It trusts the server with the size of replies, not with their depth (at most 64).
// One owner, one thread.
class ReplyParser {
 public:
  void feed(std::string_view bytes);

  // Moves the next whole reply into `reply`. kError: not RESP; nothing more can be read.
  [[nodiscard]] ReplyStatus next(Reply& reply);

 private:
  struct Open {
    Reply reply;
    size_t missing;
  };

  // Reads one element, or the head of an aggregate, into `reply`; `children` follow it.
  ReplyStatus read_element(Reply& reply, size_t& children);
  ReplyStatus read_sized(char type, std::string_view size, size_t line_end, Reply& reply);
  ReplyStatus read_aggregate(char type, std::string_view size, Reply& reply, size_t& children);
  // Hangs `reply` into the open aggregates; true once the outermost is whole, which it then is.
  bool close(Reply& reply);

  std::string buffer_;
  size_t pos_ = 0;
  std::vector<Open> open_;
  bool failed_ = false;
};

}  // namespace kindred
