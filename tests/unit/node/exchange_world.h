#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "protocol/record/key.h"
#include "protocol/record/record.h"
#include "replication/node/shard.h"

// Shards of whole nodes over engines that are maps.

namespace kindred::exchange_test {

inline constexpr uint32_t kPartitions = 4;
inline constexpr uint16_t kPartition = 1;

class World;

/// A node with one shard. Storage answers in its own time, after the step.
class Peer final : public ShardPorts {
 public:
  Peer(World& world, NodeId id);

  Shard& shard() { return shard_; }
  const MerkleTree& tree() { return shard_.copies().at(kPartition).tree.tree(); }
  std::map<std::string, std::string>& engine() { return engine_; }
  /// What was in the engine before the node started.
  void hold(const KeyRef& key, const State& state, Now now) {
    std::string stored;
    encode_stored_key(key, &stored);
    encode_record(key, state, &engine_[stored]);
    EXPECT_TRUE(shard_.count_existing(key, state, now));
  }

  std::string_view encode(const KeyRef& key, const State& state) override {
    encode_record(key, state, &record_);
    return record_;
  }
  bool decode(const KeyRef& key, std::string_view record, State* state) override {
    return decode_record(key, record, state);
  }
  LoadStatus try_load(const KeyRef& key, State* state) override;
  void load(const KeyRef& key, StoreToken token) override;
  StoreStatus store(const KeyRef& key, std::string_view record, Durability, StoreToken) override {
    std::string stored;
    encode_stored_key(key, &stored);
    if (refuses_stores) {
      return StoreStatus::kFailed;
    }
    ++stores;
    engine_[stored] = record;
    return StoreStatus::kDone;
  }
  void read_range(const FetchRange& range, StoreToken token) override;
  void quarantine(const KeyRef& key) override {
    std::string stored;
    encode_stored_key(key, &stored);
    engine_.erase(stored);
  }
  void send(NodeId to, const Message& message) override;
  void reply(ClientToken token, Outcome&& outcome) override {
    outcome.state.own();
    outcomes[token] = std::move(outcome);
  }
  void reply_scan(ClientToken, ScanPage&&) override {}
  void reply_repair(RepairToken token, const RepairReport& report) override {
    EXPECT_TRUE(reports.emplace(token, report).second);
  }
  void document_wanted(NodeId) override;
  void copies_changed() override {}
  bool resolve(std::string_view, const KeyRef&, std::span<const std::string_view>,
               std::string*) override {
    return false;
  }
  uint64_t random() override;

  std::map<RepairToken, RepairReport> reports;
  std::map<ClientToken, Outcome> outcomes;
  KeyPartitions partitions{kPartitions};  // as the document installed last has them
  bool refuses_stores = false;
  uint64_t stores = 0;

 private:
  World& world_;
  const NodeId id_;
  std::map<std::string, std::string> engine_;
  std::string record_;
  Shard shard_;
};

/// Nodes 1, 2 and so on, of which the first `copies` (all, where it is 0) hold all partitions;
/// messages pass through their bytes.
class World {
 public:
  explicit World(uint64_t prng_seed, uint32_t nodes = 2, uint32_t copies = 0) : random(prng_seed) {
    for (NodeId id = 1; id <= nodes; ++id) {
      peers.push_back(std::make_unique<Peer>(*this, id));
      Member member;
      member.id = id;
      member.name = std::to_string(id);
      document.members.push_back(member);
    }
    document.epoch = 1;
    document.replicas = copies == 0 ? nodes : copies;
    document.steps.assign(kPartitions, 1);
    std::vector<NodeId> owners;
    for (NodeId id = 1; id <= document.replicas; ++id) {
      owners.push_back(id);
    }
    set_owners(owners);
    install(1);
  }

  /// In the document; the lists of all partitions are as long as before.
  void set_owners(const std::vector<NodeId>& owners) {
    std::vector<NodeId> flat;
    for (uint32_t p = 0; p < kPartitions; ++p) {
      flat.insert(flat.end(), owners.begin(), owners.end());
    }
    const auto copies = static_cast<uint32_t>(owners.size());
    document.ring = Ring::make(kPartitions, copies, copies, flat).value();
  }

  void install(Stamp flush_stamp) {
    for (auto& one : peers) {
      install_at(*one, flush_stamp);
    }
  }
  void install_at(Peer& one, Stamp flush_stamp) {
    document.flush_stamp = flush_stamp;
    install_document(one);
    for (NodeId id = 1; id <= peers.size(); ++id) {
      one.shard().set_alive(id, true, now);
    }
  }
  /// As the document is now.
  void install_document(Peer& one) {
    one.partitions = document.partitions();
    one.shard().set_cluster(std::make_shared<ClusterDocument>(document), CopyState::kWhole, now);
  }
  /// The process ends and starts again on what its engine holds, which is taken for all it had.
  void restart(NodeId id);

  Peer& peer(NodeId id) { return *peers[id - 1]; }
  void later(std::function<void()> what) { events.push_back(std::move(what)); }
  void tick() {
    now.mono_us += Shard::kTickMs * 1000;
    for (auto& one : peers) {
      one->shard().tick(now);
    }
  }
  void deliver_all() {
    while (!events.empty()) {
      const auto event = std::move(events.front());
      events.pop_front();
      event();
    }
  }
  /// Delivers and ticks for so long.
  void pass_ms(uint64_t ms) {
    for (const uint64_t end_us = now.mono_us + ms * 1000; now.mono_us < end_us;) {
      deliver_all();
      tick();
    }
    deliver_all();
  }
  /// Until nothing is under way.
  void settle() {
    for (int quiet = 0; quiet < 3;) {
      quiet = events.empty() ? quiet + 1 : 0;
      deliver_all();
      tick();
    }
  }
  RepairReport repair(NodeId id) {
    peer(id).shard().repair(kPartition, ++tokens, now);
    settle();
    return peer(id).reports.at(tokens);
  }

  /// A key of kPartition.
  KeyRef key(uint64_t number) {
    for (uint64_t i = 0;; ++i) {
      std::string& name = names[number];
      name = "k" + std::to_string(number) + (i == 0 ? "" : "-" + std::to_string(i));
      const KeyRef made = make_key(name, kPartitions);
      if (made.partition == kPartition) {
        return made;
      }
    }
  }
  State state(uint64_t actor, uint64_t ms, std::string_view value) {
    State made;
    NewVersion version;
    version.dot = {stamp_at_ms(ms), actor};
    version.value = Value::copied(value);
    apply_put(made, ClientContext{}, version.dot, &version);
    return made;
  }

  std::mt19937_64 random;
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<std::unique_ptr<Peer>> ended_peers;  // of restarted nodes
  uint64_t lives = 0;  // of nodes: the ids of calls begin elsewhere in each
  std::deque<std::function<void()>> events;
  std::map<uint64_t, std::string> names;
  Now now{1'000'000, 1'700'000'000'000};
  RepairToken tokens = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t pending_loads_of_100 = 0;
  uint64_t loads_under_way = 0;
  uint64_t loads_under_way_max = 0;
  bool loses_answers = false;
  std::function<bool(NodeId from, NodeId to, const Message&)> drops;  // what is sent
  std::function<bool(NodeId from, NodeId to)> is_cut;  // asked when a message would arrive
  bool pulls_documents = false;                        // who wants a newer document gets it
  ClusterDocument document;
  uint64_t randoms = 0;
  std::function<void(NodeId from, const Message&)> observe;  // each message sent
};

}  // namespace kindred::exchange_test
