#include <algorithm>
#include <limits>
#include <memory>

#include "protocol/command/errors.h"
#include "protocol/record/key.h"
#include "protocol/resp/number.h"
#include "server/session/gather.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/read.h"

namespace kindred {

namespace {

void tell_applied(Call& call, Outcome& outcome) {
  if (!call.failed(outcome)) {
    call.reply().integer(outcome.applied ? 1 : 0);
  }
}

void tell_count(Call& call, Outcome& outcome) {
  if (!call.failed(outcome)) {
    call.reply().integer(outcome.integer);
  }
}

void tell_whether_found(Call& call, Outcome& outcome) {
  if (!call.failed(outcome)) {
    call.reply().integer(found_sibling(outcome, call.now_ms()) != nullptr ? 1 : 0);
  }
}

void tell_type(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  const Sibling* sibling = found_sibling(outcome, call.now_ms());
  if (sibling == nullptr) {
    call.reply().simple_string("none");
  } else {
    call.reply().simple_string(sibling->type == kTypeString ? "string" : "unknown");
  }
}

/// TTL, PTTL, EXPIRETIME, PEXPIRETIME: -2 no key, -1 no expiry; seconds are rounded.
void tell_expiry(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  const CommandId id = call.spec().id;
  const uint64_t now_ms = call.now_ms();
  const Sibling* sibling = found_sibling(outcome, now_ms);
  if (sibling == nullptr || sibling->expire_at_ms == 0) {
    call.reply().integer(sibling == nullptr ? -2 : -1);
    return;
  }
  const bool is_absolute = id == CommandId::kExpiretime || id == CommandId::kPexpiretime;
  const bool in_seconds = id == CommandId::kExpiretime || id == CommandId::kTtl;
  const uint64_t time_ms = sibling->expire_at_ms - (is_absolute ? 0 : now_ms);
  call.reply().integer(static_cast<int64_t>(in_seconds ? (time_ms + 500) / 1000 : time_ms));
}

/// DEL, UNLINK: how many keys were there.
class DeleteMany final : public Gather {
 public:
  DeleteMany() : Gather(1, 1) {}

 private:
  void prepare(size_t, Operation* operation) override {
    operation->kind = OpKind::kModify;
    operation->modification = Modification::kDelete;
  }
  void take(Call&, size_t, Outcome& outcome) override { deleted_ += outcome.integer; }
  void finish(Call& call) override { call.reply().integer(deleted_); }

  int64_t deleted_ = 0;
};

/// EXISTS, TOUCH: how many keys are there, each as often as it was named.
class CountMany final : public Gather {
 public:
  CountMany() : Gather(1, 1) {}

 private:
  void prepare(size_t, Operation* operation) override { operation->kind = OpKind::kRead; }
  void take(Call& call, size_t, Outcome& outcome) override {
    found_ += found_sibling(outcome, call.now_ms()) != nullptr ? 1 : 0;
  }
  void finish(Call& call) override { call.reply().integer(found_); }

  int64_t found_ = 0;
};

struct ExpireCondition {
  std::string_view word;
  uint16_t flag;
};
constexpr ExpireCondition kExpireConditions[] = {
    {"nx", op_flag::kExpireIfNone},
    {"xx", op_flag::kExpireIfAny},
    {"gt", op_flag::kExpireIfLater},
    {"lt", op_flag::kExpireIfEarlier},
};

uint16_t expire_condition(std::string_view text) {
  for (const ExpireCondition& condition : kExpireConditions) {
    if (is_word(text, condition.word)) {
      return condition.flag;
    }
  }
  return 0;
}

/// The conditions of EXPIRE; false where the error is written.
bool expire_conditions(Call& call, uint16_t* flags) {
  *flags = 0;
  for (size_t i = 3; i < call.arg_count(); ++i) {
    const uint16_t flag = expire_condition(call.arg(i));
    if (flag == 0) {
      call.error("ERR Unsupported option " + std::string(call.arg(i)));
      return false;
    }
    *flags |= flag;
  }
  const bool none = (*flags & op_flag::kExpireIfNone) != 0;
  if (none && *flags != op_flag::kExpireIfNone) {
    call.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  const bool later = (*flags & op_flag::kExpireIfLater) != 0;
  const bool earlier = (*flags & op_flag::kExpireIfEarlier) != 0;
  if (later && earlier) {
    call.error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

/// WAIT: asks the coordinator of the key written last to spread it and to count the copies, in
/// rounds, so that a client that went away leaves nothing waiting for long.
class Wait final : public Task {
 public:
  Wait(int64_t copies, uint64_t until_ms) : copies_(copies), until_ms_(until_ms) {}

  void start(Call& call) override { ask(call); }

  void operation_done(Call& call, uint32_t, Outcome& outcome) override {
    call.release_key(Access::kPlain, bucket_);
    const uint64_t now_ms = call.now_ms();
    reached_ = std::max(reached_, outcome.code == OutcomeCode::kOk
                                      ? outcome.integer
                                      : std::max<int64_t>(int64_t{outcome.seen} - 1, 0));
    // A round that ended early has nobody left to wait for.
    const bool may_grow = now_ms - asked_at_ms_ >= round_ms_ / 2;
    if (reached_ >= copies_ || now_ms >= until_ms_ || !may_grow) {
      call.reply().integer(reached_);
      return;
    }
    ask(call);
  }

 private:
  static constexpr uint64_t kRoundMs = 1000;

  void ask(Call& call) {
    asked_at_ms_ = call.now_ms();
    const uint64_t left_ms = until_ms_ > asked_at_ms_ ? until_ms_ - asked_at_ms_ : 1;
    round_ms_ = std::min(left_ms, kRoundMs);
    Operation operation;
    operation.kind = OpKind::kSpread;
    operation.key = make_key(call.session().last_written_key(), call.hub().partitions());
    operation.integer = copies_;
    if (const Dot& dot = call.session().last_written_dot(); !dot.is_zero()) {
      operation.context.covered.add_dot(dot);
    }
    operation.quorum.timeout_ms = static_cast<uint32_t>(round_ms_);
    bucket_ = KeyConflicts::bucket_of(operation.key.hash);
    call.ask(operation, 0);
  }

  int64_t copies_;
  uint64_t until_ms_;
  uint64_t asked_at_ms_ = 0;
  uint64_t round_ms_ = 0;
  int64_t reached_ = 0;
  uint8_t bucket_ = 0;
};

}  // namespace

void run_type(Call& call) {
  call.submit(call.operation(OpKind::kRead), tell_type);
}

void run_ttl(Call& call) {
  call.submit(call.operation(OpKind::kRead), tell_expiry);
}

void run_persist(Call& call) {
  call.submit(call.modification(Modification::kPersist), tell_applied);
}

void run_expire(Call& call) {
  const CommandId id = call.spec().id;
  uint16_t flags = 0;
  if (!expire_conditions(call, &flags)) {
    return;
  }
  const auto given = integer_argument(call, 2);
  if (!given) {
    return;
  }
  const TimeArgument kind{.in_seconds = id == CommandId::kExpire || id == CommandId::kExpireat,
                          .is_absolute = id == CommandId::kExpireat || id == CommandId::kPexpireat};
  const auto at_ms = absolute_ms(*given, kind, call.now_ms());
  if (!at_ms) {
    call.error(invalid_expire_error(call.spec()));
    return;
  }
  Operation operation = call.modification(Modification::kExpire);
  operation.flags = flags;
  // Zero would mean never; any time in the past deletes.
  operation.expire_at_ms = static_cast<uint64_t>(std::max<int64_t>(*at_ms, 1));
  call.submit(operation, tell_applied);
}

void run_del(Call& call) {
  if (call.arg_count() == 2) {
    call.submit(call.modification(Modification::kDelete), tell_count);
    return;
  }
  if (!call.must_wait(OpKind::kModify, 1, 1)) {
    call.start(std::make_unique<DeleteMany>());
  }
}

void run_exists(Call& call) {
  if (call.arg_count() == 2) {
    call.submit(call.operation(OpKind::kRead), tell_whether_found);
    return;
  }
  if (!call.must_wait(OpKind::kRead, 1, 1)) {
    call.start(std::make_unique<CountMany>());
  }
}

void run_wait(Call& call) {
  const auto copies = integer_argument(call, 1);
  if (!copies) {
    return;
  }
  const auto timeout_ms = parse_int64(call.arg(2));
  if (!timeout_ms) {
    call.error(error_text::kTimeoutNotAnInteger);
    return;
  }
  if (*timeout_ms < 0) {
    call.error(error_text::kTimeoutNegative);
    return;
  }
  const uint64_t now_ms = call.now_ms();
  if (*timeout_ms > std::numeric_limits<int64_t>::max() - static_cast<int64_t>(now_ms)) {
    call.error("ERR timeout is out of range");
    return;
  }
  if (call.session().last_written_key().empty()) {
    call.reply().integer(0);
    return;
  }
  const uint64_t until_ms = *timeout_ms == 0 ? std::numeric_limits<uint64_t>::max()
                                             : now_ms + static_cast<uint64_t>(*timeout_ms);
  call.start(std::make_unique<Wait>(std::max<int64_t>(*copies, 0), until_ms));
}

}  // namespace kindred
