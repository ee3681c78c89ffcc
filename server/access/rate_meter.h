#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace kindred {

/// What a user may ask of one node in a second; 0: as much as it likes.
struct RateLimits {
  uint64_t requests = 0;
  uint64_t bytes = 0;  // of requests and replies

  bool none() const { return requests == 0 && bytes == 0; }
  bool operator==(const RateLimits&) const = default;
};

/// What a user has taken of its limits at one node, over all connections. A second's worth may come
/// at once; what goes beyond, such as a long reply, is made up for by waiting. Any thread; times
/// are those of one even clock.
class RateMeter {
 public:
  enum class Over : uint8_t { kNothing, kRequests, kBytes };

  /// Counts a request of so many bytes, unless the user is over a limit already: then says over
  /// which, and counts nothing.
  [[nodiscard]] Over take(const RateLimits& limits, uint64_t bytes, uint64_t now_us);
  /// Counts a reply.
  void add_reply(const RateLimits& limits, uint64_t bytes, uint64_t now_us);

 private:
  /// What was taken so far is paid for at these times.
  std::atomic<uint64_t> requests_paid_ns_ = 0;
  std::atomic<uint64_t> bytes_paid_ns_ = 0;
};

/// A user's meter stays the same one while its rules change, and is no part of what it is.
struct SharedMeter {
  std::shared_ptr<RateMeter> meter = std::make_shared<RateMeter>();
  bool operator==(const SharedMeter&) const { return true; }
};

}  // namespace kindred
