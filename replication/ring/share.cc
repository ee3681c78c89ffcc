#include "replication/ring/share.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>

#include "replication/ring/invariant.h"

namespace kindred {
namespace {

using ring_detail::require;

// Numerators stay under 2^21 (partitions times copies) and denominators under 2^40 (members times
// weight), so that cross products fit 64 bits.
struct Level {
  std::uint64_t numerator;
  std::uint64_t denominator;
};

bool operator<(const Level& a, const Level& b) {
  return a.numerator * b.denominator < b.numerator * a.denominator;
}

// Copies of each node = level * weight, at most one a partition: water poured into vessels as wide
// as the weights and all filled to one level.
class Zone {
 public:
  void add(std::uint32_t weight) { weights_.push_back(weight); }

  void finish(std::uint32_t partition_count, std::uint32_t zone_count, std::uint32_t copies) {
    partition_count_ = partition_count;
    std::sort(weights_.begin(), weights_.end(), std::greater<>());
    const ZoneBounds bounds =
        zone_bounds(static_cast<std::uint32_t>(weights_.size()), zone_count, copies);
    least_ = std::uint64_t{bounds.least} * partition_count;
    most_ = std::uint64_t{bounds.most} * partition_count;
    lowest_ = level_for(least_);
    highest_ = level_for(most_);
  }

  Level clamp(Level level) const { return std::clamp(level, lowest_, highest_); }

  void add_breakpoints(std::vector<Level>& to) const {
    to.push_back(lowest_);
    to.push_back(highest_);
    for (const std::uint32_t weight : weights_) {
      to.push_back({partition_count_, weight});
    }
  }

  // Adds what the zone holds at and just above `level`: `fixed` copies that don't depend on the
  // level and `rising` copies for each unit of it.
  void add_load(Level level, std::uint64_t& fixed, std::uint64_t& rising) const {
    if (level < lowest_) {
      fixed += least_;
      return;
    }
    if (!(level < highest_)) {
      fixed += most_;
      return;
    }
    for (const std::uint32_t weight : weights_) {
      if (level.numerator * weight >= partition_count_ * level.denominator) {
        fixed += partition_count_;
      } else {
        rising += weight;
      }
    }
  }

 private:
  Level level_for(std::uint64_t load) const {
    std::uint64_t rest = 0;
    for (const std::uint32_t weight : weights_) {
      rest += weight;
    }
    for (const std::uint32_t weight : weights_) {
      if (load * weight <= partition_count_ * rest) {
        break;
      }
      load -= partition_count_;
      rest -= weight;
    }
    return {load, rest};
  }

  std::uint64_t partition_count_ = 0;
  std::vector<std::uint32_t> weights_;
  std::uint64_t least_ = 0;
  std::uint64_t most_ = 0;
  Level lowest_{0, 1};
  Level highest_{0, 1};
};

using Zones = std::map<std::string_view, Zone>;

Level common_level(const Zones& zones, std::uint64_t total) {
  std::vector<Level> breakpoints{{0, 1}};
  for (const auto& [name, zone] : zones) {
    zone.add_breakpoints(breakpoints);
  }
  std::sort(breakpoints.begin(), breakpoints.end());
  std::uint64_t fixed = 0;
  std::uint64_t rising = 0;
  const auto load_fits = [&](const Level& level) {
    fixed = rising = 0;
    for (const auto& [name, zone] : zones) {
      zone.add_load(level, fixed, rising);
    }
    return fixed <= total && rising * level.numerator <= (total - fixed) * level.denominator;
  };
  const auto above = std::partition_point(breakpoints.begin(), breakpoints.end(), load_fits);
  require(above != breakpoints.begin(), "the least loads of all zones fit the copies");
  const Level below = *(above - 1);
  require(load_fits(below), "load grows with the level");
  return rising == 0 ? below : Level{total - fixed, rising};
}

}  // namespace

ZoneBounds zone_bounds(std::uint32_t zone_size, std::uint32_t zone_count, std::uint32_t copies) {
  if (zone_count >= copies) {
    return {0, 1};
  }
  return {1, std::min(zone_size, copies - zone_count + 1)};
}

std::vector<ShareRange> copy_shares(std::span<const ClaimMember> members,
                                    std::uint32_t partition_count, std::uint32_t copies) {
  require(copies <= members.size(), "no node holds two copies");
  Zones zones;
  for (const ClaimMember& member : members) {
    require(member.weight >= 1 && member.weight <= kWeightMax, "a claiming weight is in range");
    zones[member.zone].add(member.weight);
  }
  for (auto& [name, zone] : zones) {
    zone.finish(partition_count, static_cast<std::uint32_t>(zones.size()), copies);
  }
  const Level level = common_level(zones, std::uint64_t{partition_count} * copies);
  std::vector<ShareRange> shares;
  shares.reserve(members.size());
  for (const ClaimMember& member : members) {
    const Level own = zones[member.zone].clamp(level);
    const std::uint64_t scaled =
        std::min(own.numerator * member.weight, own.denominator * partition_count);
    shares.push_back(
        {static_cast<std::uint32_t>(scaled / own.denominator),
         static_cast<std::uint32_t>((scaled + own.denominator - 1) / own.denominator)});
  }
  return shares;
}

std::vector<ShareRange> first_place_shares(std::span<const ClaimMember> members,
                                           std::uint32_t partition_count) {
  std::uint64_t sum = 0;
  for (const ClaimMember& member : members) {
    sum += member.weight;
  }
  std::vector<ShareRange> shares;
  shares.reserve(members.size());
  for (const ClaimMember& member : members) {
    const std::uint64_t scaled = std::uint64_t{member.weight} * partition_count;
    shares.push_back({static_cast<std::uint32_t>(scaled / sum),
                      static_cast<std::uint32_t>((scaled + sum - 1) / sum)});
  }
  return shares;
}

}  // namespace kindred
