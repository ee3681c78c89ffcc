#include "bench/ringsim/hot_keys.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/ringsim/loads.h"
#include "replication/ring/claim.h"
#include "replication/ring/slot.h"
#include "replication/ring/tokens.h"

namespace kindred::bench {
namespace {

constexpr double kExponents[] = {0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.99, 1.1, 1.2, 1.4};

std::vector<SlotIndex> slots_of_keys(std::uint64_t keys) {
  std::vector<SlotIndex> slots;
  slots.reserve(keys);
  for (std::uint64_t key = 0; key < keys; ++key) {
    slots.push_back(key_slot("key:" + std::to_string(key)));
  }
  return slots;
}

struct Traffic {
  std::vector<double> by_slot;  // shares, together 1
  double hottest_key = 0;
};

Traffic traffic(const std::vector<SlotIndex>& slot_by_rank, double exponent) {
  Traffic found{std::vector<double>(kSlotCount), 0};
  double sum = 0;
  for (std::size_t rank = 0; rank < slot_by_rank.size(); ++rank) {
    const double share = std::pow(static_cast<double>(rank + 1), -exponent);
    found.by_slot[slot_by_rank[rank]] += share;
    sum += share;
  }
  for (double& share : found.by_slot) {
    share /= sum;
  }
  found.hottest_key = 1 / sum;
  return found;
}

// The hottest node's load over the average where each request goes to the first `serving` places,
// in equal parts.
double hottest_over_mean(const Ring& ring, std::size_t nodes, const Traffic& found,
                         std::size_t serving) {
  std::unordered_map<NodeId, double> loads;
  for (std::uint32_t slot = 0; slot < kSlotCount; ++slot) {
    const auto list = ring.owners(ring.partition_of(static_cast<SlotIndex>(slot)));
    const std::size_t count = std::min(serving, list.size());
    for (const NodeId node : list.first(count)) {
      loads[node] += found.by_slot[slot] / static_cast<double>(count);
    }
  }
  double highest = 0;
  for (const auto& [node, load] : loads) {
    highest = std::max(highest, load);
  }
  return highest * static_cast<double>(nodes);
}

}  // namespace

Table hot_keys(const Options& options) {
  const std::uint32_t nodes = options.nodes_or(12);
  const auto members = cluster(nodes, options.zones, 1);
  const PlacementParams params{options.partitions, options.replicas};
  const Ring balanced = BalancedClaim().place(nullptr, members, params);
  const Ring tokens =
      TokenRanges(options.tokens).place(nullptr, members, {kSlotCount, options.replicas});
  const auto slot_by_rank = slots_of_keys(options.keys);
  Table table;
  table.columns = {"exponent", "hottest_key", "first_place", "spread", "random_tokens"};
  for (const double exponent : kExponents) {
    const Traffic found = traffic(slot_by_rank, exponent);
    table.rows.push_back({exponent, found.hottest_key, hottest_over_mean(balanced, nodes, found, 1),
                          hottest_over_mean(balanced, nodes, found, options.replicas),
                          hottest_over_mean(tokens, nodes, found, options.replicas)});
  }
  table.remark =
      "hottest_key: its share of the requests. Then the hottest node's load over the average: all "
      "reads at first places, reads spread over the copies, and these on random tokens.";
  return table;
}

}  // namespace kindred::bench
