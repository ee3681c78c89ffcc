// What becomes of requests under way when the owners of their partition change, or this copy can
// run them no more.
#include <algorithm>

#include "replication/causal/bug_bank.h"
#include "replication/node/coordinator.h"

namespace kindred {

namespace {

/// How long a replica that goes by another step is given to learn of the newer one, or this node.
constexpr uint64_t kRetryUs = 10'000;

}  // namespace

void Coordinator::on_new_partitions() {
  for (uint64_t id : table_.ids()) {
    if (Op* op = table_.find(id); op != nullptr) {
      op->key.place(core_.placed(op->key.ref()).partition);
      op->request.key.partition = op->key.partition();
    }
  }
}

void Coordinator::on_new_cluster(Now now) {
  for (uint64_t id : table_.ids()) {
    Op* op = table_.find(id);
    if (op != nullptr && op->step != core_.step(op->key.partition())) {
      take_step(*op, now);
    }
  }
}

/// Goes on under the partition's step of now. Answers of the step before count no more: they came
/// from copies that may have agreed on other owners.
void Coordinator::take_step(Op& op, Now now) {
  op.step = core_.step(op.key.partition());
  if (op.phase == Op::Phase::kAnswered || op.phase == Op::Phase::kSettling) {
    return;  // late replies are as good as before, and hints go by no step
  }
  const uint8_t spread_wanted = op.quorum.write.needed;
  op.quorum = quorum_of(op.spec, op.key.ref());
  if (op.kind == OpKind::kSpread) {
    op.quorum.write.needed = spread_wanted;
  }
  if (op.quorum.error != RuleError::kNone) {
    const bool waits_for_other = op.phase == Op::Phase::kPassedOn;
    return waits_for_other ? void()
                           : fail(op, OutcomeCode::kNoReplicas, op.quorum.refused,
                                  core_.copies_of(op.key.partition()), now);
  }
  switch (op.phase) {
    case Op::Phase::kPassedOn:  // the node asked refuses, or does it under a step of its own
    case Op::Phase::kAnswered:
    case Op::Phase::kSettling:
    case Op::Phase::kLoadingRestamp:
    case Op::Phase::kTogether:  // its parts look for themselves
      return;
    case Op::Phase::kDelayed:
      return place(op, op.request, now);
    case Op::Phase::kQueued:
      return copy_lost(op) ? place_again(op, now) : void();
    case Op::Phase::kLoadingRead:
    case Op::Phase::kReading:
    case Op::Phase::kPrepared:
      return restart_read(op, now);
    case Op::Phase::kLoadingWrite:
      if (op.kind == OpKind::kModify || op.covers_read) {
        return restart_read(op, now);
      }
      return copy_lost(op) ? place_again(op, now) : void();
    case Op::Phase::kLoadingRound:
    case Op::Phase::kWriting:
      return restart_write(op, now);
  }
}

/// Nothing has been written yet, and this copy may not coordinate any more: somebody else may.
void Coordinator::place_again(Op& op, Now now) {
  if (op.whole != 0) {
    return place_whole_again(op, now);
  }
  if (op.kind == OpKind::kModify) {
    release_key(op, now);
  }
  begin_round(op);
  op.home = 0;
  if (op.kind == OpKind::kRead || op.kind == OpKind::kExplain) {
    op.request = Operation{};
    op.request.kind = op.kind;
    op.request.flags = op.flags;
    op.request.key = op.key.ref();
    op.request.quorum = op.spec;
  }
  place(op, op.request, now);
}

/// The copy stopped being whole while the request waited: a damaged record was found, or the
/// partition went elsewhere. What it holds may lack acknowledged writes now.
bool Coordinator::copy_lost(const Op& op) const {
  return op.home == 0 && !core_.serves(op.key.partition()) &&
         !KINDRED_BUG(filling_copy_coordinates);
}

/// A write of which this node could keep nothing.
bool Coordinator::cannot_keep(const Op& op) const {
  const bool writes = op.kind == OpKind::kPut || op.kind == OpKind::kRemove ||
                      op.kind == OpKind::kSet || op.kind == OpKind::kModify;
  return writes && !core_.takes_writes();
}

/// The local copy could not be read. Nothing has been done yet, so another replica may run the
/// request; a read-modify-write only where all others of its key go elsewhere too.
void Coordinator::leave(Op& op, LoadStatus why, Now now) {
  const bool stays = op.home != 0 || op.kind == OpKind::kReadLocal || op.kind == OpKind::kExplain ||
                     op.kind == OpKind::kSpread ||
                     (op.kind == OpKind::kModify && why == LoadStatus::kFailed);
  if (stays || op.written) {
    return fail(op, OutcomeCode::kStorageFailed, 0, 0, now);
  }
  op.tried.push_back(core_.self);
  place_again(op, now);
}

/// Places the request again a little later, or once the document has come. Under a new id: the same
/// node may be asked again, and a refusal of before that comes late, or twice, must not count.
void Coordinator::delay(Op& op, Now now) {
  renew(op);
  op.phase = Op::Phase::kDelayed;
  op.tried.clear();
  op.was_refused_by_step = false;
  deadlines_.add(op.id, now.mono_us + kRetryUs);
}

/// A new id, so that no answer to what was asked before counts.
void Coordinator::begin_round(Op& op) {
  const uint64_t old_id = op.id;
  renew(op);
  if (op.kind == OpKind::kModify) {
    if (auto place = modifying_.find(op.key.hash()); place != modifying_.end()) {
      std::replace(place->second.waiting.begin(), place->second.waiting.end(), old_id, op.id);
    }
  }
  op.acks.clear();
  op.asked.clear();
  op.reports.clear();
  op.waiting.clear();
  op.refused.clear();
  op.differs = false;
}

void Coordinator::restart_read(Op& op, Now now) {
  if (copy_lost(op) && op.kind != OpKind::kReadLocal) {
    return op.written ? fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now)
                      : place_again(op, now);
  }
  begin_round(op);
  begin_read(op, now);
}

/// What is stored here already is gathered a quorum for under the new rules, also where this node
/// has lost the partition meanwhile: then it sends, and counts for nothing.
///
/// A read-modify-write stops where others of its key begin elsewhere now: they may have read what
/// this one replaces.
void Coordinator::restart_write(Op& op, Now now) {
  // A fallback's hint may be gone to one who is an owner now.
  if (op.home != 0 || (op.kind == OpKind::kModify && !is_first_primary(op))) {
    return fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
  }
  begin_round(op);
  State state;
  const LoadStatus status = core_.load(op.key.ref(), &state);
  if (status == LoadStatus::kLoaded) {
    return round_loaded(op, state, now);
  }
  if (status == LoadStatus::kPending) {
    op.phase = Op::Phase::kLoadingRound;
    return core_.ports.load(op.key.ref(), op.id);
  }
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(op.key.ref());
  }
  fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
}

void Coordinator::round_loaded(Op& op, const State& state, Now now) {
  const Copy& copy = core_.copies.at(op.key.partition());
  if (op.kind != OpKind::kSpread && op.dot.actor != copy.actor) {
    return fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
  }
  op.phase = Op::Phase::kWriting;
  const std::string_view record = core_.ports.encode(op.key.ref(), state);
  if (copy.state == CopyState::kWhole && op.kind == OpKind::kSpread) {
    op.acks.add(core_.ack_of(core_.self, op.key.partition(), durability_of(op)));
  } else if (copy.state == CopyState::kWhole) {
    const LiveMark mark = live_mark(state);
    const StoreStatus status =
        core_.commit(op.key.ref(), mark, mark, record, durability_of(op), op.id, now);
    if (status == StoreStatus::kFailed) {
      return fail(op, OutcomeCode::kNoQuorumWrite, op.quorum.write.needed, 0, now);
    }
    if (status == StoreStatus::kPending) {
      storing_[op.id] = op.key.partition();
      op.waiting.push_back(core_.self);
    } else {
      op.acks.add(core_.ack_of(core_.self, op.key.partition(), durability_of(op)));
    }
  }
  send_writes(op, record, now);
  judge_write(op, now);
}

void Coordinator::retry_refused(Op& op, Now now) {
  deadlines_.add(op.id, now.mono_us + kRetryUs);
}

/// Asks again those who went by another step. False where the request waits for nothing like that.
bool Coordinator::retry(Op& op, Now now) {
  if (op.phase == Op::Phase::kDelayed) {
    place(op, op.request, now);
    return true;
  }
  if (op.phase == Op::Phase::kReading) {
    bool any = false;
    for (Op::Asked& one : op.asked) {
      if (one.status == Op::Asked::Status::kRefused) {
        any = true;
        ask(op, one);
      }
    }
    return any;
  }
  if (op.phase != Op::Phase::kWriting || op.refused.empty()) {
    return false;
  }
  if (op.home != 0) {
    send_to_refused(op, op.home_record);
    return true;
  }
  State state;
  const LoadStatus status = core_.load(op.key.ref(), &state);
  if (status == LoadStatus::kLoaded) {
    send_to_refused(op, core_.ports.encode(op.key.ref(), state));
  } else if (status == LoadStatus::kPending) {
    core_.ports.load(op.key.ref(), op.id);
  } else if (status == LoadStatus::kCorrupt) {
    core_.quarantine(op.key.ref());
  }
  return true;
}

void Coordinator::send_to_refused(Op& op, std::string_view record) {
  const Replicate message = write_message(op, record);
  for (NodeId node : op.refused) {
    op.waiting.push_back(node);
    core_.ports.send(node, message);
  }
  op.refused.clear();
}

}  // namespace kindred
