#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kindred {

/// A histogram of durations whose buckets are an eighth of their value wide; those over an hour
/// count as an hour.
class Latencies {
 public:
  void add(uint64_t us) {
    ++counts_[bucket_of(us)];
    ++count_;
  }
  uint64_t count() const { return count_; }
  /// The upper end of the bucket that holds the value which `per_mille` of all don't exceed.
  uint64_t percentile_us(uint64_t per_mille) const;
  void clear() { *this = Latencies(); }

 private:
  static constexpr unsigned kStepBits = 3;  // 8 buckets an octave
  static constexpr uint64_t kSteps = uint64_t{1} << kStepBits;
  static constexpr size_t kBuckets = 30 * kSteps;

  static size_t bucket_of(uint64_t us) {
    if (us < kSteps) {
      return us;
    }
    const auto shift = static_cast<unsigned>(std::bit_width(us)) - 1 - kStepBits;
    const size_t bucket = (size_t{shift} + 1) * kSteps + ((us >> shift) & (kSteps - 1));
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  static uint64_t end_of(size_t bucket) {
    if (bucket < kSteps) {
      return bucket;
    }
    const auto shift = static_cast<unsigned>(bucket / kSteps - 1);
    return ((kSteps + bucket % kSteps + 1) << shift) - 1;
  }

  std::array<uint32_t, kBuckets> counts_{};
  uint64_t count_ = 0;
};

}  // namespace kindred
