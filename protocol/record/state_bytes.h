#pragma once

#include <cstddef>
#include <string_view>

#include "replication/causal/state.h"

namespace kindred {

/// The canonical bytes of a state, without checksum: equal states are equal bytes, and no other
/// bytes are read back (docs/design/formats.md). Any thread.

/// Room that store_state() needs at most.
[[nodiscard]] size_t state_bytes_max(const State& state);

/// Writes the state to `to`; returns its end. The state must have been written, and its context
/// cover its siblings: the process ends otherwise, because such a record could never be read.
char* store_state(char* to, const State& state);

/// Reads a state back; values borrow `bytes`. False for anything but canonical bytes, `state` is
/// then unspecified. Allocates no more than in proportion to `bytes`.
[[nodiscard]] bool load_state(std::string_view bytes, State* state);

}  // namespace kindred
