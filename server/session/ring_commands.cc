// What RING tells of the ring, its members and what is on its way. Changes: ring_changes.cc.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <span>

#include "protocol/command/errors.h"
#include "replication/ring/slot.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/ring_view.h"
#include "server/session/task.h"

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

/// A number among the directives; 0 where it is none.
uint64_t directive_number(Call& call, std::string_view name) {
  uint64_t number = 0;
  for (const auto& [key, value] : call.service().config_get({std::string(name)})) {
    std::from_chars(value.data(), value.data() + value.size(), number);
  }
  return number;
}

std::string directive_text(Call& call, std::string_view name) {
  const auto found = call.service().config_get({std::string(name)});
  return found.empty() ? std::string() : found.front().second;
}

class Status final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) { service.ring_figures(token); });
  }

  void ring_figures_done(Call& call, RingFigures& figures) override {
    const RingView view = ring_view(call);
    const ClusterDocument& cluster = *view.cluster;
    const uint64_t hints =
        std::accumulate(figures.hints.begin(), figures.hints.end(), uint64_t{0},
                        [](uint64_t sum, const HintFigure& figure) { return sum + figure.hints; });
    ReplyWriter& reply = call.reply();
    reply.array(1);
    reply.map(15);
    write_text_field(reply, "cluster_id", id_text(cluster.cluster_id));
    write_text_field(reply, "node", view.name_of(view.self));
    write_number_field(reply, "generation", cluster.generation);
    write_number_field(reply, "epoch", cluster.epoch);
    write_text_field(reply, "ring_hash", id_text(ring_hash(cluster.ring)));
    write_number_field(reply, "partitions", cluster.ring.partition_count());
    write_number_field(reply, "strategy", 3);
    write_number_field(reply, "replicas", cluster.replicas);
    write_number_field(reply, "read_quorum", directive_number(call, "read-quorum"));
    write_number_field(reply, "write_quorum", directive_number(call, "write-quorum"));
    write_text_field(reply, "sloppy_quorum", directive_text(call, "sloppy-quorum"));
    write_number_field(reply, "pending_transfers", cluster.moves.size());
    write_number_field(reply, "staged_changes", cluster.staged.size());
    write_number_field(reply, "hints", hints);
    reply.bulk("members");
    write_members(reply, view);
  }
};

class Hints final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) { service.ring_figures(token); });
  }

  void ring_figures_done(Call& call, RingFigures& figures) override {
    const RingView view = ring_view(call);
    ReplyWriter& reply = call.reply();
    reply.array(figures.hints.size());
    for (const HintFigure& figure : figures.hints) {
      reply.map(5);
      write_text_field(reply, "node", view.name_of(figure.target));
      write_text_field(reply, "state", view.is_up(figure.target) ? "up" : "down");
      write_number_field(reply, "hints", figure.hints);
      write_number_field(reply, "bytes", figure.bytes);
      write_number_field(reply, "oldest_ms", figure.oldest_ms);
    }
  }
};

/// RING TRANSFERS: the partitions that move, and this node's copies that are not whole.
class Transfers final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) { service.ring_figures(token); });
  }

  void ring_figures_done(Call& call, RingFigures& figures) override {
    const RingView view = ring_view(call);
    std::map<PartitionIndex, TransferFigure> rows;
    for (const Move& move : view.cluster->moves) {
      rows[move.partition] = {.copy = copy_here(*view.cluster, view.self, move.partition)};
    }
    for (const TransferFigure& figure : figures.transfers) {
      rows[figure.partition] = figure;
    }
    call.reply().array(rows.size());
    for (const auto& [partition, figure] : rows) {
      write_row(call.reply(), view, partition, figure);
    }
  }

 private:
  static std::string_view copy_here(const ClusterDocument& cluster, NodeId self,
                                    PartitionIndex partition) {
    return cluster.holds(partition, self) ? "whole" : "none";
  }

  static void write_row(ReplyWriter& reply, const RingView& view, PartitionIndex partition,
                        const TransferFigure& figure) {
    const ClusterDocument& cluster = *view.cluster;
    const Move* move = cluster.find_move(partition);
    const std::span<const NodeId> old_owners = cluster.ring.owners(partition);
    reply.map(8);
    write_number_field(reply, "partition", partition);
    write_text_field(reply, "phase",
                     move == nullptr                      ? "settled"
                     : move->phase == MovePhase::kReadOld ? "read-old"
                                                          : "read-new");
    write_names(reply, view, "from", old_owners);
    write_names(reply, view, "to",
                move == nullptr ? old_owners : std::span<const NodeId>(move->new_owners));
    write_text_field(reply, "copy", figure.copy);
    write_text_field(reply, "source",
                     figure.source == 0 ? std::string() : view.name_of(figure.source));
    write_number_field(reply, "keys", figure.keys);
    write_number_field(reply, "bytes", figure.bytes);
  }
};

/// RING REPAIR: one entry a partition that was compared.
class Repair final : public Task {
 public:
  explicit Repair(std::optional<PartitionIndex> partition) : partition_(partition) {}

  void start(Call& call) override {
    call.ask_service(
        [this](NodeService& service, ClientToken token) { service.repair(token, partition_); });
  }

  void ring_figures_done(Call& call, RingFigures& figures) override {
    const RingView view = ring_view(call);
    if (partition_ && figures.repairs.empty()) {
      return refuse(call, view);
    }
    std::sort(
        figures.repairs.begin(), figures.repairs.end(),
        [](const RepairFigure& a, const RepairFigure& b) { return a.partition < b.partition; });
    ReplyWriter& reply = call.reply();
    reply.array(figures.repairs.size());
    for (const RepairFigure& figure : figures.repairs) {
      reply.map(6);
      write_number_field(reply, "partition", figure.partition);
      write_text_field(reply, "result", figure.is_complete ? "complete" : "incomplete");
      write_number_field(reply, "exchanges", figure.exchanges);
      write_number_field(reply, "keys_compared", figure.keys_compared);
      write_number_field(reply, "keys_repaired", figure.keys_repaired);
      write_number_field(reply, "bytes", figure.bytes);
    }
  }

 private:
  void refuse(Call& call, const RingView& view) const {
    std::string error = "ERR this node holds no copy of partition " + std::to_string(*partition_) +
                        "; those that do:";
    for (const NodeId owner : view.cluster->serving_owners(*partition_)) {
      error += ' ' + view.name_of(owner);
    }
    call.error(error);
  }

  std::optional<PartitionIndex> partition_;
};

}  // namespace

void run_ring_repair(Call& call) {
  std::optional<PartitionIndex> partition;
  if (call.arg_count() > 3) {
    return call.error(error_text::kSyntax);
  }
  if (call.arg_count() == 3) {
    const auto number = integer_argument(call, 2);
    if (!number) {
      return;
    }
    const uint32_t partitions = call.hub().partition_count();
    if (*number < 0 || *number >= partitions) {
      return call.error("ERR partitions are numbered from 0 to " + std::to_string(partitions - 1));
    }
    partition = static_cast<PartitionIndex>(*number);
  }
  call.start(std::make_unique<Repair>(partition));
}

void run_ring_status(Call& call) {
  call.start(std::make_unique<Status>());
}

void run_ring_hints(Call& call) {
  call.start(std::make_unique<Hints>());
}

void run_ring_members(Call& call) {
  write_members(call.reply(), ring_view(call));
}

void run_ring_owners(Call& call) {
  const RingView view = ring_view(call);
  const ClusterDocument& cluster = *view.cluster;
  const uint32_t partitions = cluster.ring.partition_count();
  ReplyWriter& reply = call.reply();
  reply.array(partitions);
  for (PartitionIndex p = 0; p < partitions; ++p) {
    const SlotRange slots = slot_range(p, partitions);
    reply.map(5);
    write_number_field(reply, "partition", p);
    write_number_field(reply, "first_slot", slots.first);
    write_number_field(reply, "last_slot", slots.last);
    write_number_field(reply, "step", cluster.step(p));
    write_names(reply, view, "nodes", cluster.serving_owners(p));
  }
}

void run_ring_preflist(Call& call) {
  const SlotIndex slot = key_slot(call.arg(2));
  write_preference_list(call.reply(), ring_view(call),
                        partition_of_slot(slot, call.hub().partition_count()));
}

void run_ring_transfers(Call& call) {
  call.start(std::make_unique<Transfers>());
}

}  // namespace kindred
