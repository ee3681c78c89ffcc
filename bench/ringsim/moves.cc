#include "bench/ringsim/moves.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bench/ringsim/loads.h"
#include "replication/ring/claim.h"
#include "replication/ring/tokens.h"

namespace kindred::bench {
namespace {

struct Strategy {
  std::string name;
  std::unique_ptr<Placement> placement;
  std::uint32_t partition_count;
  double ranges_cut;  // by one node's tokens, counted once a holder
};

std::vector<Strategy> strategies(const Options& options) {
  std::vector<Strategy> all;
  all.push_back({"1: token ranges", std::make_unique<TokenRanges>(options.tokens), kSlotCount,
                 static_cast<double>(options.tokens) * options.replicas});
  all.push_back(
      {"2: token partitions", std::make_unique<TokenPartitions>(options.tokens), kSlotCount, 0});
  all.push_back({"3: balanced", std::make_unique<BalancedClaim>(), options.partitions, 0});
  return all;
}

struct Change {
  double moved = 0;  // as a share of all copies
  double givers = 0;
  double takers = 0;
  double balance = 0;  // efficiency afterwards
};

Change change(const Ring& from, const Ring& to, const std::vector<ClaimMember>& after) {
  std::set<NodeId> givers;
  std::set<NodeId> takers;
  for (PartitionIndex partition = 0; partition < to.partition_count(); ++partition) {
    for (const NodeId node : to.owners(partition)) {
      if (!from.owns(partition, node)) {
        takers.insert(node);
      }
    }
    for (const NodeId node : from.owners(partition)) {
      if (!to.owns(partition, node)) {
        givers.insert(node);
      }
    }
  }
  const auto copies = static_cast<double>(to.flat_owners().size());
  return {static_cast<double>(copies_to_transfer(from, to)) / copies,
          static_cast<double>(givers.size()), static_cast<double>(takers.size()),
          efficiency(loads(to, after).copies)};
}

void add_row(Table& table, const Strategy& strategy, const char* event, double least,
             const std::vector<Change>& changes) {
  Change mean;
  for (const Change& one : changes) {
    const auto count = static_cast<double>(changes.size());
    mean.moved += one.moved / count;
    mean.givers += one.givers / count;
    mean.takers += one.takers / count;
    mean.balance += one.balance / count;
  }
  table.rows.push_back({strategy.name, event, mean.moved, least, mean.givers, mean.takers,
                        strategy.ranges_cut, mean.balance});
}

}  // namespace

Table moves(const Options& options) {
  const std::uint32_t nodes = options.nodes_or(30);
  Table table;
  table.columns = {"strategy", "event",  "moved",      "least",
                   "givers",   "takers", "ranges_cut", "efficiency"};
  for (const Strategy& strategy : strategies(options)) {
    const PlacementParams params{strategy.partition_count, options.replicas};
    std::vector<Change> joins;
    std::vector<Change> leaves;
    for (std::uint32_t draw = 1; draw <= options.draws; ++draw) {
      auto more = cluster(nodes + 1, options.zones, draw);
      const std::vector<ClaimMember> fewer(more.begin(), more.end() - 1);
      const Ring before = strategy.placement->place(nullptr, fewer, params);
      const Ring joined = strategy.placement->place(&before, more, params);
      joins.push_back(change(before, joined, more));
      // Another than the one that came, so that a leave is not merely a join undone.
      more.erase(more.begin() + draw % nodes);
      leaves.push_back(change(joined, strategy.placement->place(&joined, more, params), more));
    }
    add_row(table, strategy, "join", 1.0 / (nodes + 1), joins);
    add_row(table, strategy, "leave", 1.0 / (nodes + 1), leaves);
  }
  table.remark = "moved: share of all copies; least: the joiner's or leaver's even share.";
  return table;
}

}  // namespace kindred::bench
