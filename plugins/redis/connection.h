// One pipelined connection to a Redis server, on a thread of its own, that comes back when lost.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugins/redis/address.h"
#include "plugins/redis/reply.h"

struct redisAsyncContext;

namespace kindred::plugins::redis {

struct Request {
  std::vector<Command> commands;
  // Sent again when the connection breaks before the answer: for requests that change nothing.
  bool repeatable = true;
  // On the connection's thread, right before it is sent: the last commands. May be empty.
  std::function<void(std::vector<Command>*)> complete;
  // On the connection's thread, with the replies, one a command; what it returns is the outcome.
  // Not called when there was no answer.
  std::function<Status(std::vector<Reply>&)> answered;
};

struct ConnectionSetup {
  Address address;
  std::uint64_t timeout_ms = 0;
  // What is said before all else on each new connection, on the connection's thread: given the
  // replies to the commands before (none to begin with), the next; none when all is said.
  // kCorruption and kInvalidArgument end the connection for good.
  std::function<Status(const std::vector<Reply>& replies, std::vector<Command>* next)> greet;
};

// Any thread may call; those that wait at the same time share round trips. Nothing waits longer
// than about timeout_ms; a server that has been away for that long is reported at once.
class Connection {
 public:
  explicit Connection(ConnectionSetup setup);
  // No call is under way.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Waits for the answer.
  Status call(Request request);
  // Doesn't.
  std::future<Status> post(Request request);

  std::string where() const { return setup_.address.text(); }
  // How often it was lost.
  std::uint64_t losses() const { return losses_; }

 private:
  struct Loop;  // libuv's part
  struct Pending {
    Request request;
    std::promise<Status> outcome;
    std::vector<Reply> replies;
    std::size_t awaited = 0;
    std::uint64_t deadline_ms = 0;
    bool broken = false;
    bool is_greeting = false;
  };
  using PendingPtr = std::shared_ptr<Pending>;

  // All that follows is the connection's thread's.
  void run();
  void wake();
  void connect();
  void connected(bool ok, const std::string& error);
  std::vector<Command> knock() const;
  void greet(std::vector<Command> commands);
  void greeting_answered(const Pending& greeting);
  void lost(const std::string& reason);
  void drop(const std::string& reason);
  void attempt_later();
  void send_waiting();
  void send(PendingPtr pending);
  void replied(Pending* pending, const redisReply* reply);
  void finish(const PendingPtr& pending);
  void fail_waiting(const Status& status);
  void watch_deadlines();
  void check_deadlines();
  bool away_for_long() const;
  Status away() const;

  const ConnectionSetup setup_;
  std::unique_ptr<Loop> loop_;
  std::mutex mutex_;
  std::vector<PendingPtr> submitted_;
  bool stopping_ = false;  // under mutex_

  redisAsyncContext* context_ = nullptr;
  bool ready_ = false;
  bool let_in_ = false;  // AUTH and SELECT are answered
  Status refused_;       // not ok: for good
  std::string reason_ = "not connected yet";
  std::uint64_t away_since_ms_ = 0;
  std::uint64_t attempt_deadline_ms_ = 0;
  std::uint64_t backoff_ms_ = 0;
  std::deque<PendingPtr> waiting_;
  std::deque<PendingPtr> in_flight_;
  std::atomic<std::uint64_t> losses_{0};
  std::thread thread_;
};

}  // namespace kindred::plugins::redis
