#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "replication/node/key_holder.h"
#include "replication/node/op_table.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// What a node answers to calls about reap rounds, those of its own among them: as an owner it
/// votes, and does what was agreed; as a member it vouches for its hints. docs/design/reaping.md
class RoundVoter {
 public:
  explicit RoundVoter(ShardCore& core);

  void on_call(NodeId from, const RoundCall& call, Now now);
  void on_loaded(uint64_t id, LoadStatus status, const State& state, Now now);
  void on_stored(uint64_t id, bool ok, Now now);
  bool active() const { return table_.size() != 0; }

  /// Answers to calls of this node.
  struct OwnReply {
    RoundReply reply;
    std::string agreed;
  };
  std::vector<OwnReply> take_own_replies() { return std::exchange(own_replies_, {}); }

 private:
  struct Item {
    KeyHolder key;
    Digest digest = 0;
    bool is_drop = false;
  };
  /// A call being worked on, or one of its keys that waits for the engine.
  struct Task {
    uint64_t id = 0;
    bool is_key = false;
    // Of a call.
    NodeId from = 0;
    MessageId request = 0;
    RoundPart part = RoundPart::kPrepare;
    Step step = 0;
    uint64_t document = 0;
    uint16_t partition = 0;
    Round round = 0;
    ActorId actor = 0;
    std::vector<ActorId> in_use;
    std::vector<Item> items;
    std::string agreed;
    size_t next = 0;  // of the items, to be begun
    size_t open = 0;  // items under way, and one while some are being begun
    bool has_failed = false;
    bool is_marking = false;
    // Of a key.
    uint64_t call = 0;
    size_t index = 0;
    void reset() { *this = Task{}; }
  };

  void ask(NodeId from, const RoundCall& call);
  void prepare(NodeId from, const RoundCall& call, Now now);
  void bar(NodeId from, const RoundCall& call, Now now);
  void commit(NodeId from, const RoundCall& call, Now now);
  Task& make_task(NodeId from, const RoundCall& call);
  bool is_owner_of(NodeId node, uint16_t partition) const;
  bool may_vote(NodeId from, uint16_t partition, Step step, uint64_t document) const;
  void take_items(Task& call, Now now);
  void take_item(Task& call, size_t index, const State& state, Now now);
  void hold_item(Task& call, size_t index, const State& state, Now now);
  void reap_item(Task& call, size_t index, const State& state, Now now);
  void item_done(Task& call, Now now);
  void items_done(Task& call, Now now);
  void mark(Task& call, const RoundMark& mark, Now now);
  void marked(Task& call, bool ok, Now now);
  uint64_t wait_for_key(Task& call, size_t index);
  void answer(NodeId to, MessageId id, RoundStatus status, uint16_t partition);
  void answer(NodeId to, const RoundReply& reply);
  void end(Task& call, RoundStatus status);

  ShardCore& core_;
  OpTable<Task> table_;
  std::vector<OwnReply> own_replies_;
};

}  // namespace kindred
