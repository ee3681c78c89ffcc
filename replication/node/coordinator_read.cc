#include <algorithm>

#include "replication/causal/bug_bank.h"
#include "replication/node/coordinator.h"
#include "replication/node/resolution.h"

namespace kindred {

namespace {

/// The paper's tail: a read is asked of one more replica once it is slower than 99 in 100, at most
/// for this part of reads.
constexpr double kHedgedPartMax = 0.05;
constexpr double kHedgeAllowanceMax = 10;
/// A replica that takes so many times as long as 99 in 100 reads is silent, not slow.
constexpr uint64_t kSilentAtP99s = 4;

/// A streaming estimate of the 99th percentile (Ma, Muthukrishnan, Sandler 2013, "frugal"): steps
/// up 99 times as far as it steps down.
void learn_p99(double* estimate_us, double sample_us) {
  const double step = std::max(1.0, *estimate_us * 0.01);
  *estimate_us += sample_us > *estimate_us ? step * 0.99 : -step * 0.01;
}

}  // namespace

QuorumRule Coordinator::special_read_rule(const Op& op) const {
  QuorumRule rule = op.quorum.read;
  if (op.kind == OpKind::kModify) {
    rule.needed = op.quorum.modify_read;
  } else if (op.kind == OpKind::kReadLocal) {
    rule = QuorumRule{};
  } else if (op.kind == OpKind::kExplain) {
    rule.needed = static_cast<uint8_t>(core_.holders(op.key.partition()).size());
  }
  return rule;
}

void Coordinator::begin_read(Op& op, Now now) {
  const bool wants_quorum = op.kind != OpKind::kExplain && op.kind != OpKind::kReadLocal;
  if (wants_quorum && !readers_are_up(op, now)) {
    return;
  }
  op.phase = Op::Phase::kLoadingRead;
  op.read.clear();
  const LoadStatus status = load_local(op, &op.read);
  if (status == LoadStatus::kPending) {
    return await_local(op);
  }
  if (status == LoadStatus::kLoaded) {
    return local_read(op, op.read, now);
  }
  leave(op, status, now);
}

void Coordinator::local_read(Op& op, const State& state, Now now) {
  if (copy_lost(op) && op.kind != OpKind::kReadLocal && op.kind != OpKind::kExplain) {
    return leave(op, LoadStatus::kCorrupt, now);
  }
  if (&state != &op.read) {
    op.read = state;
  }
  op.read_clean = op.home == 0 ? core_.rounds(op.key.partition()).clean : op.read.round;
  op.phase = Op::Phase::kReading;
  op.acks.add(op.home == 0 ? core_.ack_of(core_.self, op.key.partition(), core_.config.durability)
                           : own_fallback_ack(op, core_.config.durability,
                                              /*is_empty=*/op.read.never_written()));
  const QuorumRule rule = read_rule(op);
  if (op.home == 0 && rule.needed <= 1 && rule.primary <= 1 && op.kind != OpKind::kExplain) {
    op.read.own();
    return read_complete(op, now);
  }
  op.local_digest = digest(op.read);
  op.read.own();
  if (op.kind == OpKind::kExplain) {
    report_replica(op, core_.self, core_.copies.at(op.key.partition()).state == CopyState::kWhole,
                   op.read);
  }
  hedge_allowance_ = std::min(kHedgeAllowanceMax, hedge_allowance_ + kHedgedPartMax);
  op.asked_us = now.mono_us;
  const double p99_us = core_.copies.at(op.key.partition()).read_p99_us;
  const uint64_t hedge_at_us = now.mono_us + static_cast<uint64_t>(p99_us);
  if (hedge_at_us < op.deadline_us) {
    deadlines_.add(op.id, hedge_at_us);
  }
  ask_enough(op);
  judge_read(op, now);
}

/// False where the node has been asked before.
bool Coordinator::ask_once(Op& op, NodeId node, bool is_fallback) {
  const bool asked = std::any_of(op.asked.begin(), op.asked.end(),
                                 [node](const Op::Asked& one) { return one.node == node; });
  if (asked) {
    return false;
  }
  Op::Asked entry;
  entry.node = node;
  entry.whole_state = op.kind == OpKind::kExplain;
  entry.is_fallback = is_fallback;
  op.asked.push_back(entry);
  ask(op, op.asked.back());
  return true;
}

void Coordinator::ask(Op& op, Op::Asked& asked) {
  asked.status = Op::Asked::Status::kWaiting;
  Fetch fetch;
  fetch.id = op.id;
  fetch.step = op.step;
  fetch.key = op.key.ref();
  fetch.whole_state = asked.whole_state;
  fetch.from_hints = asked.is_fallback;
  core_.ports.send(asked.node, fetch);
}

bool Coordinator::ask_next(Op& op) {
  const uint16_t partition = op.key.partition();
  const bool asks_all = op.kind == OpKind::kExplain;
  const auto primaries = asks_all ? core_.written_up(partition) : core_.others_up(partition);
  const auto ask_one = [&](bool is_silent) {
    return std::any_of(primaries.begin(), primaries.end(), [&](NodeId node) {
      return silent_.contains(node) == is_silent && ask_once(op, node, /*is_fallback=*/false);
    });
  };
  return ask_one(false) || (!silent_.empty() && ask_one(true));
}

/// What states must be clean for to be taken in with what this node has of the key.
Round Coordinator::admitted(const Op& op) const {
  return core_.admitted(op.local_key());
}

/// Keeps as many replicas asked as the quorum still needs: primaries first, then those who stand in
/// for the rest.
void Coordinator::ask_enough(Op& op) {
  const QuorumRule rule = read_rule(op);
  const size_t needed = std::max(rule.needed, rule.primary);
  while (may_count(op) < needed &&
         (ask_next(op) || (!rule.is_strict && op.kind != OpKind::kExplain && ask_fallback(op)))) {
  }
}

/// Slower than most reads: one more replica is asked, of few reads only. Where nothing came at all
/// for a long time, one more is asked in any case, and who was asked is remembered.
void Coordinator::hedge(Op& op, Now now) {
  if (op.phase != Op::Phase::kReading || op.kind == OpKind::kExplain) {
    return;
  }
  const auto p99_us = static_cast<uint64_t>(core_.copies.at(op.key.partition()).read_p99_us);
  const uint64_t patient_until_us =
      op.asked_us + std::max(SilentPeers::kPatienceUs, kSilentAtP99s * p99_us);
  if (now.mono_us < patient_until_us) {
    if (patient_until_us < op.deadline_us) {
      deadlines_.add(op.id, patient_until_us);
    }
    if (hedge_allowance_ >= 1 && ask_next(op)) {
      hedge_allowance_ -= 1;
      ++core_.metrics.hedged_reads;
    }
    return;
  }
  for (const Op::Asked& one : op.asked) {
    if (one.status == Op::Asked::Status::kWaiting) {
      silent_.add(one.node, now);
    }
  }
  core_.metrics.hedged_reads += ask_next(op) ? 1 : 0;
}

void Coordinator::on_fetch_reply(NodeId from, const FetchReply& reply, Now now) {
  silent_.heard(from);
  Op* op = table_.find(reply.id);
  if (op == nullptr || (op->phase != Op::Phase::kReading && op->phase != Op::Phase::kAnswered)) {
    return;
  }
  auto asked = std::find_if(op->asked.begin(), op->asked.end(),
                            [from](const Op::Asked& one) { return one.node == from; });
  if (asked == op->asked.end()) {
    return;
  }
  const bool gives_up =
      asked->status == Op::Asked::Status::kRefused && reply.status == FetchStatus::kFailed;
  if (asked->status != Op::Asked::Status::kWaiting && !gives_up) {
    return;
  }
  if (!note_round(*op, reply.rounds.committed, now)) {
    return;
  }
  if (reply.status == FetchStatus::kOk && reply.rounds.clean < admitted(*op)) {
    // It may show what has been reaped since; the node learns of it by the next write.
    asked->status = Op::Asked::Status::kFailed;
    ask_next(*op);
    return judge_read(*op, now);
  }
  const bool refused_by_step =
      reply.status == FetchStatus::kStale || reply.status == FetchStatus::kBehind;
  if (reply.status == FetchStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  if (reply.status == FetchStatus::kNoHint && asked->is_fallback) {
    asked->status = Op::Asked::Status::kDone;
    asked->is_empty = true;
    op->acks.add(ack_of(*op, *asked));
  } else if (refused_by_step && op->phase == Op::Phase::kReading && op->kind != OpKind::kExplain) {
    asked->status = Op::Asked::Status::kRefused;
    ask_next(*op);
    retry_refused(*op, now);
  } else if (reply.status != FetchStatus::kOk) {
    asked->status = Op::Asked::Status::kFailed;
    if (op->kind == OpKind::kExplain && reply.has_record) {
      take_state(*op, *asked, reply);
    }
  } else if (reply.has_record) {
    take_state(*op, *asked, reply);
  } else if (asked->whole_state) {
    return;  // an answer to the digest question, overtaken
  } else if (reply.digest == op->local_digest || KINDRED_BUG(digest_ignores_siblings)) {
    asked->status = Op::Asked::Status::kDone;
    asked->digest = op->local_digest;
    op->acks.add(ack_of(*op, *asked));
  } else {
    asked->whole_state = true;
    ask(*op, *asked);
    return;
  }
  judge_read(*op, now);
}

void Coordinator::take_state(Op& op, Op::Asked& asked, const FetchReply& reply) {
  State state;
  if (!core_.ports.decode(op.key.ref(), reply.record, &state)) {
    ++core_.metrics.damaged_records_received;
    asked.status = Op::Asked::Status::kFailed;
    return;
  }
  core_.filter(state);
  if (op.kind == OpKind::kExplain) {
    report_replica(op, asked.node, reply.status == FetchStatus::kOk, state);
  }
  asked.status =
      reply.status == FetchStatus::kOk ? Op::Asked::Status::kDone : Op::Asked::Status::kFailed;
  asked.digest = digest(state);
  if (asked.digest != op.local_digest) {
    op.differs = true;
    op.read = merge(op.read, state);
    op.read.own();
    op.read_clean = std::min(op.read_clean, reply.rounds.clean);
  }
  if (asked.status == Op::Asked::Status::kDone) {
    op.acks.add(ack_of(op, asked));
  }
}

Ack Coordinator::ack_of(const Op& op, const Op::Asked& asked) const {
  Ack ack = core_.ack_of(asked.node, op.key.partition(), core_.config.durability);
  ack.is_primary = !asked.is_fallback;
  ack.is_empty = asked.is_empty;
  return ack;
}

void Coordinator::judge_read(Op& op, Now now) {
  const Outstanding outstanding = may_still_answer(op);
  const bool waits = outstanding.primaries + outstanding.fallbacks > 0;
  if (op.phase == Op::Phase::kAnswered) {
    if (!waits) {
      end_read(op, now);
    }
    return;
  }
  if (op.kind == OpKind::kExplain) {
    if (!waits && !ask_next(op)) {
      finish_explain(op, now);
    }
    return;
  }
  const QuorumRule rule = read_rule(op);
  switch (judge(op.acks, rule, outstanding)) {
    case Verdict::kMet:
      return read_complete(op, now);
    case Verdict::kPending:
      return;
    case Verdict::kImpossible:
      ask_enough(op);
      if (judge(op.acks, rule, may_still_answer(op)) == Verdict::kImpossible) {
        fail(op, OutcomeCode::kNoQuorumRead, rule.needed, op.acks.size(), now);
      }
  }
}

void Coordinator::read_complete(Op& op, Now now) {
  learn_p99(&core_.copies.at(op.key.partition()).read_p99_us,
            static_cast<double>(now.mono_us - op.started_us));
  if (op.kind == OpKind::kModify || op.covers_read) {
    return write_what_was_read(op, now);
  }
  Outcome outcome;
  outcome.strict = is_strictly_met(op.acks, read_rule(op));
  const bool waits = std::any_of(op.asked.begin(), op.asked.end(), [](const Op::Asked& one) {
    return one.status == Op::Asked::Status::kWaiting;
  });
  if (!op.differs && !waits) {
    outcome.state = std::move(op.read);
    tell_read(op, &outcome, now);
    return finish(op, std::move(outcome), now);
  }
  outcome.state = op.read;
  tell_read(op, &outcome, now);
  core_.budget.note_request(now.mono_us - op.started_us);
  op.phase = Op::Phase::kAnswered;
  answer(op.origin, std::move(outcome));
  if (!waits) {
    end_read(op, now);
  }
}

/// A read that asks for one value is told what its keyspace's resolver makes of those at once.
void Coordinator::tell_read(Op& op, Outcome* outcome, Now now) {
  State& state = outcome->state;
  if (state.siblings.size() < 2) {
    return;
  }
  ++core_.metrics.conflicts_seen;
  const bool wants_state = (op.flags & op_flag::kWantState) != 0;
  const bool wants_resolved = (op.flags & op_flag::kWantResolved) != 0;
  if (op.kind != OpKind::kRead || (wants_state && !wants_resolved)) {
    return;
  }
  const KeyRef key = op.key.ref();
  const Resolution resolution(state, core_.keyspace_of(key.key), key, now.cluster_ms, core_.ports);
  core_.metrics.conflicts_hidden += resolution.living() > 1 ? 1 : 0;
  if (!resolution.is_made()) {
    return;
  }
  if (wants_state) {
    outcome->has_value = true;
    outcome->value = resolution.shown()->value;
    return;
  }
  const Sibling made = *resolution.shown();
  state.siblings.assign(1, made);
}

void Coordinator::end_read(Op& op, Now now) {
  if (op.differs) {
    ++core_.metrics.stale_reads;
    repair(plan_repair(op), now);
  }
  table_.free(op);
}

/// The merged state for every primary that answered with another one, this node too.
ReadRepair Coordinator::plan_repair(const Op& op) const {
  ReadRepair plan;
  if (!op.differs || op.read_clean < admitted(op)) {
    return plan;  // the same, or rounds went on since it was read
  }
  plan.step = core_.step(op.key.partition());
  plan.rounds = {op.home == 0 ? core_.rounds(op.key.partition()).committed : 0, op.read_clean};
  plan.key.assign(op.key.ref());
  plan.digest = digest(op.read);
  for (const Op::Asked& one : op.asked) {
    if (one.status == Op::Asked::Status::kDone && !one.is_fallback && one.digest != plan.digest) {
      plan.nodes.push_back(one.node);
    }
  }
  if (op.home == 0 && op.local_digest != plan.digest) {
    plan.nodes.push_back(core_.self);
  }
  plan.record = core_.ports.encode(op.key.ref(), op.read);
  return plan;
}

/// Comes after the answer. What the budget does not allow is left to a later read, and to
/// anti-entropy.
void Coordinator::repair(const ReadRepair& plan, Now now) {
  Replicate message;
  message.step = plan.step;
  message.rounds = plan.rounds;
  message.key = plan.key.ref();
  message.record = plan.record;
  message.is_repair = true;
  message.durability = core_.config.durability;
  for (const NodeId node : plan.nodes) {
    const bool may_send = core_.budget.may_begin(BackgroundWork::kReadRepair, now.mono_us) &&
                          recent_repairs_.note(plan.key.hash(), plan.digest, node, now.mono_us);
    if (!may_send) {
      ++core_.metrics.read_repairs_left;
      continue;
    }
    core_.budget.spend(BackgroundWork::kReadRepair,
                       BackgroundBudget::kBytesPerKey + plan.record.size());
    ++core_.metrics.read_repairs;
    if (node == core_.self) {
      replica_.on_replicate(node, message, now);
    } else {
      core_.ports.send(node, message);
    }
  }
}

void Coordinator::report_replica(Op& op, NodeId node, bool whole, const State& state) {
  ReplicaReport report;
  report.node = node;
  report.up = true;
  report.answered = true;
  report.whole = whole;
  report.state = state;
  report.state.own();
  op.reports.push_back(std::move(report));
}

void Coordinator::finish_explain(Op& op, Now now) {
  Outcome outcome;
  for (NodeId node : core_.holders(op.key.partition())) {
    auto found = std::find_if(op.reports.begin(), op.reports.end(),
                              [node](const ReplicaReport& report) { return report.node == node; });
    if (found != op.reports.end()) {
      outcome.replicas.push_back(std::move(*found));
    } else {
      ReplicaReport report;
      report.node = node;
      report.up = core_.is_up(node);
      outcome.replicas.push_back(std::move(report));
    }
  }
  outcome.state = std::move(op.read);
  finish(op, std::move(outcome), now);
}

}  // namespace kindred
