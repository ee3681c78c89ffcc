#pragma once

#include <cstdint>
#include <string_view>

#include "replication/mutation/mutation.h"
#include "server/session/call.h"

namespace kindred {

/// What a plain read found, resolved: null where none lives. Lives as long as
/// `outcome`.
[[nodiscard]] inline const Sibling* found_sibling(const Outcome& outcome, uint64_t now_ms) {
  return winner(outcome.state, now_ms);
}

enum class StringRead : uint8_t {
  kFailed,   // the error is written
  kMissing,  // `value` is empty
  kFound,
};

/// A plain read's answer as a string. `value` lives as long as `outcome`.
StringRead read_string(Call& call, const Outcome& outcome, std::string_view* value);

/// The same of an outcome that is kOk, into a value that is kept; false for any other type.
bool find_string(Call& call, Outcome& outcome, Value* value);

}  // namespace kindred
