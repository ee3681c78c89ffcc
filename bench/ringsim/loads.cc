#include "bench/ringsim/loads.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <random>
#include <string>
#include <unordered_map>

namespace kindred::bench {
namespace {

class Account {
 public:
  explicit Account(std::span<const ClaimMember> members)
      : loads_{std::vector<double>(members.size()), std::vector<double>(members.size())} {
    for (std::size_t member = 0; member < members.size(); ++member) {
      index_of_[members[member].id] = member;
    }
  }

  void serve(std::span<const NodeId> list, double share) {
    for (const NodeId node : list) {
      loads_.copies[index_of_[node]] += share / static_cast<double>(list.size());
    }
    loads_.firsts[index_of_[list.front()]] += share;
  }
  const Loads& loads() const { return loads_; }

 private:
  std::unordered_map<NodeId, std::size_t> index_of_;
  Loads loads_;
};

}  // namespace

std::vector<ClaimMember> cluster(std::uint32_t nodes, std::uint32_t zones, std::uint64_t draw) {
  std::mt19937_64 random(draw);
  std::vector<ClaimMember> members;
  for (std::uint32_t node = 0; node < nodes; ++node) {
    members.push_back({random(), 1, "zone-" + std::to_string(node % zones)});
  }
  return members;
}

Loads loads(const Ring& ring, std::span<const ClaimMember> members) {
  Account account(members);
  for (PartitionIndex partition = 0; partition < ring.partition_count(); ++partition) {
    const SlotRange slots = slot_range(partition, ring.partition_count());
    account.serve(ring.owners(partition), (slots.last - slots.first + 1.0) / kSlotCount);
  }
  return account.loads();
}

Loads loads(const TokenRing& tokens, std::span<const ClaimMember> members, std::uint32_t replicas) {
  Account account(members);
  std::uint64_t previous = tokens.position(tokens.token_count() - 1);
  for (std::size_t token = 0; token < tokens.token_count(); ++token) {
    const std::uint64_t width = tokens.position(token) - previous;  // around the ring
    account.serve(tokens.preference_list(token, replicas),
                  std::ldexp(static_cast<double>(width), -64));
    previous = tokens.position(token);
  }
  return account.loads();
}

double efficiency(std::span<const double> loads) {
  const double sum = std::accumulate(loads.begin(), loads.end(), 0.0);
  return sum / static_cast<double>(loads.size()) / *std::max_element(loads.begin(), loads.end());
}

}  // namespace kindred::bench
