// What a write costs a partition's Merkle tree, and what an exchange asks of it.

#include <benchmark/benchmark.h>

#include "replication/entropy/tree.h"

namespace kindred {
namespace {

// Any sequence without structure: Weyl's, with the golden ratio.
constexpr uint64_t kStride = 0x9e3779b97f4a7c15ULL;
constexpr SlotRange kSlots{1024, 1087};

void tree_update(benchmark::State& state) {
  MerkleTree tree(kSlots, static_cast<uint8_t>(state.range(0)));
  uint64_t key = 1;
  for (auto _ : state) {
    key += kStride;
    tree.update({static_cast<SlotIndex>(kSlots.first + (key >> 32) % 64), key}, key ^ 1, key ^ 2);
  }
  benchmark::DoNotOptimize(tree.root());
}
BENCHMARK(tree_update)->Arg(6)->Arg(14)->Arg(20);

// All nodes of a level, as a question for the children of nodes that differ.
void tree_nodes(benchmark::State& state) {
  const MerkleTree tree(kSlots, static_cast<uint8_t>(state.range(0)));
  for (auto _ : state) {
    for (uint32_t node = 0; node < 64; ++node) {
      benchmark::DoNotOptimize(tree.node(6, node));
    }
  }
}
BENCHMARK(tree_nodes)->Arg(14)->Arg(20);

}  // namespace
}  // namespace kindred
