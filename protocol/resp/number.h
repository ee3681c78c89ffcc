#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Numbers as Redis reads and prints them. Pure functions, any thread.

namespace kindred {

// A decimal 64-bit integer in canonical form only: no leading '+', spaces or zeros, no "-0".
[[nodiscard]] std::optional<int64_t> parse_int64(std::string_view text);

// A finite or infinite floating point number as strtod reads it in the C locale (hexadecimal and
// "inf" included); refuses nan, surrounding spaces, overflow, underflow to zero and any text of
// 5 KiB or more.
[[nodiscard]] std::optional<double> parse_double(std::string_view text);
[[nodiscard]] std::optional<long double> parse_long_double(std::string_view text);

// As INCRBYFLOAT prints: 17 digits after the point, trailing zeros cut, never an exponent.
[[nodiscard]] std::string format_long_double(long double value);

// As ZSCORE prints in Redis 7.0: 17 significant digits, "inf", "-inf".
[[nodiscard]] std::string format_double(double value);

}  // namespace kindred
