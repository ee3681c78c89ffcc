#include "replication/entropy/latencies.h"

namespace kindred {

uint64_t Latencies::percentile_us(uint64_t per_mille) const {
  const uint64_t above_at_most = count_ * (1000 - per_mille) / 1000;
  uint64_t above = 0;
  for (size_t bucket = kBuckets; bucket-- > 0;) {
    above += counts_[bucket];
    if (above > above_at_most) {
      return end_of(bucket);
    }
  }
  return 0;
}

}  // namespace kindred
