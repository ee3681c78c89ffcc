#include "server/access/rate_meter.h"

#include <algorithm>

namespace kindred {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kAmountMax = UINT64_MAX / kSecondNs;  // more than a message can have

uint64_t cost_ns(uint64_t limit, uint64_t amount) {
  return std::min(amount, kAmountMax) * kSecondNs / limit;
}

void charge(std::atomic<uint64_t>& paid_ns, uint64_t limit, uint64_t amount, uint64_t now_ns) {
  if (limit == 0) {
    return;
  }
  uint64_t before = paid_ns.load(std::memory_order_relaxed);
  while (!paid_ns.compare_exchange_weak(before, std::max(before, now_ns) + cost_ns(limit, amount),
                                        std::memory_order_relaxed)) {
  }
}

}  // namespace

RateMeter::Over RateMeter::take(const RateLimits& limits, uint64_t bytes, uint64_t now_us) {
  const uint64_t now_ns = now_us * 1000;
  const uint64_t horizon_ns = now_ns + kSecondNs;
  const uint64_t requests_paid_ns =
      std::max(requests_paid_ns_.load(std::memory_order_relaxed), now_ns);
  if (limits.requests != 0 && requests_paid_ns + cost_ns(limits.requests, 1) > horizon_ns) {
    return Over::kRequests;
  }
  // A message may be longer than a second's worth: it is taken, and what follows waits.
  if (limits.bytes != 0 && bytes_paid_ns_.load(std::memory_order_relaxed) >= horizon_ns) {
    return Over::kBytes;
  }
  charge(requests_paid_ns_, limits.requests, 1, now_ns);
  charge(bytes_paid_ns_, limits.bytes, bytes, now_ns);
  return Over::kNothing;
}

void RateMeter::add_reply(const RateLimits& limits, uint64_t bytes, uint64_t now_us) {
  charge(bytes_paid_ns_, limits.bytes, bytes, now_us * 1000);
}

}  // namespace kindred
