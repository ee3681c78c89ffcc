#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/config/config.h"

namespace kindred {

/// A decimal number, nothing else.
std::optional<uint64_t> parse_number(std::string_view text);
/// "512mb", "1gb", "64k", "100": k, m, g are powers of 1000, kb, mb, gb of 1024, as in redis.conf.
std::optional<uint64_t> parse_memory_size(std::string_view text);
std::optional<bool> parse_yes_no(std::string_view text);
/// "HOST:PORT", "[v6]:PORT".
std::optional<SeedAddress> parse_seed(std::string_view text);
std::string to_text(const SeedAddress& seed);
std::string lower_case(std::string_view text);

}  // namespace kindred
