// RING's changes: what operators stage, look at, commit or drop.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "protocol/command/errors.h"
#include "replication/membership/ring_plan.h"
#include "server/session/handlers.h"
#include "server/session/options.h"
#include "server/session/ring_request.h"
#include "server/session/ring_view.h"
#include "server/session/task.h"

namespace kindred {

namespace {

/// Asks the node for a change; answers the epoch that it became part of, or that it is staged.
class ChangeRing final : public Task {
 public:
  explicit ChangeRing(RingRequest request) : request_(std::move(request)) {}

  void start(Call& call) override {
    const bool commits = request_.now || request_.force || request_.kind == RingRequest::kCommit;
    tells_epoch_ = commits;
    call.ask_service([&](NodeService& service, ClientToken token) {
      service.change_ring(token, std::move(request_));
    });
  }
  void number_done(Call& call, uint64_t epoch) override {
    if (tells_epoch_) {
      call.reply().integer(static_cast<int64_t>(epoch));
    } else {
      call.reply().ok();
    }
  }
  void status_done(Call& call, std::string& error) override { call.error(error); }

 private:
  RingRequest request_;
  bool tells_epoch_ = false;
};

/// Takes the words NOW and FORCE off the end; what is left are nodes. Nothing with the error
/// written where they are not as many as there should be.
std::optional<RingRequest> ring_request(Call& call, RingRequest::Kind kind, size_t nodes_min,
                                        size_t nodes_max) {
  RingRequest request;
  request.kind = kind;
  size_t end = call.arg_count();
  for (; end > 2; --end) {
    const std::string_view word = call.arg(end - 1);
    if (is_word(word, "now") && !request.now) {
      request.now = true;
    } else if (is_word(word, "force") && !request.force && kind == RingRequest::kRemove) {
      request.force = true;
    } else {
      break;
    }
  }
  const size_t nodes = end - 2;
  if (nodes < nodes_min || nodes > nodes_max) {
    call.error(error_text::kSyntax);
    return std::nullopt;
  }
  request.node = nodes > 0 ? call.arg(2) : std::string_view();
  request.replacement = nodes > 1 ? call.arg(3) : std::string_view();
  return request;
}

void change(Call& call, RingRequest::Kind kind, size_t nodes_min, size_t nodes_max) {
  if (auto request = ring_request(call, kind, nodes_min, nodes_max)) {
    call.start(std::make_unique<ChangeRing>(std::move(*request)));
  }
}

/// Copies that a node has to get of one that moves.
size_t copies_to_get(const RingPlan::PartitionMove& move) {
  return static_cast<size_t>(std::count_if(move.to.begin(), move.to.end(), [&](NodeId node) {
    return std::find(move.from.begin(), move.from.end(), node) == move.from.end();
  }));
}

/// RING PLAN. Bytes are reckoned by what this node's copies hold on average.
class Plan final : public Task {
 public:
  void start(Call& call) override {
    call.ask_service([](NodeService& service, ClientToken token) { service.ring_figures(token); });
  }

  void ring_figures_done(Call& call, RingFigures& figures) override {
    const RingView view = ring_view(call);
    if (view.cluster->staged.empty()) {
      call.reply().array(0);
      return;
    }
    RingPlan plan = plan_staged(*view.cluster);
    if (!plan.error.empty()) {
      call.error(plan.error);
      return;
    }
    bytes_a_copy_ = figures.copies == 0 ? 0 : figures.data_bytes / figures.copies;
    // Nodes that are yet to join, or to go, have names too.
    ClusterDocument planned;
    planned.members = std::move(plan.members);
    for (const Member& member : view.cluster->members) {
      if (planned.find_member(member.id) == nullptr) {
        planned.members.push_back(member);
      }
    }
    write(call.reply(), *view.cluster, {&planned, view.self, view.statuses}, plan);
  }

 private:
  void write(ReplyWriter& reply, const ClusterDocument& cluster, const RingView& view,
             const RingPlan& plan) const {
    reply.array(1);
    reply.map(5);
    reply.bulk("changes");
    reply.array(cluster.staged.size());
    for (const StagedChange& change : cluster.staged) {
      reply.bulk(change_text(change, cluster));
    }
    write_number_field(reply, "partitions_that_move", plan.moves.size());
    reply.bulk("transfers");
    reply.array(plan.copies_to_get.size());
    for (const auto& [node, copies] : plan.copies_to_get) {
      reply.map(3);
      write_text_field(reply, "to", view.name_of(node));
      write_number_field(reply, "copies", copies);
      write_number_field(reply, "bytes", copies * bytes_a_copy_);
    }
    reply.bulk("moves");
    reply.array(plan.moves.size());
    for (const RingPlan::PartitionMove& move : plan.moves) {
      reply.map(4);
      write_number_field(reply, "partition", move.partition);
      write_names(reply, view, "from", move.from);
      write_names(reply, view, "to", move.to);
      write_number_field(reply, "bytes", copies_to_get(move) * bytes_a_copy_);
    }
    reply.bulk("crowded");
    reply.array(plan.crowded.size());
    for (const RingPlan::Crowding& crowded : plan.crowded) {
      reply.map(3);
      write_number_field(reply, "partition", crowded.partition);
      write_number_field(reply, "nodes", crowded.nodes);
      write_number_field(reply, "zones", crowded.zones);
    }
  }

  uint64_t bytes_a_copy_ = 0;
};

/// Asks the node to do something to itself.
class AskNode final : public Task {
 public:
  using Request = void (NodeService::*)(ClientToken);
  explicit AskNode(Request request) : request_(request) {}

  void start(Call& call) override {
    call.ask_service(
        [this](NodeService& service, ClientToken token) { (service.*request_)(token); });
  }
  void status_done(Call& call, std::string& error) override {
    if (error.empty()) {
      call.reply().ok();
    } else {
      call.error(error);
    }
  }

 private:
  Request request_;
};

}  // namespace

void run_ring_drain(Call& call) {
  call.start(std::make_unique<AskNode>(&NodeService::drain));
}

void run_ring_join(Call& call) {
  change(call, RingRequest::kJoin, 1, 1);
}

void run_ring_leave(Call& call) {
  change(call, RingRequest::kLeave, 0, 1);
}

void run_ring_remove(Call& call) {
  change(call, RingRequest::kRemove, 1, 1);
}

void run_ring_replace(Call& call) {
  change(call, RingRequest::kReplace, 2, 2);
}

void run_ring_commit(Call& call) {
  change(call, RingRequest::kCommit, 0, 0);
}

void run_ring_clear(Call& call) {
  if (call.arg_count() == 3 && is_word(call.arg(2), "gossip")) {
    call.start(std::make_unique<AskNode>(&NodeService::clear_gossip));
    return;
  }
  change(call, RingRequest::kClear, 0, 0);
}

void run_ring_plan(Call& call) {
  call.start(std::make_unique<Plan>());
}

}  // namespace kindred
