#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "replication/node/shard.h"

// Two nodes in one process, all partitions of which each holds: what it costs to make their copies
// equal. Everything between them passes through the bytes of peer frames, which are counted.

namespace kindred::bench {

/// Bytes between the two, by what they are for, and messages.
struct Traffic {
  uint64_t comparing_bytes = 0;  // trees, and lists of keys with their digests
  uint64_t state_bytes = 0;      // of keys that differ, and their acknowledgements
  uint64_t messages = 0;
};

class Pair;

/// A node with one shard over an engine that is a map. Storage answers after the step.
class Side final : public ShardPorts {
 public:
  Side(Pair& pair, NodeId id);

  Shard& shard() { return shard_; }
  std::map<std::string, std::string>& engine() { return engine_; }
  /// What it held before it started.
  void hold(const KeyRef& key, const State& state);

  std::string_view encode(const KeyRef& key, const State& state) override;
  bool decode(const KeyRef& key, std::string_view record, State* state) override;
  LoadStatus try_load(const KeyRef& key, State* state) override;
  void load(const KeyRef& key, StoreToken token) override;
  StoreStatus store(const KeyRef& key, std::string_view record, Durability durability,
                    StoreToken token) override;
  void read_range(const FetchRange& range, StoreToken token) override;
  void quarantine(const KeyRef& key) override;
  void send(NodeId to, const Message& message) override;
  void reply(ClientToken token, Outcome&& outcome) override;
  void reply_scan(ClientToken token, ScanPage&& page) override;
  void reply_repair(RepairToken token, const RepairReport& report) override;
  void document_wanted(NodeId holder) override;
  void copies_changed() override;
  bool resolve(std::string_view, const KeyRef&, std::span<const std::string_view>,
               std::string*) override {
    return false;  // no resolver is known here
  }
  uint64_t random() override;

 private:
  Pair& pair_;
  const NodeId id_;
  std::map<std::string, std::string> engine_;  // stored key -> record
  std::string record_;
  uint64_t randoms_ = 0;
  Shard shard_;
};

class Pair {
 public:
  static constexpr uint32_t kPartitions = 256;

  /// Both hold the same keys, with values of 100 bytes.
  explicit Pair(uint64_t keys);
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  /// Writes that many keys anew at one side or the other.
  void make_differ(uint64_t keys);
  /// RING REPAIR of every partition. Returns how many keys were repaired.
  uint64_t repair();
  /// What finding the differences costs without trees: one side lists all its keys for the other.
  void list_all();

  bool are_equal() { return sides_[0].engine() == sides_[1].engine(); }
  Traffic take_traffic() { return std::exchange(traffic_, Traffic{}); }

 private:
  friend class Side;

  void settle();
  void pass(NodeId from, NodeId to, const Message& message);
  void count(const Message& message, uint64_t bytes);
  void install(Side& side);
  State state(uint64_t actor, const std::string& value);
  std::string name(uint64_t number) const { return "key:" + std::to_string(number); }

  const uint64_t keys_;
  std::mt19937_64 random_{20071014};
  std::deque<std::function<void()>> events_;
  Now now_{1'000'000, 1'700'000'000'000};
  uint64_t written_ms_ = 1'600'000'000'000;
  Traffic traffic_;
  std::map<RepairToken, RepairReport> reports_;
  std::function<void(const KeyDigestsReply&)> listed_;  // set: list_all() is under way
  std::array<Side, 2> sides_;
};

}  // namespace kindred::bench
