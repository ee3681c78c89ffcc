#pragma once

#include <span>
#include <string>
#include <string_view>

#include "replication/keyspace/keyspace.h"

namespace kindred {

/// Reads a keyspace as the directive and KEYSPACE SET name it: a pattern, then any of `n N`, `r N`,
/// `w N`, `registers on|off`, `resolver NAME`, `ttl MS`, each at most once; words in any case.
/// `replicas`: the N of a keyspace without one. Empty, or what is wrong, and then `keyspace` is
/// untouched.
[[nodiscard]] std::string parse_keyspace(std::span<const std::string_view> words, uint32_t replicas,
                                         Keyspace* keyspace);
/// The words that parse_keyspace() reads as this keyspace, those left out that change nothing.
[[nodiscard]] std::string keyspace_text(const Keyspace& keyspace);

}  // namespace kindred
