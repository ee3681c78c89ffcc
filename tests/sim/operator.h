#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "replication/membership/membership.h"
#include "tests/sim/knowledge.h"
#include "tests/sim/network.h"

namespace kindred::sim {

class SimCluster;
class SimNode;

/// Changes who is in the cluster while it runs, as people do with RING: nodes join, leave, die for
/// good and are removed or replaced, at once or staged. Asks again until it came about. All that is
/// agreed on and all that moves is membership's and the shards' own doing.
class Operator {
 public:
  explicit Operator(SimCluster& cluster) : cluster_(cluster) {}

  /// Once the nodes are there.
  void schedule();
  /// What was asked for has come about.
  bool has_settled();
  /// What has not, for people.
  std::string what_is_open() const;
  /// Whether the node is to be a member.
  bool is_wanted(Number number) const { return roles_[number].role == Role::kIn; }
  /// Whether nobody is to start the node again.
  bool is_dead(Number number) const {
    return roles_[number].role == Role::kDead || roles_[number].role == Role::kOut;
  }
  /// Whether the newest document lists the node.
  bool is_member(Number number);
  /// Whether W copies of the key are there while one of its owners, now or of where it moves, is
  /// not: it may have to begin as a copy anew.
  bool spares_an_owner(uint32_t key);
  /// The node is no member any more, and its process has ended.
  void has_left(SimNode& node, bool starts_anew);

 private:
  enum class Role : uint8_t { kOut, kIn, kGoing, kDead };
  struct NodeRole {
    Role role = Role::kOut;
    bool joins_by_itself = true;
    Number replacement = 0;  // of a dead one
    bool is_asked = false;   // a request is under way
    bool came_back = false;  // was a member before, with another directory
  };

  void look();
  void look_at_keyspaces();
  void change_copies();
  void begin();
  void begin_change();
  void add(Number number, bool joins_by_itself);
  void let_die(Number number);
  void go_on(Number number);
  void ask(SimNode& at, const RingChange& change, Number about);
  void commit_staged(Number about);
  void clear_staged();
  void has_gone(SimNode& node);
  void check_handed_over(SimNode& node);
  bool has_been_met(const SimNode& leaver, uint32_t key, const Knowledge& met);
  std::shared_ptr<const ClusterDocument> newest();
  SimNode* any_member();
  std::vector<Number> of_role(Role role) const;
  bool is_steady();

  SimCluster& cluster_;
  std::vector<NodeRole> roles_;  // by number
  std::shared_ptr<const ClusterDocument> newest_;
  bool has_begun_ = false;
  bool is_clearing_ = false;
  uint64_t next_change_us_ = 0;
  uint64_t next_copies_us_ = 0;
  bool is_changing_copies_ = false;
};

}  // namespace kindred::sim
