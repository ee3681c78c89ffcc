#include "replication/membership/cluster.h"

#include <algorithm>
#include <unordered_set>

#include "replication/causal/bug_bank.h"
#include "replication/ring/claim.h"

namespace kindred {
namespace {

bool is_valid_address(const Address& address) {
  return !address.host.empty() && address.host.size() <= kNameBytesMax && address.port != 0;
}

bool ring_names_members_alone(const Ring& ring, const std::unordered_set<NodeId>& members) {
  return std::ranges::all_of(ring.flat_owners(), [&](NodeId owner) {
    return owner == 0 || members.contains(owner);  // zeros fill short lists up
  });
}

bool is_valid(const Move& move, const Ring& ring, const std::unordered_set<NodeId>& members) {
  const auto& owners = move.new_owners;
  if (move.partition >= ring.partition_count() || owners.size() > kReplicasMax ||
      (move.phase != MovePhase::kReadOld && move.phase != MovePhase::kReadNew)) {
    return false;
  }
  return std::ranges::all_of(owners, [&](const NodeId& owner) {
    return members.contains(owner) && std::find(owners.begin(), owners.end(), owner) ==
                                          owners.begin() + (&owner - owners.data());
  });
}

bool are_valid(const std::vector<Move>& moves, const Ring& ring,
               const std::unordered_set<NodeId>& members) {
  const auto disordered = [](const Move& a, const Move& b) { return a.partition >= b.partition; };
  return std::ranges::adjacent_find(moves, disordered) == moves.end() &&
         std::ranges::all_of(moves,
                             [&](const Move& move) { return is_valid(move, ring, members); });
}

bool are_valid(const std::vector<CommittedUser>& users) {
  const auto disordered = [](const CommittedUser& a, const CommittedUser& b) {
    return a.name >= b.name;
  };
  return users.size() <= kUsersMax &&
         std::ranges::adjacent_find(users, disordered) == users.end() &&
         std::ranges::all_of(users, [](const CommittedUser& user) {
           return !user.name.empty() && user.name.size() <= kNameBytesMax &&
                  user.rules.size() <= kUserRulesBytesMax;
         });
}

bool are_valid(const std::vector<Layer>& layers, const Ring& ring) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto first = std::ranges::find(layers, layers[i].pattern, &Layer::pattern);
    if (!pattern_flaw(layers[i].pattern).empty() || layers[i].copies_most == 0 ||
        layers[i].copies_most > kReplicasMax || layers[i].falls_to > layers[i].copies_most ||
        &*first != &layers[i]) {
      return false;
    }
  }
  return ring.layers() == 1 + layers.size();
}

bool is_valid(const StagedChange& change) {
  const bool has_joining = change.kind == ChangeKind::kJoin || change.kind == ChangeKind::kReplace;
  return (!has_joining || kindred::is_valid(change.joining)) &&
         (change.kind == ChangeKind::kJoin || change.node != 0);
}

}  // namespace

const Member* ClusterDocument::find_member(NodeId id) const {
  const auto found = std::ranges::find(members, id, &Member::id);
  return found == members.end() ? nullptr : &*found;
}

const Member* ClusterDocument::find_peer_address(const Address& address) const {
  const auto found = std::ranges::find(members, address, &Member::peer_address);
  return found == members.end() ? nullptr : &*found;
}

const Move* ClusterDocument::find_move(PartitionIndex partition) const {
  const auto found = std::ranges::lower_bound(moves, partition, {}, &Move::partition);
  return found == moves.end() || found->partition != partition ? nullptr : &*found;
}

KeyPartitions ClusterDocument::partitions() const {
  std::vector<std::string> patterns;
  for (const Layer& layer : layers) {
    patterns.push_back(layer.pattern);
  }
  return {ring.slot_partitions(), patterns};
}

uint32_t ClusterDocument::replicas_of_layer(uint32_t layer) const {
  return layer == 0 ? replicas : copies_wanted(keyspaces, layers[layer - 1].pattern, replicas);
}

uint32_t ClusterDocument::replicas_met(PartitionIndex partition) const {
  const uint32_t layer = layers.empty() ? 0 : partition / ring.slot_partitions();
  if (layer == 0) {
    return replicas;
  }
  const uint32_t wanted = replicas_of_layer(layer);
  const auto& [pattern, most, falls_to] = layers[layer - 1];
  if (KINDRED_BUG(n_falls_at_once)) {
    return wanted;
  }
  if (falls_to != wanted) {
    return most;
  }
  const Move* move = find_move(partition);
  return move != nullptr && move->phase == MovePhase::kReadOld ? most : wanted;
}

uint32_t ClusterDocument::replicas_most(PartitionIndex partition) const {
  const uint32_t layer = layers.empty() ? 0 : partition / ring.slot_partitions();
  return layer == 0 ? replicas : layers[layer - 1].copies_most;
}

std::span<const NodeId> ClusterDocument::serving_owners(PartitionIndex partition) const {
  const Move* move = find_move(partition);
  if (move != nullptr && move->phase == MovePhase::kReadNew) {
    return move->new_owners;
  }
  return ring.owners(partition);
}

bool ClusterDocument::holds(PartitionIndex partition, NodeId node) const {
  const Move* move = find_move(partition);
  return ring.owns(partition, node) ||
         (move != nullptr && std::ranges::find(move->new_owners, node) != move->new_owners.end());
}

std::string address_text(const Address& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string id_text(uint64_t id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, id >>= 4) {
    *digit = kDigits[id & 0xf];
  }
  return text;
}

bool is_valid(const Member& member) {
  return member.id != 0 && member.directory != 0 && member.name.size() <= kNameBytesMax &&
         member.zone.size() <= kNameBytesMax && member.weight <= kWeightMax &&
         is_valid_address(member.client_address) && is_valid_address(member.peer_address);
}

bool is_valid(const ClusterDocument& document) {
  if (document.cluster_id == 0 || document.epoch == 0 || document.replicas == 0 ||
      document.members.empty() || document.members.size() > kMembersMax ||
      document.tag_keys.size() > kTagKeysMax || document.ring.partition_count() == 0) {
    return false;
  }
  std::unordered_set<NodeId> ids;
  std::unordered_set<std::string> addresses;
  for (const Member& member : document.members) {
    if (!is_valid(member) || !ids.insert(member.id).second ||
        !addresses.insert(address_text(member.peer_address)).second) {
      return false;
    }
  }
  return ring_names_members_alone(document.ring, ids) &&
         are_valid(document.moves, document.ring, ids) && document.staged.size() <= kStagedMax &&
         document.ancestors.size() <= kAncestorsMax && kindred::is_valid(document.keyspaces) &&
         are_valid(document.layers, document.ring) && are_valid(document.users) &&
         std::ranges::all_of(document.staged, [](const auto& each) { return is_valid(each); }) &&
         (document.steps.empty() || document.steps.size() == document.ring.partition_count());
}

}  // namespace kindred
