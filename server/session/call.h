#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/session/hub.h"
#include "server/session/session.h"
#include "server/session/task.h"

namespace kindred {

/// One command on its way: what its handler, and later its renderer or task, sees. A handler does
/// one of three things: it replies; it submits one operation with a renderer; it starts a task.
/// When submit() or must_wait() found that something has to be waited for, it returns and is called
/// again later, so it has no effect before. Made on the stack for the time of one entry.
class Call {
 public:
  Call(Session& session, uint32_t sequence, std::span<const std::string_view> args,
       const KeyRef* first_key)
      : session_(session), sequence_(sequence), args_(args), first_key_(first_key) {}
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Session& session() { return session_; }
  SessionHub& hub() { return session_.hub_; }
  NodeService& service() { return session_.hub_.service(); }
  ReplySlot& slot() { return session_.slots_.at(sequence_); }
  const CommandSpec& spec() { return *slot().spec; }
  uint64_t now_ms() { return service().cluster_now_ms(); }

  /// The command's arguments, its name first; empty when an answer comes.
  std::span<const std::string_view> args() const { return args_; }
  std::string_view arg(size_t index) const { return args_[index]; }
  size_t arg_count() const { return args_.size(); }
  /// The key at that argument.
  KeyRef key(size_t index);

  /// Where the reply goes; it is whole when this Call ends.
  ReplyWriter& reply();
  /// An error reply: `text` begins with its prefix, without '-'.
  void error(std::string_view text);
  /// Ends the command without a word (CLIENT REPLY OFF, SHUTDOWN).
  void no_reply();
  /// Writes the error of an outcome that is not kOk and returns true.
  [[nodiscard]] bool failed(const Outcome& outcome);
  /// Counts whether a command that reads found its key (keyspace_hits).
  void note_lookup(const Outcome& outcome);

  /// An operation on the key at that argument.
  Operation operation(OpKind kind, size_t key_index = 1);
  Operation modification(Modification modification, size_t key_index = 1);

  /// Asks the node, unless a request in flight is in the way.
  void submit(const Operation& operation, OutcomeRenderer render);
  void start(std::unique_ptr<Task> task);
  /// Of a transaction after WATCH that is being recorded. False where the operation can't be a part
  /// of one.
  [[nodiscard]] bool record(const Operation& operation);
  /// What the operation came to in a transaction after WATCH; null where it is to be asked for.
  /// Good until the reply is written.
  Outcome* transaction_answer(const Operation& operation);
  /// True where a request in flight on one of the keys (from `first`, every `step`) is in the way
  /// of operations of that kind.
  [[nodiscard]] bool must_wait(OpKind kind, size_t first, size_t step);
  bool stalled() const { return stalled_; }

  // --- for tasks: each is answered once to the task ---
  /// False: an earlier part, on the same key, has to be answered first.
  [[nodiscard]] bool may_ask(const Operation& operation) {
    return !session_.conflicts_.blocked(hub().access_of(operation),
                                        KeyConflicts::bucket_of(operation.key.hash));
  }
  void ask(const Operation& operation, uint32_t part);
  void release_key(Access access, uint8_t bucket) { session_.conflicts_.remove(access, bucket); }
  /// Asks by a call of the service, given as ask(service, token).
  template <typename Ask>
  void ask_service(Ask ask) {
    ++session_.asked_;
    session_.hub_.note_asked();
    ask(service(), token(0));
  }

 private:
  TokenParts parts(uint32_t part) const {
    return {session_.id_, sequence_ & (kSlotsMax - 1), part};
  }
  ClientToken token(uint32_t part) const { return parts(part).pack(); }

  bool taken_by_transaction(const Operation& operation, OutcomeRenderer render);

  Session& session_;
  uint32_t sequence_;
  std::span<const std::string_view> args_;
  const KeyRef* first_key_;
  bool open_ = false;
  bool stalled_ = false;
};

}  // namespace kindred
