#pragma once

#include <string_view>

#include "replication/mutation/mutation.h"

namespace kindred::mutation_test {

inline constexpr uint64_t kNowMs = 1'700'000'000'000;
inline constexpr uint64_t kExpiresMs = kNowMs + 100'000;

inline State missing() {
  return State{};
}

inline void add(State& state, const Dot& dot, std::string_view value, uint64_t expire_at_ms = 0) {
  NewVersion version;
  version.dot = dot;
  version.value = Value::copied(value);
  version.expire_at_ms = expire_at_ms;
  apply_put(state, ClientContext{}, dot, &version);
}

inline State live(std::string_view value, uint64_t expire_at_ms = 0) {
  State state;
  add(state, {10, 1}, value, expire_at_ms);
  return state;
}

inline State expired(std::string_view value) {
  return live(value, kNowMs);
}

/// Two siblings alive and one expired, which has the highest dot; "9" wins.
inline State siblings() {
  State state;
  add(state, {10, 1}, "5", kExpiresMs);
  add(state, {20, 2}, "9");
  add(state, {30, 3}, "100", kNowMs - 1);
  return state;
}

inline State of_unknown_type() {
  State state = live("payload");
  state.siblings[0].type = 7;
  return state;
}

inline Operation modification(Modification what, std::string_view value = {}, int64_t integer = 0) {
  Operation operation;
  operation.kind = OpKind::kModify;
  operation.modification = what;
  operation.value = Value::copied(value);
  operation.integer = integer;
  return operation;
}

inline Mutation run(const Operation& operation, const State& state,
                    uint64_t value_bytes_max = 512ULL << 20) {
  return mutate(operation, state, winner(state, kNowMs), kNowMs, MutationLimits{value_bytes_max});
}

}  // namespace kindred::mutation_test
