#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "replication/membership/paxos.h"
#include "tests/sim/network.h"

namespace kindred::sim {

class SimCluster;

/// Judges what the nodes make of their cluster: that they never hold two documents of one
/// (generation, epoch), and that down and up change no oftener than something went wrong;
/// and that each partition always has an owner that serves and holds all of it.
class MembershipJudge {
 public:
  explicit MembershipJudge(SimCluster& cluster) : cluster_(cluster) {}

  /// `before`: what the node went by until now, null where it has just started.
  void installed(Number number, const ClusterDocument* before, const ClusterDocument& document);
  /// How many epochs any node was the first to go by since then.
  uint64_t epochs_since(uint64_t at_us) const;
  /// The process is new: it takes all others for down.
  void started(Number number) { believed_up_[number].clear(); }
  void alive_changed(Number observer, Number subject, NodeId id, bool is_up);

  /// Something happened that may make each of two nodes take the other for down once.
  void fault(Number one, Number other);
  /// The same of a node and all others.
  void fault_of(Number number);
  /// A membership message came late or not at all.
  void lost(Number from, Number to);

  /// Looks at all copies, now and every second.
  void watch_copies();

  /// The end: judges the counts.
  void check();

 private:
  struct Pair {
    uint64_t downs = 0;
    uint64_t faults = 0;
    uint64_t lost = 0;
  };
  using Row = std::array<Pair, kNodesMax + 1>;

  bool may_hold(const ClusterDocument& document, uint16_t partition);

  SimCluster& cluster_;
  DocumentNumber newest_;
  std::vector<uint64_t> newer_at_us_;
  std::array<Row, kNodesMax + 1> pairs_{};  // [observer][subject]
  std::array<std::set<NodeId>, kNodesMax + 1> believed_up_;
};

}  // namespace kindred::sim
