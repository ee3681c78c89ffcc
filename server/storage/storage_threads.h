#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "plugins/api/engine.h"
#include "replication/causal/value.h"
#include "replication/node/ports.h"
#include "server/storage/range_scan.h"

namespace kindred {

/// One thing that a worker asks of its storage threads.
struct StorageJob {
  enum class Kind : uint8_t { kPut, kQuarantine, kLoad, kRange, kProbe };
  Kind kind = Kind::kPut;
  Durability durability = Durability::kMemory;
  bool wants_answer = false;
  StoreToken token = 0;
  uint64_t sequence = 0;         // kPut, kQuarantine: names the pending entry
  std::string stored_key;        // all but kRange
  Value record;                  // kPut; owned; empty: the key is erased
  std::vector<RangeRead> range;  // kRange: one
};

/// What came of a job.
struct StorageResult {
  StorageJob::Kind kind = StorageJob::Kind::kPut;
  bool ok = false;
  plugins::Status status;  // kRange, kLoad: why not ok. kProbe: what the engine makes of writes now
  bool known = false;      // a write that failed: the engine told what it holds instead
  bool found = false;      // kLoad, and what the engine told
  bool wants_answer = false;
  StoreToken token = 0;
  uint64_t sequence = 0;
  std::string stored_key;
  std::string record;    // as found
  RangeContent content;  // kRange
};

/// The threads that may wait for a device, for one worker: one writer, which applies all that has
/// come since its last sync as one batch, and a few readers. A range is read after all writes that
/// were submitted before it. Once the engine has refused a batch it is probed, less and less often,
/// until it takes one; that it refuses, and why, and that it is back, comes as a result of a probe.
/// Made and stopped on the worker's thread.
class StorageThreads {
 public:
  /// `engine` outlives this. `wake` is called from the threads when there are results. `probes`:
  /// false where an engine that comes back may have forgotten what it was given.
  StorageThreads(plugins::Engine& engine, unsigned readers, std::function<void()> wake,
                 bool probes);
  ~StorageThreads();
  StorageThreads(const StorageThreads&) = delete;
  StorageThreads& operator=(const StorageThreads&) = delete;

  void set_partitions(const KeyPartitions& partitions);
  /// Takes all jobs; `jobs` is empty afterwards.
  void submit(std::vector<StorageJob>* jobs);
  /// Replaces `results` by what has finished, in the order of finishing.
  void take_results(std::vector<StorageResult>* results);
  /// For good. Trouble is told as before, its end no more.
  void stop_probing() { probes_.store(false, std::memory_order_relaxed); }
  /// Finishes all jobs and ends the threads.
  void stop();

 private:
  void write_loop();
  void read_loop();
  void apply(std::vector<StorageJob>* jobs);
  void note_refusal(const plugins::Status& status);
  void probe();
  void look_up(StorageResult* failed);
  void publish(std::vector<StorageResult>* results);
  /// Nothing where a range is to be read on later.
  std::optional<StorageResult> read(StorageJob& job);

  plugins::Engine& engine_;
  const std::function<void()> wake_;

  std::mutex write_mutex_;
  std::condition_variable write_ready_;
  std::vector<StorageJob> writes_;
  bool stopping_writes_ = false;

  std::mutex read_mutex_;
  std::condition_variable read_ready_;
  std::deque<StorageJob> reads_;
  KeyPartitions partitions_;
  bool stopping_reads_ = false;

  std::mutex result_mutex_;
  std::vector<StorageResult> results_;

  using Clock = std::chrono::steady_clock;
  std::atomic<bool> probes_;
  plugins::WriteBatch batch_;  // this and what follows: the writer's
  plugins::StatusCode trouble_ = plugins::StatusCode::kOk;
  std::optional<Clock::time_point> probe_at_;
  Clock::time_point recovered_at_;
  std::chrono::milliseconds backoff_{0};
  std::thread writer_;
  std::vector<std::thread> readers_;
};

}  // namespace kindred
