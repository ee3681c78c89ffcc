#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/peer/message_reader.h"
#include "tests/sim/disk.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"
#include "tests/sim/prng.h"
#include "tests/sim/shard_host.h"
#include "tests/sim/trace.h"

namespace kindred::sim {

/// What a client is told.
struct Reply {
  bool is_lost = false;  // the node died, or never answered
  Outcome outcome;
  Knowledge met;  // of a read
};

/// One node: its shards while it runs, its disk always.
class SimNode {
 public:
  SimNode(SimCluster& cluster, NodeId id, uint32_t shard_count);

  SimCluster& cluster() { return cluster_; }
  NodeId id() const { return id_; }
  bool is_up() const { return !shards_.empty(); }
  Now now() const;
  Disk& disk() { return disk_; }
  ShardHost& shard_of_partition(uint16_t partition) { return *shards_[partition % shards_.size()]; }
  std::vector<std::unique_ptr<ShardHost>>& shards() { return shards_; }

  void start(CopyState copies);
  void stop();
  void install_cluster();
  void deliver(NodeId from, const std::string& frame, const Ghost& ghost);
  /// Runs `action` unless the process ends first; later where it is paused.
  void later(uint64_t delay_us, std::function<void()> action);
  bool all_whole();
  bool idle();

  uint64_t incarnation = 0;
  uint64_t paused_until_us = 0;
  int64_t skew_ms = 0;
  bool is_lossy = false;       // has lost what it acknowledged, and is not whole again
  bool count_is_exact = true;  // no record was damaged, no store failed since the start
  bool has_flush = true;       // has installed the newest document
  std::vector<bool> believes_up;
  std::vector<uint64_t> disagrees_since_us;

  struct Waiting {
    uint32_t key = 0;
    std::function<void(Reply&&)> done;
  };
  void ask(ClientToken token, const Operation& operation, uint32_t write, Waiting waiting);
  template <typename AnswerMet>
  void answer(ClientToken token, Outcome&& outcome, AnswerMet answer_met) {
    auto place = waiting_.find(token);
    if (place == waiting_.end()) {
      return answered_twice();
    }
    Reply reply;
    reply.met = answer_met(place->second.key);
    reply.outcome = std::move(outcome);
    const Waiting waiting = std::move(place->second);
    waiting_.erase(place);
    waiting.done(std::move(reply));
  }
  StoreStatus store_later(uint32_t key, uint8_t shard, StoreToken token, Durability durability,
                          uint64_t delay_us);
  uint64_t new_actor();

 private:
  SimCluster& cluster_;
  NodeId id_;
  uint32_t shard_count_;
  Disk disk_;
  std::vector<std::unique_ptr<ShardHost>> shards_;
  void answered_twice();
  void store_done(uint32_t key, uint64_t number, bool ok);

  MessageReader reader_;
  uint64_t last_store_ = 0;
  std::map<ClientToken, Waiting> waiting_;
};

/// Counts of what happened, over all seeds: a path that never ran was not tested.
struct Probes {
  std::map<std::string, uint64_t> counts;
  void add(const std::string& name, uint64_t by = 1) { counts[name] += by; }
};

/// N whole nodes in one thread, from one seed: time, network, disks, clocks and failures.
class SimCluster {
 public:
  SimCluster(const Plan& plan, Trace& trace, Probes& probes);

  /// The whole run. Oracle::failed() tells the verdict.
  void run();
  Oracle& oracle() { return oracle_; }
  const Plan& plan() const { return plan_; }
  EventQueue& queue() { return queue_; }
  Prng& prng() { return prng_; }
  Trace& trace() { return trace_; }
  Probes& probes() { return probes_; }
  const std::vector<KeyRef>& keys() const { return key_refs_; }
  uint32_t key_index(const KeyRef& key) const;
  SimNode& node(NodeId id) { return *nodes_[id - 1]; }
  std::shared_ptr<const ClusterDocument> document() const { return document_; }
  bool is_healing() const { return is_healing_; }
  /// The longest that a node has been paused.
  uint64_t paused_us() const { return paused_us_; }
  uint64_t end_us() const { return plan_.seconds * uint64_t{1'000'000}; }

  /// A client's request to a node; `done` is called once.
  void ask(NodeId node, const Operation& operation, uint32_t write,
           std::function<void(Reply&&)> done);
  void transmit(NodeId from, NodeId to, std::string frame, Ghost ghost, bool may_repeat);

 private:
  friend class SimNode;
  void found();
  void detect(SimNode& node);
  bool reachable(const SimNode& from, const SimNode& to) const;
  void schedule_faults();
  void every(uint32_t mean_ms, void (SimCluster::*fault)());
  void cut();
  void crash();
  void crash_machine();
  void lose();
  void pause();
  void doubt();
  void jump_clock();
  void flush();
  void install_flush();
  void restart_later(SimNode& node, CopyState copies);
  SimNode& any_node() { return *nodes_[prng_.below(nodes_.size())]; }
  bool loss_allowed();
  void heal();
  void converge();
  void check_end();
  void check_counts();
  void sync_disks();
  void collect_probes(Shard& shard);

  const Plan plan_;
  Trace& trace_;
  Probes& probes_;
  Prng prng_;
  Prng actors_;
  EventQueue queue_;
  Oracle oracle_;
  std::vector<std::string> key_names_;
  std::vector<KeyRef> key_refs_;
  std::shared_ptr<const ClusterDocument> document_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::array<std::array<bool, 8>, 8> cut_{};  // [from][to]
  bool is_healing_ = false;
  bool is_flushing_ = false;
  uint64_t paused_us_ = 0;
  Stamp flush_stamp_ = 0;
  ClientToken last_token_ = 0;
};

}  // namespace kindred::sim
