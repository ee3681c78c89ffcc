#include "replication/node/coordinator.h"

#include <algorithm>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

template <typename List>
bool contains(const List& list, NodeId node) {
  return std::find(list.begin(), list.end(), node) != list.end();
}

}  // namespace

Coordinator::Coordinator(ShardCore& core, Replica& replica)
    : core_(core),
      replica_(replica),
      table_(core.config.shard_index, IdKind::kCoordinated, core.config.id_seed) {}

void Coordinator::refuse_with(const Origin& origin, OutcomeCode code, uint8_t needed,
                              uint8_t seen) {
  Outcome refusal;
  refusal.code = code;
  refusal.needed = needed;
  refusal.seen = seen;
  answer(origin, std::move(refusal));
}

/// Where N fell, R and W of what it fell to (`wanted`) need not meet among the copies that there
/// still are, nor do two W: those that are to meet go by the N before.
void Coordinator::keep_meeting(const QuorumSpec& asked, const QuorumDefaults& configured,
                               uint32_t replicas, size_t length, uint32_t wanted,
                               ResolvedQuorum* resolved) {
  if (replicas <= wanted) {
    return;
  }
  if (asked.r == QuorumSpec::kAsConfigured && configured.read + configured.write > wanted) {
    resolved->read.needed = std::max(resolved->read.needed, resolved->modify_read);
  }
  if (asked.w == QuorumSpec::kAsConfigured && 2U * configured.write > wanted) {
    const auto majority = static_cast<uint8_t>(std::min<size_t>(length, replicas / 2 + 1));
    resolved->write.needed = std::max(resolved->write.needed, majority);
  }
}

/// The quorum of a request; the usual one, all as configured on a partition that stays where it is,
/// is worked out once a cluster.
const ResolvedQuorum& Coordinator::quorum_of(const QuorumSpec& spec, const KeyRef& key) {
  const uint16_t partition = key.partition;
  const uint8_t copies = core_.copies_of(partition);
  const Keyspace* keyspace = core_.keyspace_of(key.key);
  const bool is_usual = spec.as_configured() && copies == core_.usual_copies() &&
                        keyspace == nullptr && partition < core_.partitions().slot_partitions();
  const auto resolve = [&](const QuorumSpec& asked, size_t length) {
    const QuorumDefaults configured = core_.quorum_of(keyspace);
    const auto replicas = static_cast<uint8_t>(core_.cluster().replicas_met(partition));
    ResolvedQuorum resolved =
        resolve_quorum(asked, configured, replicas, static_cast<uint8_t>(length));
    keep_meeting(asked, configured, replicas, length, core_.cluster().replicas_of(partition),
                 &resolved);
    return resolved;
  };
  if (core_.is_moving(partition)) {
    QuorumSpec writing = spec;
    writing.r = QuorumSpec::kAsConfigured;
    writing.pr = 0;
    const auto old_length = core_.cluster().ring.owners(partition).size();
    const auto new_length = core_.cluster().find_move(partition)->new_owners.size();
    const ResolvedQuorum of_old = resolve(writing, old_length);
    const ResolvedQuorum of_new = resolve(writing, new_length);
    special_ = resolve(spec, copies);
    special_.write = of_old.write;
    special_.write_new = of_new.write;
    if (special_.error == RuleError::kNone) {
      const ResolvedQuorum& refusing = of_old.error != RuleError::kNone ? of_old : of_new;
      special_.error = refusing.error;
      special_.refused = refusing.refused;
    }
    return special_;
  }
  if (!is_usual) {
    special_ = resolve(spec, copies);
    return special_;
  }
  if (core_.quorum_version() != usual_version_) {
    usual_ = resolve(spec, copies);
    usual_version_ = core_.quorum_version();
  }
  return usual_;
}

void Coordinator::submit(const Origin& origin, const Operation& operation, Now now) {
  if (!core_.has_cluster()) {
    return refuse_with(origin, OutcomeCode::kNoReplicas, 0, 0);
  }
  if (core_.draining || table_.size() >= core_.config.operations_max) {
    ++core_.metrics.overload_refusals;
    if (core_.draining && origin.passed_on()) {
      return refuse(origin);  // another replica may run it
    }
    return refuse_with(origin, OutcomeCode::kOverloaded, 0, 0);
  }
  if (operation.kind == OpKind::kReadLocal && !origin.passed_on() &&
      core_.copies.at(operation.key.partition).state == CopyState::kNone) {
    return refuse_with(origin, OutcomeCode::kNotAReplica, 0, 0);
  }
  const ResolvedQuorum& quorum = quorum_of(operation.quorum, operation.key);
  if (quorum.error != RuleError::kNone) {
    return refuse_with(origin,
                       quorum.error == RuleError::kAboveReplicas ? OutcomeCode::kQuorumTooLarge
                                                                 : OutcomeCode::kNoReplicas,
                       quorum.refused, core_.copies_of(operation.key.partition));
  }
  if (quorum.write.durable > 0 && !core_.config.engine_can_sync && !is_read(operation.kind)) {
    return refuse_with(origin, OutcomeCode::kCannotSync, 0, 0);
  }
  Op& op = table_.make();
  op.origin = origin;
  op.kind = operation.kind;
  op.flags = operation.flags;
  op.key.assign(operation.key);
  op.spec = operation.quorum;
  op.step = core_.step(operation.key.partition);
  op.quorum = quorum;
  op.started_us = now.mono_us;
  const uint32_t timeout_ms = operation.quorum.timeout_ms != 0 ? operation.quorum.timeout_ms
                                                               : core_.config.request_timeout_ms;
  op.deadline_us = now.mono_us + timeout_ms * kUsPerMs;
  op.is_together = is_together(operation);
  deadlines_.add(op.id, op.deadline_us);
  place(op, operation, now);
}

bool Coordinator::runs_here(const Op& op, const Operation& operation) const {
  if (cannot_keep(op) || contains(op.tried, core_.self)) {
    return false;
  }
  if (core_.yields && operation.kind != OpKind::kReadLocal &&
      (op.origin.passed_on() || next_candidate(op) != 0)) {
    return false;
  }
  const uint16_t partition = op.key.partition();
  const CopyState mine = core_.copies.at(partition).state;
  const bool able = core_.serves(partition) ||
                    (mine == CopyState::kFilling && KINDRED_BUG(filling_copy_coordinates));
  if (!able && operation.kind != OpKind::kReadLocal) {
    return false;
  }
  if (operation.kind != OpKind::kModify || op.origin.passed_on()) {
    return true;
  }
  return is_first_primary(op);
}

/// Read-modify-writes meet at the key's first healthy primary, so that they run one by one.
bool Coordinator::is_first_primary(const Op& op) const {
  for (NodeId node : core_.owners(op.key.partition())) {
    if (node == core_.self) {
      return true;
    }
    if (core_.is_up(node) && !contains(op.tried, node)) {
      return false;
    }
  }
  return false;
}

/// The next owner to pass the request to, those that are silent last. Read-modify-writes go by the
/// list's order alone: they meet at one node only while all pass them to the same.
NodeId Coordinator::next_candidate(const Op& op) const {
  NodeId silent = 0;
  for (NodeId node : core_.owners(op.key.partition())) {
    if (node == core_.self || !core_.is_up(node) || contains(op.tried, node)) {
      continue;
    }
    if (op.kind == OpKind::kModify || !silent_.contains(node)) {
      return node;
    }
    silent = silent != 0 ? silent : node;
  }
  return silent;
}

void Coordinator::place(Op& op, const Operation& operation, Now now) {
  if (runs_here(op, operation)) {
    return run(op, operation, now);
  }
  if (op.origin.passed_on()) {
    const bool holds_copy = core_.cluster().holds(op.key.partition(), core_.self);
    if (op.origin.as_fallback && !holds_copy && may_stand_in(op) && !cannot_keep(op) &&
        core_.copies.at(op.key.partition()).knows_round) {
      return stand_in(op, operation, now);
    }
    const Origin origin = op.origin;
    table_.free(op);
    return refuse(origin);
  }
  NodeId to = next_candidate(op);
  if (to == 0 && op.was_refused_by_step) {
    return delay(op, now);
  }
  const bool as_fallback = to == 0 && may_stand_in(op);
  if (as_fallback) {
    to = next_stand_in(op);
    if (to == core_.self) {
      return stand_in(op, operation, now);
    }
  }
  if (to == 0 && (cannot_keep(op) || contains(op.tried, core_.self))) {
    return fail(op, core_.storage_error(), 0, 0, now);
  }
  if (to == 0) {
    const uint8_t needed = is_read(op.kind) ? op.quorum.read.needed : op.quorum.write.needed;
    return fail(op, OutcomeCode::kNoReplicas, needed, core_.owners_up(op.key.partition()), now);
  }
  pass_on(op, operation, to, as_fallback, now);
}

void Coordinator::run(Op& op, const Operation& operation, Now now) {
  switch (operation.kind) {
    case OpKind::kRead:
    case OpKind::kReadLocal:
    case OpKind::kExplain:
      ++core_.metrics.coordinated_reads;
      return begin_read(op, now);
    case OpKind::kModify:
      ++core_.metrics.coordinated_writes;
      if (&operation != &op.request) {
        op.keep(operation);
      }
      return op.is_together ? begin_together(op, now) : begin_modify(op, now);
    case OpKind::kSpread:
      op.quorum.write.needed = static_cast<uint8_t>(
          std::clamp<int64_t>(operation.integer, 0, core_.cluster().ring.copies()) + 1);
      return begin_write(op, operation, now);
    case OpKind::kRemove:
      if (operation.context.empty()) {
        return finish(op, Outcome{}, now);
      }
      [[fallthrough]];
    case OpKind::kPut:
      ++core_.metrics.coordinated_writes;
      return begin_write(op, operation, now);
    case OpKind::kSet: {
      ++core_.metrics.coordinated_writes;
      const Keyspace* keyspace = core_.keyspace_of(op.key.ref().key);
      return keyspace == nullptr || keyspace->has_registers
                 ? begin_write(op, operation, now)
                 : begin_covering_set(op, operation, now);
    }
  }
}

void Coordinator::answer(const Origin& origin, Outcome&& outcome) {
  outcome.epoch = core_.has_cluster() ? core_.cluster().epoch : 0;
  if (!origin.passed_on()) {
    return core_.ports.reply(origin.client, std::move(outcome));
  }
  PassOnReply reply;
  reply.id = origin.passed_id;
  reply.outcome = &outcome;
  core_.ports.send(origin.passer, reply);
}

void Coordinator::refuse(const Origin& origin) {
  PassOnReply refusal;
  refusal.id = origin.passed_id;
  refusal.status = PassOnStatus::kRefused;
  core_.ports.send(origin.passer, refusal);
}

void Coordinator::finish(Op& op, Outcome&& outcome, Now now) {
  const Origin origin = op.origin;
  const uint64_t whole = op.whole;
  const size_t index = op.part;
  const bool was_written = op.written;
  if (op.phase == Op::Phase::kTogether) {
    drop_parts(op.id, now);
  }
  if (outcome.code == OutcomeCode::kOk) {
    core_.budget.note_request(now.mono_us - op.started_us);
  }
  if (op.kind == OpKind::kModify) {
    release_key(op, now);
  }
  if (op.phase == Op::Phase::kWriting && op.kind != OpKind::kSpread) {
    settle(op, now);
  } else {
    table_.free(op);
  }
  if (whole != 0) {
    return part_ended(whole, index, std::move(outcome), was_written, now);
  }
  answer(origin, std::move(outcome));
}

void Coordinator::fail(Op& op, OutcomeCode code, size_t needed, size_t seen, Now now) {
  if (op.written && code != OutcomeCode::kNoQuorumWrite) {
    code = OutcomeCode::kNoQuorumWrite;
    needed = op.quorum.write.needed;
    seen = 0;
  }
  if (code == OutcomeCode::kNoReplicas || code == OutcomeCode::kNoQuorumRead ||
      code == OutcomeCode::kNoQuorumWrite) {
    ++core_.metrics.quorum_failures;
  }
  Outcome outcome;
  outcome.code = code;
  outcome.needed = static_cast<uint8_t>(needed);
  outcome.seen = static_cast<uint8_t>(seen);
  name_unmet(op, &outcome);
  outcome.dot = op.written ? op.dot : Dot{};
  finish(op, std::move(outcome), now);
}

/// Says which part of its quorum a request did not meet, where it is not the number of copies.
void Coordinator::name_unmet(const Op& op, Outcome* outcome) const {
  const bool none_asked = outcome->code == OutcomeCode::kNoReplicas;
  if (!none_asked && outcome->code != OutcomeCode::kNoQuorumRead &&
      outcome->code != OutcomeCode::kNoQuorumWrite) {
    return;
  }
  const bool is_write =
      outcome->code == OutcomeCode::kNoQuorumWrite || (none_asked && op.kind != OpKind::kRead);
  const QuorumRule rule = is_write ? op.quorum.write : read_rule(op);
  const uint8_t primaries = std::min(outcome->seen, core_.owners_up(op.key.partition()));
  const Shortfall unmet =
      none_asked ? shortfall(outcome->seen, primaries, rule) : shortfall(op.acks, rule);
  if (unmet.part != QuorumPart::kCopies) {
    outcome->unmet = unmet.part;
    outcome->needed = unmet.needed;
    outcome->seen = unmet.seen;
  } else if (!none_asked) {
    outcome->seen = std::min(outcome->seen, unmet.seen);  // not all that answered count
  }
}

/// Loads what this node holds of the key: its copy, or all its hints where it stands in. After
/// kPending await_local() follows.
LoadStatus Coordinator::load_local(Op& op, State* state) {
  if (op.home == 0) {
    const LoadStatus status = core_.load(op.key.ref(), state);
    if (status == LoadStatus::kCorrupt) {
      core_.quarantine(op.key.ref());
    }
    return status;
  }
  HintsOfKey hints;
  const LoadStatus status = core_.hint_reader.try_read(op.key.ref(), &hints);
  op.home_before = hints.mark_of(op.home);
  *state = std::move(hints.state);
  core_.filter(*state);
  begin_from_hints(op, *state);
  return status;
}

void Coordinator::await_local(Op& op) {
  if (op.home == 0) {
    core_.ports.load(op.key.ref(), op.id);
  } else {
    core_.hint_reader.read(op.key.ref(), op.id);
  }
}

/// Whose dots the request may make: the copy's actor, or the one that lives as long as the hint.
ActorId Coordinator::actor_of(const Op& op) const {
  return op.home == 0 ? core_.copies.at(op.key.partition()).actor
                      : core_.hints.actor(op.local_key());
}

ActorId Coordinator::actor_to_write(const Op& op) {
  ActorId actor = actor_of(op);
  if (actor == 0) {
    actor = core_.ports.random();
    core_.hints.set_actor(op.local_key(), actor);
  }
  return actor;
}

void Coordinator::renew(Op& op) {
  op.forget_hints();
  table_.renew(op);
  if (const auto whole = together_.find(op.whole); whole != together_.end()) {
    whole->second.parts[op.part].id = op.id;
  }
  deadlines_.add(op.id, op.deadline_us);
}

void Coordinator::on_stored(uint64_t id, bool ok, Now now) {
  if (auto hint = storing_hints_.extract(id); !hint.empty()) {
    return on_hint_stored(id, hint.mapped().ref(), ok, now);
  }
  const auto storing = storing_.find(id);
  if (storing == storing_.end()) {
    return;
  }
  const uint16_t partition = storing->second;
  storing_.erase(storing);
  Op* op = table_.find(id);
  if (!ok && (op == nullptr || op->phase != Op::Phase::kWriting)) {
    // The request is over, or in its next round: what it wrote is lost here all the same.
    ++core_.metrics.storage_failures;
    return KINDRED_BUG(actor_survives_late_failure) ? void() : core_.end_actor(partition);
  }
  if (op == nullptr || op->phase != Op::Phase::kWriting) {
    return;
  }
  ReplicateAck ack;
  ack.id = id;
  ack.status = ok ? AckStatus::kStored : AckStatus::kFailed;
  ack.durability = durability_of(*op);
  on_ack(core_.self, ack, now);
}

void Coordinator::on_hints_read(uint64_t id, LoadStatus status, const HintsOfKey& hints, Now now) {
  if (Op* op = table_.find(id); op != nullptr) {
    op->home_before = hints.mark_of(op->home);
    on_loaded(id, status, hints.state, now);
  }
}

void Coordinator::not_loaded(Op& op, LoadStatus status, Now now) {
  switch (op.phase) {
    case Op::Phase::kLoadingRead:
    case Op::Phase::kLoadingWrite:
      return leave(op, status, now);
    case Op::Phase::kWriting:
      return retry_refused(op, now);  // others may do without them
    case Op::Phase::kAnswered:
    case Op::Phase::kSettling:
      return KINDRED_BUG(late_load_answers) ? fail(op, OutcomeCode::kStorageFailed, 0, 0, now)
                                            : void();
    default:
      return fail(op, OutcomeCode::kStorageFailed, 0, 0, now);
  }
}

void Coordinator::on_loaded(uint64_t id, LoadStatus status, const State& state, Now now) {
  Op* op = table_.find(id);
  if (op == nullptr) {
    return;
  }
  if (op->loads_for_hints) {
    return hints_loaded(*op, status, state, now);
  }
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(op->key.ref());
  }
  if (status != LoadStatus::kLoaded) {
    return not_loaded(*op, status, now);
  }
  State current = state;
  core_.filter(current);
  if (op->home != 0) {
    begin_from_hints(*op, current);
    if (current.round < core_.copies.at(op->key.partition()).mark.bar) {
      // The hints went while they were read, and this node has vouched for having none since.
      return fail(*op, OutcomeCode::kStorageFailed, 0, 0, now);
    }
  }
  switch (op->phase) {
    case Op::Phase::kLoadingRead:
      return local_read(*op, current, now);
    case Op::Phase::kLoadingWrite:
      return op->kind == OpKind::kModify ? modify_loaded(*op, current, now)
                                         : write_loaded(*op, op->request, current, now);
    case Op::Phase::kLoadingRestamp:
      return restamp_loaded(*op, current, now);
    case Op::Phase::kLoadingRound:
      return round_loaded(*op, current, now);
    case Op::Phase::kWriting:
      return send_to_refused(*op, core_.ports.encode(op->key.ref(), current));
    default:
      return;
  }
}

void Coordinator::on_peer_down(NodeId peer, Now now) {
  for (uint64_t id : table_.ids()) {
    Op* op = table_.find(id);
    if (op == nullptr) {
      continue;
    }
    if (op->phase == Op::Phase::kPassedOn && !op->tried.empty() && op->tried.back() == peer) {
      // A read can be asked of another; a write may have been applied there.
      if (is_read(op->kind)) {
        refuse_or_move(*op, now);
      } else {
        fail(*op, OutcomeCode::kNoQuorumWrite, op->quorum.write.needed, 0, now);
      }
    } else if ((op->phase == Op::Phase::kWriting || op->phase == Op::Phase::kSettling) &&
               (contains(op->waiting, peer) || contains(op->refused, peer))) {
      ReplicateAck ack;
      ack.id = id;
      ack.status = AckStatus::kFailed;
      on_ack(peer, ack, now);
    } else if (op->phase == Op::Phase::kReading || op->phase == Op::Phase::kAnswered) {
      FetchReply reply;
      reply.id = id;
      reply.status = FetchStatus::kFailed;
      on_fetch_reply(peer, reply, now);
    }
  }
}

void Coordinator::tick(Now now) {
  silent_.expire(now);
  deadlines_.expire(now.mono_us, [this, now](uint64_t id) { on_due(id, now); });
}

void Coordinator::on_due(uint64_t id, Now now) {
  Op* op = table_.find(id);
  if (op == nullptr) {
    return;
  }
  if (now.mono_us < op->deadline_us) {
    return retry(*op, now) ? void() : lose_patience(*op, now);
  }
  switch (op->phase) {
    case Op::Phase::kAnswered:
      return end_read(*op, now);
    case Op::Phase::kReading:
    case Op::Phase::kLoadingRead:
    case Op::Phase::kQueued:
      if (op->kind == OpKind::kExplain) {
        return finish_explain(*op, now);
      }
      return fail(*op, OutcomeCode::kNoQuorumRead, read_rule(*op).needed, op->acks.size(), now);
    case Op::Phase::kLoadingWrite:
      return fail(*op, OutcomeCode::kOverloaded, 0, 0, now);
    case Op::Phase::kDelayed:
      return is_read(op->kind)
                 ? fail(*op, OutcomeCode::kNoQuorumRead, op->quorum.read.needed, 0, now)
                 : fail(*op, OutcomeCode::kNoReplicas, op->quorum.write.needed, 0, now);
    case Op::Phase::kPassedOn:
      return is_read(op->kind)
                 ? fail(*op, OutcomeCode::kNoQuorumRead, op->quorum.read.needed, 0, now)
                 : fail(*op, OutcomeCode::kNoQuorumWrite, op->quorum.write.needed, 0, now);
    case Op::Phase::kLoadingRestamp:
    case Op::Phase::kLoadingRound:
    case Op::Phase::kWriting:
      if (op->kind == OpKind::kSpread) {
        return write_complete(*op, now);
      }
      fail(*op, OutcomeCode::kNoQuorumWrite, op->quorum.write.needed, op->acks.size(), now);
      if (Op* left = table_.find(id); left != nullptr) {
        hint_silent(*left, now);
      }
      return;
    case Op::Phase::kTogether:
    case Op::Phase::kPrepared:
      return;  // a part that waits for more tells why
    case Op::Phase::kSettling:
      return hint_silent(*op, now);
  }
}

}  // namespace kindred
