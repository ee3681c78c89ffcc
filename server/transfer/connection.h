#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::transfer {

/// hiredis's reply, ours to free.
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

inline std::string_view text_of(const redisReply& reply) {
  return {reply.str, reply.len};
}

/// Where a server is, and who asks.
struct Endpoint {
  std::string host;
  uint16_t port = 0;
  std::string user;  // empty: the default one
  std::string password;
};

/// A connection that waits for its answers: commands are appended, then their replies read in
/// order. One thread.
class Connection {
 public:
  /// Null with `error` set where it can't be made, or the password is refused.
  static std::unique_ptr<Connection> open(const Endpoint& endpoint, std::string* error);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void append(const std::vector<std::string_view>& words);
  /// The reply to the oldest command without one; null with error() set where the connection broke.
  Reply read();
  /// Both.
  Reply ask(const std::vector<std::string_view>& words);
  std::string error() const { return context_->errstr; }

 private:
  explicit Connection(redisContext* context) : context_(context) {}

  redisContext* context_;
};

}  // namespace kindred::transfer
