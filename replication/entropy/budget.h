#pragma once

#include <algorithm>
#include <cstdint>

namespace kindred {

/// Bounds a background job's rate: what it did is taken from tokens that come back with time; while
/// there are none it waits. Work is counted when it is done, so one piece may overdraw.
class TokenBudget {
 public:
  TokenBudget(uint64_t per_second, uint64_t burst)
      : per_second_(per_second), burst_(static_cast<int64_t>(burst)), tokens_(burst_) {}

  void spend(uint64_t amount) { tokens_ -= static_cast<int64_t>(amount); }
  bool has_tokens(uint64_t now_us) {
    const uint64_t passed_us = now_us > refilled_us_ ? now_us - refilled_us_ : 0;
    const uint64_t added = std::min<uint64_t>(passed_us, 1'000'000) * per_second_ / 1'000'000;
    if (added > 0) {
      tokens_ = std::min(burst_, tokens_ + static_cast<int64_t>(added));
      refilled_us_ = now_us;
    }
    return tokens_ > 0;
  }

 private:
  uint64_t per_second_;
  int64_t burst_;
  int64_t tokens_;
  uint64_t refilled_us_ = 0;
};

}  // namespace kindred
