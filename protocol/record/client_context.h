#pragma once

#include <cstddef>

#include "protocol/record/bytes.h"
#include "replication/causal/write.h"

namespace kindred {

/// Room that store_client_context() needs at most.
[[nodiscard]] size_t client_context_bytes_max(const ClientContext& context);

/// Writes the fields of a context (docs/design/formats.md) to `to`; returns their end.
char* store_client_context(char* to, const ClientContext& context);

/// Reads what store_client_context() wrote. False, with the reader failed, for anything that it
/// would not have written, or for more than `entries_max` vector entries and dots together.
[[nodiscard]] bool load_client_context(ByteReader& reader, size_t entries_max,
                                       ClientContext* context);

/// The same for a causal context's entries and dots alone; the counts travel apart.
char* store_causal_context(char* to, const CausalContext& context);
[[nodiscard]] bool load_causal_context(ByteReader& reader, size_t entry_count, size_t dot_count,
                                       CausalContext* context);

inline constexpr size_t kDotBytes = 16;

inline char* store_dot(char* to, const Dot& dot) {
  to = store_le(to, dot.stamp);
  return store_le(to, dot.actor);
}
inline Dot load_dot(ByteReader& reader) {
  Dot dot;
  dot.stamp = reader.u64();
  dot.actor = reader.u64();
  return dot;
}

}  // namespace kindred
