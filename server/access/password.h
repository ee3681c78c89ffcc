#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kindred {

/// SHA-256 of a password: all that is kept of one.
using PasswordDigest = std::array<uint8_t, 32>;

PasswordDigest digest_of(std::string_view password);
/// 64 lower-case hex digits, as rules and ACL files show it.
std::string to_hex(const PasswordDigest& digest);
/// Nothing unless it is 64 lower-case hex digits.
std::optional<PasswordDigest> digest_from_hex(std::string_view hex);
/// In a time that does not tell where the two differ.
bool same_digest(const PasswordDigest& a, const PasswordDigest& b);

/// Random lower-case hex digits, four bits each, from the system's secure source; `bits` is rounded
/// up to the next digit.
std::string random_password(unsigned bits);

}  // namespace kindred
