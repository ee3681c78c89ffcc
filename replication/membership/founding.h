#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "replication/membership/messages.h"

namespace kindred {

/// Nothing to do but to wait; `reason` tells an operator for whom.
struct FoundingWait {
  std::string reason;
};
/// Let another node found: to be synced before anybody hears of it.
struct FoundingPromise {
  Promise promise;
};
/// Found a cluster of these members, this node among them.
struct FoundingReady {
  std::vector<Member> members;
};
/// Every node of the closure is bound to a node that will never found, and this one is to undo
/// that: become a new node in a new directory, which is safe since it holds nothing.
struct FoundingRenewal {};

using FoundingDecision =
    std::variant<FoundingWait, FoundingPromise, FoundingReady, FoundingRenewal>;

/// What a node's promise means for its joining a cluster.
enum class Bond : uint8_t {
  kNone,       // nobody has it, or a node that will never found
  kToCluster,  // a member of the cluster has it: no other can found it or take it in
  kElsewhere,  // a node has it that may found another cluster, or has done so
};

/// What a node without a cluster knows of the nodes to found one with, and what follows from it.
/// Sends and stores nothing itself. docs/design/founding.md says why the rules are these. Not
/// thread-safe.
class Founding {
 public:
  /// What was heard longer ago is not acted on.
  static constexpr uint64_t kFreshUsMax = 3'000'000;
  static constexpr std::size_t kAddressesMax = kMembersMax;

  /// `self` as it wants to be listed; `seeds` may name it too.
  Founding(Member self, std::vector<Address> seeds);

  /// `address` turned out to be this node's own.
  void found_self_at(const Address& address);
  /// Takes in what the node at `address` says of itself. Ignored where the address is no part of
  /// the closure, or the sender's directory is known to be gone.
  void heard(const Address& address, const Hello& hello, uint64_t mono_us);
  /// The link to `address` broke: what it said is not acted on until it says it again.
  void lost(const Address& address);
  /// The promise given, which keeps its node's address watched.
  void watch(const Promise& promise);
  /// This node has become a new one.
  void renew(NodeId node, DirectoryId directory);

  /// Whom to ask: the addresses of the closure but this node's own, and of the node promised to.
  std::vector<Address> addresses_to_ask(uint64_t mono_us) const;
  /// This node's seeds without its own addresses.
  std::vector<Address> seeds() const;
  bool is_to_be_asked(const Address& address, uint64_t mono_us) const;
  /// Whether a node of the closure said that it is `node`.
  bool is_node_of_closure(NodeId node, uint64_t mono_us) const;
  /// Whether a newer directory was met where this one was: what it still says is void.
  bool is_superseded(DirectoryId directory) const { return superseded_.contains(directory); }

  /// What a node that gave `promised_to`, or none, is to the cluster of `document`.
  Bond bond(const ClusterDocument& document, const Promise& promised_to, uint64_t mono_us) const;
  /// `promised_to` is synced, or none. Call while this node has no document and nothing unsynced.
  FoundingDecision decide(const Promise& promised_to, uint64_t mono_us) const;

 private:
  struct Peer {
    Hello hello;
    uint64_t heard_us = 0;
    bool is_fresh = false;
  };
  struct Closure {
    std::map<NodeId, const Hello*> nodes;  // other than this one
    std::set<Address> addresses;           // as named by seeds; this node's own are left out
    std::vector<Address> unheard;
    bool is_too_large = false;
  };

  bool is_self(const Address& address) const;
  const Hello* fresh_hello(const Address& address, uint64_t mono_us) const;
  Closure closure(uint64_t mono_us) const;
  /// Why the closure is not to be acted on; empty where it is.
  std::string flaw(const Closure& closure) const;
  FoundingDecision decide_unbound(const Closure& closure) const;
  FoundingDecision decide_bound(const Closure& closure, const Promise& promised_to,
                                uint64_t mono_us) const;
  FoundingDecision move_promise(const Closure& closure) const;

  Member self_;
  std::vector<Address> configured_seeds_;
  std::set<Address> own_addresses_;
  Address promised_address_;
  std::map<Address, Peer> peers_;
  std::set<DirectoryId> superseded_;
};

}  // namespace kindred
