#include "replication/membership/cluster_clock.h"

#include <algorithm>
#include <vector>

namespace kindred {
namespace {

/// The mean of the two in the middle where their number is even. `values` is not empty.
int64_t median(std::vector<int64_t> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) {
    return values[middle];
  }
  return values[middle - 1] + (values[middle] - values[middle - 1]) / 2;
}

}  // namespace

bool ClusterClock::end_round(std::span<const int64_t> differences_ms, std::size_t member_count) {
  const std::size_t heard = differences_ms.size() + 1;
  if (heard < kHeardMin || heard <= member_count / 2) {
    return false;
  }
  std::vector<int64_t> clocks(differences_ms.begin(), differences_ms.end());
  clocks.push_back(0);
  const int64_t before = offset_ms_;
  const int64_t target = median(std::move(clocks));
  offset_ms_ = is_set_ ? before + std::clamp(target - before, -kSlewMsMax, kSlewMsMax) : target;
  is_set_ = true;
  return offset_ms_ != before;
}

uint64_t ClusterClock::cluster_ms(uint64_t unix_ms) const {
  const int64_t shifted = static_cast<int64_t>(std::min(unix_ms, kUnixMsMax)) + offset_ms_;
  return static_cast<uint64_t>(std::clamp<int64_t>(shifted, 0, kUnixMsMax));
}

}  // namespace kindred
