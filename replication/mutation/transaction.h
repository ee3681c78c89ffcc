#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replication/mutation/mutation.h"

namespace kindred {

/// Stands for what a client sees of a key: its floor and the dots of its live siblings. Another one
/// means that the key was written, or expired, in between (WATCH).
[[nodiscard]] uint64_t witness(const State& state, uint64_t now_ms);

/// Commands on one key that are carried out together, if the key is still as it was.
struct TransactionProgram {
  uint64_t expected = 0;  // a witness()
  /// kRead, kSet or kModify, without keys and quorums. Values are borrowed.
  std::vector<Operation> steps;
};

/// Programs and their outcomes as an operation's and an outcome's value carry them. Decoding is
/// false for anything malformed; values then borrow `bytes`.
[[nodiscard]] std::string encode_program(const TransactionProgram& program);
[[nodiscard]] bool decode_program(std::string_view bytes, TransactionProgram* program);
[[nodiscard]] bool decode_step_outcomes(std::string_view bytes, std::vector<Outcome>* outcomes);

/// Computes a kTransaction: one write of what the steps leave, over everything that was read. The
/// outcome's `applied` is false where the key has moved; else its value holds the steps' outcomes.
/// `old` as for mutate().
[[nodiscard]] Mutation mutate_transaction(const Operation& operation, const State& state,
                                          const Sibling* old, uint64_t now_ms,
                                          const MutationLimits& limits);

}  // namespace kindred
