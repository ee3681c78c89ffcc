#pragma once

#include "bench/ringsim/options.h"
#include "bench/ringsim/table.h"

namespace kindred::bench {

/// The Dynamo paper's figure 8: load balancing efficiency against the entries of metadata that
/// every node keeps, by strategy. Entries are tokens (strategies 1 and 2) and partitions (2 and 3);
/// strategy 2 has kPartitionsPerToken partitions a token.
Table figure8(const Options& options);
inline constexpr std::uint32_t kPartitionsPerToken = 8;

/// How many partitions a cluster of so many nodes wants that may grow: efficiency now and at its
/// worst on the way, and what the ring costs.
Table partitions(const Options& options);

}  // namespace kindred::bench
