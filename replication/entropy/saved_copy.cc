#include "replication/entropy/saved_copy.h"

#include <bit>
#include <numeric>

#include "replication/entropy/tree.h"

namespace kindred {

bool is_sound(const SavedCopy& saved) {
  const CountFigures& count = saved.count;
  const bool has_tree = saved.keys == 0
                            ? saved.leaves.empty()
                            : std::has_single_bit(saved.leaves.size()) &&
                                  saved.leaves.size() >= size_t{1} << MerkleTree::kLevelMin &&
                                  saved.leaves.size() <= size_t{1} << MerkleTree::kLevelMax;
  uint64_t dying = 0;
  uint64_t last_tick = count.passed_tick;
  for (const auto& [tick, keys] : count.dying) {
    if (tick <= last_tick || keys == 0) {
      return false;
    }
    last_tick = tick;
    dying += keys;
  }
  const auto adds_up = [&count](const auto& histogram) {
    return std::accumulate(histogram.begin(), histogram.end(), uint64_t{0}) == count.written;
  };
  return has_tree && count.written == saved.keys && adds_up(count.by_siblings) &&
         adds_up(count.by_clock) && count.live <= count.written && count.crowded <= count.written &&
         dying == count.expiring && count.expiring <= count.live;
}

}  // namespace kindred
