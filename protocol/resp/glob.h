#pragma once

#include <string_view>

namespace kindred {

enum class GlobCase { kSensitive, kInsensitive };

// Whether `text` as a whole matches a pattern of KEYS and SCAN MATCH: * any run, ? one byte, [abc]
// [a-z] [^abc] one byte of a class, \x the byte x. A class that is never closed ends with the
// pattern. Takes at most |pattern| x |text| steps, whatever the pattern.
// Source: https://redis.io/commands/keys/. One difference: "*" matches the empty text too.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text,
                              GlobCase letter_case = GlobCase::kSensitive);

}  // namespace kindred
