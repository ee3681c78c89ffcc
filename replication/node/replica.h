#pragma once

#include <span>
#include <string>

#include "replication/node/key_holder.h"
#include "replication/node/op_table.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// Serves what coordinators on other nodes (and this one's read repair) ask of this node's copies.
class Replica {
 public:
  explicit Replica(ShardCore& core);

  void on_replicate(NodeId from, const Replicate& message, Now now);
  void on_fetch(NodeId from, const Fetch& message, Now now);
  void on_fetch_range(NodeId from, const FetchRange& message);
  /// Keys may be of other partitions than before: those of what waits for the engine are, too.
  void on_new_partitions();
  void on_stored(uint64_t id, bool ok);
  void on_loaded(uint64_t id, LoadStatus status, const State& state, Now now);
  void on_hints_read(uint64_t id, LoadStatus status, const State& state);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done);
  size_t in_flight() const { return table_.size(); }

 private:
  /// What waits for the engine.
  struct Task {
    enum class Kind : uint8_t { kReplicate, kStoring, kFetch, kRange };
    uint64_t id = 0;
    Kind kind = Kind::kReplicate;
    NodeId from = 0;
    KeyHolder key;
    std::string record;
    Replicate replicate;
    Fetch fetch;
    FetchRange range;
    Rounds rounds;  // kRange: when it was asked for
    ReplicateAck ack;
    void reset() { record.clear(); }
  };

  void apply(NodeId from, const Replicate& message, const State& held, Now now);
  void apply_hint(NodeId from, const Replicate& message, const State& held, Now now);
  bool refuse_unclean(NodeId from, const Replicate& message);
  bool take_in(NodeId from, const Replicate& message, State* incoming, bool* is_changed, Now now);
  ReplicateAck ack_of(const Replicate& message, const State& held) const;
  Durability durability_of(const Replicate& message) const;
  void end_store(Task& task, StoreStatus status, const ReplicateAck& ack);
  void end_actor(const KeyRef& key);
  void fetch_from_hints(NodeId from, const Fetch& message);
  void answer_from_hints(NodeId from, const Fetch& message, const State& state);
  void refuse_flushed(NodeId from, const Replicate& message);
  void acknowledge(NodeId to, const ReplicateAck& ack);
  void answer_fetch(NodeId from, const Fetch& message, const State& state);
  /// Null where too many are under way already: the asker has been told then.
  Task* begin_fetch(NodeId from, const Fetch& message);
  void fail_fetch(NodeId from, MessageId id, FetchStatus status);
  AckStatus held_status(uint16_t partition) const;
  enum class Agreement : uint8_t { kSame, kStale, kBehind, kNotHeld };
  static AckStatus ack_status(Agreement agreed);
  static FetchStatus fetch_status(Agreement agreed);
  Agreement agreement(NodeId from, uint16_t partition, Step theirs) const;

  ShardCore& core_;
  OpTable<Task> table_;
};

}  // namespace kindred
