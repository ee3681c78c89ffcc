#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kindred {

inline constexpr uint64_t kUsPerMs = 1000;

/// Deadlines of requests in buckets of kTickUs: adding and expiring cost a push and a look. Ids
/// that are over by then are skipped by the caller. What is added as others expire is due at the
/// next tick at the soonest: next_tick_ is always one whose bucket is yet to be looked at.
class Deadlines {
 public:
  static constexpr uint64_t kTickUs = 5000;

  void add(uint64_t id, uint64_t at_us) {
    uint64_t tick = at_us / kTickUs + 1;
    if (tick <= next_tick_) {
      tick = next_tick_;
    }
    buckets_[tick % kBuckets].push_back(Item{id, tick});
    ++size_;
  }

  /// Calls `due(id)` for each id whose time has come by `now_us`.
  template <typename Due>
  void expire(uint64_t now_us, Due due) {
    const uint64_t now_tick = now_us / kTickUs;
    if (size_ == 0 || now_tick >= next_tick_ + kBuckets) {
      skip_to(now_tick, due);
      return;
    }
    while (next_tick_ <= now_tick) {
      take(buckets_[next_tick_++ % kBuckets], now_tick, due);
    }
  }

  bool empty() const { return size_ == 0; }

 private:
  struct Item {
    uint64_t id;
    uint64_t tick;
  };
  static constexpr uint64_t kBuckets = 1024;

  template <typename Due>
  void take(std::vector<Item>& bucket, uint64_t now_tick, Due due) {
    taken_.clear();
    taken_.swap(bucket);
    for (const Item& item : taken_) {
      if (item.tick > now_tick) {
        bucket.push_back(item);  // a later round of the wheel
        continue;
      }
      --size_;
      due(item.id);
    }
  }

  template <typename Due>
  void skip_to(uint64_t now_tick, Due due) {
    next_tick_ = now_tick + 1;
    if (size_ != 0) {
      for (auto& bucket : buckets_) {
        take(bucket, now_tick, due);
      }
    }
  }

  std::array<std::vector<Item>, kBuckets> buckets_;
  std::vector<Item> taken_;
  uint64_t next_tick_ = 0;
  size_t size_ = 0;
};

}  // namespace kindred
