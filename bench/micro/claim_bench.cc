// Dealing out partitions: a new cluster, and one member more.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "replication/ring/claim.h"

namespace kindred {
namespace {

std::vector<ClaimMember> members(int64_t count) {
  std::vector<ClaimMember> found;
  for (int64_t member = 0; member < count; ++member) {
    found.push_back({.id = static_cast<NodeId>(member) * 7919 + 1,
                     .zone = "zone-" + std::to_string(member % 3)});
  }
  return found;
}

void claim_of_a_new_cluster(benchmark::State& state) {
  const auto everyone = members(state.range(0));
  const PlacementParams params{.partition_count = static_cast<uint32_t>(state.range(1))};
  const BalancedClaim claim;
  for (auto _ : state) {
    benchmark::DoNotOptimize(claim.place(nullptr, everyone, params));
  }
}
BENCHMARK(claim_of_a_new_cluster)
    ->Unit(benchmark::kMillisecond)
    ->Args({3, 256})
    ->Args({30, 256})
    ->Args({100, 1024});

void claim_for_one_more(benchmark::State& state) {
  auto everyone = members(state.range(0));
  const PlacementParams params{.partition_count = static_cast<uint32_t>(state.range(1))};
  const BalancedClaim claim;
  const Ring before = claim.place(nullptr, everyone, params);
  everyone.push_back({.id = 424242, .zone = "zone-0"});
  for (auto _ : state) {
    benchmark::DoNotOptimize(claim.place(&before, everyone, params));
  }
}
BENCHMARK(claim_for_one_more)
    ->Unit(benchmark::kMillisecond)
    ->Args({3, 256})
    ->Args({30, 256})
    ->Args({100, 1024});

}  // namespace
}  // namespace kindred
