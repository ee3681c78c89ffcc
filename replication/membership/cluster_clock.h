#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kindred {

/// This machine's clocks at a step, read by the driver.
struct LocalTime {
  uint64_t mono_us = 0;
  uint64_t unix_ms = 0;  // wall clock, uncorrected
};

/// This node's reading of the cluster clock: its own wall clock plus an offset towards the median
/// of the members it hears, itself included. Not thread-safe.
class ClusterClock {
 public:
  /// How far the offset moves in one probe round, once it was set at all.
  static constexpr int64_t kSlewMsMax = 5;
  /// Fewer clocks than this can't outvote a wrong one.
  static constexpr std::size_t kHeardMin = 3;
  /// No wall clock is believed beyond this (the bits a stamp has for milliseconds).
  static constexpr uint64_t kUnixMsMax = (uint64_t{1} << 48) - 1;

  /// `offset_ms` as kept from the last run. The first round that may set it still jumps.
  void restore(int64_t offset_ms) { offset_ms_ = offset_ms; }

  /// Ends a round of probes. `differences_ms`: for each other member heard lately, its wall clock
  /// less ours. `member_count` includes this node. True where the offset changed. Nothing changes
  /// while fewer than a majority, or fewer than three clocks, are heard.
  bool end_round(std::span<const int64_t> differences_ms, std::size_t member_count);

  int64_t offset_ms() const { return offset_ms_; }
  uint64_t cluster_ms(uint64_t unix_ms) const;

 private:
  int64_t offset_ms_ = 0;
  bool is_set_ = false;
};

}  // namespace kindred
