// Requests that another replica runs: sent there, moved on where it refuses or is silent, answered.
#include <algorithm>

#include "replication/causal/bug_bank.h"
#include "replication/node/coordinator.h"

namespace kindred {

void Coordinator::pass_on(Op& op, const Operation& operation, NodeId to, bool as_fallback,
                          Now now) {
  ++core_.metrics.passed_on_requests;
  op.phase = Op::Phase::kPassedOn;
  if (&operation != &op.request) {
    op.keep(operation);
  }
  op.tried.push_back(to);
  op.asked_us = now.mono_us;
  if (now.mono_us + SilentPeers::kPatienceUs < op.deadline_us) {
    deadlines_.add(op.id, now.mono_us + SilentPeers::kPatienceUs);
  }
  PassOn message;
  message.id = op.id;
  message.step = core_.step(op.key.partition());
  message.operation = &op.request;
  message.as_fallback = as_fallback;
  core_.ports.send(to, message);
  if (KINDRED_BUG(coordinated_twice)) {
    if (const NodeId second = next_candidate(op); second != 0) {
      core_.ports.send(second, message);
    }
  }
}

/// A peer takes longer to answer than most do, and nothing has failed yet.
void Coordinator::lose_patience(Op& op, Now now) {
  if (op.phase != Op::Phase::kPassedOn) {
    return hedge(op, now);
  }
  if (now.mono_us < op.asked_us + SilentPeers::kPatienceUs) {
    return;  // the node asked before it had refused
  }
  silent_.add(op.tried.back(), now);
  // A read can be asked of another; a write may be under way there.
  const bool may_move = is_read(op.kind) || KINDRED_BUG(silent_peer_loses_writes);
  const NodeId next = may_move ? next_candidate(op) : 0;
  if (next != 0 && !silent_.contains(next)) {
    pass_on(op, op.request, next, /*as_fallback=*/false, now);
  }
}

void Coordinator::on_pass_on_reply(NodeId from, const PassOnReply& reply, Now now) {
  silent_.heard(from);
  Op* op = table_.find(reply.id);
  if (op == nullptr || op->phase != Op::Phase::kPassedOn || op->tried.empty()) {
    return;
  }
  // A read that moved on takes what the first one brings: where all are slow, nobody would ever be
  // waited for long enough.
  const bool is_late_read =
      is_read(op->kind) && reply.status == PassOnStatus::kDone && reply.outcome != nullptr &&
      reply.outcome->code == OutcomeCode::kOk &&
      std::find(op->tried.begin(), op->tried.end(), from) != op->tried.end() &&
      !KINDRED_BUG(late_reads_dropped);
  if (op->tried.back() != from && !is_late_read && !KINDRED_BUG(coordinated_twice)) {
    return;
  }
  if (reply.status == PassOnStatus::kRefused) {
    return refuse_or_move(*op, now);
  }
  if (reply.status == PassOnStatus::kStale || reply.status == PassOnStatus::kBehind) {
    op->was_refused_by_step = true;
    if (reply.status == PassOnStatus::kStale) {
      core_.ports.document_wanted(from);
      return delay(*op, now);
    }
    // Another node may go by this one's step; but read-modify-writes wait, to meet at one primary.
    return op->kind == OpKind::kModify ? delay(*op, now) : refuse_or_move(*op, now);
  }
  Outcome outcome;
  if (reply.status == PassOnStatus::kOverloaded || reply.outcome == nullptr) {
    outcome.code = OutcomeCode::kOverloaded;
  } else {
    outcome = *reply.outcome;
    outcome.value.own();
    outcome.state.own();
    for (ReplicaReport& report : outcome.replicas) {
      report.state.own();
    }
  }
  finish(*op, std::move(outcome), now);
}

/// The node asked did nothing with the request: the next one may run it.
void Coordinator::refuse_or_move(Op& op, Now now) {
  place(op, op.request, now);
}

}  // namespace kindred
