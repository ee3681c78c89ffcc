// What RING tells of the ring, its members and what is on its way. Changes: ring_changes.cc.
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
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
    write_ring_status(call.reply(), view,
                      {.read_quorum = directive_number(call, "read-quorum"),
                       .write_quorum = directive_number(call, "write-quorum"),
                       .sloppy_quorum = directive_text(call, "sloppy-quorum") == "yes",
                       .hints = hint_count(figures)});
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
    const uint32_t partitions = call.hub().partitions().count();
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
    const SlotRange slots = cluster.ring.slots_of(p);
    const uint32_t layer = p / cluster.ring.slot_partitions();
    reply.map(6);
    write_number_field(reply, "partition", p);
    write_text_field(reply, "keyspace", layer == 0 ? "" : cluster.layers[layer - 1].pattern);
    write_number_field(reply, "first_slot", slots.first);
    write_number_field(reply, "last_slot", slots.last);
    write_number_field(reply, "step", cluster.step(p));
    write_names(reply, view, "nodes", cluster.serving_owners(p));
  }
}

void run_ring_preflist(Call& call) {
  const SlotIndex slot = key_slot(call.arg(2));
  write_preference_list(call.reply(), ring_view(call),
                        call.hub().partitions().of(call.arg(2), slot));
}

void run_ring_transfers(Call& call) {
  call.start(std::make_unique<Transfers>());
}

}  // namespace kindred
