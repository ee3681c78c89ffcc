#pragma once

#include <string_view>

#include "replication/causal/state.h"

namespace kindred {

/// What a client's context carries: what it covers, and the floor it saw (DESIGN: what a context
/// may cover). Authenticated and encoded by protocol/context.
struct ClientContext {
  CausalContext covered;
  Dot floor;

  bool empty() const { return covered.empty() && floor.is_zero(); }
  Stamp highest_stamp() const;
  friend bool operator==(const ClientContext&, const ClientContext&) = default;
};

/// Entries that a client context holds at most; siblings of actors left out stay on the next write.
inline constexpr size_t kClientContextEntriesMax = 64;

/// DGET's context: entries for the actors of every sibling, and the floor. For a tombstone all
/// entries of its vector.
[[nodiscard]] ClientContext context_of_read(const State& state);

/// DPUT's context: the given one plus the write's own dot as a single dot, less single dots that
/// the coordinator's vector (`written`, the state after the write) covers.
[[nodiscard]] ClientContext context_of_put(const ClientContext& given, const State& written,
                                           const Dot& dot);

struct NewVersion {
  Dot dot;
  uint64_t expire_at_ms = 0;
  Value value;
  uint8_t type = kTypeString;
};

/// DPUT and DDEL: replaces exactly the versions that `context` covers. `version` null: a delete
/// that happened at `dot`.
void apply_put(State& state, const ClientContext& context, const Dot& dot,
               const NewVersion* version);

/// SET and DEL: replaces everything that the state holds and raises the floor.
void apply_register(State& state, const Dot& dot, const NewVersion* version);

/// A register write again under a higher dot, covering what the first round covered
/// (`first_round`: the state's context just after the first write), no more.
void apply_restamp(State& state, const CausalContext& first_round, const Dot& dot,
                   const NewVersion* version);

/// EXPIRE, PERSIST: every sibling alive at `now_ms` again with `expire_at_ms`, under new dots of
/// `actor` from `first` upwards in the old order; registers stay registers and raise the floor.
/// Expired siblings stay as they are: another node's clock may still show them.
/// Returns the highest dot given; uses as many stamps as there are live siblings, which must exist
/// up to the highest stamp there is. Where none lives: changes nothing, returns the zero dot.
Dot apply_expiry(State& state, ActorId actor, Stamp first, uint64_t expire_at_ms, uint64_t now_ms);

}  // namespace kindred
