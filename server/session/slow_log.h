#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command_spec.h"

namespace kindred {

/// A command that took long from its start to its answer (SLOWLOG).
struct SlowCommand {
  uint64_t id = 0;
  uint64_t at_ms = 0;
  uint64_t took_us = 0;
  std::vector<std::string> args;  // as slow_args() made them
  std::string client_address;
  std::string client_name;
};

/// A request's arguments as the log keeps them: few, short, and without passwords. Packed, so that
/// those of a command in flight cost one string; what `packed` held before is replaced.
void pack_slow_args(const CommandSpec& spec, std::span<const std::string_view> args,
                    std::string* packed);
[[nodiscard]] std::vector<std::string> unpack_slow_args(std::string_view packed);

/// The latest slow commands of one worker, the newest first. One thread.
class SlowLog {
 public:
  /// Lets go of the oldest above `length_max`.
  void add(SlowCommand command, size_t length_max) {
    commands_.push_front(std::move(command));
    trim(length_max);
  }
  void trim(size_t length_max) {
    while (commands_.size() > length_max) {
      commands_.pop_back();
    }
  }
  void clear() { commands_.clear(); }
  const std::deque<SlowCommand>& commands() const { return commands_; }

 private:
  std::deque<SlowCommand> commands_;
};

}  // namespace kindred
