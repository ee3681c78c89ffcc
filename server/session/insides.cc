#include <string>

#include "protocol/command/errors.h"
#include "protocol/record/dump.h"
#include "protocol/resp/number.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/read.h"

// DUMP, RESTORE and OBJECT: values from the inside.

namespace kindred {

namespace {

constexpr std::string_view kNoFrequency =
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
    "when switching between policies at runtime LRU and LFU data will take some time to adjust.";
/// The longest string that Redis keeps beside its header.
constexpr size_t kEmbeddedBytesMax = 44;

void tell_dump(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  const Sibling* found = found_sibling(outcome, call.now_ms());
  if (found == nullptr) {
    call.reply().null();
  } else {
    call.reply().bulk(encode_dump(found->type, found->value.bytes()));
  }
}

void tell_restored(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  if (call.spec().id == CommandId::kRestore && call.slot().number == 0 && !outcome.applied) {
    call.error("BUSYKEY Target key name already exists.");
  } else {
    call.reply().ok();
  }
}

std::string_view encoding_of(std::string_view value) {
  if (value.size() <= 20 && parse_int64(value)) {
    return "int";
  }
  return value.size() <= kEmbeddedBytesMax ? "embstr" : "raw";
}

void tell_object(Call& call, Outcome& outcome) {
  if (call.failed(outcome)) {
    return;
  }
  const Sibling* found = found_sibling(outcome, call.now_ms());
  if (found == nullptr) {
    call.reply().null();
    return;
  }
  switch (call.spec().id) {
    case CommandId::kObjectEncoding:
      call.reply().bulk(found->type == kTypeString ? encoding_of(found->value.bytes()) : "unknown");
      return;
    case CommandId::kObjectIdletime: {
      const uint64_t written_ms = stamp_unix_ms(found->dot.stamp);
      const uint64_t now_ms = call.now_ms();
      call.reply().integer(
          static_cast<int64_t>(now_ms > written_ms ? (now_ms - written_ms) / 1000 : 0));
      return;
    }
    case CommandId::kObjectFreq:
      call.error(kNoFrequency);
      return;
    default:
      call.reply().integer(1);
      return;
  }
}

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;
};

/// A number from 0 to `max` at `index`.
bool take_bounded(Call& call, size_t index, int64_t max, std::string_view error) {
  const auto number = integer_argument(call, index);
  if (!number) {
    return false;
  }
  if (*number < 0 || *number > max) {
    call.error(error);
    return false;
  }
  return true;
}

std::optional<RestoreOptions> restore_options(Call& call) {
  RestoreOptions options;
  for (size_t i = 4; i < call.arg_count(); ++i) {
    const bool has_value = i + 1 < call.arg_count();
    if (is_word(call.arg(i), "replace")) {
      options.replace = true;
    } else if (is_word(call.arg(i), "absttl")) {
      options.absolute = true;
    } else if (is_word(call.arg(i), "idletime") && has_value) {
      if (!take_bounded(call, ++i, INT64_MAX, "ERR Invalid IDLETIME value, must be >= 0")) {
        return std::nullopt;
      }
    } else if (is_word(call.arg(i), "freq") && has_value) {
      if (!take_bounded(call, ++i, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255")) {
        return std::nullopt;
      }
    } else {
      call.error(error_text::kSyntax);
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

void run_dump(Call& call) {
  call.submit(call.operation(OpKind::kRead), tell_dump);
}

void run_object(Call& call) {
  call.submit(call.operation(OpKind::kRead, 2), tell_object);
}

void run_restore(Call& call) {
  const auto options = restore_options(call);
  if (!options) {
    return;
  }
  const auto ttl_ms = integer_argument(call, 2);
  if (!ttl_ms) {
    return;
  }
  const auto at_ms =
      *ttl_ms < 0 ? std::nullopt
                  : absolute_ms(*ttl_ms, {.in_seconds = false, .is_absolute = options->absolute},
                                call.now_ms());
  if (!at_ms) {
    call.error("ERR Invalid TTL value, must be >= 0");
    return;
  }
  uint8_t type = kTypeString;
  std::string_view value;
  if (!decode_dump(call.arg(3), &type, &value)) {
    call.error("ERR DUMP payload version or checksum are wrong");
    return;
  }
  if (type != kTypeString) {
    call.error("ERR Bad data format");
    return;
  }
  Operation operation = call.operation(options->replace ? OpKind::kSet : OpKind::kModify);
  if (!options->replace) {
    operation.modification = Modification::kSet;
    operation.flags = op_flag::kIfAbsent;
  }
  operation.value = Value::borrowed(value);
  operation.expire_at_ms = *ttl_ms == 0 ? 0 : static_cast<uint64_t>(*at_ms);
  call.slot().number = options->replace ? 1 : 0;
  call.submit(operation, tell_restored);
}

}  // namespace kindred
