#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "replication/ring/claim.h"
#include "tests/unit/ring/fewest_moves.h"

// Random clusters that grow and shrink; each ring is judged by rules written apart from the
// claim's own arithmetic. KINDRED_CLAIM_CLUSTERS sets how many clusters are made.
namespace kindred {
namespace {

using Random = std::mt19937_64;

struct Tally {
  std::uint64_t clusters = 0;
  std::uint64_t rings = 0;
  std::size_t largest = 0;
  std::uint64_t changes = 0;
  std::uint64_t moved = 0;
  double worst_share_error = 0;
  double worst_first_error = 0;
  std::uint64_t first_errors_of_one_or_more = 0;
};

// The ideal loads by bisection over the level, in floating point: water poured over weights.
class Ideal {
 public:
  Ideal(const std::vector<ClaimMember>& members, std::uint32_t partitions, std::uint32_t copies)
      : partitions_(partitions) {
    for (const ClaimMember& member : members) {
      zones_[member.zone].push_back(member.weight);
    }
    const auto zone_count = static_cast<double>(zones_.size());
    for (const auto& zone : zones_) {
      const auto& weights = zone.second;
      const bool zones_suffice = zone_count >= copies;
      const double most =
          zones_suffice ? 1 : std::min<double>(weights.size(), copies - zone_count + 1);
      const double least = zones_suffice ? 0 : 1;
      levels_[zone.first] = {solve([&](double l) { return load(weights, l); }, least * partitions),
                             solve([&](double l) { return load(weights, l); }, most * partitions)};
    }
    level_ = solve(
        [&](double l) {
          double sum = 0;
          for (const auto& [name, weights] : zones_) {
            sum += load(weights, std::clamp(l, levels_[name].first, levels_[name].second));
          }
          return sum;
        },
        static_cast<double>(partitions) * copies);
  }

  double copies_of(const ClaimMember& member) {
    const auto [lowest, highest] = levels_[member.zone];
    return std::min<double>(partitions_, member.weight * std::clamp(level_, lowest, highest));
  }

 private:
  double load(const std::vector<double>& weights, double level) const {
    double sum = 0;
    for (const double weight : weights) {
      sum += std::min<double>(partitions_, weight * level);
    }
    return sum;
  }

  template <typename Load>
  double solve(Load load_at, double wanted) const {
    double low = 0;
    double high = partitions_;  // weights are at least 1
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2;
      (load_at(middle) < wanted ? low : high) = middle;
    }
    return high;
  }

  double partitions_;
  std::map<std::string, std::vector<double>> zones_;
  std::map<std::string, std::pair<double, double>> levels_;
  double level_;
};

struct Counts {
  std::map<NodeId, std::uint32_t> copies;
  std::map<NodeId, std::uint32_t> firsts;
};

void check_lists(const Ring& ring, const std::vector<ClaimMember>& members, Counts& counts) {
  std::map<NodeId, std::string> zone_of;
  std::set<std::string> zones;
  for (const ClaimMember& member : members) {
    zone_of[member.id] = member.zone;
    zones.insert(member.zone);
  }
  ASSERT_EQ(ring.copies(), std::min<std::size_t>(ring.replicas(), members.size()));
  for (PartitionIndex partition = 0; partition < ring.partition_count(); ++partition) {
    const auto list = ring.owners(partition);
    std::set<NodeId> nodes;
    std::set<std::string> seen;
    for (const NodeId node : list) {
      ASSERT_TRUE(zone_of.count(node) == 1 && nodes.insert(node).second);
      seen.insert(zone_of[node]);
      // No zone comes twice before all have come.
      ASSERT_EQ(seen.size(), std::min(nodes.size(), zones.size()));
      ++counts.copies[node];
    }
    ++counts.firsts[list[0]];
  }
}

void check_balance(const Ring& ring, const std::vector<ClaimMember>& members, Counts& counts,
                   Tally& tally) {
  Ideal ideal(members, ring.partition_count(), ring.copies());
  double weight_sum = 0;
  for (const ClaimMember& member : members) {
    weight_sum += member.weight;
  }
  for (const ClaimMember& member : members) {
    const double share_error = std::abs(counts.copies[member.id] - ideal.copies_of(member));
    ASSERT_LT(share_error, 1) << "node " << member.id;
    tally.worst_share_error = std::max(tally.worst_share_error, share_error);
    const double first = member.weight * ring.partition_count() / weight_sum;
    const double first_error = std::abs(counts.firsts[member.id] - first);
    ASSERT_LT(first_error, 2) << "node " << member.id;
    tally.worst_first_error = std::max(tally.worst_first_error, first_error);
    tally.first_errors_of_one_or_more += first_error >= 1 ? 1 : 0;
  }
}

std::vector<ShareRange> ideal_shares(const Ring& ring, const std::vector<ClaimMember>& members) {
  Ideal ideal(members, ring.partition_count(), ring.copies());
  std::vector<ShareRange> shares;
  for (const ClaimMember& member : members) {
    const double share = ideal.copies_of(member);
    shares.push_back({static_cast<std::uint32_t>(std::floor(share + 1e-6)),
                      static_cast<std::uint32_t>(std::ceil(share - 1e-6))});
  }
  return shares;
}

class Cluster {
 public:
  explicit Cluster(std::uint64_t prng_seed) : random_(prng_seed) {
    static constexpr std::uint32_t kPartitions[] = {16, 64, 64, 100, 128, 256, 256, 1024};
    params_.replicas = 1 + pick(5);
    const std::uint32_t scale = pick(200);
    const bool is_large = scale == 0;
    params_.partition_count = is_large ? 1024 : kPartitions[pick(7)];
    zone_count_ = 1 + pick(pick(2) == 0 ? 4 : 12);
    weight_max_ = pick(8) == 0 ? 50 : 1 + pick(4);
    const std::uint32_t size = is_large    ? 100 + pick(401)
                               : scale < 6 ? 50 + pick(151)
                                           : 1 + pick(pick(4) == 0 ? 60 : 12);
    for (std::uint32_t i = 0; i < size; ++i) {
      join();
    }
  }

  void change() {
    const std::uint32_t count = pick(3) == 0 ? 1 + pick(4) : 1;
    const bool joins = members_.size() <= count || pick(2) == 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (joins) {
        join();
      } else {
        members_.erase(members_.begin() + pick(static_cast<std::uint32_t>(members_.size())));
      }
    }
    if (pick(10) == 0) {
      members_[pick(static_cast<std::uint32_t>(members_.size()))].weight = 1 + pick(4);
    }
  }

  std::vector<ClaimMember> shuffled() {
    auto members = members_;
    std::shuffle(members.begin(), members.end(), random_);
    return members;
  }
  const std::vector<ClaimMember>& members() const { return members_; }
  PlacementParams params() const { return params_; }
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

 private:
  void join() {
    // The smaller of two draws, so that zones are uneven.
    const std::uint32_t zone = std::min(pick(zone_count_), pick(zone_count_));
    members_.push_back({random_(), 1 + pick(weight_max_), "zone" + std::to_string(zone)});
  }

  Random random_;
  PlacementParams params_;
  std::uint32_t zone_count_;
  std::uint32_t weight_max_;
  std::vector<ClaimMember> members_;
};

void check_ring(const Ring* previous, Cluster& cluster, Ring& ring, Tally& tally) {
  const BalancedClaim claim;
  ring = claim.place(previous, cluster.members(), cluster.params());
  ++tally.rings;
  Counts counts;
  ASSERT_NO_FATAL_FAILURE(check_lists(ring, cluster.members(), counts));
  ASSERT_NO_FATAL_FAILURE(check_balance(ring, cluster.members(), counts, tally));
  if (cluster.pick(8) == 0) {
    ASSERT_EQ(claim.place(previous, cluster.shuffled(), cluster.params()), ring);
    ASSERT_EQ(claim.place(&ring, cluster.members(), cluster.params()), ring);
  }
  if (previous != nullptr) {
    ++tally.changes;
    tally.moved += copies_to_transfer(*previous, ring);
    ASSERT_TRUE(ring_test::moves_fewest(*previous, ring, cluster.members(),
                                        ideal_shares(ring, cluster.members())));
  }
}

// The judge of moves finds what is to be saved in a ring that is balanced and no more.
TEST(BalancedClaimProperty, ARingThatForgetsThePreviousOneMovesTooMuch) {
  const BalancedClaim claim;
  for (std::uint64_t prng_seed = 1; prng_seed <= 20; ++prng_seed) {
    Cluster cluster(prng_seed);
    const Ring previous = claim.place(nullptr, cluster.members(), cluster.params());
    cluster.change();
    const Ring fresh = claim.place(nullptr, cluster.members(), cluster.params());
    const Ring kept = claim.place(&previous, cluster.members(), cluster.params());
    const bool moves_more =
        copies_to_transfer(previous, fresh) > copies_to_transfer(previous, kept);
    EXPECT_EQ(ring_test::moves_fewest(previous, fresh, cluster.members(),
                                      ideal_shares(fresh, cluster.members())),
              !moves_more)
        << "prng_seed " << prng_seed;
  }
}

TEST(BalancedClaimProperty, RandomClustersThatChange) {
  const char* const wanted_text = std::getenv("KINDRED_CLAIM_CLUSTERS");
  const std::uint64_t wanted = wanted_text == nullptr ? 1'500 : std::strtoull(wanted_text, {}, 10);
  Tally tally;
  for (std::uint64_t prng_seed = 1; prng_seed <= wanted; ++prng_seed) {
    SCOPED_TRACE("prng_seed " + std::to_string(prng_seed));
    Cluster cluster(prng_seed);
    ++tally.clusters;
    tally.largest = std::max(tally.largest, cluster.members().size());
    Ring ring;
    ASSERT_NO_FATAL_FAILURE(check_ring(nullptr, cluster, ring, tally));
    for (std::uint32_t step = 0, steps = cluster.pick(8); step < steps; ++step) {
      cluster.change();
      const Ring previous = ring;
      ASSERT_NO_FATAL_FAILURE(check_ring(&previous, cluster, ring, tally)) << "step " << step;
    }
  }
  std::printf("clusters %lu (up to %zu nodes), rings %lu, of them changes %lu, copies moved %lu\n",
              tally.clusters, tally.largest, tally.rings, tally.changes, tally.moved);
  std::printf("share error %.3f, first place error %.3f (%lu of one or more)\n",
              tally.worst_share_error, tally.worst_first_error, tally.first_errors_of_one_or_more);
  // Where copies are rounded and weights lie far apart, the chosen holders may leave a first place
  // more than one from its ideal; that has to stay an exception.
  EXPECT_LE(tally.first_errors_of_one_or_more, 1 + tally.rings / 2'000);
}

}  // namespace
}  // namespace kindred
