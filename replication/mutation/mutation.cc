#include "replication/mutation/mutation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "replication/mutation/bitfield.h"
#include "replication/mutation/transaction.h"

namespace kindred {

namespace {

/// Longest text that is tried as a number (Redis: MAX_LONG_DOUBLE_CHARS).
constexpr size_t kNumberTextMax = 255;

Mutation refuse(OutcomeCode code) {
  Mutation result;
  result.outcome.code = code;
  return result;
}

/// Strict decimal as Redis reads it: no plus sign, spaces or leading zeros.
bool parse_integer(std::string_view text, int64_t* number) {
  if (text.empty() || text.size() > 20) {
    return false;
  }
  const std::string_view digits = text.front() == '-' ? text.substr(1) : text;
  const bool leading_zero = digits.size() > 1 && digits.front() == '0';
  if (digits.empty() || leading_zero || text == "-0") {
    return false;
  }
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_long_double(std::string_view text, long double* number) {
  if (text.empty() || text.size() > kNumberTextMax ||
      std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    return false;
  }
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  *number = std::strtold(terminated.c_str(), &end);
  const bool out_of_range = errno == ERANGE && (std::isinf(*number) || *number == 0);
  return end == terminated.c_str() + terminated.size() && !out_of_range && !std::isnan(*number);
}

/// Redis's form: 17 decimals, trailing zeros and dot cut.
std::string format_long_double(long double number) {
  std::array<char, 5 * 1024> text{};
  int length = std::snprintf(text.data(), text.size(), "%.17Lf", number);
  std::string_view view(text.data(), static_cast<size_t>(std::max(length, 0)));
  if (view.find('.') != std::string_view::npos) {
    while (view.back() == '0') {
      view.remove_suffix(1);
    }
    if (view.back() == '.') {
      view.remove_suffix(1);
    }
  }
  return std::string(view == "-0" ? "0" : view);
}

Mutation write_value(Value value, uint64_t expire_at_ms) {
  Mutation result;
  result.effect = Mutation::Effect::kRegister;
  result.value = std::move(value);
  result.expire_at_ms = expire_at_ms;
  result.outcome.applied = true;
  return result;
}

void tell_old(Mutation& mutation, const Sibling* old) {
  mutation.outcome.has_value = old != nullptr;
  if (old != nullptr) {
    mutation.outcome.value = old->value;
    mutation.outcome.value.own();
  }
}

Mutation mutate_set(const Operation& operation, const Sibling* old, uint64_t now_ms) {
  if (operation.has_flag(op_flag::kReturnOld) && old != nullptr && old->type != kTypeString) {
    return refuse(OutcomeCode::kWrongType);
  }
  const bool refused = (operation.has_flag(op_flag::kIfAbsent) && old != nullptr) ||
                       (operation.has_flag(op_flag::kIfPresent) && old == nullptr);
  Mutation result;
  if (!refused) {
    const bool keep = operation.has_flag(op_flag::kKeepExpiry) && old != nullptr;
    result = write_value(operation.value, keep ? old->expire_at_ms : operation.expire_at_ms);
    if (operation.expire_at_ms != 0 && operation.expire_at_ms <= now_ms && !keep) {
      result.effect = old != nullptr ? Mutation::Effect::kDelete : Mutation::Effect::kNothing;
    }
  }
  if (operation.has_flag(op_flag::kReturnOld)) {
    tell_old(result, old);
  }
  return result;
}

Mutation mutate_delete(const Operation& operation, const Sibling* old) {
  Mutation result;
  const bool wants_old = operation.modification == Modification::kGetDelete;
  if (wants_old && old != nullptr && old->type != kTypeString) {
    return refuse(OutcomeCode::kWrongType);
  }
  if (old != nullptr) {
    result.effect = Mutation::Effect::kDelete;
    result.outcome.applied = true;
    result.outcome.integer = 1;
  }
  if (wants_old) {
    tell_old(result, old);
  }
  return result;
}

Mutation mutate_append(const Operation& operation, const Sibling* old,
                       const MutationLimits& limits) {
  const std::string_view before = old != nullptr ? old->value.bytes() : std::string_view();
  if (before.size() + operation.value.size() > limits.value_bytes_max) {
    return refuse(OutcomeCode::kTooLong);
  }
  std::string joined;
  joined.reserve(before.size() + operation.value.size());
  joined.append(before).append(operation.value.bytes());
  Mutation result = write_value(Value::copied(joined), old != nullptr ? old->expire_at_ms : 0);
  result.outcome.integer = static_cast<int64_t>(joined.size());
  return result;
}

Mutation mutate_set_range(const Operation& operation, const Sibling* old,
                          const MutationLimits& limits) {
  const std::string_view before = old != nullptr ? old->value.bytes() : std::string_view();
  const std::string_view patch = operation.value.bytes();
  if (operation.integer < 0) {
    return refuse(OutcomeCode::kBadOffset);
  }
  if (patch.empty()) {
    Mutation result;
    result.outcome.integer = static_cast<int64_t>(before.size());
    return result;
  }
  const auto offset = static_cast<uint64_t>(operation.integer);
  if (offset > limits.value_bytes_max || offset + patch.size() > limits.value_bytes_max) {
    return refuse(OutcomeCode::kTooLong);
  }
  std::string patched(before);
  patched.resize(std::max<size_t>(before.size(), offset + patch.size()), '\0');
  std::memcpy(patched.data() + offset, patch.data(), patch.size());
  Mutation result = write_value(Value::copied(patched), old != nullptr ? old->expire_at_ms : 0);
  result.outcome.integer = static_cast<int64_t>(patched.size());
  return result;
}

/// SETBIT, BITFIELD: the string grows to hold all that may be written, also where an overflow then
/// refuses it (Redis: BITFIELD).
Mutation mutate_bitfield(const Operation& operation, const Sibling* old,
                         const MutationLimits& limits) {
  std::vector<BitfieldOp> ops;
  if (!decode_bitfield(operation.value.bytes(), &ops)) {
    return refuse(OutcomeCode::kStorageFailed);
  }
  std::string bytes(old != nullptr ? old->value.bytes() : std::string_view());
  const uint64_t size = std::max<uint64_t>(bytes.size(), bytes_written(ops));
  if (size > limits.value_bytes_max) {
    return refuse(OutcomeCode::kTooLong);
  }
  bytes.resize(size, '\0');
  const std::vector<BitfieldResult> results = run_bitfield(ops, &bytes);
  Mutation result = write_value(Value::copied(bytes), old != nullptr ? old->expire_at_ms : 0);
  result.outcome.value = Value::copied(encode_results(results));
  result.outcome.has_value = true;
  return result;
}

Mutation mutate_increment(const Operation& operation, const Sibling* old) {
  int64_t number = 0;
  if (old != nullptr && !parse_integer(old->value.bytes(), &number)) {
    return refuse(OutcomeCode::kNotAnInteger);
  }
  int64_t sum = 0;
  if (__builtin_add_overflow(number, operation.integer, &sum)) {
    return refuse(OutcomeCode::kOverflow);
  }
  Mutation result =
      write_value(Value::copied(std::to_string(sum)), old != nullptr ? old->expire_at_ms : 0);
  result.outcome.integer = sum;
  return result;
}

Mutation mutate_increment_float(const Operation& operation, const Sibling* old) {
  long double number = 0;
  long double by = 0;
  if ((old != nullptr && !parse_long_double(old->value.bytes(), &number)) ||
      !parse_long_double(operation.value.bytes(), &by)) {
    return refuse(OutcomeCode::kNotAFloat);
  }
  const long double sum = number + by;
  if (std::isnan(sum) || std::isinf(sum)) {
    return refuse(OutcomeCode::kNanOrInfinity);
  }
  Mutation result =
      write_value(Value::copied(format_long_double(sum)), old != nullptr ? old->expire_at_ms : 0);
  result.outcome.value = result.value;
  result.outcome.has_value = true;
  return result;
}

/// The conditions of EXPIRE NX, XX, GT, LT; no expiry counts as infinite (Redis: EXPIRE).
bool expiry_allowed(const Operation& operation, uint64_t current) {
  const uint64_t wanted = operation.expire_at_ms;
  if (operation.has_flag(op_flag::kExpireIfNone) && current != 0) {
    return false;
  }
  if (operation.has_flag(op_flag::kExpireIfAny) && current == 0) {
    return false;
  }
  if (operation.has_flag(op_flag::kExpireIfLater) && (current == 0 || wanted <= current)) {
    return false;
  }
  return !operation.has_flag(op_flag::kExpireIfEarlier) || current == 0 || wanted < current;
}

Mutation mutate_expiry(const Operation& operation, const Sibling* old, uint64_t now_ms) {
  Mutation result;
  if (operation.has_flag(op_flag::kReturnOld)) {
    if (old != nullptr && old->type != kTypeString) {
      return refuse(OutcomeCode::kWrongType);
    }
    tell_old(result, old);
  }
  if (old == nullptr) {
    return result;
  }
  const bool persist = operation.modification == Modification::kPersist;
  if (persist ? old->expire_at_ms == 0 : !expiry_allowed(operation, old->expire_at_ms)) {
    return result;
  }
  const bool past = !persist && operation.expire_at_ms <= now_ms;
  result.effect = past ? Mutation::Effect::kDelete : Mutation::Effect::kKeepSiblings;
  result.expire_at_ms = persist ? 0 : operation.expire_at_ms;
  result.outcome.applied = true;
  result.outcome.integer = 1;
  return result;
}

}  // namespace

const Sibling* winner(const State& state, uint64_t now_ms) {
  for (size_t i = state.siblings.size(); i > 0; --i) {
    const Sibling& sibling = state.siblings[i - 1];
    if (!sibling.expired(now_ms)) {
      return &sibling;
    }
  }
  return nullptr;
}

Mutation mutate(const Operation& operation, const State& state, const Sibling* old, uint64_t now_ms,
                const MutationLimits& limits) {
  switch (operation.modification) {
    case Modification::kSet:
      return mutate_set(operation, old, now_ms);
    case Modification::kDelete:
    case Modification::kGetDelete:
      return mutate_delete(operation, old);
    case Modification::kExpire:
    case Modification::kPersist:
      return mutate_expiry(operation, old, now_ms);
    case Modification::kTransaction:
      return mutate_transaction(operation, state, old, now_ms, limits);
    default:
      break;
  }
  if (old != nullptr && old->type != kTypeString) {
    return refuse(OutcomeCode::kWrongType);
  }
  switch (operation.modification) {
    case Modification::kAppend:
      return mutate_append(operation, old, limits);
    case Modification::kSetRange:
      return mutate_set_range(operation, old, limits);
    case Modification::kBitfield:
      return mutate_bitfield(operation, old, limits);
    case Modification::kIncrement:
      return mutate_increment(operation, old);
    case Modification::kIncrementByFloat:
      return mutate_increment_float(operation, old);
    default:
      return refuse(OutcomeCode::kStorageFailed);
  }
}

}  // namespace kindred
