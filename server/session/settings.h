#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/resp/parser.h"

namespace kindred {

/// What sessions of one worker go by. Owned by the driver; CONFIG SET changes it on the worker's
/// thread, between calls.
struct SessionSettings {
  RequestLimits request_limits;
  /// How much longer a connection waits for its answer with each wrong password in a row, up to ten
  /// times that; 0: not at all.
  uint32_t login_delay_ms = 0;
  /// Unsent output above which a client is cut off (client-output-buffer-limit normal); 0: never.
  size_t output_limit_bytes = 0;
  /// The same of a connection that gets messages out of turn (pubsub).
  size_t pubsub_output_limit_bytes = size_t{32} << 20;
  /// Unsent and expected output above which a session neither reads nor executes.
  size_t output_backlog_bytes = size_t{1} << 20;
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
