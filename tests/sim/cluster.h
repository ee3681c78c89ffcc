#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/event_queue.h"
#include "tests/sim/faults.h"
#include "tests/sim/membership_judge.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/operator.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"
#include "tests/sim/prng.h"
#include "tests/sim/trace.h"

namespace kindred::sim {

/// Counts of what happened, over all seeds: a path that never ran was not tested.
struct Probes {
  std::map<std::string, uint64_t> counts;
  void add(const std::string& name, uint64_t by = 1) { counts[name] += by; }
};

/// Whole nodes in one thread, from one seed: time, network, disks, clocks and failures.
class SimCluster {
 public:
  SimCluster(const Plan& plan, Trace& trace, Probes& probes);

  /// The whole run. Oracle::failed() tells the verdict.
  void run();
  Oracle& oracle() { return oracle_; }
  MembershipJudge& membership_judge() { return membership_judge_; }
  Faults& faults() { return faults_; }
  Operator& ring_operator() { return operator_; }
  /// The nodes that are to be members.
  std::vector<SimNode*> members();
  const Plan& plan() const { return plan_; }
  EventQueue& queue() { return queue_; }
  Prng& prng(Chance purpose) { return streams_.of(purpose); }
  Prng& actors() { return actors_; }
  Trace& trace() { return trace_; }
  Probes& probes() { return probes_; }
  Network& network() { return network_; }
  const std::vector<KeyRef>& keys() const { return key_refs_; }
  uint32_t key_index(const KeyRef& key) const;
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()); }
  SimNode& node(Number number) { return *nodes_[number - 1]; }
  bool is_healing() const { return is_healing_; }
  uint64_t end_us() const { return plan_.seconds * uint64_t{1'000'000}; }

  /// A client's request to a node; `done` is called once.
  void ask(Number number, Request request, std::function<void(Reply&&)> done);
  /// A page of keys; not ok where the node is gone.
  void ask_scan(Number number, const ScanRequest& request,
                std::function<void(const ScanPage&)> done);
  /// The copies that hold a dot; none are counted where one may have lost it since `since_us`.
  void count_copies(uint32_t key, uint32_t dot, uint64_t since_us, CopiesSeen* copies);
  /// What the node acknowledged may be gone from there.
  void note_loss(SimNode& node);
  /// The same of one partition's copy alone.
  void note_loss_of(SimNode& node, uint16_t partition);
  /// Whether the copy that made the dot is no owner's any more.
  bool has_gone(const Dot& dot);
  bool has_lost() const { return lost_us_ != 0; }
  /// How long nodes stood still since then, in sum.
  uint64_t paused_since(uint64_t since_us) const;
  void note_pause(uint64_t length_us) { pauses_.emplace_back(queue_.now_us(), length_us); }
  void collect_probes(Shard& shard);
  /// All are members, hold the same document and take all the others for up.
  bool all_see_each_other();

 private:
  template <typename Answer, typename Nothing>
  std::function<void(Answer)> patiently(std::function<void(Answer)> done, Nothing nothing);
  void start_nodes();
  void run_until_us(uint64_t time_us);

  // ending.cc
  void heal();
  void converge();
  PartitionIndex partition_of(uint32_t key, const ClusterDocument& document) const;
  void read_everywhere(uint32_t key);
  void check_end();
  void check_unowned(const ClusterDocument& document);
  void check_key(uint32_t key, const ClusterDocument& document);
  void scan_everywhere(const ClusterDocument& document);
  void check_counts(const ClusterDocument& document);
  void exchange_everywhere();
  size_t different_key(const ClusterDocument& document);
  void check_trees(const ClusterDocument& document);
  void check_hints();
  void reap_everywhere();

  bool has_settled();
  std::string what_is_unsettled();

  const Plan plan_;
  Trace& trace_;
  Probes& probes_;
  Streams streams_;
  Prng actors_;
  EventQueue queue_;
  Oracle oracle_;
  Network network_;
  MembershipJudge membership_judge_;
  Faults faults_;
  Operator operator_;
  std::vector<std::string> key_names_;
  std::vector<KeyRef> key_refs_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  bool is_healing_ = false;
  std::vector<std::pair<uint64_t, uint64_t>> pauses_;  // beginning, length
  uint64_t lost_us_ = 0;                               // when a copy last lost something
  ClientToken last_token_ = 0;
};

}  // namespace kindred::sim
