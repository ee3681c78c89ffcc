#pragma once

#include <cstdio>
#include <cstdlib>

namespace kindred {

/// Ends the process when an invariant of the sessions is broken; on in every build, because replies
/// that slip by one give a client another question's answer.
inline void require(bool holds, const char* invariant) {
  if (!holds) [[unlikely]] {
    std::fprintf(stderr, "session invariant broken: %s\n", invariant);
    std::abort();
  }
}

}  // namespace kindred
