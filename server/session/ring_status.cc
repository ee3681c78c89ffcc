// RING STATUS and RING MEMBERS.
#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <span>

#include "server/session/cluster_text.h"
#include "server/session/ring_figures.h"
#include "server/session/ring_view.h"

namespace kindred {

namespace {

/// What a member holds of the ring, and, while partitions move, what it is to hold.
struct Holding {
  uint64_t partitions = 0;
  uint64_t first_places = 0;
  uint64_t arriving = 0;
};

struct Holdings {
  std::map<NodeId, Holding> by_node;
  uint64_t copies = 0;  // that serve
};

Holdings holdings(const ClusterDocument& cluster) {
  Holdings all;
  auto& result = all.by_node;
  for (PartitionIndex p = 0; p < cluster.ring.partition_count(); ++p) {
    const std::span<const NodeId> owners = cluster.serving_owners(p);
    all.copies += owners.size();
    for (const NodeId owner : owners) {
      ++result[owner].partitions;
    }
    if (!owners.empty()) {
      ++result[owners.front()].first_places;
    }
    const Move* move = cluster.find_move(p);
    if (move != nullptr && move->phase == MovePhase::kReadOld) {
      for (const NodeId node : move->new_owners) {
        const bool is_new = std::find(owners.begin(), owners.end(), node) == owners.end();
        result[node].arriving += is_new ? 1 : 0;
      }
    }
  }
  return all;
}

/// In percent: "33.3".
std::string share_text(uint64_t part, uint64_t whole) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.1f",
                whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

/// "up" or "down" as this node sees it; of one that is on its way out, "leaving" while it is up.
std::string_view state_of(const RingView& view, const Member& member) {
  if (!view.is_up(member.id)) {
    return "down";
  }
  return member.is_leaving ? "leaving" : "up";
}

std::string_view word_text(SwimState word) {
  switch (word) {
    case SwimState::kAlive:
      return "alive";
    case SwimState::kSuspect:
      return "suspect";
    case SwimState::kDead:
      return "dead";
    case SwimState::kUnknown:
      break;
  }
  return "unknown";
}

/// What is said of a member, and when it last answered this node: -1 where it has not.
void write_gossip(ReplyWriter& reply, const RingView& view, NodeId member) {
  const MemberStatus status = status_of(view.statuses, member);
  const uint64_t answered_ms = member == view.self ? view.mono_ms : status.answered_ms;
  char phi[16];
  std::snprintf(phi, sizeof(phi), "%.1f", status.phi);
  write_text_field(reply, "gossip", word_text(status.word));
  write_number_field(reply, "incarnation", status.incarnation);
  write_text_field(reply, "phi", phi);
  reply.bulk("answered_ms_ago");
  reply.integer(answered_ms == 0
                    ? -1
                    : static_cast<int64_t>(std::max(view.mono_ms, answered_ms) - answered_ms));
}

}  // namespace

void write_members(ReplyWriter& reply, const RingView& view) {
  const ClusterDocument& cluster = *view.cluster;
  const Holdings held = holdings(cluster);
  reply.array(cluster.members.size());
  for (const Member& member : cluster.members) {
    const auto found = held.by_node.find(member.id);
    const Holding holding = found == held.by_node.end() ? Holding() : found->second;
    reply.map(15);
    write_text_field(reply, "node", view.name_of(member.id));
    write_text_field(reply, "id", id_text(member.id));
    write_text_field(reply, "address", address_text(member.client_address));
    write_text_field(reply, "peer_address", address_text(member.peer_address));
    write_text_field(reply, "zone", member.zone);
    write_number_field(reply, "weight", member.weight);
    write_text_field(reply, "state", state_of(view, member));
    write_number_field(reply, "partitions", holding.partitions);
    write_number_field(reply, "first_places", holding.first_places);
    write_number_field(reply, "arriving", holding.arriving);
    write_text_field(reply, "share_percent", share_text(holding.partitions, held.copies));
    write_gossip(reply, view, member.id);
  }
}

uint64_t hint_count(const RingFigures& figures) {
  return std::accumulate(figures.hints.begin(), figures.hints.end(), uint64_t{0},
                         [](uint64_t sum, const HintFigure& figure) { return sum + figure.hints; });
}

void write_ring_status(ReplyWriter& reply, const RingView& view, const RingStatusFacts& facts) {
  const ClusterDocument& cluster = *view.cluster;
  reply.array(1);
  reply.map(16);
  write_text_field(reply, "cluster_id", id_text(cluster.cluster_id));
  write_text_field(reply, "node", view.name_of(view.self));
  write_number_field(reply, "generation", cluster.generation);
  write_number_field(reply, "epoch", cluster.epoch);
  write_text_field(reply, "ring_hash", id_text(ring_hash(cluster.ring)));
  write_number_field(reply, "partitions", cluster.ring.slot_partitions());
  write_number_field(reply, "layers", cluster.ring.layers());
  write_number_field(reply, "strategy", 3);
  write_number_field(reply, "replicas", cluster.replicas);
  write_number_field(reply, "read_quorum", facts.read_quorum);
  write_number_field(reply, "write_quorum", facts.write_quorum);
  write_text_field(reply, "sloppy_quorum", facts.sloppy_quorum ? "yes" : "no");
  write_number_field(reply, "pending_transfers", cluster.moves.size());
  write_number_field(reply, "staged_changes", cluster.staged.size());
  write_number_field(reply, "hints", facts.hints);
  reply.bulk("members");
  write_members(reply, view);
}

}  // namespace kindred
