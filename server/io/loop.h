#pragma once

#include <cstdint>
#include <functional>
#include <memory>

struct uv_loop_s;

namespace kindred {

/// One event loop, driven by the thread that calls run(). Everything in server/io belongs to the
/// loop it was made for: it is made, used and destroyed on the loop's thread (Wakeup::wake apart)
/// and before the loop. Callbacks may destroy the object that called them. They must not throw.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Until stop(). May be called again.
  void run();
  /// run() returns after the current turn. On the loop's thread.
  void stop();

  /// Monotonic microseconds, read now.
  static uint64_t mono_us();
  /// Unix milliseconds of this machine's clock, read now.
  static uint64_t unix_ms();

  uv_loop_s* raw() { return loop_.get(); }

 private:
  std::unique_ptr<uv_loop_s> loop_;
};

/// Calls back once before the loop waits and once after it woke and served its sockets: what one
/// turn has gathered is sent from here.
class TurnEnd {
 public:
  TurnEnd(Loop& loop, std::function<void()> callback);
  ~TurnEnd();
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;

 private:
  struct Handles;
  Handles* handles_;
};

class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Fires once after `delay_ms`, then every `repeat_ms` where that is not 0. Replaces what was
  /// set.
  void start(uint64_t delay_ms, uint64_t repeat_ms = 0);
  void stop();
  bool active() const;

 private:
  struct Handle;
  Handle* handle_;
};

/// Wakes a loop from another thread. Wakes that come before the callback ran are one.
class Wakeup {
 public:
  Wakeup(Loop& loop, std::function<void()> callback);
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// Any thread, until the destructor begins.
  void wake();

 private:
  struct Handle;
  Handle* handle_;
};

class SignalWatcher {
 public:
  SignalWatcher(Loop& loop, int signal_number, std::function<void()> callback);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  struct Handle;
  Handle* handle_;
};

/// A write to a closed socket shall be an error value. For the whole process.
void ignore_broken_pipes();

}  // namespace kindred
