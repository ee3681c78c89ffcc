#pragma once

#include "bench/ringsim/options.h"
#include "bench/ringsim/table.h"

namespace kindred::bench {

/// What the server's own SWIM machine does in clusters of several sizes (or of --nodes alone): what
/// it sends while nothing happens, how fast a word spreads, when all know of a hang, of a silent
/// death, of a cut in halves and of its end. Times in milliseconds of virtual time.
Table gossip(const Options& options);

}  // namespace kindred::bench
