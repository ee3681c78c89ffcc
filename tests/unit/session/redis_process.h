#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

namespace kindred {

/// A redis-server of this machine on a free loopback port, without files. Ends with the object.
class RedisProcess {
 public:
  /// Null where redis-server is not installed or does not start.
  static std::unique_ptr<RedisProcess> start();
  ~RedisProcess();
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  /// Opens a connection; its number.
  int connect();
  /// What the server says to `request` on `connection`: so many replies, or less within two
  /// seconds.
  std::string talk(int connection, std::string_view request, size_t replies = 1);

 private:
  RedisProcess(pid_t pid, int port) : pid_(pid), port_(port) {}

  pid_t pid_;
  int port_;
};

}  // namespace kindred
