#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replication/keyspace/key_partitions.h"
#include "replication/node/messages.h"
#include "replication/node/operation.h"

namespace kindred {

/// Derives slot, hash and partition. The result views `key`. Any thread.
[[nodiscard]] KeyRef make_key(std::string_view key, const KeyPartitions& partitions);

/// First byte of a key at an engine: what is stored under it.
enum class StoredKind : uint8_t { kRecord = 1, kHint = 2, kRoundMark = 3, kSave = 4 };

/// What encode_stored_key() adds to a key of up to 254 bytes; a hint has its target's id besides.
inline constexpr size_t kStoredKeyOverhead = 12;
inline constexpr size_t kHintTargetBytes = 8;

/// Replaces `out` by the engine's key for `key`'s record, or for its hint's; its memory is used
/// again. Keys sort by target, slot, hash, key length, key, hints behind records: see
/// comes_before().
void encode_stored_key(const KeyRef& key, std::string* out);

/// Reads a stored key of a record or a hint. False where it is malformed or slot and hash are not
/// the key's: damaged. `key` views `stored`.
[[nodiscard]] bool decode_stored_key(std::string_view stored, const KeyPartitions& partitions,
                                     KeyRef* key);

/// The order of stored keys.
[[nodiscard]] bool comes_before(const KeyRef& a, const KeyRef& b);

/// Stored keys k with begin <= k < end, compared as bytes.
struct StoredKeyRange {
  std::string begin;
  std::string end;
};

/// All records of a partition; `partition` < the count; it has those of
/// other layers with the same slots among them.
[[nodiscard]] StoredKeyRange partition_range(uint32_t partition, const KeyPartitions& partitions);

/// The round marks of all partitions (KeyRef::round_mark()).
[[nodiscard]] StoredKeyRange all_round_marks_range();

/// All hints, whoever they are for.
[[nodiscard]] StoredKeyRange all_hints_range();

/// The records (or a node's hints) of a partition's slots, whatever their layer, from `range`'s
/// position on. Empty (begin >= end) where the position is past the partition.
[[nodiscard]] StoredKeyRange fetch_range(const FetchRange& range, const KeyPartitions& partitions);

}  // namespace kindred
