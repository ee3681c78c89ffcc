#include <algorithm>
#include <string>

#include "replication/causal/bug_bank.h"
#include "replication/node/coordinator.h"

namespace kindred {

namespace {

template <typename List>
bool remove_from(List& list, NodeId node) {
  auto place = std::find(list.begin(), list.end(), node);
  if (place == list.end()) {
    return false;
  }
  list.erase(place);
  return true;
}

/// What a careless implementation would ship: the new version alone, under the whole context.
State bare_write(const State& state, const Dot& dot) {
  State bare;
  bare.context = state.context;
  bare.floor = state.floor;
  if (const Sibling* sibling = state.find(dot); sibling != nullptr) {
    bare.siblings.push_back(*sibling);
  }
  return bare;
}

}  // namespace

Durability Coordinator::durability_of(const Op& op) const {
  return op.quorum.write.durable > 0 ? Durability::kSynced : core_.config.durability;
}

void Coordinator::begin_write(Op& op, const Operation& operation, Now now) {
  if (op.kind != OpKind::kSpread && !writers_are_up(op, now)) {
    return;
  }
  State state;
  const LoadStatus status = load_local(op, &state);
  if (status == LoadStatus::kLoaded) {
    return write_loaded(op, operation, state, now);
  }
  if (status == LoadStatus::kPending) {
    op.phase = Op::Phase::kLoadingWrite;
    op.keep(operation);
    return await_local(op);
  }
  op.keep(operation);
  leave(op, status, now);
}

/// SET where it is no register write: reads at R first, so that it replaces what a client could
/// have seen, whichever copy coordinates; what is written at the same time stays beside it.
void Coordinator::begin_covering_set(Op& op, const Operation& operation, Now now) {
  if (!writers_are_up(op, now)) {
    return;
  }
  if (&operation != &op.request) {
    op.keep(operation);
  }
  op.covers_read = true;
  if (KINDRED_BUG(covering_set_without_read)) {
    op.read.clear();
    return write_what_was_read(op, now);
  }
  begin_read(op, now);
}

/// When a value written with the expiry `given_ms` expires.
uint64_t Coordinator::expiry_of(const Op& op, uint64_t given_ms, Now now) const {
  const Keyspace* keyspace = core_.keyspace_of(op.key.ref().key);
  const bool has_default = given_ms == 0 && keyspace != nullptr && keyspace->ttl_ms != 0;
  return has_default ? now.cluster_ms + keyspace->ttl_ms : given_ms;
}

void Coordinator::write_loaded(Op& op, const Operation& operation, State& state, Now now) {
  if (copy_lost(op)) {
    return leave(op, LoadStatus::kCorrupt, now);
  }
  if (operation.kind == OpKind::kSpread) {
    return spread_loaded(op, operation, state, now);
  }
  const LiveMark before = live_mark(state);
  const ClientContext shown = op.covers_read ? context_of_read(op.read) : ClientContext{};
  const ClientContext& context = op.covers_read ? shown : operation.context;
  const Stamp stamp = core_.stamp(now, op.key.partition(), state, context.highest_stamp());
  if (stamp == 0) {
    return fail(op, OutcomeCode::kStorageFailed, 0, 0, now);
  }
  op.acks.clear();  // of the read
  op.dot = Dot{stamp, actor_to_write(op)};
  op.has_version = operation.kind != OpKind::kRemove;
  op.version.dot = op.dot;
  op.version.expire_at_ms = expiry_of(op, operation.expire_at_ms, now);
  op.version.type = kTypeString;
  op.version.value = operation.value;
  NewVersion* version = op.has_version ? &op.version : nullptr;
  if (operation.kind == OpKind::kSet && !op.covers_read) {
    op.is_register = true;
    apply_register(state, op.dot, version);
    op.first_round = state.context;
  } else {
    const size_t siblings_before = state.siblings.size();
    apply_put(state, context, op.dot, version);
    // Merges may go over the limit: a write that brings such a key down must not be refused.
    if (state.siblings.size() > std::max<size_t>(core_.config.siblings_max, siblings_before)) {
      return fail(op, OutcomeCode::kTooManySiblings, core_.config.siblings_max,
                  state.siblings.size(), now);
    }
    op.outcome = Outcome{};
    op.outcome.context = op.covers_read ? ClientContext{} : context_of_put(context, state, op.dot);
  }
  write_out(op, before, state, now);
}

/// Stores the state here, then sends it to the other owners: they get all of it, never a part.
void Coordinator::write_out(Op& op, const LiveMark& before, const State& state, Now now) {
  op.phase = Op::Phase::kWriting;
  const std::string_view record = core_.ports.encode(op.key.ref(), state);
  const Durability durability = durability_of(op);
  const StoreStatus status =
      op.home == 0
          ? core_.commit(op.key.ref(), before, live_mark(state), record, durability, op.id, now)
          : core_.commit_hint(op.local_key(), op.home_before, state, record, durability, op.id);
  if (status == StoreStatus::kFailed) {
    return fail(op, core_.storage_error(), 0, 0, now);
  }
  op.written = true;
  if (status == StoreStatus::kPending) {
    op.waiting.push_back(core_.self);
    if (op.home == 0) {
      storing_[op.id] = op.key.partition();
    } else {
      storing_hints_[op.id].assign(op.local_key());
    }
  } else {
    op.acks.add(op.home == 0 ? core_.ack_of(core_.self, op.key.partition(), durability)
                             : own_fallback_ack(op, durability, /*is_empty=*/false));
  }
  if (op.home != 0) {
    op.home_record.assign(record);
    op.home_clean = state.round;
  }
  if (KINDRED_BUG(bare_write_shipped)) {
    send_writes(op, std::string(core_.ports.encode(op.key.ref(), bare_write(state, op.dot))), now);
  } else {
    send_writes(op, record, now);
  }
  judge_write(op, now);
}

/// Of what this node has of the key, as it was loaded in this step, or kept.
Rounds Coordinator::rounds_of(const Op& op) const {
  return op.home == 0 ? core_.rounds(op.key.partition()) : Rounds{0, op.home_clean};
}

/// A replica knows of an agreed round. False where this node's copy turned out to be from before
/// it, so that the request had to end.
bool Coordinator::note_round(Op& op, Round committed, Now now) {
  if (op.home != 0 || committed == 0) {
    return true;
  }
  const bool was_lost = copy_lost(op);
  core_.see_round(op.key.partition(), committed);
  if (was_lost || !copy_lost(op) || op.kind == OpKind::kReadLocal || op.kind == OpKind::kExplain ||
      op.phase == Op::Phase::kAnswered || op.phase == Op::Phase::kSettling) {
    return true;
  }
  const bool reads = op.phase == Op::Phase::kReading && !op.written;
  fail(op, reads ? OutcomeCode::kNoQuorumRead : OutcomeCode::kNoQuorumWrite,
       reads ? read_rule(op).needed : op.quorum.write.needed, 0, now);
  return false;
}

Replicate Coordinator::write_message(const Op& op, std::string_view record) const {
  Replicate message;
  message.id = op.id;
  message.step = op.step;
  message.rounds = rounds_of(op);
  message.key = op.key.ref();
  message.record = record;
  message.durability = durability_of(op);
  return message;
}

void Coordinator::send_writes(Op& op, std::string_view record, Now now) {
  const Replicate message = write_message(op, record);
  for (NodeId node : core_.written_up(op.key.partition())) {
    op.waiting.push_back(node);
    core_.ports.send(node, message);
  }
  if (op.kind != OpKind::kSpread) {
    hint_absent(op, record, now);
  }
}

void Coordinator::on_ack(NodeId from, const ReplicateAck& ack, Now now) {
  silent_.heard(from);
  Op* op = table_.find(ack.id);
  if (op == nullptr || (op->phase != Op::Phase::kWriting && op->phase != Op::Phase::kSettling)) {
    return;
  }
  const bool asked = remove_from(op->waiting, from) || remove_from(op->refused, from);
  if (!asked && !KINDRED_BUG(duplicate_ack_counts)) {
    return;
  }
  if (ack.status == AckStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  if (!note_round(*op, ack.round, now)) {
    return;
  }
  if (op->phase == Op::Phase::kSettling) {
    note_answer(*op, from, ack, now);
    return is_settled(*op) ? table_.free(*op) : void();
  }
  const bool is_hint = std::any_of(op->hints.begin(), op->hints.end(), [from](const auto& place) {
    return place.holder == from && !place.is_over;
  });
  const bool reads_afresh = ack.status == AckStatus::kUnclean && !is_hint;
  if (ack.status == AckStatus::kStale || ack.status == AckStatus::kBehind || reads_afresh) {
    op->refused.push_back(from);
    return retry_refused(*op, now);
  }
  op->highest = std::max(op->highest, ack.highest);
  const bool own_failure = from == core_.self && ack.status == AckStatus::kFailed;
  if (own_failure && op->home == 0) {
    ++core_.metrics.storage_failures;
    core_.end_actor(op->key.partition());
  }
  note_answer(*op, from, ack, now);
  // A hint's actor also ends when the hint is delivered: then its target holds the write.
  const bool actor_ended =
      own_failure || (op->home == 0 && op->dot.actor != 0 && op->dot.actor != actor_of(*op));
  if (actor_ended && op->kind != OpKind::kSpread) {
    return fail(*op, OutcomeCode::kNoQuorumWrite, op->quorum.write.needed, op->acks.size(), now);
  }
  judge_write(*op, now);
}

Verdict Coordinator::judge_acks(const Op& op) const {
  const OutstandingOfLists outstanding = may_still_ack(op);
  if (core_.is_moving(op.key.partition()) && op.kind != OpKind::kSpread) {
    return judge_both(op.acks, op.quorum.write, op.quorum.write_new, outstanding);
  }
  return judge(op.acks, op.quorum.write, outstanding.of_old);
}

void Coordinator::judge_write(Op& op, Now now) {
  const Verdict verdict = judge_acks(op);
  if (op.kind == OpKind::kSpread) {
    // Counts all who answer, also where they can't be as many as were asked for.
    if (verdict == Verdict::kMet || (op.waiting.empty() && op.refused.empty())) {
      write_complete(op, now);
    }
    return;
  }
  if (verdict == Verdict::kPending) {
    // Only a re-stamp needs the value again, and that comes in a later step.
    if (op.is_register && op.has_version) {
      op.keep_version();
    } else {
      op.version.value = Value{};
    }
    return;
  }
  const bool hidden = op.is_register && op.highest > op.dot && !KINDRED_BUG(no_restamp);
  if (hidden && op.kind == OpKind::kModify && !KINDRED_BUG(modify_restamped)) {
    return modify_again(op, now);
  }
  if (hidden && !op.restamped) {
    return begin_restamp(op, now);
  }
  if (verdict == Verdict::kImpossible) {
    return fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, op.acks.size(), now);
  }
  write_complete(op, now);
}

/// Whether primaries alone met the quorum, while the partition moves of both lists.
bool Coordinator::is_strict(const Op& op) const {
  return core_.is_moving(op.key.partition()) && op.kind != OpKind::kSpread
             ? are_strictly_met(op.acks, op.quorum.write, op.quorum.write_new)
             : is_strictly_met(op.acks, op.quorum.write);
}

void Coordinator::write_complete(Op& op, Now now) {
  if (op.kind == OpKind::kSet) {
    Outcome outcome;
    outcome.applied = true;
    outcome.dot = op.dot;
    outcome.strict = is_strict(op);
    return finish(op, std::move(outcome), now);
  }
  Outcome outcome = std::move(op.outcome);
  outcome.applied = true;
  outcome.dot = op.dot;
  outcome.strict = is_strict(op);
  if (op.kind == OpKind::kSpread) {
    const size_t others = op.acks.size() - (op.acks.contains(core_.self) ? 1 : 0);
    outcome.integer = static_cast<int64_t>(others);
  }
  finish(op, std::move(outcome), now);
}

/// An ack reported a higher dot: written once more above it, covering what the first round covered.
void Coordinator::begin_restamp(Op& op, Now now) {
  ++core_.metrics.restamped_writes;
  op.restamped = true;
  const AckSet first_acks = op.acks;
  begin_round(op);
  if (KINDRED_BUG(restamp_counts_old_acks)) {
    op.acks = first_acks;
  }
  State state;
  const LoadStatus status = load_local(op, &state);
  if (status == LoadStatus::kLoaded) {
    return restamp_loaded(op, state, now);
  }
  if (status == LoadStatus::kPending) {
    op.phase = Op::Phase::kLoadingRestamp;
    return await_local(op);
  }
  fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
}

void Coordinator::restamp_loaded(Op& op, State& state, Now now) {
  const Copy& copy = core_.copies.at(op.key.partition());
  const ActorId actor = actor_of(op);
  if (actor != op.dot.actor || (op.home == 0 && copy.state == CopyState::kDeparting)) {
    return fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
  }
  const LiveMark before = live_mark(state);
  const Stamp stamp = core_.stamp(now, op.key.partition(), state, op.highest.stamp);
  if (stamp == 0) {
    return fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
  }
  op.dot = Dot{stamp, actor};
  op.version.dot = op.dot;
  apply_restamp(state, op.first_round, op.dot, op.has_version ? &op.version : nullptr);
  write_out(op, before, state, now);
}

/// WAIT: the state as it is here goes to all other owners; their acks are counted. Where the write
/// that is waited for is not part of it, they would say nothing about that write.
void Coordinator::spread_loaded(Op& op, const Operation& operation, const State& state, Now now) {
  op.phase = Op::Phase::kWriting;
  op.outcome = Outcome{};
  const CausalContext& awaited = operation.context.covered;
  if (!std::all_of(awaited.dots().begin(), awaited.dots().end(),
                   [&](const Dot& dot) { return state.context.covers(dot); })) {
    return finish(op, Outcome{}, now);
  }
  op.acks.add(core_.ack_of(core_.self, op.key.partition(), core_.config.durability));
  send_writes(op, core_.ports.encode(op.key.ref(), state), now);
  judge_write(op, now);
}

}  // namespace kindred
