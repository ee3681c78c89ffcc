#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "server/session/call.h"

namespace kindred {

/// Whether `text` is `word` but for case. `word` is in lower case.
[[nodiscard]] bool is_word(std::string_view text, std::string_view word);

/// A time as the commands on expiry take it.
struct TimeArgument {
  bool in_seconds = false;   // else milliseconds
  bool is_absolute = false;  // unix time, else from now
};

/// The unix milliseconds that `value` means; nothing where they fit no 64-bit integer.
[[nodiscard]] std::optional<int64_t> absolute_ms(int64_t value, TimeArgument kind, uint64_t now_ms);

/// An argument as an integer. Where it is none the error is written, and nothing returned.
[[nodiscard]] std::optional<int64_t> integer_argument(Call& call, size_t index);

/// The same for the time to live that comes with a value (SET, SETEX, GETEX, DPUT), as absolute
/// milliseconds: it must lie in the future where it counts from now, and be positive anyhow.
[[nodiscard]] std::optional<uint64_t> expiry_argument(Call& call, size_t index, TimeArgument kind);

/// Which of EX, PX, EXAT, PXAT a word is.
[[nodiscard]] std::optional<TimeArgument> expiry_word(std::string_view text);

/// What SET and GETEX take after their fixed arguments.
struct StringOptions {
  uint16_t flags = 0;  // op_flag
  bool persist = false;
  uint64_t expire_at_ms = 0;
};
enum class StringCommand : uint8_t { kSet, kGetex };
[[nodiscard]] std::optional<StringOptions> string_options(Call& call, size_t first,
                                                          StringCommand command);

/// Options of the commands with versions.
struct VersionOptions {
  QuorumSpec quorum;
  uint64_t expire_at_ms = 0;
  bool with_meta = false;
  bool local = false;
};
[[nodiscard]] std::optional<VersionOptions> version_options(Call& call, size_t first);

}  // namespace kindred
