#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <string_view>

#include "replication/causal/dot.h"

namespace kindred::sim {

/// What happened: a hash of it always, line by line if wanted; the last part is kept. A failing
/// seed is run again with the lines on.
class Trace {
 public:
  enum class Mode : uint8_t { kOff, kKeep, kPrint };

  explicit Trace(Mode mode) : mode_(mode) {}
  bool on() const { return mode_ != Mode::kOff; }
  void add(uint64_t now_us, const std::string& text) {
    char time[32];
    std::snprintf(time, sizeof time, "%10.3f ms  ", static_cast<double>(now_us) / 1000.0);
    if (mode_ == Mode::kPrint) {
      std::printf("%s%s\n", time, text.c_str());
      return;
    }
    lines_.push_back(time + text);
    if (lines_.size() > kLinesMax) {
      lines_.pop_front();
    }
  }
  /// Takes what happened into the run's hash.
  void mix(uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9fb21c651e98df25ULL;
    hash_ ^= hash_ >> 32;
  }
  /// Two runs of one seed have the same.
  uint64_t hash() const { return hash_; }
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  static constexpr size_t kLinesMax = 400;
  Mode mode_;
  uint64_t hash_ = 0;
  std::deque<std::string> lines_;
};

/// "stamp-ms.counter@actor", short enough to read in a row.
inline std::string text(const Dot& dot) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%llu.%llu@%04llx",
                static_cast<unsigned long long>(stamp_unix_ms(dot.stamp) % 1'000'000),
                static_cast<unsigned long long>(dot.stamp & 0xffff),
                static_cast<unsigned long long>(dot.actor & 0xffff));
  return buffer;
}

/// The end of a long value.
inline std::string shortened(std::string_view value) {
  constexpr size_t kShown = 24;
  return value.size() <= kShown ? std::string(value)
                                : "..." + std::string(value.substr(value.size() - kShown));
}

}  // namespace kindred::sim
