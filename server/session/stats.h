#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command_spec.h"

namespace kindred {

/// Counters of one worker's sessions for INFO: commandstats, errorstats, stats, clients. Sums over
/// the workers are the node's.
struct SessionStats {
  struct Command {
    uint64_t calls = 0;
    uint64_t nanoseconds = 0;  // the time of a batch is shared out evenly among its commands
    uint64_t rejected = 0;     // before it ran
    uint64_t failed = 0;       // while it ran
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
  uint64_t conflicts_hidden = 0;  // values told by the resolver while others lived beside it

  Command& of(CommandId id) { return commands[static_cast<size_t>(id)]; }
  /// Counts an error reply by its first word. `text` is without '-'.
  void count_error(std::string_view text);
  void add(const SessionStats& other);
  /// CONFIG RESETSTAT.
  void reset();
};

}  // namespace kindred
