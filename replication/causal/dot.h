#pragma once

#include <compare>
#include <cstdint>

namespace kindred {

/// A random id that stands for one unbroken memory: one copy of one partition between two losses.
/// Zero means "no actor". See docs/design/versions.md.
using ActorId = uint64_t;

/// A hybrid logical clock reading: 48 bits of unix milliseconds on the cluster clock above 16 bits
/// of counter. One number is version counter, last-write-wins order and write time.
using Stamp = uint64_t;

inline constexpr unsigned kStampCounterBits = 16;

/// Unix milliseconds (cluster clock) at which `stamp` was issued.
constexpr uint64_t stamp_unix_ms(Stamp stamp) {
  return stamp >> kStampCounterBits;
}

/// The first stamp of a millisecond.
constexpr Stamp stamp_at_ms(uint64_t unix_ms) {
  return unix_ms << kStampCounterBits;
}

/// One write event. Ordered by stamp, then actor, so that every node picks the same winner.
struct Dot {
  Stamp stamp = 0;
  ActorId actor = 0;

  constexpr bool is_zero() const { return stamp == 0; }
  friend constexpr auto operator<=>(const Dot&, const Dot&) = default;
};

}  // namespace kindred
