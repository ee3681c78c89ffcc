#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "replication/node/key_place.h"
#include "replication/node/round_voter.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// Lets tombstones, expired keys and actors of the past go, in rounds that all owners of a
/// partition agree on; the first of its preference list drives them, one at a time a shard and a
/// batch of keys each. Empties copies that come back with what was reaped meanwhile, and asks where
/// a partition stands for copies that begin. docs/design/reaping.md
class Reaper {
 public:
  explicit Reaper(ShardCore& core) : core_(core), voter_(core), counter_(core.config.id_seed) {}

  /// The time for the next cycle has come: each partition that this node drives and that has
  /// something to reap gets a round. One under way goes on instead.
  void start_cycle(Now now);
  void tick(Now now);
  /// Whether ticks are wanted.
  bool active() const;
  /// Copies began, or somebody came who can be asked about them.
  void look_again(Now now);
  /// The next tick asks about copies whose round is not known any more.
  void note_unknown() {
    has_unknown_ = true;
    look_again_us_ = 0;
  }
  void on_peer_down(NodeId peer, Now now);
  /// Rests are over: the graces may be others now.
  void config_changed();

  void on_call(NodeId from, const RoundCall& call, Now now);
  void on_reply(NodeId from, const RoundReply& reply, Now now);
  void on_loaded(uint64_t id, LoadStatus status, const State& state, Now now);
  void on_stored(uint64_t id, bool ok, Now now);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);

 private:
  enum class Phase : uint8_t { kIdle, kScanning, kPreparing, kBarring, kCommitting, kTelling };
  struct Item {
    std::string key;
    KeyRef ref;
    Digest digest = 0;
    Stamp highest = 0;  // of what it is about
    bool is_drop = false;
    bool is_agreed = true;
  };
  /// The round being driven.
  struct Drive {
    Phase phase = Phase::kIdle;
    uint16_t partition = 0;
    Step step = 0;
    uint64_t document = 0;
    ActorId actor = 0;
    Round base = 0;
    Round round = 0;
    KeyPlace place;
    bool is_last = false;  // the scan has come to the partition's end
    std::vector<Item> items;
    std::vector<ActorId> in_use;
    std::vector<NodeId> waiting;  // asked, not answered
    uint64_t request = 0;         // the calls', or the range read's; 0: none
    uint64_t tells_again_us = 0;
    uint64_t ends_us = 0;  // without an answer until then it is given up
  };

  uint64_t next_id();
  void go_on(Now now);
  void begin(uint16_t partition, Now now);
  bool is_due(uint16_t partition, Now now);
  NodeId who_is_missing(uint16_t partition) const;
  bool still_holds() const;
  uint64_t expired_grace_ms() const;
  void read_page(Now now);
  void take_page(bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  std::optional<Item> judge(const RangeEntry& entry, Now now);
  void prepare(Now now);
  void take_vote(NodeId from, const RoundReply& reply, Now now);
  void call(Phase phase, std::span<const NodeId> nodes, Now now);
  void send_calls(Now now);
  void tell_again(Now now);
  void send_call(NodeId to, const RoundCall& message, Now now);
  void phase_done(Now now);
  void give_up(NodeId because_of);
  void end_drive(Now now);
  void answer_own(Now now);

  void look_after_copies(Now now);
  bool is_unknown(uint16_t partition) const;
  void ask_where(uint16_t partition);
  void told(uint16_t partition, const RoundReply& reply);
  void empty_one();
  void erase_page(bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  void emptied();

  ShardCore& core_;
  RoundVoter voter_;
  uint64_t counter_;  // each life of a node begins elsewhere: late answers are of no other call
  Drive drive_;
  std::deque<uint16_t> due_;
  struct Pass {
    KeyPlace place;                     // where the next scan goes on
    bool is_begun = false;              // else at the partition's begin
    bool is_dense = false;              // of dead keys, where it was read last
    uint64_t next_due_ms = UINT64_MAX;  // of the keys seen, when the first one may go
    uint64_t rests_until_us = 0;        // whatever dies meanwhile
    uint64_t idles_until_us = 0;        // where nothing died
    uint64_t dead_left = 0;             // when it came to the end
  };
  std::map<uint16_t, Pass> passes_;
  bool is_cycle_ = false;
  uint64_t waiting_ = 0;  // partitions, in this cycle
  NodeId held_up_by_ = 0;
  Stamp highest_seen_ = 0;

  uint64_t look_again_us_ = 0;
  bool has_unknown_ = false;            // and somebody who can be asked
  std::map<uint64_t, uint16_t> asked_;  // by id: the partition
  std::optional<uint16_t> emptying_;
  KeyPlace emptying_place_;
  uint64_t emptying_request_ = 0;
  bool emptying_is_read_ = false;  // to its end
  bool emptying_starts_over_ = false;
  std::set<uint64_t> emptying_stores_;  // under way
};

}  // namespace kindred
