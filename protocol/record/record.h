#pragma once

#include <string>
#include <string_view>

#include "replication/causal/state.h"
#include "replication/node/operation.h"

namespace kindred {

/// Bytes that a record has before its state: a checksum bound to the key.
inline constexpr size_t kRecordChecksumBytes = 4;

/// Replaces `out` by the canonical record of `state`, a key's state as engines and peers keep it;
/// its memory is used again, and keeping its length until the next call saves clearing it. A state
/// never written is the empty record. Only key.hash is read of the key. Any thread.
void encode_record(const KeyRef& key, const State& state, std::string* out);

/// Reads a record. False where it is damaged, another key's or not canonical; `state` is then
/// unspecified. Values borrow `record`. Only key.hash is read of the key. Any thread.
[[nodiscard]] bool decode_record(const KeyRef& key, std::string_view record, State* state);

}  // namespace kindred
