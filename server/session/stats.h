#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command_spec.h"

namespace kindred {

/// How long calls took: powers of two of microseconds.
class LatencyHistogram {
  static constexpr size_t kBuckets = 25;  // the last one for all above

 public:
  /// That of the last bucket, which has all above too.
  static constexpr uint64_t kLastBoundUs = uint64_t{1} << (kBuckets - 1);

  void note(uint64_t us) {
    ++counts_[bucket_of(us)];
    sum_us_ += us;
  }
  void add(const LatencyHistogram& other) {
    sum_us_ += other.sum_us_;
    for (size_t i = 0; i < counts_.size(); ++i) {
      counts_[i] += other.counts_[i];
    }
  }
  uint64_t count() const;
  uint64_t sum_us() const { return sum_us_; }
  /// Calls visit(bound, count of calls that took no longer) for bounds of 1, 2, 4 ... microseconds.
  template <typename Visit>
  void for_each_bound(Visit visit) const {
    uint64_t sum = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      sum += counts_[i];
      visit(uint64_t{1} << i, sum);
    }
  }
  /// The bound within which so many of a thousand calls were; 0: there were none.
  uint64_t bound_of(uint64_t per_mille) const;

 private:
  static size_t bucket_of(uint64_t us) {
    const auto bits = us <= 1 ? size_t{0} : static_cast<size_t>(std::bit_width(us - 1));
    return std::min(bits, kBuckets - 1);
  }

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t sum_us_ = 0;
};

/// How much a count grew in a second of late, over the last span of a second or more.
class RecentRate {
 public:
  /// Call often. A count that shrank began anew.
  void sample(uint64_t count, uint64_t now_ms) {
    const uint64_t passed_ms = now_ms - sampled_ms_;
    if (sampled_ms_ != 0 && passed_ms < kSpanMs) {
      return;
    }
    per_s_ = sampled_ms_ == 0 || count < count_ ? 0 : (count - count_) * 1000 / passed_ms;
    count_ = count;
    sampled_ms_ = now_ms;
  }
  uint64_t per_s() const { return per_s_; }

 private:
  static constexpr uint64_t kSpanMs = 1000;
  uint64_t count_ = 0;
  uint64_t sampled_ms_ = 0;
  uint64_t per_s_ = 0;
};

/// Counters of one worker's sessions for INFO: commandstats, errorstats, stats, clients. Sums over
/// the workers are the node's.
struct SessionStats {
  struct Command {
    uint64_t calls = 0;
    uint64_t nanoseconds = 0;  // the time of a batch is shared out evenly among its commands
    uint64_t rejected = 0;     // before it ran
    uint64_t failed = 0;       // while it ran
    /// From start to answer, by the clock of the loop's turns: what is answered in the turn that
    /// began it counts as instant.
    LatencyHistogram latency;
  };
  struct Error {
    std::string prefix;
    uint64_t count = 0;
  };
  static constexpr size_t kErrorPrefixesMax = 128;

  std::array<Command, static_cast<size_t>(CommandId::kCount)> commands{};  // by CommandId
  std::vector<Error> errors;
  uint64_t commands_processed = 0;
  uint64_t connections_received = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t error_replies = 0;
  uint64_t protocol_errors = 0;
  uint64_t rejected_contexts = 0;
  uint64_t keyspace_hits = 0;  // keys that reading commands asked for and found
  uint64_t keyspace_misses = 0;
  // Of late, as the hub sampled them last.
  uint64_t commands_per_s = 0;
  uint64_t received_bytes_per_s = 0;
  uint64_t sent_bytes_per_s = 0;

  Command& of(CommandId id) { return commands[static_cast<size_t>(id)]; }
  /// Counts an error reply by its first word. `text` is without '-'.
  void count_error(std::string_view text);
  void add(const SessionStats& other);
  /// CONFIG RESETSTAT.
  void reset();
};

}  // namespace kindred
