#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>

#include "replication/causal/state.h"
#include "replication/causal/write.h"
#include "replication/node/operation.h"

namespace kindred {

/// The sibling that a plain GET shows: the highest dot among those not expired (resolver `lww`).
/// Null where none lives. Lives as long as `state`.
[[nodiscard]] const Sibling* winner(const State& state, uint64_t now_ms);

/// What a read-modify-write makes of a key's state. Pure: the caller stamps and stores.
struct Mutation {
  enum class Effect : uint8_t {
    kNothing,       // `outcome` is the answer, nothing is written
    kRegister,      // one register write of `value` over everything read
    kDelete,        // a register delete
    kKeepSiblings,  // every live sibling again, under a new dot, with `expire_at_ms`
  };
  Effect effect = Effect::kNothing;
  Value value;
  uint64_t expire_at_ms = 0;
  Outcome outcome;  // what the client is told once the write is through
};

struct MutationLimits {
  uint64_t value_bytes_max = 512ULL << 20;
};

/// Computes `operation` (kModify) on what was read. `old`: what a client is shown of `state`, null
/// where nothing lives.
[[nodiscard]] Mutation mutate(const Operation& operation, const State& state, const Sibling* old,
                              uint64_t now_ms, const MutationLimits& limits);

}  // namespace kindred
