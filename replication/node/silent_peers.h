#pragma once

#include <cstdint>
#include <map>

#include "replication/node/ports.h"

namespace kindred {

/// Peers that let a request wait for kPatienceUs and have answered nothing since. They are asked
/// last, wherever somebody else may be asked too: a node that hangs or is cut off costs only what
/// was asked of it before, long before it is taken for down. Used by one shard, on its thread.
class SilentPeers {
 public:
  /// What a request waits for one peer. Far above what a sync takes, so that a busy peer is not
  /// avoided, and far below the second or two within which a silent member is taken for down.
  static constexpr uint64_t kPatienceUs = 50'000;

  bool empty() const { return until_us_.empty(); }
  bool contains(NodeId node) const { return !empty() && until_us_.contains(node); }
  void add(NodeId node, Now now) { until_us_[node] = now.mono_us + kForgottenUs; }
  void heard(NodeId node) {
    if (!empty()) [[unlikely]] {
      until_us_.erase(node);
    }
  }
  /// Forgets those of long ago: whether they are up is known by then.
  void expire(Now now) {
    if (!empty()) [[unlikely]] {
      std::erase_if(until_us_, [now](const auto& one) { return one.second <= now.mono_us; });
    }
  }

 private:
  static constexpr uint64_t kForgottenUs = 3'000'000;

  std::map<NodeId, uint64_t> until_us_;
};

}  // namespace kindred
