#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "replication/node/coordinator.h"
#include "replication/node/key_holder.h"
#include "replication/node/key_place.h"
#include "replication/node/op_table.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// Hands over departing copies, which no preference list names any more, and erases them. Page by
/// page, a few partitions at a time: each key's digest is compared with every holder's, the whole
/// state is sent where they differ, and a page is done once all holders have it. What goes wrong
/// (a holder is down, or goes by another step) is begun again from that page; new owners get all.
class Departure {
 public:
  /// `coordinator` outlives this.
  Departure(ShardCore& core, const Coordinator& coordinator);

  /// How far a copy has come; null where none of the partition is under way.
  struct Progress {
    uint64_t keys = 0;
    uint64_t bytes = 0;
  };
  const Progress* progress(uint16_t partition) const;

  void tick(Now now);
  void on_fetch_reply(NodeId from, const FetchReply& reply);
  void on_ack(NodeId from, const ReplicateAck& ack);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  void on_peer_down(NodeId peer);
  void on_new_cluster();
  /// Departing copies that wait for a holder count as active too.
  bool active() const { return !leaving_.empty() || pending_scan_; }
  /// A copy departs that was found at start.
  void look_again() { pending_scan_ = true; }

 private:
  /// One partition under way.
  struct Leaving {
    Step step = 0;
    bool erases = false;   // all is handed over
    KeyPlace place;        // everything up to here is done
    uint64_t request = 0;  // the page being read
    Rounds rounds;         // when it was asked for
    bool has_page = false;
    bool page_failed = false;
    bool page_is_last = false;
    size_t items_left = 0;  // of the page
    KeyPlace page_end;
    uint64_t next_page_us = 0;
    uint64_t page_ends_us = 0;
    Progress progress;
  };
  /// A key of a page, on its way to the holders.
  struct Item {
    uint64_t id = 0;
    uint16_t partition = 0;
    KeyHolder key;
    std::string record;
    Rounds rounds;  // when the page was asked for
    Digest digest = 0;
    boost::container::small_vector<NodeId, 4> waiting;  // holders that have not said they have it
    void reset() {
      record.clear();
      waiting.clear();
    }
  };

  void find_departing();
  void go_on(uint16_t partition, Leaving& leaving, Now now);
  void read_page(uint16_t partition, Leaving& leaving, Now now);
  void hand_over(Leaving& leaving, const RangeEntry& entry);
  bool erase(const RangeEntry& entry, Now now);
  void holder_has(Item& item, NodeId holder);
  void fail_page(uint16_t partition);
  void drop_items(uint16_t partition);
  void page_done(uint16_t partition, Leaving& leaving);
  void rewind(uint16_t partition, Leaving& leaving);
  bool holders_are_up(uint16_t partition) const;
  void end(uint16_t partition);
  uint64_t next_id();

  ShardCore& core_;
  const Coordinator& coordinator_;
  OpTable<Item> items_;
  std::map<uint16_t, Leaving> leaving_;
  std::map<uint64_t, uint16_t> reads_;  // id -> partition
  uint64_t counter_;
  bool pending_scan_ = false;
};

}  // namespace kindred
