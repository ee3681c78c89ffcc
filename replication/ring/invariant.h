#pragma once

#include <cstdio>
#include <cstdlib>

namespace kindred::ring_detail {

/// Ends the process when an invariant of the ring is broken; on in every build, because a wrong
/// ring would put acknowledged data where nobody looks for it.
inline void require(bool holds, const char* invariant) {
  if (!holds) [[unlikely]] {
    std::fprintf(stderr, "ring invariant broken: %s\n", invariant);
    std::abort();
  }
}

}  // namespace kindred::ring_detail
