#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kindred {

/// What DUMP answers and RESTORE takes: magic, version, type, the value's bytes, checksum. It says
/// nothing of the key or its expiry, and is no payload of Redis's.
[[nodiscard]] std::string encode_dump(uint8_t type, std::string_view value);

/// Reads one. False where it is damaged, of a later version or none at all. `value` borrows `dump`.
/// Any thread.
[[nodiscard]] bool decode_dump(std::string_view dump, uint8_t* type, std::string_view* value);

}  // namespace kindred
