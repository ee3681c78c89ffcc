#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "replication/node/deadlines.h"
#include "replication/node/op_table.h"
#include "replication/node/scan.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// SCAN's pages: reads one partition from enough replicas that every acknowledged key shows, merges
/// them, and gives out the live keys with a cursor that any node can resume.
class Scanner {
 public:
  explicit Scanner(ShardCore& core);

  void submit(ClientToken token, const ScanRequest& request, Now now);
  void on_range_reply(NodeId from, const FetchRangeReply& reply, Now now);
  /// This node's own copy, read for a scan.
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  void on_peer_down(NodeId peer, Now now);
  /// Owners changed: pages of their partitions are asked for again.
  void on_new_cluster(Now now);
  void tick(Now now);
  bool idle() const { return table_.size() == 0; }

 private:
  struct Source {
    enum class Status : uint8_t { kWaiting, kDone, kFailed };
    NodeId node = 0;
    Status status = Status::kWaiting;
    bool done = false;           // nothing in the partition after its last entry
    uint64_t last_position = 0;  // cursor position of its last entry
  };
  struct Scan {
    uint64_t id = 0;
    ClientToken client = 0;
    uint16_t partition = 0;    // being read; layer after layer
    uint16_t first_layer = 0;  // which is not 0 where another has more keys
    uint64_t horizon = 0;      // all positions before it are told of, in the layers read
    uint64_t cursor = 0;
    uint32_t count = 0;
    uint32_t page_bytes = 0;
    uint64_t deadline_us = 0;
    Step step = 0;
    bool was_refused_by_step = false;
    uint8_t needed = 1;
    boost::container::small_vector<Source, 3> sources;
    std::map<std::pair<uint64_t, std::string>, State> found;  // by (position, key)
    void reset() {
      was_refused_by_step = false;
      sources.clear();
      found.clear();
    }
  };

  void ask_enough(Scan& scan);
  bool ask_next(Scan& scan);
  void take(Scan& scan, NodeId from, FetchStatus status, std::span<const RangeEntry> entries,
            bool done, Now now);
  void begin(Scan& scan, Now now);
  void again(Scan& scan, Now now);
  void judge(Scan& scan, Now now);
  void complete(Scan& scan, Now now);
  void give_out(Scan& scan, Now now);
  void fail(Scan& scan, bool no_replicas);
  uint64_t end_of_partition(const Scan& scan) const;
  uint16_t densest_layer(uint16_t partition, Now now);
  bool go_to_next_layer(Scan& scan) const;

  ShardCore& core_;
  OpTable<Scan> table_;
  Deadlines deadlines_;
};

}  // namespace kindred
