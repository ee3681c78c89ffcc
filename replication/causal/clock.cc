#include "replication/causal/clock.h"

#include <algorithm>
#include <limits>

#include "replication/causal/bug_bank.h"

namespace kindred {

Stamp HybridClock::next(uint64_t now_ms, Stamp above) {
  if (KINDRED_BUG(stamp_not_above_state)) {
    last_ = std::max(last_ + 1, stamp_at_ms(now_ms));
    return last_;
  }
  if (above == std::numeric_limits<Stamp>::max()) {
    return 0;
  }
  Stamp stamp = std::max({last_ + 1, stamp_at_ms(now_ms), above + 1});
  // A stored stamp far in the future is stamped over for its own key, but does not drag the clock:
  // the actor's stamps for one key still grow, because the next state holds this one.
  if (stamp_unix_ms(stamp) <= now_ms + kJumpMsMax) {
    last_ = stamp;
  }
  return stamp;
}

void HybridClock::observe(uint64_t now_ms, Stamp seen) {
  if (stamp_unix_ms(seen) <= now_ms + kJumpMsMax) {
    last_ = std::max(last_, seen);
  }
}

}  // namespace kindred
