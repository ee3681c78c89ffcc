#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "replication/mutation/mutation.h"
#include "replication/mutation/transaction.h"
#include "replication/node/coordinated_op.h"
#include "replication/node/deadlines.h"
#include "replication/node/op_table.h"
#include "replication/node/read_repair.h"
#include "replication/node/replica.h"
#include "replication/node/shard_core.h"
#include "replication/node/silent_peers.h"

namespace kindred {

/// Coordinates clients' requests over the replicas of their keys (paper, section 4.5): N/R/W
/// quorums, digests, read repair, re-stamping, serialised read-modify-writes, pass-on.
class Coordinator {
 public:
  Coordinator(ShardCore& core, Replica& replica);

  void submit(const Origin& origin, const Operation& operation, Now now);
  void on_ack(NodeId from, const ReplicateAck& ack, Now now);
  void on_fetch_reply(NodeId from, const FetchReply& reply, Now now);
  void on_pass_on_reply(NodeId from, const PassOnReply& reply, Now now);
  void on_stored(uint64_t id, bool ok, Now now);
  void on_loaded(uint64_t id, LoadStatus status, const State& state, Now now);
  void on_hints_read(uint64_t id, LoadStatus status, const HintsOfKey& hints, Now now);
  void on_peer_down(NodeId peer, Now now);
  /// Owners changed: what waits for replicas begins its round again, under the new step's rules.
  void on_new_cluster(Now now);
  /// Keys may be of other partitions than before. Comes before on_new_cluster().
  void on_new_partitions();
  void tick(Now now);
  bool idle() const { return table_.size() == 0; }
  size_t in_flight() const { return table_.size(); }
  /// Who asked for what goes by this id; null where nothing does any more. Good until the next
  /// step.
  const Origin* origin_of(uint64_t id) {
    const Op* op = table_.find(id);
    return op == nullptr ? nullptr : &op->origin;
  }
  /// Whether a write of the partition that is stored here may have to be sent again.
  bool is_writing(uint16_t partition) const {
    return table_.any_of(
        [partition](const Op& op) { return op.written && op.key.partition() == partition; });
  }

 private:
  using Op = CoordinatedOp;
  struct KeyQueue {
    std::deque<uint64_t> waiting;
  };
  /// A transaction of several keys. Each has a part, an operation of its own.
  struct Together {
    struct Part {
      uint64_t id = 0;
      LiveMark before;  // of the copy, as it was read
      bool has_ended = false;
    };
    TransactionProgram program;  // borrows the request's value
    std::vector<Part> parts;
    bool is_stepping = false;      // somebody further up looks at what has become of the parts
    bool writes = false;           // all were read
    bool has_written = false;      // some part has
    bool goes_elsewhere = false;   // nothing was written; to be placed again
    bool cannot_run_here = false;  // a copy could not be read
    Outcome outcome;               // to tell once all are through
    Outcome failure;               // the first one
  };

  // coordinator.cc: where a request runs, and how it ends
  void place(Op& op, const Operation& operation, Now now);
  void run(Op& op, const Operation& operation, Now now);
  void answer_local(const Origin& origin, const Operation& operation, Now now);
  bool runs_here(const Op& op, const Operation& operation) const;
  bool copy_lost(const Op& op) const;
  bool is_first_primary(const Op& op) const;
  NodeId next_candidate(const Op& op) const;
  void pass_on(Op& op, const Operation& operation, NodeId to, bool as_fallback, Now now);
  void lose_patience(Op& op, Now now);
  void refuse_or_move(Op& op, Now now);
  bool cannot_keep(const Op& op) const;
  void leave(Op& op, LoadStatus why, Now now);
  void answer(const Origin& origin, Outcome&& outcome);
  void refuse(const Origin& origin);
  void refuse_with(const Origin& origin, OutcomeCode code, uint8_t needed, uint8_t seen);
  const ResolvedQuorum& quorum_of(const QuorumSpec& spec, const KeyRef& key);
  static void keep_meeting(const QuorumSpec& asked, const QuorumDefaults& configured,
                           uint32_t replicas, size_t length, uint32_t wanted,
                           ResolvedQuorum* resolved);
  void finish(Op& op, Outcome&& outcome, Now now);
  void fail(Op& op, OutcomeCode code, size_t needed, size_t seen, Now now);
  void name_unmet(const Op& op, Outcome* outcome) const;
  void on_due(uint64_t id, Now now);
  void on_hint_stored(uint64_t id, const KeyRef& hint, bool ok, Now now);
  void renew(Op& op);
  [[nodiscard]] LoadStatus load_local(Op& op, State* state);
  void await_local(Op& op);
  void not_loaded(Op& op, LoadStatus status, Now now);
  void begin_from_hints(const Op& op, State& state) const;
  ActorId actor_of(const Op& op) const;
  ActorId actor_to_write(const Op& op);

  // coordinator_sloppy.cc: fallbacks, and the hints that they and this node keep
  bool may_stand_in(const Op& op) const;
  NodeId next_stand_in(const Op& op);
  void stand_in(Op& op, const Operation& operation, Now now);
  bool ask_fallback(Op& op);
  size_t may_count(const Op& op) const;
  Outstanding may_still_answer(const Op& op) const;
  bool readers_are_up(Op& op, Now now);
  bool writers_are_up(Op& op, Now now);
  void lack_replicas(Op& op, size_t needed, size_t nodes, Now now);
  bool are_up(Op& op, const QuorumRule& rule, size_t primaries, size_t owners, Now now);
  OutstandingOfLists may_still_ack(const Op& op) const;
  Ack own_fallback_ack(const Op& op, Durability durability, bool is_empty) const;
  Ack hint_ack(const Op& op, NodeId holder, NodeId target, Durability durability) const;
  void hint_absent(Op& op, std::string_view record, Now now);
  void request_hint(Op& op, NodeId target, Now now);
  void load_for_hints(Op& op, Now now);
  void hints_loaded(Op& op, LoadStatus status, const State& state, Now now);
  void send_hints(Op& op, std::string_view record, Now now);
  NodeId next_holder(const Op& op);
  void note_answer(Op& op, NodeId from, const ReplicateAck& ack, Now now);
  void hint_silent(Op& op, Now now);
  bool is_settled(const Op& op) const { return op.waiting.empty() && op.unhinted.empty(); }
  void settle(Op& op, Now now);

  // coordinator_step.cc: owners that change under a request
  void take_step(Op& op, Now now);
  void place_again(Op& op, Now now);
  void delay(Op& op, Now now);
  void begin_round(Op& op);
  void restart_read(Op& op, Now now);
  void restart_write(Op& op, Now now);
  void round_loaded(Op& op, const State& state, Now now);
  void retry_refused(Op& op, Now now);
  void send_to_refused(Op& op, std::string_view record);
  bool retry(Op& op, Now now);

  // coordinator_read.cc
  void begin_read(Op& op, Now now);
  void local_read(Op& op, const State& state, Now now);
  QuorumRule read_rule(const Op& op) const {
    return op.kind == OpKind::kRead ? op.quorum.read : special_read_rule(op);
  }
  QuorumRule special_read_rule(const Op& op) const;
  bool ask_once(Op& op, NodeId node, bool is_fallback);
  bool ask_next(Op& op);
  void ask(Op& op, Op::Asked& asked);
  Ack ack_of(const Op& op, const Op::Asked& asked) const;
  void ask_enough(Op& op);
  Round admitted(const Op& op) const;
  void take_state(Op& op, Op::Asked& asked, const FetchReply& reply);
  void judge_read(Op& op, Now now);
  void read_complete(Op& op, Now now);
  ReadRepair plan_repair(const Op& op) const;
  void repair(const ReadRepair& plan, Now now);
  void end_read(Op& op, Now now);
  void tell_read(Op& op, Outcome* outcome, Now now);
  void hedge(Op& op, Now now);
  void report_replica(Op& op, NodeId node, bool whole, const State& state);
  void finish_explain(Op& op, Now now);

  // coordinator_write.cc
  void begin_write(Op& op, const Operation& operation, Now now);
  void begin_covering_set(Op& op, const Operation& operation, Now now);
  uint64_t expiry_of(const Op& op, uint64_t given_ms, Now now) const;
  void write_loaded(Op& op, const Operation& operation, State& state, Now now);
  void write_out(Op& op, const LiveMark& before, const State& state, Now now);
  void send_writes(Op& op, std::string_view record, Now now);
  Rounds rounds_of(const Op& op) const;
  bool note_round(Op& op, Round committed, Now now);
  Replicate write_message(const Op& op, std::string_view record) const;
  Verdict judge_acks(const Op& op) const;
  bool is_strict(const Op& op) const;
  void judge_write(Op& op, Now now);
  void write_complete(Op& op, Now now);
  void begin_restamp(Op& op, Now now);
  void restamp_loaded(Op& op, State& state, Now now);
  void spread_loaded(Op& op, const Operation& operation, const State& state, Now now);
  Durability durability_of(const Op& op) const;

  // coordinator_modify.cc
  void begin_modify(Op& op, Now now);
  void write_what_was_read(Op& op, Now now);
  void modify_loaded(Op& op, State& local, Now now);
  void apply_modification(Op& op, const Keyspace* keyspace, const Mutation& mutation, Stamp stamp,
                          State& state);
  void write_modified(Op& op, const LiveMark& before, State& state, const Mutation& mutation,
                      Now now);
  void modify_again(Op& op, Now now);
  void release_key(const Op& op, Now now);
  void start_runnable(Now now);

  // coordinator_together.cc: transactions on several keys of a partition
  static bool is_together(const Operation& operation);
  void begin_together(Op& op, Now now);
  bool add_parts(const Op& op, Together& whole, Now now);
  void part_read(Op& op, const State& local, Now now);
  bool are_prepared(const Together& whole, Now now);
  void step_together(uint64_t whole_id, Now now);
  void write_parts(Together& whole, Now now);
  void part_ended(uint64_t whole_id, size_t index, Outcome&& outcome, bool was_written, Now now);
  void drop_parts(uint64_t whole_id, Now now);
  void place_whole_again(const Op& part, Now now);

  ShardCore& core_;
  Replica& replica_;
  OpTable<Op> table_;
  Deadlines deadlines_;
  std::unordered_map<uint64_t, KeyQueue> modifying_;  // by key hash: a collision only waits
  std::unordered_map<uint64_t, Together> together_;   // by the request's id
  std::deque<uint64_t> runnable_;                   // queued read-modify-writes whose turn has come
  std::unordered_map<uint64_t, uint16_t> storing_;  // local stores under way -> partition
  std::unordered_map<uint64_t, KeyHolder> storing_hints_;  // the same of hints coordinated from
  std::deque<uint64_t> settling_;                          // requests answered, oldest first
  bool starting_ = false;
  ResolvedQuorum usual_;    // of a request for which nobody names numbers
  ResolvedQuorum special_;  // of the last one that did
  uint64_t usual_version_ = 0;
  SilentPeers silent_;
  RecentRepairs recent_repairs_;
  double hedge_allowance_ = 0;  // reads that may be hedged now: at most 5 % of all
};

}  // namespace kindred
