#include "bench/ringsim/efficiency.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

#include "bench/ringsim/loads.h"
#include "replication/ring/claim.h"
#include "replication/ring/share.h"
#include "replication/ring/tokens.h"

namespace kindred::bench {
namespace {

constexpr double kEfficiencyWanted = 0.9;  // of what the finest ring reaches
constexpr double kZonesMatterBelow = 0.97;
constexpr std::uint32_t kTokenCounts[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000};
constexpr std::uint32_t kPartitionCounts[] = {30, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};

struct Spread {
  double mean = 0;
  double least = 1;
};

// Of the efficiencies of `draws` clusters.
template <typename EfficiencyOf>
Spread over_draws(std::uint32_t draws, EfficiencyOf efficiency_of) {
  Spread spread;
  for (std::uint32_t draw = 1; draw <= draws; ++draw) {
    const double found = efficiency_of(draw);
    spread.mean += found / draws;
    spread.least = std::min(spread.least, found);
  }
  return spread;
}

void add_row(Table& table, const char* strategy, std::uint32_t parameter, std::uint64_t entries,
             Spread spread) {
  table.rows.push_back({strategy, static_cast<double>(parameter), static_cast<double>(entries),
                        spread.mean, spread.least});
}

void add_token_strategies(const Options& options, std::uint32_t nodes, Table& table) {
  for (const std::uint32_t tokens : kTokenCounts) {
    const auto spread = over_draws(options.draws, [&](std::uint32_t draw) {
      const auto members = cluster(nodes, options.zones, draw);
      return efficiency(loads(TokenRing(members, tokens), members, options.replicas).copies);
    });
    add_row(table, "1: token ranges", tokens, std::uint64_t{nodes} * tokens, spread);
  }
  for (const std::uint32_t tokens : kTokenCounts) {
    const std::uint32_t partition_count = nodes * tokens * kPartitionsPerToken;
    if (partition_count > kSlotCount) {
      break;
    }
    const auto spread = over_draws(options.draws, [&](std::uint32_t draw) {
      const auto members = cluster(nodes, options.zones, draw);
      const Ring ring =
          TokenPartitions(tokens).place(nullptr, members, {partition_count, options.replicas});
      return efficiency(loads(ring, members).copies);
    });
    add_row(table, "2: token partitions", tokens, std::uint64_t{nodes} * tokens + partition_count,
            spread);
  }
}

struct Growth {
  double copies = 1;
  double firsts = 1;
};

// The worst efficiency at any size up to `most` nodes, by the shares that the claim deals out.
Growth worst_while_growing(const Options& options, std::uint32_t nodes, std::uint32_t most,
                           std::uint32_t partition_count) {
  Growth worst;
  for (std::uint32_t size = nodes; size <= most; ++size) {
    const auto members = cluster(size, options.zones, 1);
    const std::uint32_t copies = std::min(options.replicas, size);
    const auto highest = [](const std::vector<ShareRange>& shares) {
      return std::max_element(shares.begin(), shares.end(),
                              [](auto a, auto b) { return a.high < b.high; })
          ->high;
    };
    const double mean = static_cast<double>(partition_count) / size;
    worst.copies = std::min(worst.copies,
                            mean * copies / highest(copy_shares(members, partition_count, copies)));
    worst.firsts =
        std::min(worst.firsts, mean / highest(first_place_shares(members, partition_count)));
  }
  return worst;
}

// The smallest count that comes near the finest ring, which zones of unequal size may hold down.
std::string advice(const Table& table, std::uint32_t nodes, std::uint32_t most) {
  const std::size_t finest = table.rows.size() - 1;
  const auto is_near = [&](std::size_t row, const char* column) {
    return table.number(row, column) >= kEfficiencyWanted * table.number(finest, column);
  };
  std::size_t row = 0;
  while (!is_near(row, "efficiency_grown") || !is_near(row, "efficiency_first_grown")) {
    ++row;
  }
  std::ostringstream text;
  text << "Advice: " << table.number(row, "partitions") << " partitions. At any size from " << nodes
       << " to " << most << " nodes the average node then has at least "
       << std::lround(kEfficiencyWanted * 100)
       << " % of the hottest one's load, copies and first places alike";
  const double bound = table.number(finest, "efficiency_grown");
  if (bound < kZonesMatterBelow) {
    text << ", as far as zones allow: while they are of unequal size, " << std::setprecision(2)
         << bound << " of the copies is the best";
  }
  text << '.';
  return text.str();
}

}  // namespace

Table figure8(const Options& options) {
  const std::uint32_t nodes = options.nodes_or(30);
  Table table;
  table.columns = {"strategy", "parameter", "entries", "efficiency", "efficiency_least"};
  add_token_strategies(options, nodes, table);
  const auto members = cluster(nodes, options.zones, 1);
  for (const std::uint32_t partition_count : kPartitionCounts) {
    const Ring ring = BalancedClaim().place(nullptr, members, {partition_count, options.replicas});
    const double found = efficiency(loads(ring, members).copies);
    add_row(table, "3: balanced", partition_count, partition_count, {found, found});
  }
  table.remark = "parameter: tokens a node (1, 2), partitions (3). Mean and least of " +
                 std::to_string(options.draws) + " draws of tokens.";
  return table;
}

Table partitions(const Options& options) {
  const std::uint32_t nodes = options.nodes_or(12);
  const std::uint32_t most = nodes * options.grow;
  const auto members = cluster(nodes, options.zones, 1);
  Table table;
  table.columns = {"partitions",       "per_node",         "efficiency",
                   "efficiency_first", "efficiency_grown", "efficiency_first_grown",
                   "ring_bytes",       "share_of_data"};
  for (std::uint32_t count = 16; count <= kSlotCount; count *= 2) {
    const Ring ring = BalancedClaim().place(nullptr, members, {count, options.replicas});
    const Loads now = loads(ring, members);
    const Growth grown = worst_while_growing(options, nodes, most, count);
    table.rows.push_back(
        {static_cast<double>(count), static_cast<double>(count) * ring.copies() / nodes,
         efficiency(now.copies), efficiency(now.firsts), grown.copies, grown.firsts,
         static_cast<double>(ring.flat_owners().size_bytes()), 1.0 / count});
  }
  table.remark = advice(table, nodes, most);
  return table;
}

}  // namespace kindred::bench
