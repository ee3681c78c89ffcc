#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command_spec.h"

namespace kindred {

/// A connection's MULTI: queues commands, then lends them out one by one.
class Transaction {
 public:
  /// Between MULTI and EXEC or DISCARD.
  bool queueing() const { return state_ == State::kQueueing; }
  /// From EXEC until its last command is done.
  bool running() const { return state_ == State::kRunning; }
  bool broken() const { return broken_; }
  size_t size() const { return commands_.size(); }
  size_t queued_bytes() const { return queued_bytes_; }

  void begin() { state_ = State::kQueueing; }
  /// A command was refused while queueing: EXEC will refuse all.
  void set_broken() { broken_ = true; }
  /// Broken, and nothing of the queue is kept.
  void give_up();
  /// What queue() would add to queued_bytes().
  static size_t bytes_of(std::span<const std::string_view> args);
  /// Copies the arguments; of a broken one nothing, as it will never run.
  void queue(const CommandSpec& spec, std::span<const std::string_view> args);
  /// `silent`: the replies are not wanted (CLIENT REPLY).
  void run(bool silent) {
    state_ = State::kRunning;
    silent_ = silent;
  }
  bool silent() const { return silent_; }
  void clear();

  bool at_end() const { return next_ == commands_.size(); }
  const CommandSpec& next_spec() const { return *commands_[next_].spec; }
  /// Valid until advance(), queue() or clear().
  std::span<const std::string_view> next_args();
  void advance() { ++next_; }

 private:
  enum class State : uint8_t { kNone, kQueueing, kRunning };
  struct Queued {
    const CommandSpec* spec = nullptr;
    std::vector<std::string> args;
  };

  State state_ = State::kNone;
  bool broken_ = false;
  bool silent_ = false;
  std::vector<Queued> commands_;
  size_t next_ = 0;
  size_t queued_bytes_ = 0;
  std::vector<std::string_view> views_;
};

}  // namespace kindred
