#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "replication/entropy/descent.h"
#include "replication/node/key_holder.h"
#include "replication/node/key_place.h"
#include "replication/node/op_table.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// What an exchange came to.
struct ExchangeEnd {
  uint16_t partition = 0;
  NodeId peer = 0;
  bool ok = false;  // both copies hold what either held when it was compared
  uint64_t keys_compared = 0;
  uint64_t keys_repaired = 0;  // stored here or sent there
  uint64_t bytes = 0;          // of trees, keys and states, both ways
};

/// Exchanges of this node's copies with others': compares the trees, then the digests of the keys
/// under nodes that differ, then merges the states of keys that differ, both ways. The peer only
/// answers. Any number may compare their roots at a time; few go on from there, the others wait.
/// docs/design/anti-entropy.md
class Exchanges {
 public:
  explicit Exchanges(ShardCore& core);

  /// False where the copy here can't be compared now.
  bool start(uint16_t partition, NodeId peer, Now now);
  size_t running() const { return table_.size(); }
  bool has_ended() const { return !ended_.empty(); }
  /// Those that ended since the last call.
  std::vector<ExchangeEnd> take_ended() { return std::exchange(ended_, {}); }

  void on_tree_reply(NodeId from, const TreeReply& reply, Now now);
  void on_key_digests_reply(NodeId from, const KeyDigestsReply& reply, Now now);
  void on_fetch_reply(NodeId from, const FetchReply& reply, Now now);
  void on_ack(NodeId from, const ReplicateAck& ack, Now now);
  void on_loaded(uint64_t id, LoadStatus status, const State& state, Now now);
  void on_stored(uint64_t id, bool ok, Now now);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  void on_peer_down(NodeId peer);
  void tick(Now now);
  /// Goes on with those that wait where others have ended.
  void go_on(Now now);

 private:
  struct PeerKey {
    KeyHolder key;
    Digest digest = 0;
  };
  struct Exchange {
    uint64_t id = 0;
    ExchangeEnd end;
    Step step = 0;
    Stamp flush_stamp = 0;
    uint64_t heard_us = 0;    // when it last came on
    Rounds own_rounds;        // when this side's part of the page was asked for
    bool is_waiting = false;  // for the peer's or the engine's answer to `id`
    bool is_queued = false;   // the roots differ; for its turn to go on
    bool is_deep = false;     // went on from there
    std::optional<Descent> descent;
    std::optional<KeySpan> span;  // whose keys are being compared, page by page
    KeyPlace page_start;
    KeyPlace own;  // how far this side has come in the page
    bool has_page = false;
    bool page_is_last = false;
    bool own_is_read = false;  // all of this side's part of the page
    std::vector<PeerKey> page;
    size_t compared = 0;         // of the page's keys
    std::vector<size_t> wanted;  // of them, to be fetched
    size_t fetched = 0;          // of those
    size_t open_keys = 0;        // states on their way
    void reset() { *this = Exchange{}; }
  };
  /// A key whose states are being brought together.
  struct ExchangedKey {
    uint64_t id = 0;
    uint64_t exchange = 0;
    KeyHolder key;
    std::string record;  // the peer's
    Round clean = 0;     // what that is clean for
    bool is_storing = false;
    bool is_sending = false;
    bool is_repaired = false;
    void reset() { *this = ExchangedKey{}; }
  };

  bool may_go_on(const Exchange& exchange) const;
  void advance(Exchange& exchange, Now now);
  bool may_go_deep(Exchange& exchange);
  bool ask_more(Exchange& exchange);
  bool next_span(Exchange& exchange);
  void ask_digests(Exchange& exchange);
  void read_own(Exchange& exchange);
  bool compare(Exchange& exchange, const RangeEntry& entry);
  void want_rest(Exchange& exchange);
  void fetch_some(Exchange& exchange);
  void push(Exchange& exchange, const RangeEntry& entry);
  void send_state(ExchangedKey& key, Exchange& exchange, std::string_view record,
                  const Rounds& rounds);
  void merge_in(ExchangedKey& key, Exchange& exchange, const State& held, std::string_view record,
                Now now);
  void key_came_on(ExchangedKey& key, Exchange& exchange, Now now);
  void fail(Exchange& exchange);
  void finish(Exchange& exchange, bool ok);
  bool usable(NodeId from, FetchStatus status);
  Exchange* find(NodeId from, uint64_t id);
  void count_bytes(Exchange& exchange, uint64_t bytes);
  bool may_go_far(Now now) {
    return core_.budget.may_begin(BackgroundWork::kExchanges, now.mono_us);
  }
  const MerkleTree& tree_of(const Exchange& exchange) const {
    return core_.copies.at(exchange.end.partition).tree.tree();
  }

  ShardCore& core_;
  OpTable<Exchange> table_;
  OpTable<ExchangedKey> keys_;
  std::deque<uint64_t> queued_;  // those that wait for their turn, and some that don't any more
  size_t deep_ = 0;              // that went on from their roots
  std::vector<ExchangeEnd> ended_;
};

}  // namespace kindred
