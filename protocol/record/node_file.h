#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replication/membership/cluster.h"

namespace kindred {

/// Bounds of a cluster document: more is refused by decode_cluster(). Encoding asserts none.
inline constexpr size_t kClusterMembersMax = 1024;
inline constexpr size_t kClusterTagKeysMax = 8;
inline constexpr size_t kClusterTextBytesMax = 255;  // names, zones, hosts

/// Replaces `out` by the bytes of `cluster`, the same in a file and in a frame: magic, version,
/// fields, checksum (docs/design/formats.md). Any thread.
void encode_cluster(const ClusterDocument& cluster, std::string* out);

enum class ClusterBytes : uint8_t {
  kValid,
  kForeign,       // not such a document at all
  kVersionNewer,  // written by a later version of the program
  kDamaged,       // cut off, checksum wrong, or fields that no encoder writes
};

/// `cluster` is unspecified unless the result is kValid. Any thread.
[[nodiscard]] ClusterBytes decode_cluster(std::string_view bytes, ClusterDocument* cluster);

}  // namespace kindred
