#include "plugins/redis/connection.h"

#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace kindred::plugins::redis {
namespace {

constexpr std::uint64_t kBackoffFirstMs = 10;
constexpr std::uint64_t kBackoffMaxMs = 1000;

std::uint64_t now_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

// hiredis's adapter overlooks a poll that fails, which is how a reset connection or a refused one
// shows; reading then tells hiredis the error. The rest is the adapter's.
void on_poll(uv_poll_t* handle, int status, int events) {
  const auto* adapter = static_cast<redisLibuvEvents*>(handle->data);
  if (adapter->context != nullptr && (status < 0 || (events & UV_READABLE) != 0)) {
    ::redisAsyncHandleRead(adapter->context);
  }
  if (adapter->context != nullptr && status == 0 && (events & UV_WRITABLE) != 0) {
    ::redisAsyncHandleWrite(adapter->context);
  }
}

void poll_for(void* data, int events) {
  auto* adapter = static_cast<redisLibuvEvents*>(data);
  adapter->events = events;
  if (events == 0) {
    ::uv_poll_stop(&adapter->handle);
  } else {
    ::uv_poll_start(&adapter->handle, events, on_poll);
  }
}

int events_of(void* data) {
  return static_cast<redisLibuvEvents*>(data)->events;
}

bool attach(redisAsyncContext* context, uv_loop_t* loop) {
  if (::redisLibuvAttach(context, loop) != REDIS_OK) {
    return false;
  }
  context->ev.addRead = [](void* data) { poll_for(data, events_of(data) | UV_READABLE); };
  context->ev.delRead = [](void* data) { poll_for(data, events_of(data) & ~UV_READABLE); };
  context->ev.addWrite = [](void* data) { poll_for(data, events_of(data) | UV_WRITABLE); };
  context->ev.delWrite = [](void* data) { poll_for(data, events_of(data) & ~UV_WRITABLE); };
  return true;
}

Connection* owner_of(const redisAsyncContext* context) {
  return static_cast<Connection*>(context->data);
}

}  // namespace

struct Connection::Loop {
  uv_loop_t loop;
  uv_async_t wake;
  uv_timer_t retry;
  uv_timer_t deadlines;

  static Connection& connection(void* handle) {
    return *static_cast<Connection*>(static_cast<uv_handle_t*>(handle)->data);
  }
  static void on_connect(const redisAsyncContext* context, int status) {
    owner_of(context)->connected(status == REDIS_OK,
                                 context->errstr == nullptr ? "" : context->errstr);
  }
  static void on_disconnect(const redisAsyncContext* context, int) {
    owner_of(context)->lost(context->errstr == nullptr ? "" : context->errstr);
  }
  static void on_reply(redisAsyncContext* context, void* reply, void* pending) {
    owner_of(context)->replied(static_cast<Pending*>(pending), static_cast<redisReply*>(reply));
  }
};

Connection::Connection(ConnectionSetup setup)
    : setup_(std::move(setup)), loop_(std::make_unique<Loop>()), away_since_ms_(now_ms()) {
  ::uv_loop_init(&loop_->loop);
  ::uv_async_init(&loop_->loop, &loop_->wake,
                  [](uv_async_t* handle) { Loop::connection(handle).wake(); });
  ::uv_timer_init(&loop_->loop, &loop_->retry);
  ::uv_timer_init(&loop_->loop, &loop_->deadlines);
  loop_->wake.data = this;
  loop_->retry.data = this;
  loop_->deadlines.data = this;
  thread_ = std::thread([this] { run(); });
}

Connection::~Connection() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ::uv_async_send(&loop_->wake);
  thread_.join();
  ::uv_loop_close(&loop_->loop);
}

Status Connection::call(Request request) {
  return post(std::move(request)).get();
}

std::future<Status> Connection::post(Request request) {
  auto pending = std::make_shared<Pending>();
  pending->request = std::move(request);
  pending->deadline_ms = now_ms() + setup_.timeout_ms;
  std::future<Status> outcome = pending->outcome.get_future();
  {
    const std::lock_guard lock(mutex_);
    submitted_.push_back(std::move(pending));
  }
  ::uv_async_send(&loop_->wake);
  return outcome;
}

void Connection::run() {
  // A broken connection is an error of its write, not a signal; the process's own go elsewhere.
  sigset_t signals;
  ::sigfillset(&signals);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  connect();
  ::uv_run(&loop_->loop, UV_RUN_DEFAULT);
}

// Ticks only while something may come too late.
void Connection::watch_deadlines() {
  if (::uv_is_active(reinterpret_cast<uv_handle_t*>(&loop_->deadlines)) == 0) {
    const std::uint64_t check_ms = std::max<std::uint64_t>(setup_.timeout_ms / 8, 1);
    ::uv_timer_start(
        &loop_->deadlines, [](uv_timer_t* timer) { Loop::connection(timer).check_deadlines(); },
        check_ms, check_ms);
  }
}

void Connection::wake() {
  std::vector<PendingPtr> submitted;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    submitted.swap(submitted_);
    stopping = stopping_;
  }
  std::move(submitted.begin(), submitted.end(), std::back_inserter(waiting_));
  if (!waiting_.empty()) {
    watch_deadlines();
  }
  if (stopping) {
    refused_ = Status(StatusCode::kIoError, where() + ": closed");
    drop("closed");
    fail_waiting(refused_);
    ::uv_close(reinterpret_cast<uv_handle_t*>(&loop_->wake), nullptr);
    ::uv_close(reinterpret_cast<uv_handle_t*>(&loop_->retry), nullptr);
    ::uv_close(reinterpret_cast<uv_handle_t*>(&loop_->deadlines), nullptr);
    return;
  }
  send_waiting();
}

void Connection::connect() {
  attempt_deadline_ms_ = now_ms() + setup_.timeout_ms;
  watch_deadlines();
  const Address& address = setup_.address;
  context_ = address.host.empty() ? ::redisAsyncConnectUnix(address.unix_path.c_str())
                                  : ::redisAsyncConnect(address.host.c_str(), address.port);
  if (context_ == nullptr || context_->err != 0 || !attach(context_, &loop_->loop)) {
    const std::string error = context_ == nullptr ? "out of memory" : context_->errstr;
    if (context_ != nullptr) {
      ::redisAsyncFree(context_);
    }
    connected(false, error);
    return;
  }
  context_->data = this;
  ::redisAsyncSetConnectCallback(context_, Loop::on_connect);
  ::redisAsyncSetDisconnectCallback(context_, Loop::on_disconnect);
}

// hiredis frees the context itself where the connection failed.
void Connection::connected(bool ok, const std::string& error) {
  if (ok) {
    let_in_ = false;
    greet(knock());
    return;
  }
  context_ = nullptr;
  lost(error);
}

std::vector<Command> Connection::knock() const {
  const Address& address = setup_.address;
  std::vector<Command> commands;
  if (!address.password.empty()) {
    commands.push_back(address.user.empty() ? Command{"AUTH", address.password}
                                            : Command{"AUTH", address.user, address.password});
  }
  commands.push_back({"SELECT", std::to_string(address.database)});
  return commands;
}

void Connection::greet(std::vector<Command> commands) {
  auto greeting = std::make_shared<Pending>();
  greeting->request.commands = std::move(commands);
  greeting->request.repeatable = false;
  greeting->is_greeting = true;
  greeting->deadline_ms = now_ms() + setup_.timeout_ms;
  send(std::move(greeting));
}

void Connection::greeting_answered(const Pending& greeting) {
  const auto error = std::find_if(greeting.replies.begin(), greeting.replies.end(),
                                  [](const Reply& reply) { return reply.is_error(); });
  if (error != greeting.replies.end()) {
    drop(error->text);
    return;
  }
  std::vector<Command> next;
  const bool first = !std::exchange(let_in_, true);
  const Status status = setup_.greet(first ? std::vector<Reply>() : greeting.replies, &next);
  if (!status.ok()) {
    if (status.code == StatusCode::kCorruption || status.code == StatusCode::kInvalidArgument) {
      refused_ = Status(status.code, where() + ": " + status.message);
    }
    drop(status.message);
  } else if (!next.empty()) {
    greet(std::move(next));
  } else {
    ready_ = true;
    backoff_ms_ = 0;
    send_waiting();
  }
}

// Gives the connection up. Requests that wait for an answer hear of it within.
void Connection::drop(const std::string& reason) {
  redisAsyncContext* const context = std::exchange(context_, nullptr);
  if (context == nullptr) {
    return;
  }
  context->onDisconnect = nullptr;  // lost() is told here
  ::redisAsyncFree(context);
  lost(reason);
}

// The context is gone.
void Connection::lost(const std::string& reason) {
  context_ = nullptr;
  if (std::exchange(ready_, false)) {
    losses_ += 1;
    away_since_ms_ = now_ms();
  }
  reason_ = reason.empty() ? "connection closed" : reason;
  if (!refused_.ok()) {
    fail_waiting(refused_);
    return;
  }
  if (away_for_long()) {
    fail_waiting(away());
  }
  attempt_later();
}

void Connection::attempt_later() {
  backoff_ms_ = backoff_ms_ == 0 ? kBackoffFirstMs : std::min(backoff_ms_ * 2, kBackoffMaxMs);
  ::uv_timer_start(
      &loop_->retry, [](uv_timer_t* timer) { Loop::connection(timer).connect(); }, backoff_ms_, 0);
}

bool Connection::away_for_long() const {
  return !ready_ && now_ms() > away_since_ms_ + setup_.timeout_ms;
}

Status Connection::away() const {
  return Status(StatusCode::kIoError, where() + " is not to be reached: " + reason_);
}

void Connection::send_waiting() {
  if (!refused_.ok()) {
    fail_waiting(refused_);
  } else if (away_for_long()) {
    fail_waiting(away());
  }
  while (ready_ && !waiting_.empty()) {
    PendingPtr pending = std::move(waiting_.front());
    waiting_.pop_front();
    send(std::move(pending));
  }
}

void Connection::send(PendingPtr pending) {
  Request& request = pending->request;
  std::vector<Command> commands =
      request.repeatable ? request.commands : std::move(request.commands);
  if (request.complete) {
    request.complete(&commands);
  }
  pending->replies.clear();
  pending->replies.reserve(commands.size());
  pending->broken = false;
  Pending* const awaiting = in_flight_.emplace_back(std::move(pending)).get();
  awaiting->awaited = commands.size();
  std::vector<const char*> words;
  std::vector<std::size_t> sizes;
  for (const Command& command : commands) {
    words.clear();
    sizes.clear();
    for (const std::string& word : command) {
      words.push_back(word.data());
      sizes.push_back(word.size());
    }
    if (::redisAsyncCommandArgv(context_, Loop::on_reply, awaiting, static_cast<int>(words.size()),
                                words.data(), sizes.data()) != REDIS_OK) {
      replied(awaiting, nullptr);
    }
  }
}

// Replies come in the order of sending, so the one that is complete is the first in flight.
void Connection::replied(Pending* pending, const redisReply* reply) {
  if (reply == nullptr) {
    pending->broken = true;
  } else {
    pending->replies.push_back(own(*reply));
  }
  if (--pending->awaited == 0) {
    const auto position =
        std::find_if(in_flight_.begin(), in_flight_.end(),
                     [pending](const PendingPtr& sent) { return sent.get() == pending; });
    const PendingPtr finished = std::move(*position);
    in_flight_.erase(position);
    finish(finished);
  }
}

void Connection::finish(const PendingPtr& pending) {
  if (pending->is_greeting) {
    if (!pending->broken) {
      greeting_answered(*pending);
    }
    return;
  }
  if (pending->broken && pending->request.repeatable) {
    waiting_.push_back(pending);
    return;
  }
  pending->outcome.set_value(
      pending->broken
          ? Status(StatusCode::kIoError, where() + ": the connection broke before the answer")
          : pending->request.answered(pending->replies));
}

void Connection::fail_waiting(const Status& status) {
  std::deque<PendingPtr> failed;
  failed.swap(waiting_);
  for (const PendingPtr& pending : failed) {
    pending->outcome.set_value(status);
  }
}

void Connection::check_deadlines() {
  const std::uint64_t now = now_ms();
  if (!in_flight_.empty() && in_flight_.front()->deadline_ms < now) {
    drop("no answer within " + std::to_string(setup_.timeout_ms) + " ms");
  } else if (context_ != nullptr && !ready_ && in_flight_.empty() && attempt_deadline_ms_ < now) {
    drop("no connection within " + std::to_string(setup_.timeout_ms) + " ms");
  }
  // In no order: what was sent already and waits again is behind what came later.
  const auto late = std::stable_partition(
      waiting_.begin(), waiting_.end(),
      [now](const PendingPtr& pending) { return pending->deadline_ms >= now; });
  std::for_each(late, waiting_.end(),
                [this](const PendingPtr& pending) { pending->outcome.set_value(away()); });
  waiting_.erase(late, waiting_.end());
  if (in_flight_.empty() && waiting_.empty() && (ready_ || context_ == nullptr)) {
    ::uv_timer_stop(&loop_->deadlines);
  }
}

}  // namespace kindred::plugins::redis
