#pragma once

#include <cstdint>

namespace kindred {

/// Gossip that a node sent and received, in frames with their headers, and how much a second of
/// late. One thread.
class GossipCount {
 public:
  struct Sum {
    uint64_t messages = 0;
    uint64_t bytes = 0;
  };
  /// Of the last whole span of so long; shorter ones would show single probes.
  static constexpr uint64_t kSpanUs = 5'000'000;

  void sent(uint64_t bytes) {
    ++sent_.messages;
    sent_.bytes += bytes;
  }
  void received(uint64_t bytes) {
    ++received_.messages;
    received_.bytes += bytes;
  }
  /// Call a few times a second.
  void sample(uint64_t now_us) {
    const uint64_t passed_us = now_us - sampled_us_;
    if (sampled_us_ != 0 && passed_us < kSpanUs) {
      return;
    }
    if (sampled_us_ != 0) {
      sent_a_second_.messages = (sent_.messages - sampled_.messages) * 1'000'000 / passed_us;
      sent_a_second_.bytes = (sent_.bytes - sampled_.bytes) * 1'000'000 / passed_us;
    }
    sampled_ = sent_;
    sampled_us_ = now_us;
  }

  const Sum& all_sent() const { return sent_; }
  const Sum& all_received() const { return received_; }
  const Sum& sent_a_second() const { return sent_a_second_; }

 private:
  Sum sent_;
  Sum received_;
  Sum sent_a_second_;
  Sum sampled_;
  uint64_t sampled_us_ = 0;
};

}  // namespace kindred
