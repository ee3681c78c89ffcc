#pragma once

#include <cstdint>
#include <string_view>

namespace kindred {

/// XXH3 of `bytes`, 64 bits, unseeded: key hashes and checksums. Not proof against forgery.
/// Any thread. Source: the xxHash specification, XXH3_64bits.
[[nodiscard]] uint64_t hash64(std::string_view bytes);

}  // namespace kindred
