#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "replication/causal/dot.h"
#include "replication/keyspace/key_partitions.h"
#include "replication/keyspace/keyspace.h"
#include "replication/ring/ring.h"

namespace kindred {

/// Random 64-bit name of a cluster, in every frame.
using ClusterId = uint64_t;
/// Random 64-bit name of a data directory: the voter (a wiped directory is another voter).
using DirectoryId = uint64_t;

struct Address {
  std::string host;
  uint16_t port = 0;
  friend auto operator<=>(const Address&, const Address&) = default;
};

/// One member as committed.
struct Member {
  NodeId id = 0;
  DirectoryId directory = 0;
  std::string name;
  Address client_address;  // as announced to clients
  Address peer_address;    // as announced to peers
  std::string zone;
  uint32_t weight = 1;
  bool is_leaving = false;  // the claim gives it nothing any more; it goes once it holds nothing
  friend bool operator==(const Member&, const Member&) = default;
};

/// How far a partition has come on its way from the ring's owners to new ones. Writes need a quorum
/// of both. docs/design/ring-changes.md says why a move takes these steps.
enum class MovePhase : uint8_t {
  kReadOld = 1,  // the ring's owners serve and coordinate; the new ones are being filled
  kReadNew = 2,  // the new owners, whole now, serve and coordinate
};

/// A partition between two preference lists. The old list stands in the ring.
struct Move {
  PartitionIndex partition = 0;
  MovePhase phase = MovePhase::kReadOld;
  std::vector<NodeId> new_owners;  // first place first; members all, none twice
  friend bool operator==(const Move&, const Move&) = default;
};

enum class ChangeKind : uint8_t { kJoin = 1, kLeave, kRemove, kReplace };

/// A change of the membership that an operator has asked for and not yet committed.
struct StagedChange {
  ChangeKind kind = ChangeKind::kJoin;
  NodeId node = 0;  // the member that leaves, is removed or is replaced; 0 for a join
  Member joining;   // kJoin, kReplace: the node to come, as it wants to be listed
  friend bool operator==(const StagedChange&, const StagedChange&) = default;
};

/// A key that authenticates contexts; two may be live so that they can be rotated.
struct TagKey {
  uint8_t id = 0;
  std::array<uint8_t, 32> secret{};
  friend bool operator==(const TagKey&, const TagKey&) = default;
};

/// An earlier generation that a document descends from, and the last epoch of it that it knew.
struct Ancestor {
  uint32_t generation = 0;
  uint64_t epoch = 0;
  friend bool operator==(const Ancestor&, const Ancestor&) = default;
};

/// What the cluster says of a user, before what a node's own configuration says of that name.
struct CommittedUser {
  std::string name;
  std::string rules;  // that make this user of a new one; empty: there is none of that name
  friend bool operator==(const CommittedUser&, const CommittedUser&) = default;
};

/// The keys of a pattern, which have partitions of their own behind those of the others' keys.
struct Layer {
  std::string pattern;
  /// The largest N that its lists went by since they all caught up last: as wanted, but where that
  /// fell.
  uint8_t copies_most = 0;
  /// The N that was wanted when the moves under way began, by which every owner catches up with
  /// what the others hold; 0: none such are under way.
  uint8_t falls_to = 0;
  friend bool operator==(const Layer&, const Layer&) = default;
};

/// What a majority commits, as one versioned whole.
struct ClusterDocument {
  ClusterId cluster_id = 0;
  uint32_t generation = 1;
  uint64_t epoch = 0;
  uint32_t replicas = 3;  // N as founded, of keys whose keyspace has none; capped at the number of
                          // members where it is used
  std::vector<Member> members;
  Ring ring;
  std::vector<Move> moves;      // by partition, each at most once
  std::vector<uint64_t> steps;  // by partition: the epoch in which its owners or phase last changed
  std::vector<StagedChange> staged;
  Stamp flush_stamp = 0;
  std::vector<TagKey> tag_keys;     // the first one signs, all are accepted
  std::vector<Ancestor> ancestors;  // oldest first; where generations were forced
  Keyspaces keyspaces;
  /// Of the ring behind its first layer, no pattern twice, at most layers_max() - 1. One stays when
  /// its keyspace goes: its lists become those of the keys around it (docs/design/keyspaces.md).
  std::vector<Layer> layers;
  std::vector<CommittedUser> users;  // by name, none twice
  friend bool operator==(const ClusterDocument&, const ClusterDocument&) = default;

  /// Null where there is none. Good as long as the document is neither changed nor moved.
  const Member* find_member(NodeId id) const;
  const Member* find_peer_address(const Address& address) const;
  /// Null where the partition is not moving.
  const Move* find_move(PartitionIndex partition) const;
  /// Requests made under another step of their partition than their receiver's are refused.
  uint64_t step(PartitionIndex partition) const {
    return partition < steps.size() ? steps[partition] : 1;
  }
  KeyPartitions partitions() const;
  /// N of a layer's keys, as wanted: owners may be fewer, or others while they move there.
  uint32_t replicas_of_layer(uint32_t layer) const;
  uint32_t replicas_of(PartitionIndex partition) const {
    return layers.empty() ? replicas : replicas_of_layer(partition / ring.slot_partitions());
  }
  /// The N that quorums of a partition are reckoned with. Where N fell, it is the one before until
  /// the owners that are read have caught up: W of a list that was longer, or of which a member was
  /// removed, may be fewer of the one there is.
  uint32_t replicas_met(PartitionIndex partition) const;
  /// The most N that a copy of the partition may have missed writes of.
  uint32_t replicas_most(PartitionIndex partition) const;
  /// The preference list that reads go to and that coordinates.
  std::span<const NodeId> serving_owners(PartitionIndex partition) const;
  /// Whether the node holds a copy: as an owner of old, or as a new one.
  bool holds(PartitionIndex partition, NodeId node) const;
};

inline constexpr std::size_t kMembersMax = 1024;
inline constexpr std::size_t kNameBytesMax = 255;  // node names, zones, hosts
inline constexpr std::size_t kTagKeysMax = 8;
inline constexpr std::size_t kStagedMax = 256;
inline constexpr std::size_t kAncestorsMax = 32;
inline constexpr std::size_t kUsersMax = 4096;
inline constexpr std::size_t kUserRulesBytesMax = 1 << 16;

/// "host:port", an IPv6 host in brackets.
std::string address_text(const Address& address);
/// 16 hex digits, as ids are shown to operators.
std::string id_text(uint64_t id);
/// Whether names and addresses are present where they must be and within their bounds.
bool is_valid(const Member& member);
/// Whether a document received or read from disk holds together: bounds, unique ids and addresses,
/// and a ring that names members alone. Tag keys and users may be missing (see DocumentOffer).
bool is_valid(const ClusterDocument& document);

}  // namespace kindred
