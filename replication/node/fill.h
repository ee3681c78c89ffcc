#pragma once

#include <boost/container/flat_set.hpp>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "replication/node/key_place.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// Makes filling and arriving copies whole: merges every key of the partition from enough other
/// owners, page by page, a few partitions at a time: N-W+1 of a list that are whole, or all others,
/// whole or not. Which lists, says docs/design/ring-changes.md. Only owners that go by the same
/// step count.
class Fill {
 public:
  explicit Fill(ShardCore& core) : core_(core), counter_(core.config.id_seed) {}

  /// How far a copy has come; null where none of the partition is under way.
  struct Progress {
    NodeId source = 0;  // being read, 0: none now
    uint64_t keys = 0;
    uint64_t bytes = 0;
  };
  const Progress* progress(uint16_t partition) const;

  /// Looks for copies that became filling, and goes on with those that wait. Call on every tick.
  void tick(Now now);
  void on_range_reply(NodeId from, const FetchRangeReply& reply, Now now);
  void on_stored(uint64_t id, bool ok, Now now);
  void on_loaded(uint64_t id, LoadStatus status, const State& state, Now now);
  void on_peer_down(NodeId peer);
  /// Filling copies and no work that can be done for them now count as active too.
  bool active() const { return !fills_.empty() || pending_scan_ || core_.has_new_filling; }
  void on_new_cluster();

 private:
  /// One page under way from one source.
  struct PartitionFill {
    boost::container::flat_set<NodeId> merged;  // sources read to their end, whole all along
    std::map<NodeId, uint64_t> merged_filling;  // those that were not: asked again from then
    Step step = 0;                              // under which they were read
    bool is_source_whole = true;                // said so in each page yet
    Progress progress;                          // its source: being read, 0: none
    NodeId last_source = 0;                     // the others are tried before it is again
    MessageId request = 0;
    uint64_t asked_us = 0;
    KeyPlace place;  // everything up to here is merged
    bool page_is_last = false;
    uint32_t stores_waiting = 0;
    bool failed = false;  // a store of this page failed: read it again
    ActorId actor = 0;
    Round page_clean = 0;     // what the page being merged is clean for
    Round clean = ~Round{0};  // what all pages merged were clean for
  };
  struct WaitingLoad {
    uint16_t partition = 0;
    std::string key;
    KeyRef ref;
    std::string record;
  };

  struct List {
    std::span<const NodeId> owners;
    uint8_t needed = 0;
  };
  bool wants_filling(uint16_t partition) const;
  std::vector<List> lists(uint16_t partition) const;
  bool is_complete(uint16_t partition, const PartitionFill& fill) const;
  NodeId next_source(uint16_t partition, const PartitionFill& fill, uint64_t again_us) const;
  static void forget_merged(PartitionFill& fill);
  void find_filling(Now now);
  void start(uint16_t partition, Now now);
  void ask(uint16_t partition, PartitionFill& fill, Now now);
  void merge_entry(uint16_t partition, PartitionFill& fill, const RangeEntry& entry, Now now);
  void merge_into(uint16_t partition, PartitionFill& fill, const KeyRef& key, const State& held,
                  std::string_view record, Now now);
  void page_done(uint16_t partition, PartitionFill& fill, Now now);
  void rewind(PartitionFill& fill);
  uint64_t next_id();
  PartitionFill* find(uint16_t partition);

  ShardCore& core_;
  std::map<uint16_t, PartitionFill> fills_;
  std::map<uint64_t, uint16_t> stores_;  // token -> partition
  std::map<uint64_t, WaitingLoad> loads_;
  uint64_t counter_;  // of ids, from a number that no earlier run began with
  bool pending_scan_ = true;
};

}  // namespace kindred
