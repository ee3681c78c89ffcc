#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/peer/frame_builder.h"
#include "replication/node/ports.h"
#include "replication/node/shard.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"

namespace kindred::sim {

class SimCluster;
class SimNode;

/// Runs one real Shard on simulated ports, and follows who has met which write.
class ShardHost final : public ShardPorts {
 public:
  ShardHost(SimNode& node, const ShardConfig& config);
  uint8_t index() const { return index_; }

  Shard& shard() { return shard_; }
  void set_cluster(const std::shared_ptr<const ClusterDocument>& document, CopyState fresh);
  /// Of the document that the shard goes by.
  uint64_t document_epoch() const { return document_epoch_; }
  /// As of the last step.
  uint32_t filling_copies() const { return filling_copies_; }

  // Steps. Each tells the oracle's bookkeeping what the step is about, then steps the shard.
  void submit(ClientToken token, const Operation& operation, uint32_t write);
  void submit_scan(ClientToken token, const ScanRequest& request);
  void receive(NodeId from, const Message& message, const Ghost& ghost);
  void loaded(StoreToken token, uint32_t place);
  void lost(uint32_t place, const State& lost, const State& shown);
  void note_reverted(uint32_t key, const Knowledge& met);
  void stored(StoreToken token, bool ok);
  void range_read(const FetchRange& range, StoreToken token);
  void set_alive(NodeId peer, bool is_up);
  /// As the shard's document has them.
  const KeyPartitions& partitions() const { return partitions_; }
  /// What lies at a place of the disk.
  KeyRef key_at(uint32_t place) const;
  void set_storage(StorageTrouble trouble);
  void tick();
  /// Begins a cycle of anti-entropy.
  void start_exchanges();
  /// Begins a cycle of reaping.
  void start_reaping();
  /// Sees to it that ticks come as long as the shard needs them.
  void wake() { end(); }

  // ShardPorts
  std::string_view encode(const KeyRef& key, const State& state) override;
  bool decode(const KeyRef& key, std::string_view record, State* state) override;
  LoadStatus try_load(const KeyRef& key, State* state) override;
  void load(const KeyRef& key, StoreToken token) override;
  StoreStatus store(const KeyRef& key, std::string_view record, Durability durability,
                    StoreToken token) override;
  bool is_storing(const KeyRef& key) override;
  void read_range(const FetchRange& range, StoreToken token) override;
  void quarantine(const KeyRef& key) override;
  void send(NodeId to, const Message& message) override;
  void reply(ClientToken token, Outcome&& outcome) override;
  void reply_scan(ClientToken token, ScanPage&& page) override;
  void reply_repair(RepairToken token, const RepairReport& report) override;
  void document_wanted(NodeId holder) override;
  void copies_changed() override;
  bool resolve(std::string_view resolver, const KeyRef& key,
               std::span<const std::string_view> values, std::string* resolved) override;
  uint64_t random() override;

 private:
  LoadStatus read_record(const KeyRef& key, const DiskKey& kept, State* state);
  void await(uint32_t every_ms, void (ShardHost::*start)());
  StoreStatus store_mark(const KeyRef& key, std::string_view record, Durability durability,
                         StoreToken token);
  StoreStatus keep(uint32_t disk_place, Durability durability, StoreToken token);
  /// What the step under way is about.
  struct Step {
    uint64_t id = 0;  // the coordinator's op where it is known
    uint32_t write = kNone;
    Knowledge brought;
    Knowledge answer;    // a passed-on request's
    Knowledge gathered;  // of `gathered_key`, from hints that may be gone by now
    uint32_t gathered_key = kNone;
    bool is_answer = false;
    uint32_t key = kNone;
  };
  struct PassedIn {
    uint32_t key = 0;
    uint32_t write = kNone;
  };
  struct Reading {
    uint32_t key = 0;
    Knowledge met;
    uint64_t began_us = 0;  // of what was reverted: when
  };
  void begin(Step step);
  void end();
  Knowledge held(uint32_t key) const;
  Knowledge shown(uint32_t key, bool by_hints) const;
  void gather(uint32_t key, const Knowledge& met);
  uint32_t place_of(const KeyRef& key) const;
  Knowledge read_by_step(uint32_t key) const;
  Knowledge answer_met(uint32_t key) const;
  Ghost ghost_of(NodeId to, const Message& message);
  uint32_t write_of(uint64_t id);
  uint32_t restamped_dot(uint32_t write) const;
  void note_dot(uint32_t write, uint32_t key, const State& state, ActorId actor);

  SimNode& node_;
  SimCluster& cluster_;
  uint8_t index_;
  std::string record_;
  Shard shard_;
  Step step_;
  FrameBuilder builder_;
  bool tick_due_ = false;
  uint32_t filling_copies_ = 0;
  uint64_t document_epoch_ = 0;
  KeyPartitions partitions_;
  std::unordered_map<uint64_t, Reading> reading_;  // by op
  std::deque<uint64_t> reading_order_;
  std::unordered_map<uint64_t, Step> loading_;                 // by token
  std::unordered_map<uint64_t, Knowledge> sent_met_;           // by op: what came with its record
  std::unordered_map<uint32_t, Reading> reverted_;             // by key: what loads had shown
  std::unordered_map<uint32_t, Knowledge> sent_of_key_;        // all of that, by key
  std::unordered_map<ClientToken, uint32_t> asked_;            // by client's request: the write
  std::map<std::pair<NodeId, uint64_t>, PassedIn> passed_in_;  // by asker and its op
  std::unordered_map<uint32_t, uint32_t> first_dot_;           // by SET
  std::vector<std::pair<uint32_t, Knowledge>> range_ghosts_;   // of the reply being taken in
};

}  // namespace kindred::sim
