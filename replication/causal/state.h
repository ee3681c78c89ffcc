#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <span>

#include "replication/causal/context.h"
#include "replication/causal/dot.h"
#include "replication/causal/value.h"

namespace kindred {

/// Payload type of a string value. Types that a node does not know are carried untouched.
inline constexpr uint8_t kTypeString = 0;

/// One version of a key. Its bytes never change under its dot.
struct Sibling {
  Dot dot;
  uint64_t expire_at_ms = 0;  // cluster clock; 0: never
  Value value;
  uint8_t type = kTypeString;
  bool is_register = false;  // written by SET: dropped when under the floor

  bool expired(uint64_t now_ms) const { return expire_at_ms != 0 && expire_at_ms <= now_ms; }
  friend bool operator==(const Sibling&, const Sibling&) = default;
};

/// A key's whole replicated state. Siblings are sorted by dot. A state with a context and no
/// sibling is a tombstone; a state without a context is "never written".
struct State {
  CausalContext context;
  Dot floor;  // highest register write known; zero: none
  /// Of a hint: the reap round that it is clean for (docs/design/reaping.md). 0 in copies. No part
  /// of what the state says: merge() leaves it 0, includes() and digest() don't look at it.
  uint64_t round = 0;
  boost::container::small_vector<Sibling, 1> siblings;

  bool never_written() const { return context.empty() && siblings.empty(); }
  const Sibling* find(const Dot& dot) const;
  bool has_live_sibling(uint64_t now_ms) const;
  /// The highest stamp anywhere in the state: a write that extends it must stamp above this.
  Stamp highest_stamp() const;
  /// Whether it was written since that stamp, and shows nothing that was written before.
  bool is_newer_than(Stamp stamp) const;
  /// The highest dot that a later read could show or that hides others: floor or sibling.
  Dot highest_dot() const;
  /// Keeps borrowed values past the current step.
  void own();
  /// Makes it never written; keeps its memory.
  void clear() {
    context.clear();
    floor = Dot{};
    round = 0;
    siblings.clear();
  }

  friend bool operator==(const State&, const State&) = default;
};

/// Joins two states of one key: commutative, associative, idempotent. A sibling survives if the
/// other side has it too or the other's context does not cover its dot; contexts join; the floor is
/// the higher one and drops registers under it (DESIGN: versions).
[[nodiscard]] State merge(const State& a, const State& b);

/// True where merge(held, incoming) == held, found without building the merge.
[[nodiscard]] bool includes(const State& held, const State& incoming);

/// A 64-bit stand-in for (context, floor, dots): equal states have equal digests.
using Digest = uint64_t;
[[nodiscard]] Digest digest(const State& state);

/// What a tombstone that all copies agree on needs no more: entries and single dots of actors that
/// are neither in use nor of a sibling. `in_use` is sorted. True if there was any.
bool prune(State& state, std::span<const ActorId> in_use);

/// Takes away what a flush made dead: siblings stamped at or below `flush_stamp`, and everything
/// when nothing in the state is newer. True if it changed the state.
bool apply_flush(State& state, Stamp flush_stamp);

}  // namespace kindred
