#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "protocol/command/errors.h"
#include "protocol/resp/number.h"
#include "server/session/gather.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/read.h"

namespace kindred {

namespace {

// --- renderers ---

void tell_ok(Call& call, Outcome& outcome) {
  if (!call.failed(outcome)) {
    call.reply().ok();
  }
}

void tell_integer(Call& call, Outcome& outcome) {
  if (!call.failed(outcome)) {
    call.reply().integer(outcome.integer);
  }
}

void tell_applied(Call& call, Outcome& outcome) {
  if (!call.failed(outcome)) {
    call.reply().integer(outcome.applied ? 1 : 0);
  }
}

void tell_ok_or_null(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  if (outcome.applied) {
    call.reply().ok();
  } else {
    call.reply().null();
  }
}

void tell_value(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  if (outcome.has_value) {
    call.reply().bulk(outcome.value.bytes());
  } else {
    call.reply().null();
  }
}

void tell_string(Call& call, Outcome& outcome) {
  std::string_view value;
  switch (read_string(call, outcome, &value)) {
    case StringRead::kFailed:
      return;
    case StringRead::kMissing:
      call.reply().null();
      return;
    case StringRead::kFound:
      call.reply().bulk(value);
      return;
  }
}

void tell_length(Call& call, Outcome& outcome) {
  std::string_view value;
  if (read_string(call, outcome, &value) != StringRead::kFailed) {
    call.reply().integer(static_cast<int64_t>(value.size()));
  }
}

/// GETRANGE's rules: negative offsets count from the end, and both are clamped.
std::string_view slice(std::string_view value, int64_t start, int64_t end) {
  const auto size = static_cast<int64_t>(value.size());
  if (start < 0 && end < 0 && start > end) {
    return {};
  }
  start = std::max<int64_t>(start < 0 ? size + start : start, 0);
  end = std::max<int64_t>(end < 0 ? size + end : end, 0);
  end = std::min(end, size - 1);
  if (start > end || size == 0) {
    return {};
  }
  return value.substr(static_cast<size_t>(start), static_cast<size_t>(end - start + 1));
}

/// The slot has room for one number, so the bounds wait in the slot's key.
struct RangeBounds {
  int64_t start = 0;
  int64_t end = 0;
};

void tell_range(Call& call, Outcome& outcome) {
  RangeBounds bounds;
  std::copy_n(call.slot().key.data(), sizeof(bounds), reinterpret_cast<char*>(&bounds));
  std::string_view value;
  if (read_string(call, outcome, &value) != StringRead::kFailed) {
    call.reply().bulk(slice(value, bounds.start, bounds.end));
  }
}

// --- commands on many keys ---

class GetMany final : public Gather {
 public:
  GetMany() : Gather(1, 1) {}

 private:
  struct Found {
    Value value;
    bool found = false;
  };

  void begin(Call&) override { values_.resize(total()); }
  void prepare(size_t, Operation* operation) override { operation->kind = OpKind::kRead; }
  void take(Call& call, size_t part, Outcome& outcome) override {
    // A key that holds no string answers as a missing one, as Redis has it.
    values_[part].found = find_string(call, outcome, &values_[part].value);
  }
  void finish(Call& call) override {
    ReplyWriter& reply = call.reply();
    reply.array(values_.size());
    for (const Found& found : values_) {
      if (found.found) {
        reply.bulk(found.value.bytes());
      } else {
        reply.null();
      }
    }
  }

  std::vector<Found> values_;
};

class SetMany final : public Gather {
 public:
  SetMany() : Gather(1, 2) {}

 private:
  void prepare(size_t index, Operation* operation) override {
    operation->kind = OpKind::kSet;
    operation->value = Value::borrowed(arg(index + 1));
  }
  void take(Call&, size_t, Outcome&) override {}
  void finish(Call& call) override { call.reply().ok(); }
};

void submit_modification(Call& call, Modification modification, std::string_view value,
                         int64_t integer, OutcomeRenderer render) {
  Operation operation = call.modification(modification);
  operation.value = Value::borrowed(value);
  operation.integer = integer;
  call.submit(operation, render);
}

}  // namespace

void run_get(Call& call) {
  call.submit(call.operation(OpKind::kRead), tell_string);
}

void run_strlen(Call& call) {
  call.submit(call.operation(OpKind::kRead), tell_length);
}

void run_set(Call& call) {
  StringOptions options;
  if (call.arg_count() > 3) {
    const auto given = string_options(call, 3, StringCommand::kSet);
    if (!given) {
      return;
    }
    options = *given;
  }
  Operation operation = call.operation(options.flags == 0 ? OpKind::kSet : OpKind::kModify);
  operation.value = Value::borrowed(call.arg(2));
  operation.expire_at_ms = options.expire_at_ms;
  if (options.flags == 0) {
    call.submit(operation, tell_ok);
    return;
  }
  operation.modification = Modification::kSet;
  operation.flags = options.flags;
  call.submit(operation, operation.has_flag(op_flag::kReturnOld) ? tell_value : tell_ok_or_null);
}

void run_setex(Call& call) {
  const bool in_seconds = call.spec().id == CommandId::kSetex;
  const auto at_ms = expiry_argument(call, 2, {.in_seconds = in_seconds, .is_absolute = false});
  if (!at_ms) {
    return;
  }
  Operation operation = call.operation(OpKind::kSet);
  operation.value = Value::borrowed(call.arg(3));
  operation.expire_at_ms = *at_ms;
  call.submit(operation, tell_ok);
}

void run_setnx(Call& call) {
  Operation operation = call.modification(Modification::kSet);
  operation.value = Value::borrowed(call.arg(2));
  operation.flags = op_flag::kIfAbsent;
  call.submit(operation, tell_applied);
}

void run_getset(Call& call) {
  Operation operation = call.modification(Modification::kSet);
  operation.value = Value::borrowed(call.arg(2));
  operation.flags = op_flag::kReturnOld;
  call.submit(operation, tell_value);
}

void run_getdel(Call& call) {
  call.submit(call.modification(Modification::kGetDelete), tell_value);
}

void run_getex(Call& call) {
  const auto options = string_options(call, 2, StringCommand::kGetex);
  if (!options) {
    return;
  }
  if (!options->persist && options->expire_at_ms == 0) {
    run_get(call);
    return;
  }
  Operation operation =
      call.modification(options->persist ? Modification::kPersist : Modification::kExpire);
  operation.expire_at_ms = options->expire_at_ms;
  operation.flags = op_flag::kReturnOld;
  call.submit(operation, tell_value);
}

void run_append(Call& call) {
  submit_modification(call, Modification::kAppend, call.arg(2), 0, tell_integer);
}

void run_setrange(Call& call) {
  const auto offset = integer_argument(call, 2);
  if (!offset) {
    return;
  }
  if (*offset < 0) {
    call.error(error_text::kOffsetOutOfRange);
    return;
  }
  submit_modification(call, Modification::kSetRange, call.arg(3), *offset, tell_integer);
}

void run_getrange(Call& call) {
  const auto start = integer_argument(call, 2);
  if (!start) {
    return;
  }
  const auto end = integer_argument(call, 3);
  if (!end) {
    return;
  }
  const RangeBounds bounds{*start, *end};
  call.slot().key.assign(reinterpret_cast<const char*>(&bounds), sizeof(bounds));
  call.submit(call.operation(OpKind::kRead), tell_range);
}

void run_increment(Call& call) {
  const CommandId id = call.spec().id;
  int64_t by = 1;
  if (id == CommandId::kIncrby || id == CommandId::kDecrby) {
    const auto given = integer_argument(call, 2);
    if (!given) {
      return;
    }
    by = *given;
  }
  if (id == CommandId::kDecr || id == CommandId::kDecrby) {
    if (by == std::numeric_limits<int64_t>::min()) {
      call.error(error_text::kDecrementOverflow);
      return;
    }
    by = -by;
  }
  submit_modification(call, Modification::kIncrement, {}, by, tell_integer);
}

void run_incrbyfloat(Call& call) {
  submit_modification(call, Modification::kIncrementByFloat, call.arg(2), 0, tell_value);
}

void run_mget(Call& call) {
  if (!call.must_wait(OpKind::kRead, 1, 1)) {
    call.start(std::make_unique<GetMany>());
  }
}

void run_mset(Call& call) {
  if (call.arg_count() % 2 == 0) {
    call.error(arity_error(call.spec()));
    return;
  }
  if (!call.must_wait(OpKind::kSet, 1, 2)) {
    call.start(std::make_unique<SetMany>());
  }
}

}  // namespace kindred
