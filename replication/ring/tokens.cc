#include "replication/ring/tokens.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "replication/ring/invariant.h"
#include "replication/ring/mix.h"
#include "replication/ring/slot.h"

namespace kindred {
namespace {

using ring_detail::require;

constexpr std::uint64_t kPositionsPerSlot = std::uint64_t{1} << 50;
static_assert(kPositionsPerSlot * (kSlotCount - 1) + (kPositionsPerSlot - 1) == UINT64_MAX);

struct Stretch {
  std::uint64_t first;
  std::uint64_t last;
};

Stretch stretch_of(PartitionIndex partition, std::uint32_t partition_count) {
  const SlotRange slots = slot_range(partition, partition_count);
  return {slots.first * kPositionsPerSlot,
          slots.last * kPositionsPerSlot + (kPositionsPerSlot - 1)};
}

// The ring in which each partition has the preference list of the keys at one point of it.
template <typename Point>
Ring place_by_tokens(std::span<const ClaimMember> members, std::uint32_t tokens_per_weight,
                     PlacementParams params, Point point_of) {
  require(params.partition_count >= 1 && params.partition_count <= kSlotCount,
          "a ring has 1..16384 partitions");
  require(params.replicas >= 1 && params.replicas <= kReplicasMax, "N is in range");
  const TokenRing tokens(members, tokens_per_weight);
  const std::uint32_t copies = std::min(params.replicas, tokens.node_count());
  std::vector<NodeId> owners;
  owners.reserve(std::size_t{params.partition_count} * copies);
  for (PartitionIndex p = 0; p < params.partition_count && copies > 0; ++p) {
    const std::size_t token = tokens.token_after(point_of(stretch_of(p, params.partition_count)));
    const std::vector<NodeId> list = tokens.preference_list(token, copies);
    owners.insert(owners.end(), list.begin(), list.end());
  }
  auto ring = Ring::make(params.partition_count, params.replicas, copies, std::move(owners));
  require(ring.has_value(), "tokens make a well-formed ring");
  return *std::move(ring);
}

}  // namespace

TokenRing::TokenRing(std::span<const ClaimMember> members, std::uint32_t tokens_per_weight) {
  require(tokens_per_weight >= 1, "a node has a token");
  std::vector<const ClaimMember*> by_id;
  for (const ClaimMember& member : members) {
    if (member.weight > 0) {
      by_id.push_back(&member);
    }
  }
  std::sort(by_id.begin(), by_id.end(),
            [](const ClaimMember* a, const ClaimMember* b) { return a->id < b->id; });
  std::map<std::string_view, std::uint32_t> zones;
  for (std::uint32_t node = 0; node < by_id.size(); ++node) {
    const ClaimMember& member = *by_id[node];
    require(node == 0 || nodes_.back() != member.id, "member ids are unique");
    nodes_.push_back(member.id);
    zone_of_.push_back(
        zones.try_emplace(member.zone, static_cast<std::uint32_t>(zones.size())).first->second);
    const std::uint64_t count = std::uint64_t{tokens_per_weight} * member.weight;
    for (std::uint64_t number = 0; number < count; ++number) {
      tokens_.push_back({ring_detail::mix(member.id, number), node});
    }
  }
  zone_count_ = static_cast<std::uint32_t>(zones.size());
  std::sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) {
    return std::tie(a.position, a.node) < std::tie(b.position, b.node);
  });
}

std::size_t TokenRing::token_after(std::uint64_t position) const {
  require(!tokens_.empty(), "a ring without tokens places nothing");
  const auto found = std::lower_bound(
      tokens_.begin(), tokens_.end(), position,
      [](const Token& token, std::uint64_t wanted) { return token.position < wanted; });
  return found == tokens_.end() ? 0 : static_cast<std::size_t>(found - tokens_.begin());
}

std::vector<NodeId> TokenRing::preference_list(std::size_t token, std::uint32_t replicas) const {
  const std::size_t wanted = std::min(replicas, node_count());
  const std::size_t wanted_zones = std::min<std::size_t>(wanted, zone_count_);
  std::vector<std::uint32_t> of_new_zones;
  std::vector<std::uint32_t> further;
  const auto has = [](const std::vector<std::uint32_t>& list, std::uint32_t node) {
    return std::find(list.begin(), list.end(), node) != list.end();
  };
  for (std::size_t step = 0; step < tokens_.size(); ++step) {
    if (of_new_zones.size() == wanted_zones && of_new_zones.size() + further.size() >= wanted) {
      break;
    }
    const std::uint32_t node = tokens_[(token + step) % tokens_.size()].node;
    const bool meets_zone =
        std::none_of(of_new_zones.begin(), of_new_zones.end(),
                     [&](std::uint32_t other) { return zone_of_[other] == zone_of_[node]; });
    if (meets_zone) {
      of_new_zones.push_back(node);
    } else if (further.size() < wanted && !has(of_new_zones, node) && !has(further, node)) {
      further.push_back(node);
    }
  }
  of_new_zones.insert(of_new_zones.end(), further.begin(), further.end());
  of_new_zones.resize(wanted);
  std::vector<NodeId> list;
  list.reserve(wanted);
  for (const std::uint32_t node : of_new_zones) {
    list.push_back(nodes_[node]);
  }
  return list;
}

Ring TokenRanges::place(const Ring* /*previous*/, std::span<const ClaimMember> members,
                        PlacementParams params) const {
  return place_by_tokens(members, tokens_per_weight_, params, [](const Stretch& stretch) {
    return stretch.first + (stretch.last - stretch.first) / 2;
  });
}

Ring TokenPartitions::place(const Ring* /*previous*/, std::span<const ClaimMember> members,
                            PlacementParams params) const {
  return place_by_tokens(members, tokens_per_weight_, params,
                         [](const Stretch& stretch) { return stretch.last; });
}

}  // namespace kindred
