#pragma once

#include <algorithm>
#include <boost/container/flat_map.hpp>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replication/causal/bug_bank.h"
#include "replication/causal/clock.h"
#include "replication/entropy/budget.h"
#include "replication/handoff/hint_book.h"
#include "replication/handoff/hint_reader.h"
#include "replication/membership/cluster.h"
#include "replication/node/copies.h"
#include "replication/node/messages.h"
#include "replication/node/op_table.h"
#include "replication/node/operation.h"
#include "replication/node/ports.h"
#include "replication/quorum/quorum.h"

namespace kindred {

struct ShardConfig {
  uint8_t shard_index = 0;  // in the top byte of every MessageId and StoreToken it makes
  uint8_t shard_count = 1;  // partition p belongs to shard p % shard_count
  uint64_t id_seed = 0;     // differs from run to run, for MessageIds; read once
  QuorumDefaults quorum;
  Durability durability = Durability::kSynced;  // of every write; what the engine can do at most
  bool engine_can_sync = true;
  uint32_t request_timeout_ms = 1000;
  uint32_t siblings_max = 100;
  uint64_t value_bytes_max = 512ULL << 20;
  uint32_t operations_max = 100'000;              // in flight; more are answered kOverloaded
  uint64_t hint_bytes_max = 1ULL << 30;           // of all hints; more are refused
  uint64_t hint_bytes_per_s = 16ULL << 20;        // delivered, by all shards together
  uint64_t background_bytes_per_s = 64ULL << 20;  // of all background work of all shards together
  uint64_t background_p99_target_us = 0;          // see BudgetLimits
  uint64_t hint_ttl_ms = 10'800'000;              // older ones need not wait for their target
  uint64_t tombstone_grace_ms = 86'400'000;       // younger ones are not worth a round yet
  size_t tree_bytes_max = 64U << 20;              // of the Merkle trees of all shards together
};

/// Counters of one shard; sums over shards make INFO's sections.
struct ShardMetrics {
  uint64_t coordinated_reads = 0;
  uint64_t coordinated_writes = 0;
  uint64_t passed_on_requests = 0;
  uint64_t read_repairs = 0;
  uint64_t read_repairs_left = 0;  // not sent: just done, or beyond the budget
  uint64_t quorum_failures = 0;
  uint64_t restamped_writes = 0;
  uint64_t recomputed_modifications = 0;
  uint64_t hedged_reads = 0;
  uint64_t overload_refusals = 0;
  uint64_t conflicts_seen = 0;    // reads that found more than one sibling
  uint64_t conflicts_hidden = 0;  // reads that told one value while others lived beside it
  uint64_t stale_reads = 0;       // reads that found copies that differ
  uint64_t quarantined_records = 0;
  uint64_t damaged_records_received = 0;
  uint64_t storage_failures = 0;
  uint64_t filled_copies = 0;
  uint64_t exchanges = 0;  // anti-entropy's, that came to their end
  uint64_t failed_exchanges = 0;
  uint64_t exchanged_keys = 0;    // compared
  uint64_t exchange_repairs = 0;  // keys that differed and were brought together
  uint64_t exchanged_bytes = 0;
  uint64_t last_full_cycle_ms = 0;  // how long the last cycle took in which no exchange failed
  uint64_t departed_copies = 0;
  uint64_t reap_rounds = 0;         // that this shard's partitions agreed on, as their first owner
  uint64_t reaped_keys = 0;         // tombstones and expired keys gone from this shard's copies
  uint64_t pruned_keys = 0;         // contexts that lost actors of the past
  uint64_t restored_copies = 0;     // taken over as a clean stop left them
  uint64_t checked_copies = 0;      // of those, compared with their records since
  uint64_t mended_copies = 0;       // of those, found wrong
  uint64_t emptied_copies = 0;      // came back with what had been reaped meanwhile
  uint64_t rounds_disbelieved = 0;  // told of, and too far ahead of the cluster clock
  uint64_t reap_waiting = 0;   // partitions with something to reap whose round did not come about
  NodeId reap_held_up_by = 0;  // by whom, for one of them; this node: its copy has to be whole
  uint64_t hints_refused = 0;  // not kept: no room, or the engine failed
  uint64_t fallback_coordinated = 0;  // requests run in place of primaries
};

/// What the parts of a shard share: the cluster as it stands, the copies, the clock, and storing a
/// key's state with its bookkeeping. Decides nothing by itself.
class ShardCore {
 public:
  ShardCore(const ShardConfig& shard_config, NodeId self_id, ShardPorts& shard_ports)
      : config(shard_config),
        self(self_id),
        ports(shard_ports),
        budget(budget_limits(shard_config)),
        hint_reader(ports, hints, first_id(config.shard_index, IdKind::kHintRead)) {}

  ShardConfig config;
  const NodeId self;
  ShardPorts& ports;
  HybridClock clock;
  uint64_t now_ms = 0;  // cluster time of the step under way
  Copies copies;
  BackgroundBudget budget;
  HintBook hints;
  HintReader hint_reader;
  ShardMetrics metrics;
  bool draining = false;
  bool yields = false;                             // coordinates only what nobody else can
  StorageTrouble storage = StorageTrouble::kNone;  // why nothing can be kept, if so
  bool has_new_filling = false;                    // a copy became filling since Fill last looked
  bool has_unfit_tree = true;                      // a copy's tree may have to be built anew
  bool has_to_empty = false;                       // a copy is to be emptied
  /// Keys whose state was read, to be written by later, and whether the copy's has changed
  /// meanwhile; by hash, so that two keys may share an entry: then both count as changed.
  std::unordered_map<uint64_t, bool> awaited_keys;

  void set_cluster(std::shared_ptr<const ClusterDocument> document);
  const ClusterDocument& cluster() const { return *cluster_; }
  bool has_cluster() const { return cluster_ != nullptr; }
  const KeyPartitions& partitions() const { return partitions_; }
  /// Where the key is of another partition than it says: by its name, and this shard's document.
  KeyRef placed(const KeyRef& key) const;
  /// Whether any key may be of another partition than its slot alone tells.
  bool has_layers() const { return partitions_.layers() > 1; }
  /// This node hands over all that it holds, and then is no member any more.
  bool is_leaving() const { return is_leaving_; }
  /// Grows when the cluster or the configuration changes, so when a resolved quorum is outdated.
  uint64_t quorum_version() const { return quorum_version_; }
  void set_config(const ShardConfig& fresh);
  /// What holds for the key; null where no keyspace does. Good until the cluster changes.
  const Keyspace* keyspace_of(std::string_view key) const {
    return cluster_->keyspaces.empty() ? nullptr : find_keyspace(cluster_->keyspaces, key);
  }
  /// Configured numbers, or those of the keyspace, which may be null.
  QuorumDefaults quorum_of(const Keyspace* keyspace) const;
  /// What must be assumed of writes of keys that are not known: the lowest W of all.
  const QuorumDefaults& quorum_of_any() const { return quorum_of_any_; }
  /// The preference list that reads go to and that coordinates.
  std::span<const NodeId> owners(uint16_t partition) const {
    return reach_[partition].is_moving ? cluster_->serving_owners(partition)
                                       : cluster_->ring.owners(partition);
  }
  /// Everyone who holds a copy: owners(), and while the partition moves the other list's too.
  std::vector<NodeId> holders(uint16_t partition) const;
  /// The length of owners().
  uint8_t copies_of(uint16_t partition) const { return reach_[partition].copies; }
  /// The length of the longest list of keys without an N of their own.
  uint8_t usual_copies() const { return usual_copies_; }
  /// See Step.
  Step step(uint16_t partition) const { return reach_[partition].step; }
  bool is_moving(uint16_t partition) const { return reach_[partition].is_moving; }
  /// Whether this node's copy may coordinate and answer reads.
  bool serves(uint16_t partition) const {
    return copies.at(partition).state == CopyState::kWhole && reach_[partition].is_served_here;
  }
  /// The deepest level of a copy's tree, so that all trees of the node keep within their memory.
  uint8_t tree_level_max() const { return tree_level_max_; }
  bool is_mine(uint16_t partition) const {
    return partitions_.first_layer(partition) % config.shard_count == config.shard_index;
  }

  bool is_up(NodeId node) const;
  void set_up(NodeId node, bool up);
  /// Of owners(), those believed up, this node among them.
  uint8_t owners_up(uint16_t partition) const { return reach_[partition].up; }
  /// Of the list before or after the partition's move; the same where it does not move.
  uint8_t old_owners_up(uint16_t partition) const { return reach_[partition].old_up; }
  uint8_t new_owners_up(uint16_t partition) const { return reach_[partition].new_up; }
  /// The others of owners() believed up, in the order of the preference list.
  std::span<const NodeId> others_up(uint16_t partition) const {
    const Reach& reach = reach_[partition];
    return {reach.others.data(), reach.others.size()};
  }
  /// The other nodes believed up that writes go to: others_up(), or of both lists.
  std::span<const NodeId> written_up(uint16_t partition) const {
    const Reach& reach = reach_[partition];
    const auto& nodes = reach.is_moving ? reach.written : reach.others;
    return {nodes.data(), nodes.size()};
  }
  /// `node`'s word on a key of the partition.
  Ack ack_of(NodeId node, uint16_t partition, Durability durability) const {
    if (is_moving(partition)) [[unlikely]] {
      return ack_while_moving(node, partition, durability);
    }
    Ack ack;
    ack.node = node;
    ack.durability = durability;
    return ack;
  }
  /// Members that may stand in for owners of the partition, the first choice first, whether up or
  /// not (ring_walk). Good until the cluster changes.
  std::span<const NodeId> fallbacks(uint16_t partition);
  uint8_t fallbacks_up(uint16_t partition);

  /// ShardPorts::try_load with what a flush made dead taken away.
  [[nodiscard]] LoadStatus load(const KeyRef& key, State* state);
  /// Stores `after` (its encoding is `record`) as `hint`, in place of what `before` counts.
  /// kFailed also where hints have no room left.
  [[nodiscard]] StoreStatus commit_hint(const KeyRef& hint, const HintMark& before,
                                        const State& after, std::string_view record,
                                        Durability durability, StoreToken token);
  /// Erases the hint; counts why. False where the engine refused.
  bool erase_hint(const KeyRef& hint, const HintMark& before, HintEnd why);
  /// Takes away what the last flush made dead. True if there was something.
  bool filter(State& state) const { return apply_flush(state, cluster_->flush_stamp); }
  /// Stores `record` (the encoding of the state whose mark is `after`) and counts it.
  [[nodiscard]] StoreStatus commit(const KeyRef& key, const LiveMark& before, const LiveMark& after,
                                   std::string_view record, Durability durability, StoreToken token,
                                   Now now);
  /// False while the engine refuses: commit(), commit_hint() and erase_hint() don't ask it then.
  bool takes_writes() const { return storage == StorageTrouble::kNone; }
  /// What a client is told whose write nobody could keep.
  OutcomeCode storage_error() const;
  /// What to say of the copy's states in messages.
  Rounds rounds(uint16_t partition) const {
    const RoundMark& mark = copies.at(partition).mark;
    return {mark.round, std::max(mark.clean, mark.round)};
  }
  /// What states must be clean for to be merged with this node's copy, or with its hints.
  Round admitted(const KeyRef& key) const {
    const RoundMark& mark = copies.at(key.partition).mark;
    return key.hint_for != 0 ? mark.bar : mark.round;
  }
  /// `agreed` is a round that somebody knows of. A copy that is clean for it goes by it from now
  /// on; another one is emptied, to be filled again.
  void see_round(uint16_t partition, Round agreed);
  /// Puts the partition's mark into the engine, raised to `mark` in each part. What it says counts
  /// once that is stored.
  [[nodiscard]] StoreStatus save_mark(uint16_t partition, const RoundMark& mark, StoreToken token);
  /// What save_mark() left behind, found at start; of a partition of the first layer and all those
  /// with the same slots.
  void restore_mark(uint16_t partition, const State& state);
  /// The copy shows again what a write had replaced that was refused behind its back: it is clean
  /// for nothing, and emptied once it hears of a round.
  void vouch_no_more(uint16_t partition);
  void vouch_for_agreed_alone(uint16_t partition);
  /// Rounds are stamps: one far ahead of the cluster clock is nobody's, and would empty copies.
  bool is_credible(Round round) const {
    return KINDRED_BUG(any_round_believed) ||
           stamp_unix_ms(round) <= now_ms + HybridClock::kJumpMsMax;
  }
  /// The copy is gone: where it stood means nothing for the next one.
  void forget_mark(uint16_t partition);
  /// Whether the last round agreed that this very state goes.
  bool is_reaped(const KeyRef& key, const State& state) const;
  /// Of the cluster document, generations first.
  uint64_t document_version() const;

  /// A stamp for a write that extends `state`, above `above` too. 0: none is left above it.
  [[nodiscard]] Stamp stamp(Now now, uint16_t partition, const State& state, Stamp above);

  /// Copies of the partition's keys turn up that were counted with `around`'s until now: what holds
  /// for those holds for them.
  void split_copy(uint16_t partition, uint16_t around);

  /// Ends the copy's actor, and those of the other layers' copies of its slots: what it wrote and
  /// did not get through has an unknown outcome.
  void end_actor(uint16_t partition);
  /// The copy lacks writes that it acknowledged: it must be filled again, under a new actor.
  void lose_writes(uint16_t partition);
  /// A damaged record was found: the copy must be filled again, under a new actor.
  void quarantine(const KeyRef& key);

 private:
  static BudgetLimits budget_limits(const ShardConfig& config) {
    return {config.background_bytes_per_s / std::max<uint8_t>(1, config.shard_count),
            config.background_p99_target_us};
  }
  /// Who may be asked about a partition, and under which step: looked at by every request, changed
  /// seldom.
  struct Reach {
    Step step = 0;
    uint8_t copies = 0;
    uint8_t up = 0;
    uint8_t old_up = 0;
    uint8_t new_up = 0;
    bool is_moving = false;
    bool is_served_here = false;
    boost::container::small_vector<NodeId, 3> others;
    boost::container::small_vector<NodeId, 3> written;  // while it moves
  };
  std::shared_ptr<const ClusterDocument> cluster_;
  bool is_leaving_ = false;
  KeyPartitions partitions_;
  uint8_t usual_copies_ = 0;
  uint64_t quorum_version_ = 1;
  QuorumDefaults quorum_of_any_;
  boost::container::flat_map<NodeId, bool> peers_;  // whether it is up
  std::vector<Reach> reach_;
  uint8_t tree_level_max_ = MerkleTree::kLevelMin;
  std::vector<ClaimMember> claim_members_;
  std::unordered_map<uint16_t, std::vector<NodeId>> fallbacks_;  // of partitions asked for so far

  Ack ack_while_moving(NodeId node, uint16_t partition, Durability durability) const;
  void refresh_reach();
  void refresh_quorum();
  void refresh_tree_level();
  [[nodiscard]] StoreStatus put_mark(uint16_t partition, StoreToken token);
  void take_mark(uint16_t partition, const RoundMark& mark, bool is_unsynced);
  void fall_behind(uint16_t partition, Round agreed);
  void refresh_moving(Reach& reach, const Move& move) const;
  uint8_t count_up(std::span<const NodeId> nodes) const;
};

}  // namespace kindred
