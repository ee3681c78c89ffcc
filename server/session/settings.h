#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/resp/parser.h"

namespace kindred {

/// Unsent output above which a client is cut off: at once, or where it stays so for some time. As
/// of client-output-buffer-limit; 0: never.
struct OutputLimit {
  size_t hard_bytes = 0;
  size_t soft_bytes = 0;
  uint32_t soft_s = 0;
};

/// What sessions of one worker go by. Owned by the driver; CONFIG SET changes it on the worker's
/// thread, between calls.
struct SessionSettings {
  RequestLimits request_limits;
  /// How much longer a connection waits for its answer with each wrong password in a row, up to ten
  /// times that; 0: not at all.
  uint32_t login_delay_ms = 0;
  OutputLimit output_limit;
  /// Of a connection that gets messages out of turn.
  OutputLimit pubsub_output_limit{size_t{32} << 20, size_t{8} << 20, 60};
  /// Unsent output above which a session neither reads nor executes.
  size_t output_backlog_bytes = size_t{1} << 20;
  /// Commands of one session in flight where the next one's answer may be long: so many at first,
  /// then as many as would fill the backlog with replies as they were of late, up to the other.
  uint32_t long_replies_first = 8;
  uint32_t long_replies_max = 128;
  uint32_t notify_events = 0;    // event_class bits: which changes of keys are published
  int64_t slow_log_us = 10'000;  // from when a command is slow; negative: none is
  size_t slow_log_length_max = 128;
  uint32_t request_timeout_ms = 1000;  // as configured, for the texts of errors
  /// Operations of all sessions waiting for answers: enough to fill a batch of the engine, few
  /// enough to be answered long before they time out, however many clients pipeline.
  size_t operations_max = 1024;
  uint32_t in_flight_max = 512;  // commands of one session waiting for answers, <= kSlotsMax

  /// The longest value that there may be.
  uint64_t value_bytes_max() const {
    return static_cast<uint64_t>(request_limits.proto_max_bulk_len);
  }
};

}  // namespace kindred
