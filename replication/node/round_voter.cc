#include "replication/node/round_voter.h"

#include <algorithm>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

constexpr size_t kCallsMax = 1000;
constexpr size_t kReapedMax = 8192;  // digests remembered of a copy until the next cycle
constexpr size_t kItemsAtOnce = 32;  // their values are in memory meanwhile, and with the engine

}  // namespace

RoundVoter::RoundVoter(ShardCore& core)
    : core_(core), table_(core.config.shard_index, IdKind::kRoundVote, core.config.id_seed) {}

void RoundVoter::answer(NodeId to, const RoundReply& reply) {
  if (to == core_.self) {
    own_replies_.push_back({reply, std::string(reply.agreed)});
    own_replies_.back().reply.agreed = {};
  } else {
    core_.ports.send(to, reply);
  }
}

void RoundVoter::answer(NodeId to, MessageId id, RoundStatus status, uint16_t partition) {
  RoundReply reply;
  reply.id = id;
  reply.status = status;
  if (core_.has_cluster() && partition < core_.copies.size()) {
    reply.rounds = core_.rounds(partition);
    // A number that was barred for is taken, though nothing may have come of it.
    reply.rounds.clean = std::max(reply.rounds.clean, core_.copies.at(partition).mark.bar);
  }
  answer(to, reply);
}

void RoundVoter::end(Task& call, RoundStatus status) {
  const NodeId to = call.from;
  const MessageId request = call.request;
  const uint16_t partition = call.partition;
  table_.free(call);
  answer(to, request, status, partition);
}

void RoundVoter::on_call(NodeId from, const RoundCall& call, Now now) {
  const bool is_known =
      core_.has_cluster() && call.partition < core_.copies.size() && core_.is_mine(call.partition);
  const bool is_credible = core_.is_credible(call.round) && core_.is_credible(call.base);
  core_.metrics.rounds_disbelieved += is_credible ? 0 : 1;
  if (!is_known || !is_credible || table_.size() >= kCallsMax) {
    return answer(from, call.id, RoundStatus::kNotNow, call.partition);
  }
  if (call.document > core_.document_version()) {
    core_.ports.document_wanted(from);
  }
  switch (call.part) {
    case RoundPart::kPrepare:
      return prepare(from, call, now);
    case RoundPart::kBar:
      return bar(from, call, now);
    case RoundPart::kCommit:
      return commit(from, call, now);
    case RoundPart::kAsk:
      return ask(from, call);
  }
}

/// Somebody who has no copy yet wants to know from where on it takes states in.
void RoundVoter::ask(NodeId from, const RoundCall& call) {
  const Copy& copy = core_.copies.at(call.partition);
  const bool knows = copy.state == CopyState::kWhole && copy.empties_to == 0;
  RoundReply reply;
  reply.id = call.id;
  reply.status = knows ? RoundStatus::kOk : RoundStatus::kNotNow;
  reply.rounds = core_.rounds(call.partition);
  answer(from, reply);
}

/// Whether this copy and the caller's are two of the partition's owners, by one document and in no
/// transition.
bool RoundVoter::may_vote(NodeId from, uint16_t partition, Step step, uint64_t document) const {
  const Copy& copy = core_.copies.at(partition);
  return document == core_.document_version() && step == core_.step(partition) &&
         !core_.is_moving(partition) && core_.serves(partition) && !copy.catches_up &&
         copy.empties_to == 0 && is_owner_of(from, partition);
}

bool RoundVoter::is_owner_of(NodeId node, uint16_t partition) const {
  const auto owners = core_.owners(partition);
  return std::find(owners.begin(), owners.end(), node) != owners.end();
}

RoundVoter::Task& RoundVoter::make_task(NodeId from, const RoundCall& call) {
  Task& task = table_.make();
  task.from = from;
  task.request = call.id;
  task.part = call.part;
  task.step = call.step;
  task.document = call.document;
  task.partition = call.partition;
  task.round = call.round;
  task.actor = core_.copies.at(call.partition).actor;
  task.in_use.assign(call.in_use.begin(), call.in_use.end());
  task.items.resize(call.items.size());
  task.agreed.assign(call.items.size(), '\0');
  for (size_t i = 0; i < call.items.size(); ++i) {
    task.items[i].key.assign(call.items[i].key);
    task.items[i].digest = call.items[i].digest;
    task.items[i].is_drop = call.items[i].is_drop;
  }
  return task;
}

void RoundVoter::prepare(NodeId from, const RoundCall& call, Now now) {
  const RoundMark& mark = core_.copies.at(call.partition).mark;
  if (may_vote(from, call.partition, call.step, call.document)) {
    core_.see_round(call.partition, call.base);
  }
  // No number is voted for twice, so it never stands for two lists.
  const bool is_new = call.round > std::max({mark.clean, mark.round, mark.bar});
  if (!may_vote(from, call.partition, call.step, call.document) || call.base != mark.round ||
      !is_new) {
    return answer(from, call.id, RoundStatus::kNotNow, call.partition);
  }
  take_items(make_task(from, call), now);
}

/// From here on this node takes in no hint that might bring back what the round reaps, and it has
/// none.
void RoundVoter::bar(NodeId from, const RoundCall& call, Now now) {
  Copy& copy = core_.copies.at(call.partition);
  const bool is_owner = core_.cluster().holds(call.partition, core_.self);
  const bool is_ready = call.document == core_.document_version() &&
                        is_owner_of(from, call.partition) && call.round >= copy.mark.bar &&
                        (!is_owner || core_.rounds(call.partition).clean >= call.round);
  if (!is_ready) {
    return answer(from, call.id, RoundStatus::kNotNow, call.partition);
  }
  const bool has_hints = !core_.hints.targets_in(call.partition).empty();
  const bool has_other_copy = !is_owner && copy.state != CopyState::kNone;
  if ((has_hints || has_other_copy) && !KINDRED_BUG(reap_without_hints_report)) {
    return answer(from, call.id, RoundStatus::kHints, call.partition);
  }
  if (!KINDRED_BUG(reap_without_hints_report)) {
    copy.mark.bar = call.round;
  }
  this->mark(make_task(from, call), copy.mark, now);
}

void RoundVoter::commit(NodeId from, const RoundCall& call, Now now) {
  Copy& copy = core_.copies.at(call.partition);
  if (!is_owner_of(from, call.partition)) {
    return answer(from, call.id, RoundStatus::kNotNow, call.partition);
  }
  core_.see_round(call.partition, call.round);
  if (copy.mark.round != call.round || copy.state != CopyState::kWhole) {
    return answer(from, call.id, RoundStatus::kNotNow, call.partition);
  }
  Task& task = make_task(from, call);
  // Nothing goes before the mark is safe: after a crash the copy must know what it may not take in.
  this->mark(task, copy.mark, now);
}

void RoundVoter::mark(Task& call, const RoundMark& mark, Now now) {
  call.is_marking = true;
  const StoreStatus status = core_.save_mark(call.partition, mark, call.id);
  if (status != StoreStatus::kPending) {
    marked(call, status == StoreStatus::kDone, now);
  }
}

void RoundVoter::marked(Task& call, bool ok, Now now) {
  call.is_marking = false;
  Copy& copy = core_.copies.at(call.partition);
  if (!ok) {
    ++core_.metrics.storage_failures;
    return end(call, RoundStatus::kFailed);
  }
  if (call.part == RoundPart::kBar) {
    return end(call,
               call.document == core_.document_version() ? RoundStatus::kOk : RoundStatus::kNotNow);
  }
  if (call.part == RoundPart::kCommit) {
    answer(call.from, call.request, RoundStatus::kOk, call.partition);
    if (copy.reaped.size() + call.items.size() > kReapedMax) {
      copy.reaped.clear();  // some may come back once more, to go with another round
    }
    for (const Item& item : call.items) {
      if (item.is_drop && copy.mark.round == call.round) {
        copy.reaped.emplace_back(item.key.hash(), item.digest);
      }
    }
    std::sort(copy.reaped.begin(), copy.reaped.end());
    return take_items(call, now);
  }
  if (!may_vote(call.from, call.partition, call.step, call.document) || copy.actor != call.actor) {
    return end(call, RoundStatus::kNotNow);
  }
  copy.mark.clean = std::max(copy.mark.clean, call.round);
  const Task voted = std::move(call);
  table_.free(call);
  RoundReply reply;
  reply.id = voted.request;
  reply.rounds = core_.rounds(voted.partition);
  reply.actor = voted.actor;
  reply.agreed = voted.agreed;
  answer(voted.from, reply);
}

uint64_t RoundVoter::wait_for_key(Task& call, size_t index) {
  const uint64_t id = call.id;
  Task& key = table_.make();
  key.is_key = true;
  key.call = id;
  key.index = index;
  ++call.open;
  return key.id;
}

void RoundVoter::take_items(Task& call, Now now) {
  ++call.open;
  while (call.next < call.items.size() && !call.has_failed && call.open <= kItemsAtOnce) {
    const size_t index = call.next++;
    const KeyRef key = call.items[index].key.ref();
    if (core_.has_layers() && core_.placed(key).partition != call.partition) {
      continue;  // split off since: this round is not its partition's
    }
    State state;
    switch (core_.load(key, &state)) {
      case LoadStatus::kLoaded:
        take_item(call, index, state, now);
        break;
      case LoadStatus::kPending:
        core_.ports.load(key, wait_for_key(call, index));
        break;
      case LoadStatus::kCorrupt:
        core_.quarantine(key);
        [[fallthrough]];
      case LoadStatus::kFailed:
        call.has_failed = true;
        break;
    }
  }
  item_done(call, now);
}

void RoundVoter::take_item(Task& call, size_t index, const State& state, Now now) {
  const Item& item = call.items[index];
  const bool is_vote = call.part == RoundPart::kPrepare;
  const bool is_ignored = (is_vote && KINDRED_BUG(reap_ignores_digests)) ||
                          (!is_vote && KINDRED_BUG(reap_changed_copy));
  const bool is_same = tree_digest(state) == item.digest || is_ignored;
  if (!is_same || (is_vote && item.is_drop && state.has_live_sibling(now.cluster_ms))) {
    return;
  }
  if (is_vote) {
    hold_item(call, index, state, now);
  } else {
    reap_item(call, index, state, now);
  }
}

/// Stored once more: the vote says that the state is held as safely as writes are, and what is
/// shown may still be on its way to the engine.
void RoundVoter::hold_item(Task& call, size_t index, const State& state, Now now) {
  const KeyRef key = call.items[index].key.ref();
  const LiveMark mark = live_mark(state);
  const uint64_t id = wait_for_key(call, index);
  const std::string_view record = core_.ports.encode(key, state);
  core_.budget.spend(BackgroundWork::kReaping,
                     BackgroundBudget::kBytesPerReapedKey + record.size());
  const StoreStatus status =
      core_.commit(key, mark, mark, record, core_.config.durability, id, now);
  if (status != StoreStatus::kPending) {
    table_.free(*table_.find(id));
    --call.open;
  }
  call.has_failed = call.has_failed || status == StoreStatus::kFailed;
  call.agreed[index] = '\1';
}

void RoundVoter::reap_item(Task& call, size_t index, const State& state, Now now) {
  const Item& item = call.items[index];
  const KeyRef key = item.key.ref();
  if (item.is_drop) {
    const bool is_gone = core_.commit(key, live_mark(state), LiveMark{}, std::string_view(),
                                      Durability::kMemory, 0, now) != StoreStatus::kFailed;
    core_.metrics.reaped_keys += is_gone && !state.never_written() ? 1 : 0;
    return;
  }
  State pruned = state;
  if (!prune(pruned, call.in_use) || pruned.never_written()) {
    return;
  }
  const uint64_t id = wait_for_key(call, index);
  const StoreStatus status =
      core_.commit(key, live_mark(state), live_mark(pruned), core_.ports.encode(key, pruned),
                   core_.config.durability, id, now);
  if (status != StoreStatus::kPending) {
    table_.free(*table_.find(id));
    --call.open;
  }
  core_.metrics.pruned_keys += status != StoreStatus::kFailed ? 1 : 0;
}

void RoundVoter::item_done(Task& call, Now now) {
  --call.open;
  const bool goes_on = call.next < call.items.size() && !call.has_failed;
  if (goes_on && call.open < kItemsAtOnce) {
    take_items(call, now);
  } else if (call.open == 0) {
    items_done(call, now);
  }
}

void RoundVoter::items_done(Task& call, Now now) {
  if (call.part == RoundPart::kCommit) {
    return table_.free(call);
  }
  if (call.has_failed) {
    return end(call, RoundStatus::kFailed);
  }
  if (call.agreed.find('\1') == std::string::npos) {
    return end(call, RoundStatus::kUnequal);
  }
  if (!may_vote(call.from, call.partition, call.step, call.document) ||
      core_.copies.at(call.partition).actor != call.actor) {
    return end(call, RoundStatus::kNotNow);
  }
  RoundMark mark;
  mark.clean = call.round;
  this->mark(call, mark, now);
}

void RoundVoter::on_loaded(uint64_t id, LoadStatus status, const State& state, Now now) {
  Task* key = table_.find(id);
  if (key == nullptr || !key->is_key) {
    return;
  }
  Task* call = table_.find(key->call);
  const size_t index = key->index;
  table_.free(*key);
  if (call == nullptr) {
    return;
  }
  if (status == LoadStatus::kLoaded) {
    State held = state;
    core_.filter(held);
    take_item(*call, index, held, now);
  } else {
    call->has_failed = true;
    if (status == LoadStatus::kCorrupt) {
      core_.quarantine(call->items[index].key.ref());
    }
  }
  item_done(*call, now);
}

void RoundVoter::on_stored(uint64_t id, bool ok, Now now) {
  Task* task = table_.find(id);
  if (task == nullptr) {
    return;
  }
  if (!task->is_key) {
    return task->is_marking ? marked(*task, ok, now) : void();
  }
  Task* call = table_.find(task->call);
  table_.free(*task);
  if (call == nullptr) {
    return;
  }
  if (!ok) {
    ++core_.metrics.storage_failures;
    core_.end_actor(call->partition);
    call->has_failed = true;
  }
  item_done(*call, now);
}

}  // namespace kindred
