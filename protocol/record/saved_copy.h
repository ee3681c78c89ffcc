#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/record/key.h"
#include "replication/causal/state.h"
#include "replication/entropy/saved_copy.h"

namespace kindred {

/// Stands in an engine beside the copies that a clean stop saved, and is taken away before anything
/// else is written: where it is, they are true of the records.
struct SaveMark {
  uint64_t id = 0;  // random; in each copy of the save
  uint32_t partition_count = 0;
  Stamp flush_stamp = 0;
  friend bool operator==(const SaveMark&, const SaveMark&) = default;
};

/// Keys at an engine: the mark's, a copy's, and all of them.
[[nodiscard]] std::string save_mark_key();
[[nodiscard]] std::string saved_copy_key(uint16_t partition);
[[nodiscard]] StoredKeyRange all_saved_range();

/// Replace `out`. docs/design/formats.md
void encode_save_mark(const SaveMark& mark, std::string* out);
void encode_saved_copy(uint64_t save_id, uint16_t partition, const SavedCopy& copy,
                       std::string* out);

/// False where the bytes are damaged, of another version, or not those of this save and partition.
[[nodiscard]] bool decode_save_mark(std::string_view bytes, SaveMark* mark);
[[nodiscard]] bool decode_saved_copy(std::string_view bytes, uint64_t save_id, uint16_t partition,
                                     SavedCopy* copy);

}  // namespace kindred
