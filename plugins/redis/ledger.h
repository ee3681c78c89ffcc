// What an engine's directory remembers of data that lies elsewhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "plugins/api/status.h"

namespace kindred::plugins::redis {

// The file LEDGER: a random id under which the server keeps this directory's data, whether it has
// taken any, the number of the last batch that it acknowledged, and the last connection to it.
// Survives the process. Held by one opener. One thread at a time.
class Ledger {
 public:
  static Status open(const std::string& dir, std::unique_ptr<Ledger>* opened);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  const std::string& owner() const { return owner_; }
  bool claimed() const { return claimed_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  // The server's name of its run, and of a connection in it; "-" and 0 before the first.
  const std::string& run() const { return run_; }
  std::uint64_t client() const { return client_; }

  // `run` without spaces, up to 40 bytes.
  Status set_connection(const std::string& run, std::uint64_t client);
  // Synced.
  Status set_claimed();
  // Handed to the system: a crash of the machine may take it back to an earlier number.
  Status set_acknowledged(std::uint64_t number);

 private:
  Ledger(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status load();
  Status store();

  const std::string path_;
  const int fd_;
  std::string owner_;
  bool claimed_ = false;
  std::uint64_t acknowledged_ = 0;
  std::string run_ = "-";
  std::uint64_t client_ = 0;
};

}  // namespace kindred::plugins::redis
