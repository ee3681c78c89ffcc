#include "tests/unit/ring/fewest_moves.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace kindred::ring_test {
namespace {

// A copy that goes from one node to another is a path from the one to the other, through the
// partition and, where it changes zones, out of the one and into the other. What a node may gain or
// lose on balance, its share allowing, goes through the rest. A cycle then is an exchange after
// which all bounds still hold, and its cost the transfers that it adds.
class Exchanges {
 public:
  Exchanges(const Ring& previous, const Ring& ring, std::span<const ClaimMember> members,
            std::span<const ShareRange> shares)
      : previous_(previous), ring_(ring), members_(members) {
    std::map<std::string_view, std::size_t> zones;
    for (const ClaimMember& member : members) {
      zone_of_.push_back(zones.try_emplace(member.zone, zones.size()).first->second);
      zone_sizes_.resize(zones.size(), 0);
      ++zone_sizes_[zone_of_.back()];
    }
    vertex_count_ = members.size() + 1;
    std::vector<std::uint32_t> held(members.size(), 0);
    for (PartitionIndex partition = 0; partition < ring.partition_count(); ++partition) {
      add_partition(partition, held);
    }
    const std::size_t rest = members.size();
    for (std::size_t m = 0; m < members.size(); ++m) {
      if (held[m] < shares[m].high) {
        arcs_.push_back({m, rest, 0});
      }
      if (held[m] > shares[m].low) {
        arcs_.push_back({rest, m, 0});
      }
    }
  }

  // Distances from everywhere settle unless a cycle costs less than nothing. A path that visits no
  // node twice saves at most one transfer a node.
  bool has_saving() const {
    std::vector<std::int64_t> distance(vertex_count_, 0);
    const auto least = -static_cast<std::int64_t>(members_.size()) - 1;
    for (bool changed = true; changed;) {
      changed = false;
      for (const Arc& arc : arcs_) {
        if (distance[arc.from] + arc.cost < distance[arc.to]) {
          distance[arc.to] = distance[arc.from] + arc.cost;
          changed = true;
          if (distance[arc.to] < least) {
            return true;
          }
        }
      }
    }
    return false;
  }

 private:
  struct Arc {
    std::size_t from;
    std::size_t to;
    std::int64_t cost;
  };

  void add_partition(PartitionIndex partition, std::vector<std::uint32_t>& held) {
    const std::size_t zone_count = zone_sizes_.size();
    const std::size_t partition_vertex = vertex_count_;
    const auto zone_vertex = [&](std::size_t zone) { return partition_vertex + 1 + zone; };
    vertex_count_ += 1 + zone_count;
    std::vector<std::uint32_t> in_zone(zone_count, 0);
    for (std::size_t m = 0; m < members_.size(); ++m) {
      const std::int64_t transfer = previous_.owns(partition, members_[m].id) ? 0 : 1;
      if (ring_.owns(partition, members_[m].id)) {
        ++held[m];
        ++in_zone[zone_of_[m]];
        arcs_.push_back({m, zone_vertex(zone_of_[m]), -transfer});
      } else {
        arcs_.push_back({zone_vertex(zone_of_[m]), m, transfer});
      }
    }
    for (std::size_t zone = 0; zone < zone_count; ++zone) {
      // As DESIGN has it, in words of its own: all zones where copies suffice, one copy a zone
      // where zones do.
      const bool zones_suffice = zone_count >= ring_.copies();
      const std::size_t least = zones_suffice ? 0 : 1;
      const std::size_t most =
          zones_suffice ? 1 : std::min(zone_sizes_[zone], ring_.copies() - zone_count + 1);
      if (in_zone[zone] > least) {
        arcs_.push_back({zone_vertex(zone), partition_vertex, 0});
      }
      if (in_zone[zone] < most) {
        arcs_.push_back({partition_vertex, zone_vertex(zone), 0});
      }
    }
  }

  const Ring& previous_;
  const Ring& ring_;
  std::span<const ClaimMember> members_;
  std::vector<std::size_t> zone_of_;     // beside members_
  std::vector<std::size_t> zone_sizes_;  // by zone
  std::size_t vertex_count_;
  std::vector<Arc> arcs_;
};

}  // namespace

bool moves_fewest(const Ring& previous, const Ring& ring, std::span<const ClaimMember> members,
                  std::span<const ShareRange> shares) {
  return !Exchanges(previous, ring, members, shares).has_saving();
}

}  // namespace kindred::ring_test
