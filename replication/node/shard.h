#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "replication/causal/clock.h"
#include "replication/membership/cluster.h"
#include "replication/node/copies.h"
#include "replication/node/fill.h"
#include "replication/node/messages.h"
#include "replication/node/operation.h"
#include "replication/node/op_table.h"
#include "replication/node/ports.h"
#include "replication/node/scan.h"
#include "replication/quorum/quorum.h"

namespace kindred {

struct ShardConfig {
  uint8_t shard_index = 0;  // in the top byte of every MessageId and StoreToken it makes
  uint8_t shard_count = 1;  // partition p belongs to shard p % shard_count
  uint8_t read_quorum = 2;
  uint8_t write_quorum = 2;
  uint8_t durable_quorum = 0;
  Durability durability = Durability::kSynced;
  bool engine_can_sync = true;
  uint32_t request_timeout_ms = 1000;
  uint32_t siblings_max = 100;
  uint64_t value_bytes_max = 512ULL << 20;
  uint32_t operations_max = 100'000;  // in flight; more are answered kOverloaded
};

/// Counters of one shard; sums over shards make INFO's sections.
struct ShardMetrics {
  uint64_t coordinated_reads = 0;
  uint64_t coordinated_writes = 0;
  uint64_t passed_on_requests = 0;
  uint64_t read_repairs = 0;
  uint64_t quorum_failures = 0;
  uint64_t restamped_writes = 0;
  uint64_t recomputed_modifications = 0;
  uint64_t hedged_reads = 0;
  uint64_t overload_refusals = 0;
  uint64_t conflicts_seen = 0;  // reads that found more than one live sibling
  uint64_t quarantined_records = 0;
  uint64_t damaged_records_received = 0;
};

/// One worker's share of a node: coordinates requests for, and keeps the copies of, the partitions
/// that belong to it. A plain state machine: every method is a step; what it decides comes out
/// through ShardPorts. Not thread-safe; one thread steps it. Steps don't nest: a port must not call
/// back into the shard.
class Shard {
 public:
  /// `ports` outlives the shard.
  Shard(const ShardConfig& config, NodeId self, ShardPorts& ports);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// Installs the committed cluster. Copies that were not there before start as `fresh_copies`
  /// says. Call before any other step, and on each new epoch.
  void set_cluster(std::shared_ptr<const ClusterDocument> cluster, CopyState fresh_copies, Now now);
  /// The node's opinion of a peer. A peer that goes down fails what waits for it.
  void set_alive(NodeId peer, bool alive, Now now);
  /// Stops coordinating (orderly stop): new requests are refused, running ones end.
  void drain();

  /// A client's request. Answered once through ShardPorts::reply, perhaps within this call.
  void submit(ClientToken token, const Operation& operation, Now now);
  /// A page of keys in a partition, merged from enough replicas (SCAN).
  void submit_scan(ClientToken token, const ScanRequest& request, Now now);
  void receive(NodeId from, const Message& message, Now now);
  void stored(StoreToken token, bool ok, Now now);
  void loaded(StoreToken token, LoadStatus status, const State& state, Now now);
  void range_read(StoreToken token, bool ok, std::span<const RangeEntry> entries, bool done,
                  Now now);
  /// Ends what has timed out, hedges slow reads, retries fills. Call every kTickMs while
  /// needs_tick(); cheap otherwise.
  void tick(Now now);
  bool needs_tick() const;
  static constexpr uint64_t kTickMs = 5;

  /// Counts a record found at start (before traffic).
  void count_existing(const KeyRef& key, const State& state, Now now);

  const ShardMetrics& metrics() const { return metrics_; }
  const Copies& copies() const { return copies_; }
  size_t operations_in_flight() const { return operations_.size(); }
  /// No stamp at or below the result will be issued after a flush at it is installed.
  Stamp highest_stamp() const { return clock_.highest(); }

 private:
  // ... see shard.cc and the files beside it
};

}  // namespace kindred
