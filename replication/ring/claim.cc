#include "replication/ring/claim.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "replication/ring/flow.h"
#include "replication/ring/invariant.h"
#include "replication/ring/mix.h"
#include "replication/ring/share.h"

namespace kindred {
namespace {

using ring_detail::MinCostFlow;
using ring_detail::require;

// A step away from the ideal share costs more than all the moves that a cycle of the residual
// graph can change: one a copy (2^14 partitions times 2^6 replicas).
constexpr std::int32_t kUnevenness = 1 << 21;

class BalancedPlan {
 public:
  BalancedPlan(const Ring* previous, std::span<const ClaimMember> members, PlacementParams params);
  Ring make();

 private:
  struct Candidate {
    MinCostFlow::Arc arc;
    std::uint32_t member;
  };

  std::uint32_t member_count() const { return static_cast<std::uint32_t>(members_.size()); }
  std::span<const NodeId> previous_owners(PartitionIndex partition) const;
  bool held_before(PartitionIndex partition, std::uint32_t member) const;
  std::uint64_t rank(PartitionIndex partition, std::uint32_t member) const {
    return ring_detail::mix(members_[member].id, partition);
  }

  void choose_holders();
  void add_partition_arcs(MinCostFlow& graph, PartitionIndex partition,
                          std::vector<Candidate>& candidates) const;
  void choose_first_places();
  std::vector<std::uint32_t> preference_list(PartitionIndex partition) const;

  const Ring* previous_;
  const PlacementParams params_;
  std::vector<ClaimMember> members_;       // by id
  std::vector<std::uint32_t> zone_of_;     // member -> zone
  std::vector<std::uint32_t> zone_sizes_;  // zone -> members
  std::uint32_t copies_ = 0;
  std::vector<std::vector<std::uint32_t>> held_;  // partition -> members, in no order
  std::vector<std::uint32_t> first_;              // partition -> member
};

// The flow graph's fixed vertices; zone vertices follow as they are needed.
constexpr MinCostFlow::Vertex kSource = 0;
constexpr MinCostFlow::Vertex kSink = 1;

MinCostFlow::Vertex partition_vertex(PartitionIndex partition) {
  return 2 + static_cast<MinCostFlow::Vertex>(partition);
}

BalancedPlan::BalancedPlan(const Ring* previous, std::span<const ClaimMember> members,
                           PlacementParams params)
    : previous_(previous), params_(params) {
  require(params.partition_count >= 1 && params.partition_count <= kSlotCount,
          "a ring has 1..16384 partitions");
  require(params.replicas >= 1 && params.replicas <= kReplicasMax, "N is in range");
  require(previous == nullptr || previous->partition_count() == params.partition_count,
          "the partition count is fixed at founding");
  std::copy_if(members.begin(), members.end(), std::back_inserter(members_),
               [](const ClaimMember& member) { return member.weight > 0; });
  std::sort(members_.begin(), members_.end(),
            [](const ClaimMember& a, const ClaimMember& b) { return a.id < b.id; });
  std::map<std::string_view, std::uint32_t> zones;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    require(i == 0 || members_[i - 1].id != members_[i].id, "member ids are unique");
    const auto [zone, is_new] =
        zones.try_emplace(members_[i].zone, static_cast<std::uint32_t>(zones.size()));
    zone_of_.push_back(zone->second);
    zone_sizes_.resize(zones.size(), 0);
    ++zone_sizes_[zone->second];
  }
  copies_ = std::min(params.replicas, member_count());
}

std::span<const NodeId> BalancedPlan::previous_owners(PartitionIndex partition) const {
  return previous_ == nullptr ? std::span<const NodeId>{} : previous_->owners(partition);
}

bool BalancedPlan::held_before(PartitionIndex partition, std::uint32_t member) const {
  return previous_ != nullptr && previous_->owns(partition, members_[member].id);
}

Ring BalancedPlan::make() {
  std::vector<NodeId> owners;
  if (copies_ > 0) {
    choose_holders();
    choose_first_places();
    owners.reserve(std::size_t{params_.partition_count} * copies_);
    for (PartitionIndex p = 0; p < params_.partition_count; ++p) {
      for (const std::uint32_t member : preference_list(p)) {
        owners.push_back(members_[member].id);
      }
    }
  }
  auto ring = Ring::make(params_.partition_count, params_.replicas, copies_, std::move(owners));
  require(ring.has_value(), "the claim makes a well-formed ring");
  return *std::move(ring);
}

// Flow: source -> partition -> its zones -> node -> sink, a unit a copy. The uniform fractional
// flow (each node's ideal share spread over all partitions) meets all bounds, so a whole one does.
// Lower bounds are free first units beside dear further ones: the cheapest flow uses all free ones.
void BalancedPlan::choose_holders() {
  const std::uint32_t partitions = params_.partition_count;
  const auto first_node = partition_vertex(partitions);
  MinCostFlow graph(first_node + static_cast<MinCostFlow::Vertex>(member_count()));
  graph.reserve_arcs(std::size_t{partitions} * (member_count() + zone_sizes_.size()));
  const auto shares = copy_shares(members_, partitions, copies_);
  for (std::uint32_t m = 0; m < member_count(); ++m) {
    const auto node = first_node + static_cast<MinCostFlow::Vertex>(m);
    graph.add_arc(node, kSink, static_cast<std::int32_t>(shares[m].low), 0);
    graph.add_arc(node, kSink, static_cast<std::int32_t>(shares[m].high - shares[m].low),
                  kUnevenness);
  }
  std::vector<std::vector<Candidate>> candidates(partitions);
  for (PartitionIndex p = 0; p < partitions; ++p) {
    graph.add_arc(kSource, partition_vertex(p), static_cast<std::int32_t>(copies_), 0);
    add_partition_arcs(graph, p, candidates[p]);
  }
  const std::int64_t placed = graph.run(kSource, kSink);
  require(placed == std::int64_t{partitions} * copies_, "every copy has a node");
  held_.resize(partitions);
  for (PartitionIndex p = 0; p < partitions; ++p) {
    for (const Candidate& candidate : candidates[p]) {
      if (graph.flow(candidate.arc) > 0) {
        held_[p].push_back(candidate.member);
      }
    }
  }
}

// Arcs are added in an order of each partition's own, so that ties fall differently everywhere: a
// node then shares partitions with many others, which share its load when it fails.
void BalancedPlan::add_partition_arcs(MinCostFlow& graph, PartitionIndex partition,
                                      std::vector<Candidate>& candidates) const {
  const auto zone_count = static_cast<std::uint32_t>(zone_sizes_.size());
  const auto first_node = partition_vertex(params_.partition_count);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  for (std::uint32_t m = 0; m < member_count(); ++m) {
    order.emplace_back(rank(partition, m), m);
  }
  std::sort(order.begin(), order.end());
  std::vector<MinCostFlow::Vertex> zone_vertices(zone_count, -1);
  for (const auto& [unused, m] : order) {
    const std::uint32_t zone = zone_of_[m];
    MinCostFlow::Vertex from = partition_vertex(partition);
    // One zone, or one node in it: the arc to the node is bound enough.
    if (zone_count > 1 && zone_sizes_[zone] > 1) {
      if (zone_vertices[zone] < 0) {
        zone_vertices[zone] = graph.add_vertex();
        const ZoneBounds bounds = zone_bounds(zone_sizes_[zone], zone_count, copies_);
        graph.add_arc(from, zone_vertices[zone], 1, 0);
        graph.add_arc(from, zone_vertices[zone], static_cast<std::int32_t>(bounds.most - 1),
                      kUnevenness);
      }
      from = zone_vertices[zone];
    }
    const auto node = first_node + static_cast<MinCostFlow::Vertex>(m);
    const std::int32_t cost = held_before(partition, m) ? 0 : 1;
    candidates.push_back({graph.add_arc(from, node, 1, cost), m});
  }
}

// A second flow over the chosen holders, a unit a partition. The ideal is always within the holders
// but for rounding, so a node's distance from it is priced, convexly, instead of bounded.
void BalancedPlan::choose_first_places() {
  const std::uint32_t partitions = params_.partition_count;
  const auto first_node = partition_vertex(partitions);
  MinCostFlow graph(first_node + static_cast<MinCostFlow::Vertex>(member_count()));
  const auto shares = first_place_shares(members_, partitions);
  for (std::uint32_t m = 0; m < member_count(); ++m) {
    const auto node = first_node + static_cast<MinCostFlow::Vertex>(m);
    const auto low = static_cast<std::int32_t>(shares[m].low);
    const auto high = static_cast<std::int32_t>(shares[m].high);
    graph.add_arc(node, kSink, std::max(low - 1, 0), 0);
    graph.add_arc(node, kSink, std::min(low, 1), kUnevenness);
    graph.add_arc(node, kSink, high - low, 2 * kUnevenness);
    graph.add_arc(node, kSink, 1, 3 * kUnevenness);
    graph.add_arc(node, kSink, static_cast<std::int32_t>(partitions), 4 * kUnevenness);
  }
  std::vector<std::vector<Candidate>> candidates(partitions);
  for (PartitionIndex p = 0; p < partitions; ++p) {
    graph.add_arc(kSource, partition_vertex(p), 1, 0);
    const auto before = previous_owners(p);
    for (const std::uint32_t m : held_[p]) {
      const bool was_first = !before.empty() && before.front() == members_[m].id;
      const std::int32_t cost = was_first ? 0 : held_before(p, m) ? 1 : 2;
      const auto node = first_node + static_cast<MinCostFlow::Vertex>(m);
      candidates[p].push_back({graph.add_arc(partition_vertex(p), node, 1, cost), m});
    }
  }
  const std::int64_t placed = graph.run(kSource, kSink);
  require(placed == std::int64_t{partitions}, "every partition has a first place");
  first_.resize(partitions);
  for (PartitionIndex p = 0; p < partitions; ++p) {
    for (const Candidate& candidate : candidates[p]) {
      if (graph.flow(candidate.arc) > 0) {
        first_[p] = candidate.member;
      }
    }
  }
}

// First place, then those who stay in their old order, then the new ones; each next place goes to
// a zone that has the fewest places so far.
std::vector<std::uint32_t> BalancedPlan::preference_list(PartitionIndex partition) const {
  const auto before = previous_owners(partition);
  const auto standing = [&](std::uint32_t m) {
    const auto old = std::find(before.begin(), before.end(), members_[m].id) - before.begin();
    return std::tuple(m != first_[partition], old, rank(partition, m));
  };
  std::vector<std::uint32_t> list = held_[partition];
  std::sort(list.begin(), list.end(),
            [&](std::uint32_t a, std::uint32_t b) { return standing(a) < standing(b); });
  for (auto next = list.begin(); next != list.end(); ++next) {
    const auto places_of_zone = [&](std::uint32_t m) {
      return std::count_if(list.begin(), next,
                           [&](std::uint32_t placed) { return zone_of_[placed] == zone_of_[m]; });
    };
    const auto best = std::min_element(next, list.end(), [&](std::uint32_t a, std::uint32_t b) {
      return places_of_zone(a) < places_of_zone(b);
    });
    std::rotate(next, best, best + 1);
  }
  return list;
}

}  // namespace

Ring BalancedClaim::place(const Ring* previous, std::span<const ClaimMember> members,
                          PlacementParams params) const {
  return BalancedPlan(previous, members, params).make();
}

}  // namespace kindred
