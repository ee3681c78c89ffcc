// A Redis server for one test program.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace kindred::testing_support {

// Listens on a Unix socket in a directory of its own, and nowhere else. Ends with this object, and
// with the process at the latest. One thread.
class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // For the redis engine's setting of this name. A client may have to ask twice: the server may not
  // listen yet.
  std::string url() const { return "unix://" + dir_ + "/socket"; }
  const std::string& dir() const { return dir_; }

  // On a thread that lives as long as the server is to: the system ends it with the thread.
  void start();
  // Ends it at once, without its saving anything.
  void kill();
  void pause();
  void resume();

 private:
  const std::vector<std::string> options_;
  std::string dir_;
  pid_t pid_ = -1;
};

}  // namespace kindred::testing_support
