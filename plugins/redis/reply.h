// A server's reply, owned, and what its errors mean to an engine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/api/status.h"

struct redisReply;

namespace kindred::plugins::redis {

using Command = std::vector<std::string>;

struct Reply {
  enum class Kind : std::uint8_t { kNil, kText, kInteger, kArray, kError };
  Kind kind = Kind::kNil;
  std::string text;  // kText, kError
  std::int64_t integer = 0;
  std::vector<Reply> elements;  // kArray

  bool is_error() const { return kind == Kind::kError; }
};

// Copies all of it.
Reply own(const redisReply& reply);

// `where` names the server. kNoSpace and kReadOnly: the server refused, nothing was applied.
Status status_of_error(const std::string& where, const std::string& error);

// Of a transaction's replies, MULTI first and EXEC last: applied whole, or what kept it from that.
Status status_of_transaction(const std::string& where, const std::vector<Reply>& replies);

}  // namespace kindred::plugins::redis
