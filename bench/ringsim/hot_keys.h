#pragma once

#include "bench/ringsim/options.h"
#include "bench/ringsim/table.h"

namespace kindred::bench {

/// The hottest node's load over the average, by the exponent of Zipf's law: the key of rank r is
/// asked for 1/r^exponent as often as the first. For reads at the first place, for reads spread
/// over the copies, and for a strategy of random tokens beside them.
Table hot_keys(const Options& options);

}  // namespace kindred::bench
