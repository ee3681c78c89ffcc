// Transactions on several keys of one partition. Each key has a part: a read-modify-write of its
// own, which queues with the others of its key and reads its quorum. Once all have been read, the
// program is computed and all writes go out within that step. What fails before has changed
// nothing; what fails afterwards leaves the outcome of the whole unknown.
#include <algorithm>
#include <deque>
#include <vector>

#include "replication/causal/bug_bank.h"
#include "replication/node/coordinator.h"
#include "replication/node/resolution.h"
#include "replication/ring/slot.h"

namespace kindred {

bool Coordinator::is_together(const Operation& operation) {
  TransactionProgram program;
  return operation.kind == OpKind::kModify &&
         operation.modification == Modification::kTransaction &&
         decode_program(operation.value.bytes(), &program) && program.keys.size() > 1;
}

/// All parts take their places in their keys' queues within this step, so that no two transactions
/// wait for each other.
void Coordinator::begin_together(Op& op, Now now) {
  const uint64_t id = op.id;
  op.phase = Op::Phase::kTogether;
  Together& whole = together_[id];
  whole.is_stepping = true;
  if (!add_parts(op, whole, now)) {
    return fail(op, OutcomeCode::kStorageFailed, 0, 0, now);
  }
  std::vector<uint64_t> free;
  for (const Together::Part& one : whole.parts) {
    Op& part = *table_.find(one.id);
    if (!writers_are_up(part, now)) {
      break;  // it has failed, and so will the whole
    }
    part.phase = Op::Phase::kQueued;
    std::deque<uint64_t>& waiting = modifying_[part.key.hash()].waiting;
    waiting.push_back(part.id);
    if (waiting.size() == 1 || KINDRED_BUG(transaction_not_queued)) {
      free.push_back(part.id);
    }
  }
  for (const uint64_t part_id : free) {
    Op* part = table_.find(part_id);
    if (part != nullptr && whole.failure.code == OutcomeCode::kOk) {
      begin_read(*part, now);
    }
  }
  whole.is_stepping = false;
  step_together(id, now);
}

/// False where the program is none of keys of this partition.
bool Coordinator::add_parts(const Op& op, Together& whole, Now now) {
  if (!decode_program(op.request.value.bytes(), &whole.program)) {
    return false;
  }
  for (TransactionProgram::Key& key : whole.program.keys) {
    key.ref = core_.placed(key.ref);
    if (key.ref.partition != op.key.partition()) {
      return false;
    }
  }
  for (const TransactionProgram::Key& key : whole.program.keys) {
    Op& part = table_.make();
    part.whole = op.id;
    part.part = whole.parts.size();
    whole.parts.push_back({part.id, {}, false});
    part.kind = OpKind::kModify;
    part.flags = 0;
    part.key.assign(key.ref);
    part.spec = op.spec;
    part.step = op.step;
    part.quorum = quorum_of(op.spec, key.ref);
    part.started_us = now.mono_us;
    part.deadline_us = op.deadline_us;
    part.outcome = Outcome{};
    Operation request;
    request.kind = OpKind::kModify;
    request.modification = Modification::kTransaction;
    part.keep(request);
    deadlines_.add(part.id, part.deadline_us);
  }
  return true;
}

/// A part's quorum has been read. Until the others' have, this node's copy may come to hold more.
void Coordinator::part_read(Op& op, const State& local, Now now) {
  op.read = merge(local, op.read);
  op.read.own();
  op.read.round = 0;
  together_.at(op.whole).parts[op.part].before = live_mark(local);
  op.phase = Op::Phase::kPrepared;
  core_.awaited_keys[op.key.hash()] = false;
  step_together(op.whole, now);
}

/// Whether all parts have been read and their copies hold nothing newer. Those that do are read
/// again.
bool Coordinator::are_prepared(const Together& whole, Now now) {
  for (const Together::Part& one : whole.parts) {
    Op* part = table_.find(one.id);
    if (part == nullptr || part->phase != Op::Phase::kPrepared) {
      return false;
    }
    const bool has_changed = core_.awaited_keys[part->key.hash()] || copy_lost(*part) ||
                             part->read_clean < admitted(*part);
    if (has_changed && !KINDRED_BUG(transaction_reads_stale)) {
      write_what_was_read(*part, now);
      part = table_.find(one.id);
      if (part == nullptr || part->phase != Op::Phase::kPrepared) {
        return false;
      }
    }
  }
  return true;
}

/// Goes on with what has become possible: all writes, or the end.
void Coordinator::step_together(uint64_t whole_id, Now now) {
  const auto found = together_.find(whole_id);
  if (found == together_.end() || found->second.is_stepping) {
    return;
  }
  Together& whole = found->second;
  Op& op = *table_.find(whole_id);
  whole.is_stepping = true;
  if (!whole.writes && !whole.goes_elsewhere && whole.failure.code == OutcomeCode::kOk &&
      are_prepared(whole, now)) {
    write_parts(whole, now);
  }
  whole.is_stepping = false;
  if (whole.goes_elsewhere) {
    if (whole.cannot_run_here) {
      op.tried.push_back(core_.self);
    }
    drop_parts(whole_id, now);
    return place_again(op, now);
  }
  if (whole.failure.code != OutcomeCode::kOk) {
    Outcome failure = std::move(whole.failure);
    if (whole.has_written && failure.code != OutcomeCode::kNoQuorumWrite) {
      failure = Outcome{};
      failure.code = OutcomeCode::kNoQuorumWrite;
      failure.needed = op.quorum.write.needed;
    }
    return finish(op, std::move(failure), now);
  }
  const bool all_ended = std::all_of(whole.parts.begin(), whole.parts.end(),
                                     [](const Together::Part& part) { return part.has_ended; });
  if (all_ended) {
    Outcome outcome = std::move(whole.outcome);
    finish(op, std::move(outcome), now);
  }
}

void Coordinator::write_parts(Together& whole, Now now) {
  std::vector<bool> is_used(whole.parts.size());
  for (const TransactionProgram::Step& step : whole.program.steps) {
    is_used[step.key] = true;
  }
  std::deque<Resolution> seen;  // they don't move
  std::vector<TransactionInput> inputs;
  for (size_t i = 0; i < whole.parts.size(); ++i) {
    Op& part = *table_.find(whole.parts[i].id);
    core_.filter(part.read);
    const KeyRef key = part.key.ref();
    seen.emplace_back(part.read, core_.keyspace_of(key.key), key, now.cluster_ms, core_.ports);
    inputs.push_back({&part.read, seen.back().shown()});
    if (seen.back().is_open() && is_used[i]) {
      whole.failure.code = OutcomeCode::kConflict;
      whole.failure.needed = 1;
      whole.failure.seen = static_cast<uint8_t>(std::min<size_t>(seen.back().living(), UINT8_MAX));
      return;
    }
  }
  MutationLimits limits;
  limits.value_bytes_max = core_.config.value_bytes_max;
  TransactionResult result = run_program(whole.program, inputs, now.cluster_ms, limits);
  whole.writes = true;
  whole.outcome = std::move(result.outcome);
  for (size_t i = 0; i < whole.parts.size() && whole.failure.code == OutcomeCode::kOk; ++i) {
    Op& part = *table_.find(whole.parts[i].id);
    Mutation& mutation = result.writes[i];
    core_.awaited_keys.erase(part.key.hash());
    if (mutation.effect == Mutation::Effect::kNothing) {
      const ReadRepair plan = plan_repair(part);
      finish(part, Outcome{}, now);
      repair(plan, now);
      continue;
    }
    if (mutation.effect == Mutation::Effect::kRegister) {
      mutation.expire_at_ms = expiry_of(part, mutation.expire_at_ms, now);
    }
    write_modified(part, whole.parts[i].before, part.read, mutation, now);
  }
}

void Coordinator::part_ended(uint64_t whole_id, size_t index, Outcome&& outcome, bool was_written,
                             Now now) {
  const auto found = together_.find(whole_id);
  if (found == together_.end()) {
    return;  // the whole is answered
  }
  Together& whole = found->second;
  whole.parts[index].has_ended = true;
  whole.has_written |= was_written;
  if (outcome.code != OutcomeCode::kOk) {
    if (whole.failure.code == OutcomeCode::kOk) {
      whole.failure = std::move(outcome);
    }
  } else {
    whole.outcome.strict &= outcome.strict;
    if (index == 0) {
      whole.outcome.dot = outcome.dot;
    }
  }
  step_together(whole_id, now);
}

/// Parts that have written go on by themselves, for their hints.
void Coordinator::drop_parts(uint64_t whole_id, Now now) {
  const auto whole = together_.extract(whole_id);
  if (whole.empty()) {
    return;
  }
  for (const Together::Part& one : whole.mapped().parts) {
    Op* part = table_.find(one.id);
    if (part == nullptr) {
      continue;
    }
    core_.awaited_keys.erase(part->key.hash());
    if (!part->written) {
      release_key(*part, now);
      table_.free(*part);
    }
  }
}

/// Nothing has been written yet, and the copy of a part may not coordinate any more.
void Coordinator::place_whole_again(const Op& part, Now now) {
  Together& whole = together_.at(part.whole);
  whole.goes_elsewhere = true;
  whole.cannot_run_here |=
      std::find(part.tried.begin(), part.tried.end(), core_.self) != part.tried.end();
  step_together(part.whole, now);
}

}  // namespace kindred
