#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replication/node/operation.h"
#include "replication/node/scan.h"

namespace kindred {

class Call;
struct RingFigures;

/// A command of more than one request, or of one that is no operation. Lives in its reply slot
/// until the reply is written. Answers may come within the call that asks, so whoever asks in a
/// loop must not also go on from the answer (see Pump).
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

  /// Asks for the first things. `call` has the command's arguments, which stay valid while
  /// holds_arguments().
  virtual void start(Call& call) = 0;
  /// True while start()'s arguments are still needed: the session executes nothing else then.
  virtual bool holds_arguments() const { return false; }
  /// In place of start(), of a transaction after WATCH: records the operations that the command
  /// comes to. False where it can't be carried out as a list of them.
  [[nodiscard]] virtual bool record(Call&) { return false; }

  virtual void operation_done(Call& call, uint32_t part, Outcome& outcome);
  virtual void scan_done(Call& call, ScanPage& page);
  virtual void number_done(Call& call, uint64_t number);
  virtual void keys_done(Call& call, std::vector<std::string>& keys);
  virtual void text_done(Call& call, std::string& text);
  virtual void status_done(Call& call, std::string& error);
  virtual void ring_figures_done(Call& call, RingFigures& figures);
};

/// Keeps a loop that asks from nesting in itself when answers come at once.
class Pump {
 public:
  /// Calls `step` until it returns false: nothing more to ask for now.
  template <typename Step>
  void run(Step step) {
    if (running_) {
      return;
    }
    running_ = true;
    while (step()) {
    }
    running_ = false;
  }

 private:
  bool running_ = false;
};

}  // namespace kindred
