#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace kindred::bench {

// Counts durations in buckets whose width grows with the value: 64 a power of two, so that a
// quantile is read within 1.6 %. Recording costs one increment.
class Histogram {
 public:
  void record(uint64_t value, uint64_t times = 1) {
    counts_[bucket_of(value)] += times;
    total_ += times;
    sum_ += value * times;
  }

  [[nodiscard]] uint64_t total() const { return total_; }
  [[nodiscard]] double mean() const {
    return total_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(total_);
  }

  // The smallest bucket's upper end that at least this share (0 to 1) of the values do not exceed;
  // 0 when nothing was recorded.
  [[nodiscard]] uint64_t quantile(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(total_));
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen > 0 && seen >= wanted) {
        return upper_end(bucket);
      }
    }
    return 0;
  }

 private:
  static constexpr int kSubBits = 6;
  static constexpr uint64_t kSub = uint64_t{1} << kSubBits;

  // Values below 64 have a bucket each; above, the leading seven bits name the bucket.
  static size_t bucket_of(uint64_t value) {
    if (value < kSub) {
      return value;
    }
    const int shift = std::bit_width(value) - 1 - kSubBits;
    return (static_cast<size_t>(shift) + 1) * kSub + ((value >> shift) - kSub);
  }

  static uint64_t upper_end(size_t bucket) {
    if (bucket < kSub) {
      return bucket;
    }
    const auto shift = static_cast<int>(bucket / kSub) - 1;
    return ((bucket % kSub + kSub + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - kSubBits + 1) * kSub> counts_{};
  uint64_t total_ = 0;
  uint64_t sum_ = 0;
};

}  // namespace kindred::bench
