#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "replication/node/key_holder.h"
#include "replication/node/key_place.h"
#include "replication/node/op_table.h"
#include "replication/node/replica.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// Brings hints to where they belong (paper, section 4.6): to their target when it is up; to all
/// who hold the partition where the target does not any more; and, when they are older than
/// hint-ttl-ms, to the other primaries. A hint goes once those have stored that very state. Page by
/// page, a target's pages one after the other, within a budget of bytes, with backoff where
/// somebody refuses. Knows nothing that a restart would have to bring back.
class Handoff {
 public:
  /// Both outlive this.
  Handoff(ShardCore& core, Replica& replica);

  void tick(Now now);
  void on_ack(NodeId from, const ReplicateAck& ack, Now now);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  void on_loaded(uint64_t id, LoadStatus status, const State& state, Now now);
  void on_peer_up(NodeId peer);
  /// This node waits for no target any more.
  void on_yield() { must_look_ = true; }
  void on_peer_down(NodeId peer, Now now);
  /// Whether ticks are wanted: something can be delivered now, or may since the last tick.
  bool active() const;

 private:
  enum class Way : uint8_t { kToTarget, kToHolders, kExpiring, kNone };
  /// The hints for one target: the page under way, and where the next one begins.
  struct Target {
    uint64_t next_us = 0;  // not before
    uint64_t backoff_us = 0;
    uint64_t page_ends_us = 0;
    uint64_t request = 0;  // range read under way
    uint32_t items_left = 0;
    uint16_t partition = 0;
    KeyPlace place;
    Way way = Way::kNone;  // of the page
    bool has_page = false;
    bool is_at_begin = true;    // of the partition
    bool page_is_last = false;  // of the partition
    bool has_failed = false;    // something of the page
    bool has_skipped = false;   // something of the partition, which can go nowhere now
  };
  /// One hint on its way.
  struct Item {
    uint64_t id = 0;
    KeyHolder hint;
    Digest digest = 0;  // of the state as it lay in the engine
    Round clean = 0;    // what that is clean for
    Round voids = 0;    // a receiver goes by this round, and the hint may show what it reaped
    Way way = Way::kNone;
    uint8_t acks_missing = 0;
    boost::container::small_vector<NodeId, 3> waiting;
    bool is_verifying = false;  // stored there; is it still the same here?
    void reset() {
      waiting.clear();
      is_verifying = false;
      voids = 0;
    }
  };

  Way way_of_any_layer(NodeId target, uint16_t partition, Now now) const;
  bool is_old(uint64_t since_ms, Now now) const;
  Way way_of(NodeId target, uint16_t partition, Now now) const;
  std::vector<NodeId> receivers(NodeId target, uint16_t partition, Way way) const;
  bool choose_partition(NodeId whose, Target& target, Now now) const;
  void go_on(NodeId whose, Target& target, Now now);
  void read_page(NodeId whose, Target& target, Now now);
  void deliver(Target& target, const RangeEntry& entry, Now now);
  ReplicateAck store_here(const Replicate& message, Now now);
  void received(Item& item, Now now);
  void verified(Item& item, const State& state, Now now);
  void relabel(Item& item, const State& state, Now now);
  void item_over(Item& item, bool has_failed, Now now);
  void page_over(Target& target, Now now);
  void drop_page(NodeId whose, Target& target, Now now);
  uint64_t request_timeout_us() const;

  ShardCore& core_;
  Replica& replica_;
  OpTable<Item> items_;
  std::map<NodeId, Target> targets_;
  std::map<uint64_t, NodeId> reads_;
  uint64_t last_read_;
  uint64_t seen_version_ = 0;  // of the book and the cluster, when it was last looked for work
  bool has_work_ = false;
  bool must_look_ = false;
  double budget_bytes_ = 0;
  uint64_t budget_at_us_ = 0;
};

}  // namespace kindred
