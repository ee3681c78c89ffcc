#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "server/session/call.h"
#include "server/session/task.h"

namespace kindred {

/// A command on many keys: one operation a key, asked for in parallel, kPartsMax at a time.
class Gather : public Task {
 public:
  /// Keys lie at `first`, `first` + `step`, ... of the arguments.
  Gather(size_t first, size_t step) : first_(first), step_(step) {}

  void start(Call& call) final;
  [[nodiscard]] bool record(Call& call) final;
  bool holds_arguments() const final { return asked_ < total_; }
  void operation_done(Call& call, uint32_t part, Outcome& outcome) final;

 protected:
  size_t total() const { return total_; }
  /// An argument, in prepare().
  std::string_view arg(size_t index) const { return args_[index]; }

  /// The operation for the key at argument `index`; `operation.key` is set.
  virtual void prepare(size_t index, Operation* operation) = 0;
  /// Called before the first operation.
  virtual void begin(Call&) {}
  /// Takes the answer for key number `part`; kOk, unless takes_errors().
  virtual void take(Call& call, size_t part, Outcome& outcome) = 0;
  virtual bool takes_errors() const { return false; }
  /// Writes the reply; every answer was kOk, unless takes_errors().
  virtual void finish(Call& call) = 0;

 private:
  Operation operation(Call& call, size_t index);
  bool take_answers(Call& call);
  void took(Call& call, size_t part, Outcome& outcome);
  void ask_next(Call& call);
  void end(Call& call);

  size_t first_;
  size_t step_;
  std::span<const std::string_view> args_;
  size_t total_ = 0;
  size_t asked_ = 0;
  size_t answered_ = 0;
  struct Held {
    Access access = Access::kPlain;
    uint8_t bucket = 0;
  };
  size_t round_begin_ = 0;  // first key of the parts in flight
  std::vector<Held> held_;  // of the parts in flight
  Pump pump_;
  bool ended_ = false;
  bool some_written_ = false;  // or may have been
  Outcome failure_;            // the first one
};

}  // namespace kindred
