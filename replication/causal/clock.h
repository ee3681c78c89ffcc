#pragma once

#include <cstdint>

#include "replication/causal/dot.h"

namespace kindred {

/// The time at which a step happens, given by the driver: replication code reads no clock.
struct Now {
  uint64_t mono_us = 0;     // monotonic; for timeouts and latencies
  uint64_t cluster_ms = 0;  // unix milliseconds on the cluster clock; for stamps and expiry
};

/// Issues stamps: strictly growing, above every stamp they extend (hybrid logical clock, Kulkarni
/// et al. 2014). One a shard; not thread-safe.
class HybridClock {
 public:
  /// How far ahead of the cluster clock a stamp seen elsewhere may drag this clock.
  static constexpr uint64_t kJumpMsMax = 60'000;

  /// A stamp above `above`, above all stamps issued before within the jump bound, and not below
  /// the clock. 0 where no stamp above `above` exists.
  [[nodiscard]] Stamp next(uint64_t now_ms, Stamp above);
  /// Takes note of a stamp seen in a peer's message; stamps too far ahead move nothing.
  void observe(uint64_t now_ms, Stamp seen);
  /// The lowest stamp that this clock may still issue is above this.
  Stamp highest() const { return last_; }

 private:
  Stamp last_ = 0;
};

}  // namespace kindred
