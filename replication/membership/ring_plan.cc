#include "replication/membership/ring_plan.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/membership/ring_lists.h"
#include "replication/ring/claim.h"
#include "replication/ring/invariant.h"
#include "replication/ring/walk.h"

namespace kindred {
namespace {

using ring_plan_detail::contains;
using ring_plan_detail::Lists;
using ring_plan_detail::Owners;

bool is_same(std::span<const NodeId> a, std::span<const NodeId> b) {
  return std::ranges::equal(a, b);
}

bool has_same_nodes(std::span<const NodeId> a, std::span<const NodeId> b) {
  return a.size() == b.size() &&
         std::ranges::all_of(a, [&](NodeId node) { return contains(b, node); });
}

/// The first layer of a ring that has several.
Ring first_layer(const Ring& ring) {
  const auto flat = ring.flat_owners().first(std::size_t{ring.slot_partitions()} * ring.copies());
  auto first = Ring::make(ring.slot_partitions(), ring.replicas(), ring.copies(),
                          {flat.begin(), flat.end()});
  ring_detail::require(first.has_value(), "a layer of a ring makes a ring");
  return *std::move(first);
}

/// The list of a layer that wants `wanted` copies: the beginning of the first layer's, so that it
/// coordinates where cluster clients land, or that and the nodes that would stand in for it.
Owners layer_list(const Ring& first, std::span<const ClaimMember> claims, PartitionIndex slots,
                  std::size_t wanted) {
  const auto owners = first.owners(slots);
  Owners list(owners.begin(), owners.begin() + std::min(wanted, owners.size()));
  if (wanted > list.size()) {
    for (const NodeId node : ring_walk(first, claims, slots)) {
      if (list.size() < wanted) {
        list.push_back(node);
      }
    }
  }
  return list;
}

Ring target_ring(const Ring& from, const ClusterDocument& document) {
  std::vector<ClaimMember> claims;
  for (const Member& member : document.members) {
    if (!member.is_leaving) {
      claims.push_back({member.id, member.weight, member.zone});
    }
  }
  const uint32_t count = from.slot_partitions();
  if (document.layers.empty()) {
    return BalancedClaim().place(&from, claims, {count, document.replicas});
  }
  const Ring before = first_layer(from);
  const Ring first = BalancedClaim().place(&before, claims, {count, document.replicas});
  ClusterDocument target = document;
  target.ring = from;
  Lists lists(&target);
  for (PartitionIndex partition = 0; partition < lists.count(); ++partition) {
    lists.set_owners(partition,
                     layer_list(first, claims, partition % count, document.replicas_of(partition)));
  }
  lists.put_together();
  return target.ring;
}

/// The ring that the moves under way lead to.
Ring ring_after_moves(const ClusterDocument& document) {
  ClusterDocument after = document;
  Lists lists(&after);
  for (const Move& move : document.moves) {
    lists.set_owners(move.partition, move.new_owners);
    lists.set_move(move.partition, std::nullopt);
  }
  lists.put_together();
  return after.ring;
}

std::string member_text(const Member& member) {
  return member.name + " (" + address_text(member.peer_address) + ")";
}

std::string no_such_member(const ClusterDocument& document) {
  std::string names;
  for (const Member& member : document.members) {
    names += (names.empty() ? "" : ", ") + member_text(member);
    if (names.size() > 400) {
      names += ", …";
      break;
    }
  }
  return "ERR no such member; members are " + names;
}

bool can_hold(const Member& member) {
  return !member.is_leaving && member.weight > 0;
}

/// Whether somebody is left to hold data without `node`.
bool can_do_without(const ClusterDocument& document, NodeId node) {
  return std::ranges::any_of(document.members, [&](const Member& member) {
    return member.id != node && can_hold(member);
  });
}

std::string add_member(const Member& joining, ClusterDocument* document) {
  const Member* same_id = document->find_member(joining.id);
  const Member* same_address = document->find_peer_address(joining.peer_address);
  if (same_id != nullptr && same_id == same_address) {
    return same_id->directory == joining.directory
               ? ""
               : "ERR " + member_text(*same_id) + " is a member with another data directory";
  }
  if (same_id != nullptr || same_address != nullptr) {
    return "ERR " + member_text(same_id != nullptr ? *same_id : *same_address) +
           " is a member already; RING REMOVE or REPLACE it first";
  }
  if (document->members.size() >= kMembersMax) {
    return "ERR a cluster has at most " + std::to_string(kMembersMax) + " members";
  }
  Member added = joining;
  added.is_leaving = false;
  document->members.insert(std::ranges::upper_bound(document->members, added.id, {}, &Member::id),
                           std::move(added));
  return {};
}

std::string mark_leaving(NodeId node, ClusterDocument* document) {
  const auto at = std::ranges::find(document->members, node, &Member::id);
  if (at == document->members.end()) {
    return no_such_member(*document);
  }
  if (!can_do_without(*document, node)) {
    return "ERR " + member_text(*at) +
           " is the last member that can hold data; RING JOIN another first";
  }
  at->is_leaving = true;
  return {};
}

/// Partitions whose only copy is at `node`.
std::size_t only_copies(const ClusterDocument& document, NodeId node) {
  std::size_t count = 0;
  for (PartitionIndex partition = 0; partition < document.ring.partition_count(); ++partition) {
    const auto owners = document.ring.owners(partition);
    const Move* move = document.find_move(partition);
    const bool has_new = move != nullptr && move->phase == MovePhase::kReadNew &&
                         std::ranges::any_of(move->new_owners, [&](NodeId n) { return n != node; });
    count += owners.size() == 1 && owners[0] == node && !has_new;
  }
  return count;
}

/// Takes `node` off one partition's lists. Moves that would bring a copy to it are rolled back, as
/// the old owners have met W of every write.
void strike(NodeId node, PartitionIndex partition, Lists* lists) {
  Owners owners = lists->owners(partition);
  std::optional<Move> move = lists->move(partition);
  const bool was_owner = std::erase(owners, node) != 0;
  if (!was_owner && (!move || !contains(move->new_owners, node))) {
    return;
  }
  if (move && owners.empty()) {
    std::erase(move->new_owners, node);
    owners = move->new_owners;  // the only ones that have any of it
    move.reset();
  } else if (move && contains(move->new_owners, node)) {
    std::erase(move->new_owners, node);
    if (move->phase == MovePhase::kReadOld || move->new_owners.empty()) {
      move.reset();
    }
  }
  lists->set_owners(partition, std::move(owners));
  lists->set_move(partition, std::move(move));
}

/// Gives partitions that have nobody any more to those that the claim wants there.
void give_away_orphans(ClusterDocument* document, Lists* lists) {
  std::optional<Ring> target;
  for (PartitionIndex partition = 0; partition < lists->count(); ++partition) {
    if (lists->owners(partition).empty()) {
      if (!target) {
        target = target_ring(document->ring, *document);
      }
      const auto owners = target->owners(partition);
      lists->set_owners(partition, {owners.begin(), owners.end()});
      lists->set_move(partition, std::nullopt);
    }
  }
}

/// Lets `next` have the places that `gone` had, one for one. `before` has them still.
void hand_places_on(const ClusterDocument& before, NodeId gone, NodeId next, Lists* lists) {
  for (PartitionIndex partition = 0; partition < lists->count(); ++partition) {
    const Move* move = before.find_move(partition);
    const auto owners = before.ring.owners(partition);
    Owners wanted = move != nullptr ? move->new_owners : Owners(owners.begin(), owners.end());
    if (contains(wanted, gone)) {
      std::ranges::replace(wanted, gone, next);
      lists->set_move(partition, Move{partition, MovePhase::kReadOld, std::move(wanted)});
    }
  }
}

std::string remove_member(const StagedChange& change, bool may_lose, ClusterDocument* document) {
  const Member* member = document->find_member(change.node);
  if (member == nullptr) {
    return no_such_member(*document);
  }
  const std::size_t lost = only_copies(*document, change.node);
  if (lost > 0 && !may_lose) {
    return "ERR " + member_text(*member) + " holds the only copy of " + std::to_string(lost) +
           " partitions; RING LEAVE hands them over, RING REMOVE … FORCE gives them up";
  }
  ClusterDocument next = *document;
  if (change.kind == ChangeKind::kReplace) {
    if (std::string error = add_member(change.joining, &next); !error.empty()) {
      return error;
    }
    if (document->find_member(change.joining.id) != nullptr) {
      return "ERR " + member_text(change.joining) +
             " is a member already; RING REMOVE gives a dead member's places to the members";
    }
  }
  if (!can_do_without(next, change.node)) {
    return "ERR " + member_text(*member) +
           " is the last member that can hold data; RING JOIN another first";
  }
  std::erase_if(next.members, [&](const Member& each) { return each.id == change.node; });
  Lists lists(&next);
  for (PartitionIndex partition = 0; partition < lists.count(); ++partition) {
    strike(change.node, partition, &lists);
  }
  give_away_orphans(&next, &lists);
  for (Layer& layer : next.layers) {
    layer.falls_to =
        0;  // moves were rolled back, and a copy is gone: all owners catch up once more
  }
  if (change.kind == ChangeKind::kReplace) {
    hand_places_on(*document, change.node, change.joining.id, &lists);
  }
  lists.put_together();
  *document = std::move(next);
  return {};
}

std::size_t zones_of(std::span<const NodeId> owners, const ClusterDocument& document) {
  std::set<std::string> zones;
  for (const NodeId owner : owners) {
    zones.insert(document.find_member(owner)->zone);
  }
  return zones.size();
}

/// Layers are added at the end, and stay.
bool has_layers_of(const ClusterDocument& before, const ClusterDocument& document) {
  return document.layers.size() >= before.layers.size() &&
         std::ranges::equal(before.layers, std::span(document.layers).first(before.layers.size()),
                            {}, &Layer::pattern, &Layer::pattern);
}

}  // namespace

ClusterDocument next_document(const ClusterDocument& document) {
  ClusterDocument next = document;
  ++next.epoch;
  return next;
}

bool may_follow(const ClusterDocument& before, const ClusterDocument& document) {
  if (document.cluster_id != before.cluster_id || document.generation != before.generation ||
      document.epoch != before.epoch + 1 || document.flush_stamp < before.flush_stamp ||
      document.ring.slot_partitions() != before.ring.slot_partitions() ||
      !has_layers_of(before, document) || document.replicas != before.replicas ||
      document.tag_keys.empty() || !is_valid(document)) {
    return false;
  }
  for (PartitionIndex partition = 0; partition < document.ring.partition_count(); ++partition) {
    const uint64_t step = document.step(partition);
    const bool is_known = partition < before.ring.partition_count();
    if (step != document.epoch && (!is_known || step != before.step(partition)) &&
        !KINDRED_BUG(layer_split_without_a_step)) {
      return false;
    }
    if (is_known && document.ring.owners(partition).empty() &&
        !before.ring.owners(partition).empty()) {
      return false;
    }
  }
  return true;
}

const Member* find_named(const ClusterDocument& document, std::string_view text) {
  const Member* found = nullptr;
  for (const Member& member : document.members) {
    if (id_text(member.id) == text || address_text(member.peer_address) == text) {
      return &member;
    }
    if (member.name == text) {
      if (found != nullptr) {
        return nullptr;
      }
      found = &member;
    }
  }
  return found;
}

std::string change_text(const StagedChange& change, const ClusterDocument& document) {
  const Member* member = document.find_member(change.node);
  const std::string node = member != nullptr ? member_text(*member) : id_text(change.node);
  switch (change.kind) {
    case ChangeKind::kJoin:
      return "join " + member_text(change.joining);
    case ChangeKind::kLeave:
      return "leave " + node;
    case ChangeKind::kRemove:
      return "remove " + node;
    case ChangeKind::kReplace:
      return "replace " + node + " by " + member_text(change.joining);
  }
  return {};
}

std::string apply_change(const StagedChange& change, bool may_lose, ClusterDocument* document) {
  switch (change.kind) {
    case ChangeKind::kJoin:
      return add_member(change.joining, document);
    case ChangeKind::kLeave:
      return mark_leaving(change.node, document);
    case ChangeKind::kRemove:
    case ChangeKind::kReplace:
      return remove_member(change, may_lose, document);
  }
  return "ERR unknown kind of change";
}

std::string stage_change(const StagedChange& change, ClusterDocument* document) {
  if (document->staged.size() >= kStagedMax) {
    return "ERR at most " + std::to_string(kStagedMax) +
           " changes can be staged; RING COMMIT or RING CLEAR first";
  }
  if (std::ranges::find(document->staged, change) != document->staged.end()) {
    return {};
  }
  ClusterDocument tried = *document;
  tried.staged.push_back(change);
  if (std::string error = apply_staged(&tried); !error.empty()) {
    return error;
  }
  document->staged.push_back(change);
  return {};
}

std::string apply_staged(ClusterDocument* document) {
  ClusterDocument next = *document;
  for (const StagedChange& change : document->staged) {
    if (std::string error = apply_change(change, false, &next); !error.empty()) {
      return error;
    }
  }
  next.staged.clear();
  *document = std::move(next);
  return {};
}

std::string add_layers(ClusterDocument* given) {
  ClusterDocument changed = *given;
  ClusterDocument* document = &changed;
  // From wide to narrow: what holds around a pattern depends on those that are wider.
  std::vector<const Keyspace*> rows;
  for (const Keyspace& row : document->keyspaces) {
    rows.push_back(&row);
  }
  std::ranges::sort(
      rows, [](const Keyspace* a, const Keyspace* b) { return is_closer(b->pattern, a->pattern); });
  for (const Keyspace* row : rows) {
    std::vector<std::string> patterns;
    for (const Layer& layer : document->layers) {
      patterns.push_back(layer.pattern);
    }
    const uint32_t around = layer_around(patterns, row->pattern);
    const bool is_layer = std::ranges::find(patterns, row->pattern) != patterns.end();
    if (row->copies == 0 || is_layer || row->copies == document->replicas_of_layer(around)) {
      continue;
    }
    const uint32_t most_layers = layers_max(document->ring.slot_partitions());
    if (document->layers.size() + 1 >= most_layers) {
      std::string error = "ERR at most " + std::to_string(most_layers - 1) +
                          " patterns can have had an n of their own:";
      for (const std::string& pattern : patterns) {
        error += " " + pattern;
      }
      return error + " have, as far as this cluster has existed";
    }
    Lists lists(document);
    const uint32_t most =
        around == 0 ? document->replicas : document->layers[around - 1].copies_most;
    document->layers.push_back({row->pattern, static_cast<uint8_t>(most), 0});
    lists.add_layer(around);
    lists.put_together();
  }
  for (uint32_t layer = 1; layer <= document->layers.size(); ++layer) {
    uint8_t& most = document->layers[layer - 1].copies_most;
    most = std::max(most, static_cast<uint8_t>(document->replicas_of_layer(layer)));
  }
  *given = std::move(changed);
  return {};
}

namespace {

/// No partition moves: where the moves that are over were those by which all owners catch up, their
/// N is the one wanted. Where another one is wanted, such moves begin now.
void look_at_falls(ClusterDocument* document) {
  for (uint32_t i = 0; i < document->layers.size(); ++i) {
    Layer& layer = document->layers[i];
    const auto wanted = static_cast<uint8_t>(document->replicas_of_layer(i + 1));
    if (layer.falls_to == wanted) {
      layer.copies_most = wanted;
    }
    layer.falls_to = layer.copies_most > wanted ? wanted : 0;
  }
}

}  // namespace

void start_moves(ClusterDocument* document) {
  if (!document->moves.empty()) {
    return;
  }
  look_at_falls(document);
  const Ring target = target_ring(document->ring, *document);
  Lists lists(document);
  for (PartitionIndex partition = 0; partition < lists.count(); ++partition) {
    const auto wanted = target.owners(partition);
    Owners owners(wanted.begin(), wanted.end());
    const uint32_t layer = partition / document->ring.slot_partitions();
    const bool all_catch_up = layer != 0 && document->layers[layer - 1].falls_to != 0;
    if (is_same(owners, lists.owners(partition)) && !all_catch_up) {
      continue;
    }
    const bool is_order = has_same_nodes(owners, lists.owners(partition)) && !all_catch_up;
    if (lists.owners(partition).empty() || is_order) {
      lists.set_owners(partition, std::move(owners));  // another order: no copy moves
    } else {
      lists.set_move(partition, Move{partition, MovePhase::kReadOld, std::move(owners)});
    }
  }
  lists.put_together();
}

RingPlan plan_staged(const ClusterDocument& document) {
  RingPlan plan;
  ClusterDocument next = next_document(document);
  plan.error = apply_staged(&next);
  if (!plan.error.empty()) {
    return plan;
  }
  const Ring before = ring_after_moves(document);
  const Ring after = target_ring(ring_after_moves(next), next);
  std::set<std::string> zones;
  for (const Member& member : next.members) {
    if (can_hold(member)) {
      zones.insert(member.zone);
    }
  }
  for (PartitionIndex partition = 0; partition < after.partition_count(); ++partition) {
    const auto from = before.owners(partition);
    const auto to = after.owners(partition);
    if (!has_same_nodes(from, to)) {
      plan.moves.push_back({partition, {from.begin(), from.end()}, {to.begin(), to.end()}});
    }
    for (const NodeId node : to) {
      plan.copies_to_get[node] += contains(from, node) ? 0 : 1;
    }
    const std::size_t zone_count = zones_of(to, next);
    const uint32_t wanted = next.replicas_of(partition);
    if (to.size() < wanted || (zones.size() > 1 && zone_count < wanted)) {
      plan.crowded.push_back({partition, to.size(), zone_count});
    }
  }
  std::erase_if(plan.copies_to_get, [](const auto& entry) { return entry.second == 0; });
  plan.members = std::move(next.members);
  return plan;
}

}  // namespace kindred
