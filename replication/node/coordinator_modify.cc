#include <algorithm>
#include <limits>

#include "replication/causal/bug_bank.h"
#include "replication/node/coordinator.h"
#include "replication/node/resolution.h"

namespace kindred {

namespace {

/// Whether the first round's effect is still what a reader sees: applying the operation to it would
/// apply it twice.
bool first_round_stands(const CoordinatedOp& op, const State& state, const Resolution& seen) {
  const Modification modification = op.request.modification;
  if (!op.written || modification == Modification::kExpire ||
      modification == Modification::kPersist) {
    return false;
  }
  if (!op.has_version) {
    return seen.shown() == nullptr;
  }
  return seen.is_made() ? state.find(op.dot) != nullptr
                        : seen.shown() != nullptr && seen.shown()->dot == op.dot;
}

/// The first round's effect once more, to be stored above the dot that a replica reported. Where a
/// resolver has made a value of it and others, that.
Mutation same_again(const CoordinatedOp& op, const Resolution& seen) {
  Mutation mutation;
  mutation.effect = op.has_version ? Mutation::Effect::kRegister : Mutation::Effect::kDelete;
  mutation.value = seen.is_made() ? seen.shown()->value : op.version.value;
  mutation.expire_at_ms = seen.is_made() ? seen.shown()->expire_at_ms : op.version.expire_at_ms;
  mutation.outcome = op.outcome;
  return mutation;
}

/// Whether the operation's result depends on the value that is there, or tells it.
bool uses_value(const Operation& operation) {
  switch (operation.modification) {
    case Modification::kSet:
    case Modification::kExpire:
    case Modification::kPersist:
      return operation.has_flag(op_flag::kReturnOld);
    case Modification::kDelete:
    case Modification::kNone:
      return false;
    default:
      return true;
  }
}

/// Whether what it writes begins a new life, which a keyspace may bound: a key that was not there,
/// or a SET that does not keep the old expiry, which a transaction may hold.
bool begins_life(const Operation& operation, const Sibling* old) {
  return old == nullptr || operation.modification == Modification::kTransaction ||
         (operation.modification == Modification::kSet &&
          !operation.has_flag(op_flag::kKeepExpiry));
}

}  // namespace

/// One read-modify-write of a key at a time; the others wait in order.
void Coordinator::begin_modify(Op& op, Now now) {
  if (!writers_are_up(op, now)) {
    return;
  }
  op.phase = Op::Phase::kQueued;
  op.outcome = Outcome{};
  if (KINDRED_BUG(modify_not_serialised)) {
    return begin_read(op, now);
  }
  auto [place, free] = modifying_.try_emplace(op.key.hash());
  place->second.waiting.push_back(op.id);
  if (free) {
    begin_read(op, now);
  }
}

/// The op leaves its key's queue; the next one that still lives starts.
void Coordinator::release_key(const Op& op, Now now) {
  auto place = modifying_.find(op.key.hash());
  if (place == modifying_.end()) {
    return;
  }
  std::deque<uint64_t>& waiting = place->second.waiting;
  auto own = std::find(waiting.begin(), waiting.end(), op.id);
  if (own == waiting.end()) {
    return;
  }
  const bool was_running = own == waiting.begin();
  waiting.erase(own);
  if (waiting.empty()) {
    modifying_.erase(place);
    return;
  }
  if (was_running) {
    runnable_.push_back(waiting.front());
    start_runnable(now);
  }
}

/// Starts queued ones in a loop, not by recursion: each may end at once and free the next.
void Coordinator::start_runnable(Now now) {
  if (starting_) {
    return;
  }
  starting_ = true;
  while (!runnable_.empty()) {
    const uint64_t id = runnable_.front();
    runnable_.pop_front();
    Op* next = table_.find(id);
    if (next != nullptr && next->step != core_.step(next->key.partition())) {
      take_step(*next, now);
      next = table_.find(id);
    }
    if (next != nullptr && next->phase == Op::Phase::kQueued) {
      begin_read(*next, now);
    }
  }
  starting_ = false;
}

/// The quorum has been read: goes on with what the local copy holds by now.
void Coordinator::write_what_was_read(Op& op, Now now) {
  State local;
  op.phase = Op::Phase::kLoadingWrite;
  const LoadStatus status = load_local(op, &local);
  if (status == LoadStatus::kLoaded) {
    return op.kind == OpKind::kModify ? modify_loaded(op, local, now)
                                      : write_loaded(op, op.request, local, now);
  }
  if (status == LoadStatus::kPending) {
    return await_local(op);
  }
  leave(op, status, now);
}

void Coordinator::modify_loaded(Op& op, State& local, Now now) {
  if (copy_lost(op) && !op.written) {
    return leave(op, LoadStatus::kCorrupt, now);
  }
  if (copy_lost(op) || (op.written && op.dot.actor != actor_of(op))) {
    return fail(op, OutcomeCode::kStorageFailed, 0, 0, now);
  }
  if (op.read_clean < admitted(op)) {
    return modify_again(op, now);  // rounds went on since the quorum was read
  }
  if (op.whole != 0 && !op.written) {
    return part_read(op, local, now);
  }
  const LiveMark before = live_mark(local);
  State state = merge(local, op.read);
  state.round = op.home == 0 ? 0 : std::min(local.round, op.read_clean);
  MutationLimits limits;
  limits.value_bytes_max = core_.config.value_bytes_max;
  const KeyRef key = op.key.ref();
  const Keyspace* keyspace = core_.keyspace_of(key.key);
  const Resolution seen(state, keyspace, key, now.cluster_ms, core_.ports);
  const Sibling* old = seen.shown();
  if (seen.is_open() && uses_value(op.request)) {
    return fail(op, OutcomeCode::kConflict, 1, seen.living(), now);
  }
  const bool stands = first_round_stands(op, state, seen);
  if (op.whole != 0 && !stands) {
    // The other keys are written: this one can't be computed anew.
    return fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
  }
  Mutation mutation = stands && !KINDRED_BUG(modify_applied_twice)
                          ? same_again(op, seen)
                          : mutate(op.request, state, old, now.cluster_ms, limits);
  if (mutation.effect == Mutation::Effect::kRegister && !stands && begins_life(op.request, old)) {
    mutation.expire_at_ms = expiry_of(op, mutation.expire_at_ms, now);
  }
  // A delete that was computed again counts what its first round removed.
  mutation.outcome.integer = op.outcome.applied && op.request.modification == Modification::kDelete
                                 ? std::max<int64_t>(op.outcome.integer, mutation.outcome.integer)
                                 : mutation.outcome.integer;
  op.outcome = std::move(mutation.outcome);
  if (mutation.effect == Mutation::Effect::kNothing) {
    if (op.written && state.find(op.dot) != nullptr) {
      // The first round's value is still somewhere, though this answer would deny it.
      return fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
    }
    Outcome outcome = std::move(op.outcome);
    const ReadRepair plan = plan_repair(op);
    finish(op, std::move(outcome), now);
    return repair(plan, now);
  }
  write_modified(op, before, state, mutation, now);
}

/// `state` is what was read: it becomes what is written.
void Coordinator::write_modified(Op& op, const LiveMark& before, State& state,
                                 const Mutation& mutation, Now now) {
  const Stamp stamp = core_.stamp(now, op.key.partition(), state, op.highest.stamp);
  const Stamp left = std::numeric_limits<Stamp>::max() - stamp;
  if (stamp == 0 || left < state.siblings.size()) {  // an expiry takes a stamp a sibling
    return fail(op, OutcomeCode::kStorageFailed, 0, 0, now);
  }
  if (mutation.effect == Mutation::Effect::kKeepSiblings) {
    const bool had_register =
        std::any_of(state.siblings.begin(), state.siblings.end(),
                    [](const Sibling& sibling) { return sibling.is_register; });
    op.dot = apply_expiry(state, actor_to_write(op), stamp, mutation.expire_at_ms, now.cluster_ms);
    core_.clock.observe(now.cluster_ms, op.dot.stamp);
    op.is_register = had_register;
    op.has_version = false;
  } else {
    apply_modification(op, core_.keyspace_of(op.key.ref().key), mutation, stamp, state);
  }
  op.acks.clear();
  write_out(op, before, state, now);
}

/// Writes or deletes over all that was read: as a register, or where the keyspace has none by a
/// context that covers just that.
void Coordinator::apply_modification(Op& op, const Keyspace* keyspace, const Mutation& mutation,
                                     Stamp stamp, State& state) {
  op.dot = Dot{stamp, actor_to_write(op)};
  op.version.dot = op.dot;
  op.version.value = mutation.value;
  op.version.expire_at_ms = mutation.expire_at_ms;
  op.version.type = kTypeString;
  op.has_version = mutation.effect == Mutation::Effect::kRegister;
  op.is_register = keyspace == nullptr || keyspace->has_registers;
  const NewVersion* version = op.has_version ? &op.version : nullptr;
  if (!op.is_register) {
    return apply_put(state, context_of_read(state), op.dot, version);
  }
  apply_register(state, op.dot, version);
  if (KINDRED_BUG(modify_restamped)) {
    op.first_round = state.context;
  }
}

/// A replica held a higher dot than the computed write: what was read was not the newest, so it is
/// read and computed again (bounded by the request's deadline).
void Coordinator::modify_again(Op& op, Now now) {
  ++core_.metrics.recomputed_modifications;
  begin_round(op);
  begin_read(op, now);
}

}  // namespace kindred
