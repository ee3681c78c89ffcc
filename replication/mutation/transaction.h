#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/mutation/mutation.h"

namespace kindred {

/// Stands for what a client sees of a key: its floor and the dots of its live siblings. Another one
/// means that the key was written, or expired, in between (WATCH).
[[nodiscard]] uint64_t witness(const State& state, uint64_t now_ms);

/// Commands on keys of one partition that are carried out together, if those of the keys that are
/// watched are still as they were.
struct TransactionProgram {
  static constexpr size_t kKeysMax = 256;

  struct Key {
    KeyRef ref;  // its partition is the operation's
    bool is_watched = false;
    uint64_t expected = 0;  // a witness()
  };
  struct Step {
    size_t key = 0;  // which of the keys
    /// kRead, kSet or kModify, without key and quorum. The value is borrowed.
    Operation operation;
  };
  std::vector<Key> keys;  // the operation's own comes first
  std::vector<Step> steps;
};

/// Programs and their outcomes as an operation's and an outcome's value carry them. Decoding is
/// false for anything malformed; keys and values then borrow `bytes`.
[[nodiscard]] std::string encode_program(const TransactionProgram& program);
[[nodiscard]] bool decode_program(std::string_view bytes, TransactionProgram* program);
[[nodiscard]] bool decode_step_outcomes(std::string_view bytes, std::vector<Outcome>* outcomes);

/// What was read of a program's key; `old` as for mutate().
struct TransactionInput {
  const State* state = nullptr;
  const Sibling* old = nullptr;
};
struct TransactionResult {
  Outcome outcome;  // `applied` is false where a key has moved; else its value holds the steps'
  std::vector<Mutation> writes;  // of each key: what the steps leave, over everything that was read
};
[[nodiscard]] TransactionResult run_program(const TransactionProgram& program,
                                            std::span<const TransactionInput> inputs,
                                            uint64_t now_ms, const MutationLimits& limits);

/// Computes a kTransaction on one key, whose outcome is the whole's.
[[nodiscard]] Mutation mutate_transaction(const Operation& operation, const State& state,
                                          const Sibling* old, uint64_t now_ms,
                                          const MutationLimits& limits);

}  // namespace kindred
