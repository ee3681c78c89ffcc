// What operators ask of the ring through RING: figures of all workers, changes, draining.
#include <utility>

#include "protocol/peer/frame.h"
#include "server/node/node.h"

namespace kindred {

namespace {
constexpr uint64_t kYieldingUs = 4 * Membership::kRoundUs;  // good for so long after it was said
}

void Node::tell_ring_figures(Asker asker) {
  sum_ring_figures(
      [](Worker& worker, const FiguresAnswer& answer) { answer(worker.ring_figures()); },
      to_asker(asker));
}

void Node::repair(Asker asker, std::optional<PartitionIndex> partition) {
  sum_ring_figures([partition](Worker& worker,
                               const FiguresAnswer& answer) { worker.repair(partition, answer); },
                   to_asker(asker));
}

FiguresAnswer Node::to_asker(Asker asker) {
  return [&asking = *workers_[asker.worker], token = asker.token](RingFigures&& sum) {
    const auto taken = std::make_shared<RingFigures>(std::move(sum));
    asking.post_errand(
        [&asking, token, taken] { asking.hub().ring_figures_done(token, std::move(*taken)); });
  };
}

// Asks each worker, on its thread; it may answer later. `done` runs on this one.
void Node::sum_ring_figures(const std::function<void(Worker&, const FiguresAnswer&)>& ask,
                            const FiguresAnswer& done) {
  struct Sum {
    size_t missing;
    RingFigures figures;
  };
  const auto sum = std::make_shared<Sum>(Sum{workers_.size(), {}});
  post_to_all([this, done, sum, ask](Worker& worker) {
    ask(worker, [this, done, sum](RingFigures&& figures) {
      const auto taken = std::make_shared<RingFigures>(std::move(figures));
      workers_.front()->post_errand([done, sum, taken] {
        sum->figures.add(*taken);
        if (--sum->missing == 0) {
          done(std::move(sum->figures));
        }
      });
    });
  });
}

void Node::ask_ring_change(Asker asker, const RingRequest& request) {
  Worker& worker = *workers_[asker.worker];
  const auto done = [&worker, token = asker.token](std::string_view error, uint64_t epoch) {
    worker.post_errand([&worker, token, text = std::string(error), epoch] {
      if (text.empty()) {
        worker.hub().number_done(token, epoch);
      } else {
        worker.hub().status_done(token, std::string(text));
      }
    });
  };
  RingChange change;
  change.node = request.node;
  change.replacement = request.replacement;
  change.now = request.now;
  change.force = request.force;
  switch (request.kind) {
    case RingRequest::kCommit:
      return commit_ring(done);
    case RingRequest::kClear:
      return clear_ring(done);
    case RingRequest::kJoin:
      change.kind = ChangeKind::kJoin;
      break;
    case RingRequest::kLeave:
      change.kind = ChangeKind::kLeave;
      break;
    case RingRequest::kRemove:
      change.kind = ChangeKind::kRemove;
      break;
    case RingRequest::kReplace:
      change.kind = ChangeKind::kReplace;
      break;
  }
  change_ring(change, done);
}

// Others hear of it at once, so that cluster clients are shown other nodes before this one goes.
void Node::drain_node(Asker asker) {
  is_drained_ = true;
  post_to_all([](Worker& worker) {
    if (worker.driver() != nullptr) {
      worker.driver()->shard().yield();
    }
  });
  tell_yielding();
  refresh_view();
  log_.notice("Drained: other nodes coordinate from now on");
  answer_status(asker, "");
}

void Node::clear_gossip(Asker asker) {
  membership_->clear_gossip();
  after_membership_step();
  log_.notice("Gossip is cleared: what was said about the members is forgotten");
  answer_status(asker, "");
}

void Node::hear_yielding(NodeId member) {
  yielding_until_us_[member] = Loop::mono_us() + kYieldingUs;
  refresh_view();
}

// Told again and again, so that it ends with the process that said it.
void Node::tell_yielding() {
  const uint64_t now_us = Loop::mono_us();
  if (!is_drained_ || now_us < yielding_told_us_ + kYieldingUs / 4) {
    return;
  }
  yielding_told_us_ = now_us;
  std::string frame;
  encode_frame(FrameKind::kControl, origin(), encode_control(Yielding{}), &frame);
  for (const NodeId peer : live_members().live) {
    if (peer != self_) {
      send_frame(peer, frame);
    }
  }
}

bool Node::is_yielding(NodeId member) const {
  const auto found = yielding_until_us_.find(member);
  return member == self_ ? is_drained_
                         : found != yielding_until_us_.end() && found->second > Loop::mono_us();
}

}  // namespace kindred
