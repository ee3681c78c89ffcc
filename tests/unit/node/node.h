#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "replication/node/shard.h"
#include "tests/unit/node/recording_ports.h"

namespace kindred::node_test {

inline constexpr NodeId kSelf = 1;
inline constexpr uint32_t kPartitions = 16;
inline constexpr Step kStep = 1;           // of every partition until a test moves one
inline constexpr uint16_t kPartition = 3;  // of all keys here, unless a test says otherwise

/// One shard of node 1 with ports that record. Every partition has the same preference list,
/// until a test moves kPartition.
class Node {
 public:
  explicit Node(const std::vector<NodeId>& owners = {1, 2, 3},
                ShardConfig config = default_config())
      : owners_(owners), others_(owners), config_(config), shard_(config, kSelf, ports) {
    install(CopyState::kWhole);
    for (NodeId node = 2; node <= 4; ++node) {
      shard_.set_alive(node, true, now);
    }
    tell_rounds();
  }

  static ShardConfig default_config() {
    ShardConfig config;
    config.durability = Durability::kLogged;
    return config;
  }

  /// kPartition is between two lists from `step` on.
  void move(const Move& move, Step step) {
    moves_ = {move};
    step_ = step;
    install(CopyState::kFilling);
  }
  void reown_and_move(const std::vector<NodeId>& owners, const Move& move_then, Step step) {
    owners_ = owners;
    move(move_then, step);
  }
  Step step() const { return step_; }
  /// kPartition has other owners from `step` on, and nothing moves.
  void reown(const std::vector<NodeId>& owners, Step step) {
    owners_ = owners;
    moves_.clear();
    step_ = step;
    install(CopyState::kFilling);
  }

  /// This node is to leave.
  void leave() {
    is_leaving_ = true;
    install(CopyState::kFilling);
  }

  void set_keyspaces(Keyspaces keyspaces) {
    keyspaces_ = std::move(keyspaces);
    install(CopyState::kWhole);
  }

  /// The pattern's keys have partitions of their own, with the owners of the others.
  void add_layer(std::string pattern) {
    layers_.push_back({std::move(pattern), 3});
    install(CopyState::kWhole);
  }

  void install(CopyState fresh_copies, Stamp flush_stamp = 0) {
    auto document = std::make_shared<ClusterDocument>();
    document->epoch = ++epoch_;
    document->replicas = 3;
    document->flush_stamp = flush_stamp;
    document->moves = moves_;
    document->keyspaces = keyspaces_;
    document->layers = layers_;
    const auto layers = static_cast<uint32_t>(1 + layers_.size());
    document->steps.assign(size_t{kPartitions} * layers, kStep);
    document->steps[kPartition] = step_;
    for (NodeId node = 1; node <= 4; ++node) {
      Member member;
      member.id = node;
      member.name = std::to_string(node);
      member.is_leaving = is_leaving_ && node == kSelf;
      document->members.push_back(member);
    }
    const size_t copies = std::max(owners_.size(), others_.size());
    std::vector<NodeId> flat;
    for (uint32_t p = 0; p < kPartitions * layers; ++p) {
      std::vector<NodeId> list = p == kPartition ? owners_ : others_;
      list.resize(copies);
      flat.insert(flat.end(), list.begin(), list.end());
    }
    document->ring =
        Ring::make(kPartitions * layers, 3, static_cast<uint32_t>(copies), flat, layers).value();
    shard_.set_cluster(std::move(document), fresh_copies, now);
    if (tells_rounds) {
      tell_rounds();
    }
  }
  /// Nothing was ever reaped: what this node asks when copies begin.
  void tell_rounds() {
    for (const Sent& asked : ports.take<RoundCall>()) {
      RoundReply reply;
      reply.id = asked.as<RoundCall>()->id;
      shard_.receive(asked.to, reply, now);
    }
  }

  static KeyRef key(std::string_view name) {
    KeyRef ref;
    ref.key = name;
    ref.partition = kPartition;
    ref.slot = slot_range(kPartition, kPartitions).first;
    ref.hash = std::hash<std::string_view>()(name);
    return ref;
  }

  static Operation operation(OpKind kind, std::string_view value = {}) {
    Operation made;
    made.kind = kind;
    made.key = key("k");
    made.value = Value::copied(value);
    return made;
  }
  static Operation set(std::string_view value) { return operation(OpKind::kSet, value); }
  static Operation read(uint8_t r = QuorumSpec::kAsConfigured) {
    Operation made = operation(OpKind::kRead);
    made.quorum.r = r;
    return made;
  }
  static Operation modify(Modification what, int64_t integer = 0, std::string_view value = {}) {
    Operation made = operation(OpKind::kModify, value);
    made.modification = what;
    made.integer = integer;
    return made;
  }

  /// Returns the token under which it will be answered.
  ClientToken submit(const Operation& asked) {
    shard_.submit(++tokens_, asked, now);
    return tokens_;
  }
  void ack(const Sent& write, AckStatus status = AckStatus::kStored, const Dot& highest = {}) {
    const auto& replicate = std::get<Replicate>(write.message);
    shard_.receive(write.to, ReplicateAck{replicate.id, status, replicate.durability, highest},
                   now);
  }
  /// Answers a Fetch with what a replica that holds `state` would.
  void answer(const Sent& fetch, const State& state, FetchStatus status = FetchStatus::kOk) {
    const auto& asked = std::get<Fetch>(fetch.message);
    FetchReply reply;
    reply.id = asked.id;
    reply.status = status;
    std::string record;
    if (asked.whole_state) {
      reply.has_record = true;
      record = state.never_written() ? std::string() : ports.records.add(state);
      reply.record = record;
    } else {
      reply.digest = digest(state);
    }
    shard_.receive(fetch.to, reply, now);
  }
  State state_in(const Sent& write) {
    State state;
    EXPECT_TRUE(ports.records.read(std::get<Replicate>(write.message).record, &state));
    return state;
  }
  /// Lets time pass, ticking as a driver would.
  void pass_ms(uint64_t ms) {
    for (uint64_t end_us = now.mono_us + ms * 1000; now.mono_us < end_us;) {
      now.mono_us += Shard::kTickMs * 1000;
      now.cluster_ms += Shard::kTickMs;
      shard_.tick(now);
    }
  }
  bool replied(ClientToken token) const { return ports.replied(token); }
  const Outcome& outcome(ClientToken token) const { return ports.outcome(token); }
  ActorId actor() { return shard_.copies().at(kPartition).actor; }
  CopyState copy_state() { return shard_.copies().at(kPartition).state; }
  Shard& shard() { return shard_; }

  RecordingPorts ports;
  Now now{1'000'000, 1'700'000'000'000};
  bool tells_rounds = true;  // at once, for all owners

 private:
  std::vector<NodeId> owners_;  // of kPartition
  std::vector<NodeId> others_;  // of all others
  std::vector<Move> moves_;
  Keyspaces keyspaces_;
  std::vector<Layer> layers_;
  Step step_ = kStep;
  bool is_leaving_ = false;
  ShardConfig config_;
  Shard shard_;
  ClientToken tokens_ = 0;
  uint64_t epoch_ = 0;
};

/// A state as `actor` would make it with one SET, far enough from the clock to tell apart.
inline State register_state(const Dot& dot, std::string_view value) {
  State state;
  NewVersion version;
  version.dot = dot;
  version.value = Value::copied(value);
  apply_register(state, dot, &version);
  return state;
}

inline State put_state(const Dot& dot, std::string_view value) {
  State state;
  NewVersion version;
  version.dot = dot;
  version.value = Value::copied(value);
  apply_put(state, ClientContext{}, dot, &version);
  return state;
}

inline Stamp stamp_ms_from(const Now& now, int64_t ms) {
  return stamp_at_ms(static_cast<uint64_t>(static_cast<int64_t>(now.cluster_ms) + ms));
}

/// kPartition on its way to other owners.
inline Move move_to(std::vector<NodeId> owners, MovePhase phase = MovePhase::kReadOld) {
  Move move;
  move.partition = kPartition;
  move.phase = phase;
  move.new_owners = std::move(owners);
  return move;
}

/// Answers a FetchRange with these keys.
inline void answer_range(Node& node, const Sent& asked,
                         const std::vector<std::pair<KeyRef, State>>& keys, bool done,
                         FetchStatus status = FetchStatus::kOk) {
  FetchRangeReply reply;
  reply.id = asked.as<FetchRange>()->id;
  reply.partition = asked.as<FetchRange>()->partition;
  reply.status = status;
  reply.done = done;
  std::vector<std::string> records;
  std::vector<RangeEntry> entries;
  records.reserve(keys.size());
  for (const auto& [key, state] : keys) {
    records.push_back(node.ports.records.add(state));
    entries.push_back({key, records.back()});
  }
  reply.entries = entries;
  node.shard().receive(asked.to, reply, node.now);
}

/// Requests for ranges of kPartition that were sent since the last look.
inline std::vector<Sent> range_requests(Node& node) {
  std::vector<Sent> result;
  for (const Sent& one : node.ports.take<FetchRange>()) {
    if (one.as<FetchRange>()->partition == kPartition) {
      result.push_back(one);
    }
  }
  return result;
}

/// Of one write a moment ago, by an actor that is nobody here.
inline State some_state(const Node& node) {
  return register_state({stamp_ms_from(node.now, -5), 9}, "v");
}

inline std::string text(const Value& value) {
  return std::string(value.bytes());
}

}  // namespace kindred::node_test
