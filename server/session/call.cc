#include "server/session/call.h"

#include "protocol/record/key.h"
#include "server/session/invariant.h"
#include "server/session/outcome_text.h"
#include "server/session/read.h"

namespace kindred {

namespace {

constexpr bool writes(OpKind kind) {
  return kind == OpKind::kSet || kind == OpKind::kPut || kind == OpKind::kRemove ||
         kind == OpKind::kModify;
}

}  // namespace

Call::~Call() {
  if (open_) {
    session_.close_reply(sequence_);
  }
}

KeyRef Call::key(size_t index) {
  const auto known = static_cast<size_t>(spec().keys.first);
  if (first_key_ != nullptr && index == known) {
    return *first_key_;
  }
  return make_key(args_[index], hub().partitions());
}

ReplyWriter& Call::reply() {
  if (!open_) {
    open_ = true;
    return session_.open_reply(sequence_);
  }
  return session_.writer_;
}

void Call::error(std::string_view text) {
  SessionStats& stats = hub().stats();
  stats.count_error(text);
  ++stats.of(spec().id).failed;
  reply().error(text);
}

void Call::no_reply() {
  static_cast<void>(reply());
}

bool Call::failed(const Outcome& outcome) {
  if (outcome.code == OutcomeCode::kOk) {
    return false;
  }
  const ReplySlot& own = slot();
  const bool is_write = own.spec->has(CommandFlag::kWrite);
  const uint32_t timeout_ms =
      own.timeout_ms != 0 ? own.timeout_ms : hub().settings().request_timeout_ms;
  error(outcome_error(outcome, is_write, timeout_ms));
  return true;
}

void Call::note_lookup(const Outcome& outcome) {
  const CommandSpec& command = spec();
  const bool returns_old = command.id == CommandId::kGetdel || command.id == CommandId::kGetex ||
                           command.id == CommandId::kGetset;
  const bool reads = command.has(CommandFlag::kReadonly) && command.id != CommandId::kDexplain;
  if (outcome.code != OutcomeCode::kOk || !(reads || returns_old)) {
    return;
  }
  const bool is_found = outcome.has_value || found_sibling(outcome, now_ms()) != nullptr;
  SessionStats& stats = hub().stats();
  ++(is_found ? stats.keyspace_hits : stats.keyspace_misses);
}

Operation Call::operation(OpKind kind, size_t key_index) {
  Operation operation;
  operation.kind = kind;
  operation.key = key(key_index);
  return operation;
}

Operation Call::modification(Modification modification, size_t key_index) {
  Operation operation = this->operation(OpKind::kModify, key_index);
  operation.modification = modification;
  return operation;
}

bool Call::record(const Operation& operation) {
  const bool alone = operation.kind == OpKind::kRead || operation.kind == OpKind::kSet ||
                     operation.kind == OpKind::kModify;
  if (!alone || !operation.quorum.as_configured()) {
    return false;
  }
  session_.transaction().record(operation);
  return true;
}

Outcome* Call::transaction_answer(const Operation& operation) {
  Transaction& transaction = session_.transaction();
  if (!transaction.has_answer()) {
    return nullptr;
  }
  Outcome& outcome = transaction.take_answer();
  hub().publish_step(spec(), operation, outcome);
  note_lookup(outcome);
  return &outcome;
}

/// Of a transaction after WATCH: true where the operation is recorded, or was answered already.
bool Call::taken_by_transaction(const Operation& operation, OutcomeRenderer render) {
  Transaction& transaction = session_.transaction();
  if (transaction.recording()) {
    if (!record(operation)) {
      transaction.spoil_record();
    }
    return true;
  }
  Outcome* outcome = transaction_answer(operation);
  if (outcome != nullptr) {
    render(*this, *outcome);
  }
  return outcome != nullptr;
}

void Call::submit(const Operation& operation, OutcomeRenderer render) {
  if (taken_by_transaction(operation, render)) {
    return;
  }
  const Access access = hub().access_of(operation);
  const uint8_t bucket = KeyConflicts::bucket_of(operation.key.hash);
  if (session_.conflicts_.blocked(access, bucket)) {
    stalled_ = true;
    return;
  }
  session_.conflicts_.add(access, bucket);
  if (writes(operation.kind)) {
    session_.note_write(operation.key.key, parts(0));
  }
  ReplySlot& own = slot();
  own.render = render;
  own.holds_key = true;
  own.access = access;
  own.bucket = bucket;
  own.timeout_ms = operation.quorum.timeout_ms;
  ++session_.asked_;
  hub().note_asked();
  hub().note_change(token(0), spec(), operation);
  service().submit(token(0), operation);
}

void Call::start(std::unique_ptr<Task> task) {
  if (session_.transaction().recording()) {
    if (!task->record(*this)) {
      session_.transaction().spoil_record();
    }
    return;
  }
  Task& started = *task;
  slot().task = std::move(task);
  started.start(*this);
}

bool Call::must_wait(OpKind kind, size_t first, size_t step) {
  for (size_t i = first; i < args_.size(); i += step) {
    if (!may_ask(operation(kind, i))) {
      stalled_ = true;
      return true;
    }
  }
  return false;
}

void Call::ask(const Operation& operation, uint32_t part) {
  session_.conflicts_.add(hub().access_of(operation), KeyConflicts::bucket_of(operation.key.hash));
  if (writes(operation.kind)) {
    session_.note_write(operation.key.key, parts(part));
  }
  ++session_.asked_;
  hub().note_asked();
  hub().note_change(token(part), spec(), operation);
  service().submit(token(part), operation);
}

}  // namespace kindred
