#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "replication/node/exchange.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// Decides which copies exchange with whom and when: in each cycle every pair of a partition's
/// owners once, a few at a time; and at once what an operator asks for.
class AntiEntropy {
 public:
  explicit AntiEntropy(ShardCore& core) : core_(core), exchanges_(core) {}

  /// The time for the next cycle has come; one under way goes on instead.
  void start_cycle(Now now);
  /// Shard::repair().
  void repair(uint16_t partition, RepairToken token, Now now);
  void tick(Now now);
  void on_peer_down(NodeId peer, Now now);
  bool active() const { return exchanges_.running() > 0 || !waiting_.empty(); }

  /// Calls a step of the exchanges and deals with those that it ended.
  template <typename Step>
  void step(Now now, Step call) {
    call(exchanges_);
    go_on(now);
  }

 private:
  struct Pair {
    uint16_t partition = 0;
    NodeId peer = 0;
    friend auto operator<=>(const Pair&, const Pair&) = default;
  };
  struct Running {
    Pair pair;
    uint64_t number = 0;  // of all that began
  };
  struct Repair {
    RepairToken token = 0;
    uint64_t begun_before = 0;  // exchanges up to this number may have compared too early
    std::vector<Pair> pairs;    // not yet ended
    RepairReport report;
  };

  bool begins(uint16_t partition, NodeId peer) const;
  void go_on(Now now);
  void take_end(const ExchangeEnd& end);
  void end_pair(const ExchangeEnd& end);
  auto find_running(const Pair& pair) {
    return std::find_if(running_.begin(), running_.end(),
                        [&pair](const Running& one) { return one.pair == pair; });
  }

  ShardCore& core_;
  Exchanges exchanges_;
  std::deque<Pair> waiting_;
  std::vector<Running> running_;
  uint64_t begun_ = 0;
  std::multimap<uint16_t, Repair> repairs_;  // by partition
  bool is_cycle_ = false;
  bool has_missed_ = false;  // an exchange of the cycle came to nothing
  uint64_t cycle_began_us_ = 0;
  uint64_t cycles_ = 0;
};

}  // namespace kindred
