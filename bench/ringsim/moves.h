#pragma once

#include "bench/ringsim/options.h"
#include "bench/ringsim/table.h"

namespace kindred::bench {

/// What one node's joining and leaving costs under each strategy: copies moved, the least that an
/// even share takes, the balance afterwards, how many nodes give or take, and how many ranges the
/// holders have to scan and summarise anew because a token cuts them.
Table moves(const Options& options);

}  // namespace kindred::bench
