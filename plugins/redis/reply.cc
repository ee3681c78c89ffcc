#include "plugins/redis/reply.h"

#include <hiredis/hiredis.h>

#include <string_view>

namespace kindred::plugins::redis {

Reply own(const redisReply& reply) {
  Reply owned;
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      owned.kind = Reply::Kind::kText;
      owned.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_ERROR:
      owned.kind = Reply::Kind::kError;
      owned.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_INTEGER:
      owned.kind = Reply::Kind::kInteger;
      owned.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      owned.kind = Reply::Kind::kArray;
      owned.elements.reserve(reply.elements);
      for (std::size_t i = 0; i < reply.elements; ++i) {
        owned.elements.push_back(own(*reply.element[i]));
      }
      break;
    default:
      break;
  }
  return owned;
}

Status status_of_error(const std::string& where, const std::string& error) {
  const std::string_view word = std::string_view(error).substr(0, error.find(' '));
  StatusCode code = StatusCode::kIoError;
  if (word == "OOM" || word == "MISCONF") {
    code = StatusCode::kNoSpace;
  } else if (word == "READONLY") {
    code = StatusCode::kReadOnly;
  }
  return Status(code, where + ": " + error);
}

Status status_of_transaction(const std::string& where, const std::vector<Reply>& replies) {
  // An error before EXEC tells why EXEC was refused.
  for (const Reply& reply : replies) {
    if (reply.is_error()) {
      return status_of_error(where, reply.text);
    }
  }
  if (replies.empty() || replies.back().kind != Reply::Kind::kArray) {
    return Status(StatusCode::kIoError, where + ": a transaction without its results");
  }
  // Redis goes on after a command that fails: part of the batch may be there.
  for (const Reply& reply : replies.back().elements) {
    if (reply.is_error()) {
      return Status(StatusCode::kIoError, where + ": " + reply.text);
    }
  }
  return Status();
}

}  // namespace kindred::plugins::redis
