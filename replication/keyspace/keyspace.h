#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kindred {

/// What holds for the keys of a pattern; what it leaves open is as for keys without one.
struct Keyspace {
  /// A key, or the beginning of keys and '*'. No other '*'.
  std::string pattern;
  uint8_t copies = 0;  // N; 0: the cluster's, or that of the closest wider pattern that has one
  uint8_t read = 0;    // R; 0: as configured
  uint8_t write = 0;   // W; 0: as configured
  /// False: SET and DEL are no register writes; they cover what a read of R copies shows, and those
  /// at once stay side by side.
  bool has_registers = true;
  /// What a plain read shows of siblings: kResolverLww, kResolverSiblings, or one that the node
  /// knows by that name.
  std::string resolver = "lww";
  uint64_t ttl_ms = 0;  // of values written without an expiry; 0: none

  friend bool operator==(const Keyspace&, const Keyspace&) = default;
};

/// The newest version is shown.
inline constexpr std::string_view kResolverLww = "lww";
/// Left to the application: reads show the newest, what computes on the value is refused.
inline constexpr std::string_view kResolverSiblings = "siblings";

/// By pattern, none twice; each node holds the same (ClusterDocument).
using Keyspaces = std::vector<Keyspace>;

inline constexpr std::size_t kKeyspacesMax = 256;
inline constexpr std::size_t kPatternBytesMax = 255;
inline constexpr std::size_t kResolverBytesMax = 64;
inline constexpr uint64_t kKeyspaceTtlMsMax = uint64_t{1} << 40;  // over thirty years

/// Whether a table received or read from disk holds together.
[[nodiscard]] bool is_valid(const Keyspaces& keyspaces);
/// Empty, or what is wrong with the pattern, worded to follow it.
[[nodiscard]] std::string_view pattern_flaw(std::string_view pattern);

/// Whether a pattern holds for a key.
[[nodiscard]] bool fits(std::string_view pattern, std::string_view key);
/// Of two patterns that fit one key, whether the first holds for it: a key's own pattern is closer
/// than any that also holds for others, a longer beginning than a shorter.
[[nodiscard]] bool is_closer(std::string_view pattern, std::string_view other);

/// The one that holds for the key: its own, else that of the longest pattern. Null where there is
/// none. Good until the table changes.
[[nodiscard]] const Keyspace* find_keyspace(const Keyspaces& keyspaces, std::string_view key);
/// The one of exactly that pattern; null where there is none.
[[nodiscard]] const Keyspace* find_pattern(const Keyspaces& keyspaces, std::string_view pattern);
/// Adds it, or replaces the one of its pattern. False where the table is full.
[[nodiscard]] bool put_keyspace(Keyspaces& keyspaces, Keyspace keyspace);
/// False where there is none.
bool remove_keyspace(Keyspaces& keyspaces, std::string_view pattern);

/// The N that the table wants for the keys of `pattern`, which may not be in it: its own, else that
/// of the closest wider one that has one, else `configured`.
[[nodiscard]] uint32_t copies_wanted(const Keyspaces& keyspaces, std::string_view pattern,
                                     uint32_t configured);
/// Whether all keys that `inner` fits are fitted by `outer` too.
[[nodiscard]] bool is_within(std::string_view inner, std::string_view outer);

/// What must be assumed of a write or a read of any key: the numbers over all keyspaces and
/// `configured`, of keys that none says anything of.
struct QuorumRange {
  uint8_t least = 0;
  uint8_t most = 0;
};
[[nodiscard]] QuorumRange read_range(const Keyspaces& keyspaces, uint8_t configured);
[[nodiscard]] QuorumRange write_range(const Keyspaces& keyspaces, uint8_t configured);

/// Whether requests under one table and under the other may not go together: other numbers, or
/// other kinds of writes.
[[nodiscard]] bool quorums_differ(const Keyspaces& a, const Keyspaces& b);

}  // namespace kindred
