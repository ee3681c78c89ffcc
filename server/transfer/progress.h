#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace kindred::transfer {

/// What was moved so far; says so on the error output once a second.
class Progress {
 public:
  /// `expected`: keys, 0 where nobody knows.
  explicit Progress(uint64_t expected) : expected_(expected) {}

  void moved(uint64_t bytes);
  void skipped(const std::string& why);
  void failed(const std::string& why);
  /// The last line.
  void finish();

  uint64_t failures() const { return failures_; }

 private:
  void show(bool is_last);

  using Clock = std::chrono::steady_clock;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point shown_ = started_;
  const uint64_t expected_;
  uint64_t keys_ = 0;
  uint64_t bytes_ = 0;
  uint64_t skips_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace kindred::transfer
