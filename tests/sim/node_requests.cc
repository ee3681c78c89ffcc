// What clients ask a node, and what it tells them: the simulator's twin of a session.
#include "tests/sim/cluster.h"

namespace kindred::sim {

void SimNode::ask(ClientToken token, Request request, std::function<void(Reply&&)> done) {
  Waiting waiting;
  waiting.key = cluster_.key_index(request.operation.key);
  waiting.kind = request.operation.kind;
  waiting.done = std::move(done);
  has_met_all_ = has_met_all_ || sees_all_up();
  waiting.is_early = !has_met_all_;
  waiting_.emplace(token, std::move(waiting));
  later(cluster_.prng(Chance::kThreads).below(200),
        [this, token, request = std::move(request)] { take(token, request); });
}

void SimNode::take(ClientToken token, Request request) {
  if (!is_ready()) {
    cluster_.probes().add("refused_as_no_member");
    return refuse(token, false);
  }
  if (!read_context(request)) {
    cluster_.probes().add("refused_context");
    return refuse(token, true);
  }
  if (request.lives_ms != 0) {
    request.operation.expire_at_ms = now().cluster_ms + request.lives_ms;
    cluster_.oracle().set_expiry(request.write, request.operation.expire_at_ms);
  }
  shard_of_partition(request.operation.key.partition)
      .submit(token, request.operation, request.write);
}

bool SimNode::read_context(Request& request) {
  const OpKind kind = request.operation.kind;
  if (kind != OpKind::kPut && kind != OpKind::kRemove) {
    return true;
  }
  const ContextStatus status =
      codec_->decode(request.operation.key.key, request.context, &request.operation.context);
  if ((status == ContextStatus::kOk) == request.is_forged) {
    cluster_.oracle().fail(request.is_forged ? "a forged context is taken"
                                             : "a context of this cluster is refused");
  }
  return status == ContextStatus::kOk;
}

/// Nothing was done: the node is no member yet ("-LOADING"), or the request's context is no good.
void SimNode::refuse(ClientToken token, bool is_refused) {
  const auto place = waiting_.find(token);
  const Waiting waiting = std::move(place->second);
  waiting_.erase(place);
  Reply reply;
  reply.is_refused = is_refused;
  reply.is_early = !is_refused;
  reply.outcome.code = OutcomeCode::kNoReplicas;
  waiting.done(std::move(reply));
}

void SimNode::answer(ClientToken token, Outcome&& outcome,
                     const std::function<Knowledge(uint32_t)>& met) {
  const auto place = waiting_.find(token);
  if (place == waiting_.end()) {
    return cluster_.oracle().fail("a request was answered twice");
  }
  const Waiting waiting = std::move(place->second);
  waiting_.erase(place);
  Reply reply;
  reply.met = met(waiting.key);
  reply.outcome = std::move(outcome);
  reply.cluster_ms = now().cluster_ms;
  reply.is_early = waiting.is_early;
  if (reply.outcome.code == OutcomeCode::kOk) {
    write_context(reply, waiting);
  }
  waiting.done(std::move(reply));
}

void SimNode::write_context(Reply& reply, const Waiting& waiting) {
  const bool is_put = waiting.kind == OpKind::kPut || waiting.kind == OpKind::kRemove;
  if (!is_put && waiting.kind != OpKind::kRead) {
    return;
  }
  const ClientContext context =
      is_put ? reply.outcome.context : context_of_read(reply.outcome.state);
  const std::string_view key = cluster_.keys()[waiting.key].key;
  reply.context = codec_->encode(key, context);
  const bool is_whole =
      context.covered.vector().size() + context.covered.dots().size() <= kClientContextEntriesMax;
  if (codec_->decode(key, reply.context, &reply.covered) != ContextStatus::kOk ||
      (is_whole && !(reply.covered == context))) {
    cluster_.oracle().fail("a context can't be read back");
  }
}

void SimNode::ask_scan(ClientToken token, const ScanRequest& request,
                       std::function<void(const ScanPage&)> done) {
  scans_.emplace(token, std::move(done));
  later(cluster_.prng(Chance::kThreads).below(200), [this, token, request] {
    if (!is_ready()) {
      return scan_done(token, ScanPage{});
    }
    const auto slot = static_cast<SlotIndex>(request.cursor >> ScanRequest::kHashBits);
    const PartitionIndex partition = partition_of_slot(slot, cluster_.plan().partitions);
    shard_of_partition(static_cast<uint16_t>(partition)).submit_scan(token, request);
  });
}

void SimNode::scan_done(ClientToken token, const ScanPage& page) {
  const auto place = scans_.find(token);
  if (place == scans_.end()) {
    return cluster_.oracle().fail("a scan was answered twice");
  }
  const auto done = std::move(place->second);
  scans_.erase(place);
  done(page);
}

/// The process is gone, and with it what it was asked.
void SimNode::drop_requests() {
  std::map<ClientToken, Waiting> lost;
  lost.swap(waiting_);
  for (auto& [token, waiting] : lost) {
    Reply reply;
    reply.is_lost = true;
    waiting.done(std::move(reply));
  }
  std::map<ClientToken, std::function<void(const ScanPage&)>> scans;
  scans.swap(scans_);
  for (auto& [token, done] : scans) {
    done(ScanPage{});
  }
  std::map<ChangeToken, ChangeDone> changes;
  changes.swap(changes_);
  for (auto& [token, done] : changes) {
    done("lost", 0);
  }
  std::map<FlushToken, std::function<void(FlushEnd)>> flushes;
  flushes.swap(flushes_);
  for (auto& [token, done] : flushes) {
    done(FlushEnd::kUnknown);
  }
}

}  // namespace kindred::sim
