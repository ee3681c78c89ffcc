#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "replication/causal/clock.h"
#include "replication/handoff/handoff.h"
#include "replication/membership/cluster.h"
#include "replication/node/anti_entropy.h"
#include "replication/node/coordinator.h"
#include "replication/node/copies.h"
#include "replication/node/departure.h"
#include "replication/node/fill.h"
#include "replication/node/messages.h"
#include "replication/node/operation.h"
#include "replication/node/ports.h"
#include "replication/node/reaper.h"
#include "replication/node/replica.h"
#include "replication/node/scan.h"
#include "replication/node/scanner.h"
#include "replication/node/shard_core.h"
#include "replication/node/sweep.h"
#include "replication/node/tree_answers.h"
#include "replication/node/tree_keeper.h"

namespace kindred {

/// A copy that is not whole for every list that it is on, or goes, and how far it has come since
/// its work began (again).
struct Transfer {
  uint16_t partition = 0;
  CopyState state = CopyState::kNone;  // kFilling, kArriving, kDeparting
  NodeId source = 0;  // read from just now; 0: none. A departing copy goes to all owners
  uint64_t keys = 0;
  uint64_t bytes = 0;
};

/// One worker's share of a node: coordinates requests for, and keeps the copies of, the partitions
/// that belong to it. A plain state machine: every method is a step; what it decides comes out
/// through ShardPorts. Not thread-safe; one thread steps it. Steps don't nest: a port must not call
/// back into the shard.
class Shard {
 public:
  /// `ports` outlives the shard.
  Shard(const ShardConfig& config, NodeId self, ShardPorts& ports);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// Installs the committed cluster. The first call: what is in the engine is as good as
  /// `fresh_copies` says (kWhole, kFilling). Later ones, on each change of the document (a flush
  /// stamp too): copies that the node comes to serve without having filled them before start so;
  /// those that a move brings arrive, those that no list names any more depart. New copies have new
  /// actors. Call before any other step.
  void set_cluster(std::shared_ptr<const ClusterDocument> cluster, CopyState fresh_copies, Now now);
  /// The node's opinion of a peer. A peer that goes down fails what waits for it.
  void set_alive(NodeId peer, bool alive, Now now);
  /// Orderly stop: new requests are refused (kOverloaded), running ones end.
  void drain() { core_.draining = true; }
  /// Before a restart: other replicas coordinate, as long as there are any, and have the hints.
  void yield() {
    core_.yields = true;
    handoff_.on_yield();
  }
  /// What has become of the engine. While it is in trouble this node keeps nothing: it acknowledges
  /// no write and coordinates none that another replica can, and answers reads as before. Back from
  /// it, it must hold all that it acknowledged: an engine that may not is for another run.
  void set_storage(StorageTrouble trouble);
  /// Takes new defaults (CONFIG SET); requests under way keep theirs.
  void set_config(const ShardConfig& config) {
    core_.set_config(config);
    reaper_.config_changed();
  }

  /// A client's request on a key of this shard's partitions. Answered once through
  /// ShardPorts::reply, perhaps within this call.
  void submit(ClientToken token, const Operation& operation, Now now);
  /// A page of keys in a partition of this shard, answered through ShardPorts::reply_scan.
  void submit_scan(ClientToken token, const ScanRequest& request, Now now);
  /// Lets go what is old enough of deleted and expired keys, where all owners agree; the driver
  /// calls it as often as start_anti_entropy(), and every few seconds where that is off. While a
  /// cycle is under way, a call changes nothing.
  void start_reaping(Now now) { reaper_.start_cycle(now); }
  /// Compares this shard's copies with the other owners', and brings together what differs; the
  /// driver calls it every anti-entropy-interval-ms. While a cycle is under way, a call changes
  /// nothing.
  void start_anti_entropy(Now now) { anti_entropy_.start_cycle(now); }
  /// The same for one partition of this shard and each of its other owners, at once. Answered
  /// through ShardPorts::reply_repair, perhaps within this call.
  void repair(uint16_t partition, RepairToken token, Now now) {
    anti_entropy_.repair(partition, token, now);
  }
  void receive(NodeId from, const Message& message, Now now);
  void stored(StoreToken token, bool ok, Now now);
  /// The engine refused a write that loads saw as `lost` until now; they see `shown`, null where
  /// that is not known or a later store() hides it. `was_promised`: its store() had said kDone.
  /// Comes before stored() of the same write.
  void lost(const KeyRef& key, bool was_promised, const State& lost, const State* shown, Now now);
  void loaded(StoreToken token, LoadStatus status, const State& state, Now now);
  void range_read(StoreToken token, bool ok, std::span<const RangeEntry> entries, bool done,
                  Now now);
  /// Ends what has timed out, hedges slow reads, goes on with fills and sweeps. Call every kTickMs
  /// while needs_tick().
  void tick(Now now);
  bool needs_tick() const;
  static constexpr uint64_t kTickMs = 5;

  /// Counts a record found in the engine at start, before traffic. False where a flush made it
  /// dead: it may be erased. A record of a partition that this node does not hold makes its copy
  /// depart.
  bool count_existing(const KeyRef& key, const State& state, Now now);
  /// The last step of a clean stop: nothing is stored from here on, so that what saved_copy() tells
  /// stays true.
  void seal();
  /// What to keep of a copy for the next start, after seal(); none where the copy is not known
  /// exactly. Flush stamp and number of partitions must be the same then.
  [[nodiscard]] std::optional<SavedCopy> saved_copy(uint16_t partition);
  /// Takes a copy over as saved_copy() told it, in place of count_existing() for each of its
  /// records; it is compared with them later. False: it can't be true, the records must be counted.
  [[nodiscard]] bool restore_copy(uint16_t partition, SavedCopy&& saved);
  /// The engine holds a damaged record (found by a scan): its copy is filled again.
  void found_corrupt(const KeyRef& key);

  /// As installed last.
  const ClusterDocument& cluster() const { return core_.cluster(); }
  /// Copies that are not whole, in the order of the partitions.
  std::vector<Transfer> transfers() const;
  /// Its document lets this node leave, and nothing that was its to keep is here any more: neither
  /// copies nor hints. ShardPorts::copies_changed() tells when that changes.
  bool may_go() const;
  const ShardMetrics& metrics() const { return core_.metrics; }
  const BudgetFigures& background() const { return core_.budget.figures(); }
  Copies& copies() { return core_.copies; }
  const HintBook& hints() const { return core_.hints; }
  /// Who asked for what goes by this id, in messages and in stores; null where nothing does any
  /// more. May be called within a step. Good until the next one.
  const Origin* origin_of(uint64_t id) { return coordinator_.origin_of(id); }
  size_t operations_in_flight() const { return coordinator_.in_flight() + replica_.in_flight(); }
  /// No stamp at or below this will be issued once a flush at it is installed.
  Stamp highest_stamp() const { return core_.clock.highest(); }

 private:
  void tell_whether_it_may_go();
  bool all_readable(std::span<const RangeEntry> entries);
  void receive_one(NodeId from, const Replicate& message, Now now);
  void receive_one(NodeId from, const ReplicateAck& message, Now now);
  void receive_one(NodeId from, const Fetch& message, Now now);
  void receive_one(NodeId from, const FetchReply& message, Now now);
  void receive_one(NodeId from, const PassOn& message, Now now);
  void receive_one(NodeId from, const PassOnReply& message, Now now);
  void receive_one(NodeId from, const FetchRange& message, Now now);
  void receive_one(NodeId from, const FetchRangeReply& message, Now now);
  void receive_one(NodeId from, const TreeFetch& message, Now now);
  void receive_one(NodeId from, const TreeReply& message, Now now);
  void receive_one(NodeId from, const KeyDigestsFetch& message, Now now);
  void receive_one(NodeId from, const KeyDigestsReply& message, Now now);
  void receive_one(NodeId from, const RoundCall& message, Now now);
  void receive_one(NodeId from, const RoundReply& message, Now now);
  void hints_read(StoreToken token, LoadStatus status, const State& state, Now now);

  [[nodiscard]] bool place_copy(uint16_t partition, bool is_first, Step step_before,
                                CopyState fresh_copies);
  void split_copies(uint32_t known_before);
  void submit_placed(const Origin& origin, const Operation& operation, Now now);
  void note_round_known(Copy& copy, bool is_first, CopyState before);
  Copy& note_found(uint16_t partition);
  void refuse_pass_on(NodeId from, const PassOn& message, Step mine);

  ShardCore core_;
  Replica replica_;
  Coordinator coordinator_;
  Fill fill_;
  Departure departure_;
  Handoff handoff_;
  Scanner scanner_;
  Sweep sweep_;
  TreeKeeper tree_keeper_;
  TreeAnswers tree_answers_;
  AntiEntropy anti_entropy_;
  Reaper reaper_;
  bool could_go_ = false;
};

}  // namespace kindred
