#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replication/membership/node_record.h"

namespace kindred {

/// Replaces `out` by the bytes of `record` as they lie in the data directory: magic, version,
/// fields, checksum. Any thread.
void encode_node_record(const NodeRecord& record, std::string* out);

enum class NodeRecordBytes : uint8_t {
  kValid,
  kForeign,       // not such a record at all
  kVersionNewer,  // written by a later version of the program
  kDamaged,       // cut off, checksum wrong, or fields that no encoder writes
};

/// `record` is unspecified unless the result is kValid. Any thread.
[[nodiscard]] NodeRecordBytes decode_node_record(std::string_view bytes, NodeRecord* record);

}  // namespace kindred
