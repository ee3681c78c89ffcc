// An LMDB environment that grows as it fills and belongs to one opener.
#pragma once

#include <lmdb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "plugins/api/engine.h"
#include "plugins/api/status.h"

namespace kindred::plugins::lmdb {

// An error of LMDB's in the words of an engine; `where` is for the message.
Status status_of(int error, const std::string& where);

// What transactions pass together, and closes for the moment in which the map grows. A shared mutex
// alone lets an endless row of readers keep the one that closes it waiting.
class Gate {
 public:
  void lock_shared() {
    const std::lock_guard turn(turnstile_);
    inside_.lock_shared();
  }
  void unlock_shared() { inside_.unlock_shared(); }
  void lock() {
    turnstile_.lock();
    inside_.lock();
  }
  void unlock() {
    inside_.unlock();
    turnstile_.unlock();
  }

 private:
  std::mutex turnstile_;
  std::shared_mutex inside_;
};

struct EnvironmentSettings {
  std::uint64_t map_bytes = 0;      // to begin with
  std::uint64_t map_bytes_max = 0;  // the most that the file may take
  bool sync_commits = true;         // see lmdb_engine.h
};

struct EnvironmentFigures {
  std::uint64_t records = 0;
  std::uint64_t pages_in_use = 0;
  std::uint64_t pages_of_file = 0;
  std::uint64_t page_bytes = 0;
  std::uint64_t map_bytes = 0;
  std::uint64_t tree_depth = 0;
  std::uint64_t readers = 0;
};

// Any thread, the destructor excepted. A thread that is in one of read() and write() must not ask
// for another of them.
class Environment {
 public:
  // Fills in nothing unless ok. `dir` exists.
  static Status open(const std::string& dir, const EnvironmentSettings& settings,
                     std::unique_ptr<Environment>* opened);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Runs `body` in a read-only transaction; what it returns is the result, MDB_NOTFOUND as
  // kNotFound.
  Status read(const std::function<int(MDB_txn*)>& body);
  // Runs `body` in a transaction and commits it where that returns MDB_SUCCESS, or none of it.
  // `body` may run several times, each time as if for the first.
  Status write(const std::function<int(MDB_txn*)>& body);
  // All that was written before is on the device. Threads that wait at the same time share it.
  Status sync();
  // A consistent, compact and synced copy; `dir` is there and empty. The map doesn't grow
  // meanwhile.
  Status copy(const std::string& dir);
  Status figures(EnvironmentFigures* figures);

  MDB_dbi records() const { return records_; }
  const std::string& dir() const { return dir_; }

 private:
  Environment(std::string dir, const EnvironmentSettings& settings)
      : dir_(std::move(dir)), settings_(settings) {}

  Status lock_directory();
  Status open_map();
  int attempt(const std::function<int(MDB_txn*)>& body);
  int turn(MDB_txn* txn) const;
  Status grow();

  const std::string dir_;
  const EnvironmentSettings settings_;
  int lock_fd_ = -1;
  MDB_env* env_ = nullptr;
  MDB_dbi records_ = 0;
  MDB_dbi turns_ = 0;
  Gate gate_;
  std::mutex write_mutex_;
  std::uint64_t map_bytes_ = 0;  // written under both, gate closed

  std::mutex commits_mutex_;
  std::uint64_t commits_ = 0;  // changes under both write_mutex_ and commits_mutex_
  std::mutex sync_mutex_;
  std::uint64_t synced_commits_ = 0;  // under sync_mutex_
};

}  // namespace kindred::plugins::lmdb
