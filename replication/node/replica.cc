#include "replication/node/replica.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

/// Tasks that may wait for the engine; beyond, peers are told that this node is overloaded.
constexpr size_t kTasksMax = 100'000;

}  // namespace

AckStatus Replica::ack_status(Agreement agreed) {
  return agreed == Agreement::kStale    ? AckStatus::kStale
         : agreed == Agreement::kBehind ? AckStatus::kBehind
                                        : AckStatus::kNotOwner;
}

FetchStatus Replica::fetch_status(Agreement agreed) {
  return agreed == Agreement::kStale    ? FetchStatus::kStale
         : agreed == Agreement::kBehind ? FetchStatus::kBehind
                                        : FetchStatus::kNotOwner;
}

Replica::Replica(ShardCore& core)
    : core_(core), table_(core.config.shard_index, IdKind::kReplica, core.config.id_seed) {}

/// An arriving copy has lost nothing: what it acknowledges, it holds.
AckStatus Replica::held_status(uint16_t partition) const {
  const CopyState state = core_.copies.at(partition).state;
  return state == CopyState::kWhole || state == CopyState::kArriving ? AckStatus::kStored
                                                                     : AckStatus::kFilling;
}

/// Whether a request made under step `theirs` may be served: only where both go by one step do they
/// agree on who the owners are. Asked when a request comes, and again where it waited meanwhile.
Replica::Agreement Replica::agreement(NodeId from, uint16_t partition, Step theirs) const {
  const Step mine = core_.step(partition);
  if (mine != theirs && !KINDRED_BUG(step_not_checked)) {
    if (theirs > mine) {
      core_.ports.document_wanted(from);
    }
    return theirs < mine ? Agreement::kStale : Agreement::kBehind;
  }
  const Copy& copy = core_.copies.at(partition);
  const bool is_held = copy.state != CopyState::kNone && copy.state != CopyState::kDeparting;
  return is_held && copy.empties_to == 0 ? Agreement::kSame : Agreement::kNotHeld;
}

void Replica::acknowledge(NodeId to, const ReplicateAck& ack) {
  if (ack.id != 0) {
    core_.ports.send(to, ack);
  }
}

void Replica::on_replicate(NodeId from, const Replicate& asked, Now now) {
  Replicate message = asked;
  if (message.key.hint_for == core_.self && core_.has_cluster() &&
      core_.cluster().holds(message.key.partition, core_.self)) {
    message.key.hint_for = 0;
  }
  const bool is_hint = message.key.hint_for != 0;
  ReplicateAck ack;
  ack.id = message.id;
  if (!core_.has_cluster()) {
    // Where this node is about to join, the document is on its way.
    ack.status = is_hint ? AckStatus::kNotOwner : AckStatus::kBehind;
    return acknowledge(from, ack);
  }
  if (is_hint && from != core_.self && core_.is_leaving() && !KINDRED_BUG(leaver_takes_hints)) {
    ack.status = AckStatus::kNotOwner;  // it may have said that it holds nothing more
    return acknowledge(from, ack);
  }
  if (!is_hint) {
    const auto agreed = agreement(from, message.key.partition, message.step);
    if (agreed != Agreement::kSame) {
      ack.status = ack_status(agreed);
      return acknowledge(from, ack);
    }
    core_.see_round(message.key.partition, message.rounds.committed);
    // One that is being emptied, or does not know yet what it must not take in, is not there.
    const Copy& copy = core_.copies.at(message.key.partition);
    if (copy.empties_to != 0) {
      ack.status = AckStatus::kNotOwner;
      return acknowledge(from, ack);
    }
    if (!copy.knows_round) {
      ack.status = AckStatus::kBehind;  // it will know as soon as an owner has answered
      return acknowledge(from, ack);
    }
  }
  if (refuse_unclean(from, message)) {
    return;
  }
  if (!core_.takes_writes() && !KINDRED_BUG(full_disk_acks)) {
    ack.status = AckStatus::kFailed;
    return acknowledge(from, ack);
  }
  if (table_.size() >= kTasksMax) {
    ack.status = AckStatus::kOverloaded;
    return acknowledge(from, ack);
  }
  State held;
  const LoadStatus status =
      is_hint ? core_.ports.try_load(message.key, &held) : core_.load(message.key, &held);
  if (status == LoadStatus::kLoaded) {
    return is_hint ? apply_hint(from, message, held, now) : apply(from, message, held, now);
  }
  if (status == LoadStatus::kPending) {
    Task& task = table_.make();
    task.kind = Task::Kind::kReplicate;
    task.from = from;
    task.key.assign(message.key);
    task.record.assign(message.record);
    task.replicate = message;
    task.replicate.key = task.key.ref();
    task.replicate.record = task.record;
    return core_.ports.load(message.key, task.id);
  }
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(message.key);
  }
  ack.status = AckStatus::kFailed;
  acknowledge(from, ack);
}

/// A state that may show what a round has reaped since is not taken in. The sender reads afresh.
bool Replica::refuse_unclean(NodeId from, const Replicate& message) {
  if (message.rounds.clean >= core_.admitted(message.key) || KINDRED_BUG(old_round_merges)) {
    return false;
  }
  ReplicateAck ack;
  ack.id = message.id;
  ack.status = AckStatus::kUnclean;
  ack.round = core_.copies.at(message.key.partition).mark.round;
  acknowledge(from, ack);
  return true;
}

/// At least as safe as this node's own writes, which its next start goes by.
Durability Replica::durability_of(const Replicate& message) const {
  return std::max(message.durability, core_.config.durability);
}

ReplicateAck Replica::ack_of(const Replicate& message, const State& held) const {
  ReplicateAck ack;
  ack.id = message.id;
  // Never said to be safer than the engine can do.
  ack.durability = core_.config.engine_can_sync ? durability_of(message) : core_.config.durability;
  ack.highest = held.highest_dot();
  return ack;
}

/// Reads the state that came; false where it was refused.
bool Replica::take_in(NodeId from, const Replicate& message, State* incoming, bool* is_changed,
                      Now now) {
  if (refuse_unclean(from, message)) {
    return false;  // rounds went on while it waited
  }
  if (!core_.ports.decode(message.key, message.record, incoming)) {
    ++core_.metrics.damaged_records_received;
    ReplicateAck ack;
    ack.id = message.id;
    ack.status = AckStatus::kRefused;
    acknowledge(from, ack);
    return false;
  }
  if (incoming->highest_stamp() <= core_.cluster().flush_stamp) {
    refuse_flushed(from, message);
    return false;
  }
  *is_changed = core_.filter(*incoming) || incoming->round != 0;
  incoming->round = 0;
  core_.clock.observe(now.cluster_ms, incoming->highest_stamp());
  if (message.key.hint_for == 0 && core_.is_reaped(message.key, *incoming)) {
    incoming->clear();  // the sender has not done yet what was agreed
  }
  return true;
}

void Replica::apply(NodeId from, const Replicate& message, const State& held, Now now) {
  State incoming;
  bool is_changed = false;
  if (!take_in(from, message, &incoming, &is_changed, now)) {
    return;
  }
  const Durability durability = durability_of(message);
  ReplicateAck ack = ack_of(message, held);
  ack.status = held_status(message.key.partition);
  if (KINDRED_BUG(ack_before_store)) {
    acknowledge(from, ack);
    ack.id = 0;
  }
  const LiveMark before = live_mark(held);
  Task& task = table_.make();
  task.kind = Task::Kind::kStoring;
  task.from = from;
  StoreStatus status = StoreStatus::kDone;
  if (includes(held, incoming)) {
    // Nothing new, but the ack says that it is held as safely as was asked: stored again.
    if (message.id != 0) {
      status = core_.commit(message.key, before, before, core_.ports.encode(message.key, held),
                            durability, task.id, now);
    }
  } else if (includes(incoming, held)) {
    // Equal states are equal bytes: what came is what is kept.
    status = core_.commit(message.key, before, live_mark(incoming),
                          is_changed ? core_.ports.encode(message.key, incoming) : message.record,
                          durability, task.id, now);
  } else {
    const State merged = merge(held, incoming);
    status = core_.commit(message.key, before, live_mark(merged),
                          core_.ports.encode(message.key, merged), durability, task.id, now);
  }
  if (status == StoreStatus::kPending) {
    task.key.assign(message.key);
  }
  end_store(task, status, ack);
}

/// A hint is merged with the one that is there for the same target. `held` is as it lies in the
/// engine, which is how it was counted.
void Replica::apply_hint(NodeId from, const Replicate& message, const State& held, Now now) {
  State merged;
  bool is_changed = false;
  if (!take_in(from, message, &merged, &is_changed, now)) {
    return;
  }
  State current = held;
  core_.filter(current);
  ReplicateAck ack = ack_of(message, current);
  if (KINDRED_BUG(hint_acked_before_store)) {
    acknowledge(from, ack);
    ack.id = 0;
  }
  Round clean = message.rounds.clean;
  if (!current.never_written()) {
    clean = std::min(clean, current.round);
    merged = merge(current, merged);
  }
  merged.round = clean;
  Task& task = table_.make();
  task.kind = Task::Kind::kStoring;
  task.from = from;
  task.key.assign(message.key);
  if (KINDRED_BUG(hint_in_the_partition)) {
    KeyRef copy = message.key;
    copy.hint_for = 0;
    merged.round = 0;
    const StoreStatus wrong =
        core_.ports.store(copy, core_.ports.encode(copy, merged), durability_of(message), task.id);
    return end_store(task, wrong, ack);
  }
  const StoreStatus status =
      core_.commit_hint(message.key, hint_mark(message.key, held), merged,
                        core_.ports.encode(message.key, merged), durability_of(message), task.id);
  end_store(task, status, ack);
}

/// Acknowledges what is stored, now or when storing ends.
void Replica::end_store(Task& task, StoreStatus status, const ReplicateAck& ack) {
  task.ack = ack;
  if (status == StoreStatus::kPending) {
    return;
  }
  if (status == StoreStatus::kFailed && !KINDRED_BUG(full_disk_acks)) {
    task.ack.status = AckStatus::kFailed;
  }
  const NodeId from = task.from;
  const ReplicateAck told = task.ack;
  table_.free(task);
  acknowledge(from, told);
}

/// What was written under the key's actor may be lost.
void Replica::end_actor(const KeyRef& key) {
  if (key.hint_for != 0) {
    core_.hints.end_actor(key);
  } else {
    core_.end_actor(key.partition);
  }
}

/// Acknowledges no write that a flush made dead, but reports the flush, so that a register write
/// is stamped again above it.
void Replica::refuse_flushed(NodeId from, const Replicate& message) {
  ReplicateAck ack;
  ack.id = message.id;
  ack.status = AckStatus::kRefused;
  ack.highest = Dot{core_.cluster().flush_stamp, std::numeric_limits<ActorId>::max()};
  acknowledge(from, ack);
}

void Replica::on_fetch(NodeId from, const Fetch& message, Now) {
  if (core_.has_cluster() && message.from_hints) {
    return fetch_from_hints(from, message);
  }
  if (!core_.has_cluster()) {
    return fail_fetch(from, message.id, FetchStatus::kNotOwner);
  }
  if (const auto agreed = agreement(from, message.key.partition, message.step);
      agreed != Agreement::kSame) {
    return fail_fetch(from, message.id, fetch_status(agreed));
  }
  State state;
  switch (core_.load(message.key, &state)) {
    case LoadStatus::kLoaded:
      return answer_fetch(from, message, state);
    case LoadStatus::kPending:
      if (const Task* task = begin_fetch(from, message)) {
        core_.ports.load(message.key, task->id);
      }
      return;
    case LoadStatus::kCorrupt:
      core_.quarantine(message.key);
      [[fallthrough]];
    case LoadStatus::kFailed:
      return fail_fetch(from, message.id, FetchStatus::kFailed);
  }
}

void Replica::answer_fetch(NodeId from, const Fetch& message, const State& state) {
  FetchReply reply;
  reply.id = message.id;
  reply.rounds = core_.rounds(message.key.partition);
  const bool filling = core_.copies.at(message.key.partition).state != CopyState::kWhole;
  if (filling && !KINDRED_BUG(filling_copy_reads)) {
    reply.status = FetchStatus::kFilling;
  }
  if (message.whole_state) {
    reply.has_record = true;
    reply.record =
        state.never_written() ? std::string_view() : core_.ports.encode(message.key, state);
  } else {
    reply.digest = digest(state);
  }
  core_.ports.send(from, reply);
}

void Replica::fetch_from_hints(NodeId from, const Fetch& message) {
  HintsOfKey hints;
  const LoadStatus status = core_.hint_reader.try_read(message.key, &hints);
  if (status == LoadStatus::kLoaded) {
    core_.filter(hints.state);
    return answer_from_hints(from, message, hints.state);
  }
  if (status != LoadStatus::kPending) {
    return fail_fetch(from, message.id, FetchStatus::kFailed);
  }
  if (const Task* task = begin_fetch(from, message)) {
    core_.hint_reader.read(message.key, task->id);
  }
}

Replica::Task* Replica::begin_fetch(NodeId from, const Fetch& message) {
  if (table_.size() >= kTasksMax) {
    fail_fetch(from, message.id, FetchStatus::kOverloaded);
    return nullptr;
  }
  Task& task = table_.make();
  task.kind = Task::Kind::kFetch;
  task.from = from;
  task.key.assign(message.key);
  task.fetch = message;
  task.fetch.key = task.key.ref();
  return &task;
}

void Replica::answer_from_hints(NodeId from, const Fetch& message, const State& state) {
  if (state.never_written()) {
    return fail_fetch(from, message.id, FetchStatus::kNoHint);
  }
  FetchReply reply;
  reply.id = message.id;
  reply.rounds.clean = state.round;
  if (message.whole_state) {
    reply.has_record = true;
    reply.record = core_.ports.encode(message.key, state);
  } else {
    reply.digest = digest(state);
  }
  core_.ports.send(from, reply);
}

void Replica::on_hints_read(uint64_t id, LoadStatus status, const State& state) {
  Task* task = table_.find(id);
  if (task == nullptr) {
    return;
  }
  if (status == LoadStatus::kLoaded) {
    State held = state;
    core_.filter(held);
    answer_from_hints(task->from, task->fetch, held);
  } else {
    fail_fetch(task->from, task->fetch.id, FetchStatus::kFailed);
  }
  table_.free(*task);
}

void Replica::fail_fetch(NodeId from, MessageId id, FetchStatus status) {
  FetchReply reply;
  reply.id = id;
  reply.status = status;
  core_.ports.send(from, reply);
}

void Replica::on_fetch_range(NodeId from, const FetchRange& message) {
  FetchRangeReply refusal;
  refusal.id = message.id;
  refusal.partition = message.partition;
  if (!core_.has_cluster() || message.partition >= core_.copies.size()) {
    refusal.status = FetchStatus::kNotOwner;
    if (core_.has_cluster()) {
      core_.ports.document_wanted(from);  // it knows of more layers
      refusal.status = FetchStatus::kBehind;
    }
    return core_.ports.send(from, refusal);
  }
  if (const auto agreed = agreement(from, message.partition, message.step);
      agreed != Agreement::kSame) {
    refusal.status = fetch_status(agreed);
    return core_.ports.send(from, refusal);
  }
  if (table_.size() >= kTasksMax) {
    refusal.status = FetchStatus::kOverloaded;
    return core_.ports.send(from, refusal);
  }
  Task& task = table_.make();
  task.kind = Task::Kind::kRange;
  task.from = from;
  task.range = message;
  task.rounds = core_.rounds(message.partition);
  task.record.assign(message.after_key);
  task.range.after_key = task.record;
  core_.ports.read_range(task.range, task.id);
}

void Replica::on_new_partitions() {
  for (const uint64_t id : table_.ids()) {
    if (Task* task = table_.find(id); task != nullptr) {
      task->key.place(core_.placed(task->key.ref()).partition);
      task->replicate.key.partition = task->key.partition();
      task->fetch.key.partition = task->key.partition();
    }
  }
}

void Replica::on_stored(uint64_t id, bool ok) {
  Task* task = table_.find(id);
  if (task == nullptr) {
    return;
  }
  if (!ok) {
    ++core_.metrics.storage_failures;
    end_actor(task->key.ref());
    task->ack.status = AckStatus::kFailed;
  }
  const NodeId from = task->from;
  const ReplicateAck ack = task->ack;
  table_.free(*task);
  acknowledge(from, ack);
}

void Replica::on_loaded(uint64_t id, LoadStatus status, const State& state, Now now) {
  Task* task = table_.find(id);
  if (task == nullptr) {
    return;
  }
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(task->key.ref());
  }
  const bool is_hint = task->key.ref().hint_for != 0;
  State held = state;
  if (!is_hint) {
    core_.filter(held);
  }
  const bool is_fetch = task->kind == Task::Kind::kFetch;
  const auto agreed = is_hint ? Agreement::kSame
                              : agreement(task->from, task->key.partition(),
                                          is_fetch ? task->fetch.step : task->replicate.step);
  if (is_fetch) {
    if (agreed != Agreement::kSame) {
      fail_fetch(task->from, task->fetch.id, fetch_status(agreed));
    } else if (status == LoadStatus::kLoaded) {
      answer_fetch(task->from, task->fetch, held);
    } else {
      fail_fetch(task->from, task->fetch.id, FetchStatus::kFailed);
    }
  } else if (status == LoadStatus::kLoaded && is_hint) {
    apply_hint(task->from, task->replicate, held, now);
  } else if (status == LoadStatus::kLoaded && agreed == Agreement::kSame) {
    apply(task->from, task->replicate, held, now);
  } else {
    ReplicateAck ack;
    ack.id = task->replicate.id;
    ack.status = agreed == Agreement::kSame ? AckStatus::kFailed : ack_status(agreed);
    acknowledge(task->from, ack);
  }
  table_.free(*task);
}

void Replica::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done) {
  Task* task = table_.find(id);
  if (task == nullptr) {
    return;
  }
  FetchRangeReply reply;
  reply.id = task->range.id;
  reply.partition = task->range.partition;
  reply.done = done;
  reply.rounds = task->rounds;
  const bool whole = core_.copies.at(task->range.partition).state == CopyState::kWhole;
  reply.status = !ok ? FetchStatus::kFailed : whole ? FetchStatus::kOk : FetchStatus::kFilling;
  if (core_.rounds(task->range.partition).committed != task->rounds.committed &&
      !KINDRED_BUG(page_read_behind_a_commit)) {
    reply.status = FetchStatus::kFailed;  // it may not show what that reaped
    reply.done = false;
    entries = {};
  }
  if (const auto agreed = agreement(task->from, task->range.partition, task->range.step);
      agreed != Agreement::kSame) {
    reply.status = fetch_status(agreed);
    reply.done = false;
    entries = {};
  }
  reply.entries = entries;
  std::vector<RangeEntry> stripped;
  std::vector<std::string> records;
  if (ok && !task->range.values_wanted) {
    records.reserve(entries.size());
    for (const RangeEntry& entry : entries) {
      State state;
      if (!core_.ports.decode(entry.key, entry.record, &state)) {
        continue;  // read_range reports damaged records by quarantining them
      }
      for (Sibling& sibling : state.siblings) {
        sibling.value = Value{};
      }
      records.emplace_back(core_.ports.encode(entry.key, state));
      stripped.push_back(RangeEntry{entry.key, records.back()});
    }
    reply.entries = stripped;
  }
  if (TableId::kind_of(reply.id) == IdKind::kFill) {
    for (const RangeEntry& entry : reply.entries) {
      core_.budget.spend_for_peer(BackgroundWork::kTransfers,
                                  BackgroundBudget::kBytesPerKey + entry.record.size());
    }
  }
  const NodeId from = task->from;
  core_.ports.send(from, reply);
  table_.free(*task);
}

}  // namespace kindred
