#include "replication/ring/walk.h"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "replication/ring/mix.h"

namespace kindred {
namespace {

struct ZoneQueue {
  std::size_t places = 0;
  std::size_t next = 0;
  std::vector<std::size_t> candidates;  // positions in the walk, rising
};

using MembersById = std::unordered_map<NodeId, const ClaimMember*>;

// Takes from `left` each member as the walk around the ring meets it.
std::vector<const ClaimMember*> walk_order(const Ring& ring, MembersById left,
                                           PartitionIndex partition) {
  std::vector<const ClaimMember*> order;
  const std::uint32_t around = ring.slot_partitions();
  const PartitionIndex layer_begin = partition / around * around;
  for (std::uint32_t step = 1; step < around && !left.empty(); ++step) {
    for (const NodeId node : ring.owners(layer_begin + (partition + step) % around)) {
      if (const auto found = left.find(node); found != left.end()) {
        order.push_back(found->second);
        left.erase(found);
      }
    }
  }
  std::vector<std::pair<std::uint64_t, const ClaimMember*>> idle;
  for (const auto& [id, member] : left) {
    idle.emplace_back(ring_detail::mix(id, partition % around), member);
  }
  std::sort(idle.begin(), idle.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second->id) < std::tie(b.first, b.second->id);
  });
  for (const auto& [rank, member] : idle) {
    order.push_back(member);
  }
  return order;
}

}  // namespace

std::vector<NodeId> ring_walk(const Ring& ring, std::span<const ClaimMember> members,
                              PartitionIndex partition) {
  std::map<std::string_view, ZoneQueue> zones;
  MembersById others;
  for (const ClaimMember& member : members) {
    if (ring.owns(partition, member.id)) {
      ++zones[member.zone].places;
    } else if (member.weight > 0) {
      others.emplace(member.id, &member);
    }
  }
  const auto order = walk_order(ring, std::move(others), partition);
  for (std::size_t position = 0; position < order.size(); ++position) {
    zones[order[position]->zone].candidates.push_back(position);
  }

  using Entry = std::tuple<std::size_t, std::size_t, ZoneQueue*>;  // places, position
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> nearest;
  const auto offer = [&nearest](ZoneQueue& zone) {
    if (zone.next < zone.candidates.size()) {
      nearest.emplace(zone.places, zone.candidates[zone.next], &zone);
    }
  };
  for (auto& [name, zone] : zones) {
    offer(zone);
  }
  std::vector<NodeId> fallbacks;
  fallbacks.reserve(order.size());
  while (!nearest.empty()) {
    const auto [places, position, zone] = nearest.top();
    nearest.pop();
    fallbacks.push_back(order[position]->id);
    ++zone->places;
    ++zone->next;
    offer(*zone);
  }
  return fallbacks;
}

}  // namespace kindred
