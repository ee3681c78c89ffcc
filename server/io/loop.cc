#include "server/io/loop.h"

#include <uv.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace kindred {

namespace {

// libuv's set-up calls fail only for want of memory or descriptors at start, or by misuse.
void must(int result, const char* what) {
  if (result < 0) {
    std::fprintf(stderr, "%s: %s\n", what, uv_strerror(result));
    std::abort();
  }
}

// A handle's memory lives until libuv has closed it, longer than its owner.
template <typename Handle, typename Raw>
void close_and_delete(Handle* handle, Raw* raw) {
  handle->callback = nullptr;
  raw->data = handle;
  uv_close(reinterpret_cast<uv_handle_t*>(raw),
           [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

// The callback may destroy the handle's owner; the function itself is kept until it has returned.
template <typename Handle>
void call(void* handle) {
  const auto keep = static_cast<Handle*>(handle)->callback;
  if (keep) {
    (*keep)();
  }
}

std::shared_ptr<std::function<void()>> shared(std::function<void()> callback) {
  return std::make_shared<std::function<void()>>(std::move(callback));
}

}  // namespace

Loop::Loop() : loop_(std::make_unique<uv_loop_t>()) {
  must(uv_loop_init(loop_.get()), "uv_loop_init");
}

Loop::~Loop() {
  // Lets handles that are being closed end; a stop() that came too late ends the first round.
  while (uv_run(loop_.get(), UV_RUN_DEFAULT) != 0) {
  }
  must(uv_loop_close(loop_.get()), "uv_loop_close");
}

void Loop::run() {
  uv_run(loop_.get(), UV_RUN_DEFAULT);
}

void Loop::stop() {
  uv_stop(loop_.get());
}

uint64_t Loop::mono_us() {
  return uv_hrtime() / 1000;
}

uint64_t Loop::unix_ms() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
}

struct TurnEnd::Handles {
  uv_prepare_t prepare;
  uv_check_t check;
  std::function<void()> callback;
  int open = 2;
};

TurnEnd::TurnEnd(Loop& loop, std::function<void()> callback) : handles_(new Handles) {
  handles_->callback = std::move(callback);
  handles_->prepare.data = handles_;
  handles_->check.data = handles_;
  must(uv_prepare_init(loop.raw(), &handles_->prepare), "uv_prepare_init");
  must(uv_check_init(loop.raw(), &handles_->check), "uv_check_init");
  must(uv_prepare_start(
           &handles_->prepare,
           [](uv_prepare_t* handle) { static_cast<Handles*>(handle->data)->callback(); }),
       "uv_prepare_start");
  must(uv_check_start(&handles_->check,
                      [](uv_check_t* handle) { static_cast<Handles*>(handle->data)->callback(); }),
       "uv_check_start");
}

TurnEnd::~TurnEnd() {
  const uv_close_cb closed = [](uv_handle_t* handle) {
    auto* handles = static_cast<Handles*>(handle->data);
    if (--handles->open == 0) {
      delete handles;
    }
  };
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->prepare), closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->check), closed);
}

struct Timer::Handle {
  uv_timer_t raw;
  std::shared_ptr<std::function<void()>> callback;
};

Timer::Timer(Loop& loop, std::function<void()> callback) : handle_(new Handle) {
  handle_->callback = shared(std::move(callback));
  handle_->raw.data = handle_;
  must(uv_timer_init(loop.raw(), &handle_->raw), "uv_timer_init");
}

Timer::~Timer() {
  close_and_delete(handle_, &handle_->raw);
}

void Timer::start(uint64_t delay_ms, uint64_t repeat_ms) {
  // libuv counts from when the turn began; without this a timer set late in a turn fires early.
  uv_update_time(handle_->raw.loop);
  must(
      uv_timer_start(
          &handle_->raw, [](uv_timer_t* timer) { call<Handle>(timer->data); }, delay_ms, repeat_ms),
      "uv_timer_start");
}

void Timer::stop() {
  uv_timer_stop(&handle_->raw);
}

bool Timer::active() const {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&handle_->raw)) != 0;
}

struct Wakeup::Handle {
  uv_async_t raw;
  std::shared_ptr<std::function<void()>> callback;
};

Wakeup::Wakeup(Loop& loop, std::function<void()> callback) : handle_(new Handle) {
  handle_->callback = shared(std::move(callback));
  must(uv_async_init(loop.raw(), &handle_->raw,
                     [](uv_async_t* async) { call<Handle>(async->data); }),
       "uv_async_init");
  handle_->raw.data = handle_;
}

Wakeup::~Wakeup() {
  close_and_delete(handle_, &handle_->raw);
}

void Wakeup::wake() {
  uv_async_send(&handle_->raw);
}

struct SignalWatcher::Handle {
  uv_signal_t raw;
  std::shared_ptr<std::function<void()>> callback;
};

SignalWatcher::SignalWatcher(Loop& loop, int signal_number, std::function<void()> callback)
    : handle_(new Handle) {
  handle_->callback = shared(std::move(callback));
  must(uv_signal_init(loop.raw(), &handle_->raw), "uv_signal_init");
  handle_->raw.data = handle_;
  must(uv_signal_start(
           &handle_->raw, [](uv_signal_t* watcher, int) { call<Handle>(watcher->data); },
           signal_number),
       "uv_signal_start");
}

SignalWatcher::~SignalWatcher() {
  close_and_delete(handle_, &handle_->raw);
}

void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace kindred
