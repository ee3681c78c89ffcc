#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command_spec.h"
#include "replication/node/operation.h"

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

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Queued& queued : commands_) {
      visit(*queued.spec, queued.args);
    }
  }

  // After WATCH the operations of the queue are first recorded, one by one, and carried out
  // together elsewhere; then the queue runs and takes their outcomes.
  bool recording() const { return record_ != nullptr; }
  /// `operations` gets what the commands submit, until null is given.
  void record_to(std::vector<Operation>* operations) { record_ = operations; }
  void record(const Operation& operation) {
    record_->push_back(operation);
    record_->back().value.own();
  }
  /// A command can't be carried out in this way.
  void spoil_record() { spoilt_ = true; }
  bool record_spoilt() const { return spoilt_; }
  void set_answers(std::vector<Outcome> answers) {
    answers_ = std::move(answers);
    next_answer_ = 0;
  }
  bool has_answer() const { return running() && next_answer_ < answers_.size(); }
  Outcome& take_answer() { return answers_[next_answer_++]; }

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
  std::vector<Operation>* record_ = nullptr;
  bool spoilt_ = false;
  std::vector<Outcome> answers_;
  size_t next_answer_ = 0;
};

}  // namespace kindred
