#include "server/session/ring_view.h"

#include <algorithm>

#include "replication/ring/walk.h"
#include "server/session/call.h"

namespace kindred {

namespace {

void write_preference(ReplyWriter& reply, const RingView& view, NodeId id, std::string_view role) {
  const Member* member = view.cluster->find_member(id);
  reply.map(5);
  write_text_field(reply, "node", view.name_of(id));
  write_text_field(reply, "address",
                   member == nullptr ? std::string() : address_text(member->client_address));
  write_text_field(reply, "zone", member == nullptr ? std::string_view() : member->zone);
  write_text_field(reply, "state", view.is_up(id) ? "up" : "down");
  write_text_field(reply, "role", role);
}

bool contains(std::span<const NodeId> nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

void RingFigures::add(const RingFigures& other) {
  transfers.insert(transfers.end(), other.transfers.begin(), other.transfers.end());
  repairs.insert(repairs.end(), other.repairs.begin(), other.repairs.end());
  copies += other.copies;
  data_bytes += other.data_bytes;
  for (const HintFigure& theirs : other.hints) {
    const auto ours = std::find_if(hints.begin(), hints.end(), [&](const HintFigure& figure) {
      return figure.target == theirs.target;
    });
    if (ours == hints.end()) {
      hints.push_back(theirs);
      continue;
    }
    ours->hints += theirs.hints;
    ours->bytes += theirs.bytes;
    ours->oldest_ms = std::max(ours->oldest_ms, theirs.oldest_ms);
  }
}

bool RingView::is_up(NodeId id) const {
  return id == self || status_of(statuses, id).up;
}

std::string RingView::name_of(NodeId id) const {
  const Member* member = cluster != nullptr ? cluster->find_member(id) : nullptr;
  return member != nullptr && !member->name.empty() ? member->name : id_text(id);
}

RingView ring_view(Call& call) {
  return {call.hub().cluster(), call.service().self(), call.service().member_statuses(),
          call.service().mono_ms()};
}

MemberStatus status_of(std::span<const MemberStatus> statuses, NodeId id) {
  const auto found = std::find_if(statuses.begin(), statuses.end(),
                                  [id](const MemberStatus& status) { return status.id == id; });
  return found == statuses.end() ? MemberStatus{.id = id} : *found;
}

void write_names(ReplyWriter& reply, const RingView& view, std::string_view name,
                 std::span<const NodeId> nodes) {
  reply.bulk(name);
  reply.array(nodes.size());
  for (const NodeId node : nodes) {
    reply.bulk(view.name_of(node));
  }
}

void write_text_field(ReplyWriter& reply, std::string_view name, std::string_view value) {
  reply.bulk(name);
  reply.bulk(value);
}

void write_number_field(ReplyWriter& reply, std::string_view name, uint64_t value) {
  reply.bulk(name);
  reply.integer(static_cast<int64_t>(value));
}

void write_preference_list(ReplyWriter& reply, const RingView& view, PartitionIndex partition) {
  if (view.cluster == nullptr) {
    reply.array(0);
    return;
  }
  const ClusterDocument& cluster = *view.cluster;
  struct Listed {
    NodeId node;
    std::string_view role;
  };
  std::vector<Listed> listed;
  const std::span<const NodeId> primaries = cluster.serving_owners(partition);
  for (const NodeId node : primaries) {
    listed.push_back({node, "primary"});
  }
  if (const Move* move = cluster.find_move(partition); move != nullptr) {
    const bool reads_old = move->phase == MovePhase::kReadOld;
    const std::span<const NodeId> others =
        reads_old ? std::span<const NodeId>(move->new_owners) : cluster.ring.owners(partition);
    for (const NodeId node : others) {
      if (!contains(primaries, node)) {
        listed.push_back({node, reads_old ? "arriving" : "departing"});
      }
    }
  }
  std::vector<ClaimMember> members;
  for (const Member& member : cluster.members) {
    members.push_back({.id = member.id, .weight = member.weight, .zone = member.zone});
  }
  const size_t owners = listed.size();
  for (const NodeId node : ring_walk(cluster.ring, members, partition)) {
    const bool is_owner =
        std::any_of(listed.begin(), listed.begin() + static_cast<std::ptrdiff_t>(owners),
                    [node](const Listed& one) { return one.node == node; });
    if (!is_owner) {
      listed.push_back({node, "fallback"});
    }
  }
  reply.array(listed.size());
  for (const Listed& one : listed) {
    write_preference(reply, view, one.node, one.role);
  }
}

}  // namespace kindred
