#include "replication/node/shard.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

/// Whether the node stays while its partition's list gets shorter, or quorums are reckoned with
/// fewer copies from then on: then the new list may be met by fewer copies of a write than the old
/// one was.
bool has_to_catch_up(const ClusterDocument& cluster, uint16_t partition, NodeId self) {
  const Move* move = cluster.find_move(partition);
  if (move == nullptr || move->phase != MovePhase::kReadOld) {
    return false;
  }
  const auto& list = move->new_owners;
  const bool gets_shorter = list.size() < cluster.ring.owners(partition).size();
  const bool falls = cluster.replicas_most(partition) > cluster.replicas_of(partition);
  return (gets_shorter || falls) && cluster.ring.owns(partition, self) &&
         std::find(list.begin(), list.end(), self) != list.end();
}

}  // namespace

Shard::Shard(const ShardConfig& config, NodeId self, ShardPorts& ports)
    : core_(config, self, ports),
      replica_(core_),
      coordinator_(core_, replica_),
      fill_(core_),
      departure_(core_, coordinator_),
      handoff_(core_, replica_),
      scanner_(core_),
      sweep_(core_),
      tree_keeper_(core_, sweep_),
      tree_answers_(core_),
      anti_entropy_(core_),
      reaper_(core_) {}

void Shard::set_cluster(std::shared_ptr<const ClusterDocument> cluster, CopyState fresh_copies,
                        Now now) {
  const bool is_first = !core_.has_cluster();
  const bool flushed = !is_first && cluster->flush_stamp > core_.cluster().flush_stamp;
  const uint32_t known_before = core_.copies.size();
  core_.copies.resize(cluster->ring.partition_count());
  std::vector<Step> steps_before(core_.copies.size());
  for (uint32_t p = 0; p < known_before; ++p) {
    steps_before[p] = core_.step(static_cast<uint16_t>(p));
  }
  core_.set_cluster(std::move(cluster));
  const bool has_split = !is_first && core_.copies.size() > known_before;
  if (has_split) {
    split_copies(known_before);
  }
  bool any_changed = false;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    if (core_.is_mine(partition)) {
      any_changed = place_copy(partition, is_first, steps_before[p], fresh_copies) || any_changed;
      if (flushed) {
        core_.copies.at(partition).tree.reset();
        core_.copies.at(partition).tree.doubt();  // what is above the flush is to be found anew
      }
    }
  }
  fill_.on_new_cluster();
  departure_.on_new_cluster();
  tree_keeper_.on_new_cluster();
  if (flushed) {
    core_.has_unfit_tree = true;
    core_.clock.observe(stamp_unix_ms(core_.cluster().flush_stamp), core_.cluster().flush_stamp);
    sweep_.start();
  }
  if (any_changed && !is_first) {
    core_.ports.copies_changed();
  }
  if (has_split) {
    coordinator_.on_new_partitions();
    replica_.on_new_partitions();
  }
  coordinator_.on_new_cluster(now);
  scanner_.on_new_cluster(now);
  reaper_.look_again(now);
}

/// Keys that were counted in some copies are those of copies of their own now.
void Shard::split_copies(uint32_t known_before) {
  const KeyPartitions& partitions = core_.partitions();
  const uint32_t count = partitions.slot_partitions();
  for (uint32_t to = known_before; to < core_.copies.size(); ++to) {
    const uint16_t from = partitions.in_layer(to, partitions.around(to / count));
    if (!core_.is_mine(from)) {
      continue;
    }
    core_.split_copy(static_cast<uint16_t>(to), from);
    for (const uint16_t partition : {from, static_cast<uint16_t>(to)}) {
      Copy& copy = core_.copies.at(partition);
      sweep_.count_anew(partition);
      copy.tree.shape(partitions.slots_of(partition));
      if (copy.state != CopyState::kNone) {
        copy.tree.doubt();  // else it goes on telling that there is nothing
      }
    }
  }
  core_.has_unfit_tree = true;
}

/// What the document makes of this node's copy. True where its state is another one now.
bool Shard::place_copy(uint16_t partition, bool is_first, Step step_before,
                       CopyState fresh_copies) {
  const ClusterDocument& cluster = core_.cluster();
  Copy& copy = core_.copies.at(partition);
  const CopyState before = copy.state;
  const bool is_new_step = core_.step(partition) != step_before;
  const bool was_held = before != CopyState::kNone && before != CopyState::kDeparting;
  if (!cluster.holds(partition, core_.self)) {
    copy.state = was_held ? CopyState::kDeparting : before;
  } else {
    const Move* move = cluster.find_move(partition);
    const bool arrives = move != nullptr && move->phase == MovePhase::kReadOld &&
                         !cluster.ring.owns(partition, core_.self);
    if (arrives && (!was_held || is_new_step)) {
      // Writes may have passed it by: also where it was whole under an earlier step.
      const bool has_lost = is_first && fresh_copies == CopyState::kFilling;
      copy.state = has_lost ? CopyState::kFilling : CopyState::kArriving;
      copy.state = KINDRED_BUG(arriving_copy_serves) ? CopyState::kWhole : copy.state;
    } else if (!was_held) {
      copy.state = fresh_copies;
    } else if (!arrives && before == CopyState::kArriving) {
      copy.state = CopyState::kFilling;  // the document came on before this copy was whole
    }
    const bool is_kept = was_held && !(arrives && is_new_step);
    if (!is_kept && !(copy.actor != 0 && KINDRED_BUG(actor_kept_on_regain))) {
      copy.actor = KINDRED_BUG(actor_reused_after_restart) ? core_.self ^ (uint64_t{partition} + 1)
                                                           : core_.ports.random();
    }
  }
  note_round_known(copy, is_first, before);
  // A tree that was in doubt while there was no copy is to be built now.
  core_.has_unfit_tree = core_.has_unfit_tree || copy.state != before;
  const bool did_catch_up = copy.catches_up;
  copy.catches_up = copy.state == CopyState::kWhole &&
                    (is_new_step ? has_to_catch_up(cluster, partition, core_.self) : did_catch_up);
  return copy.state != before || copy.catches_up != did_catch_up;
}

/// What the copy must not take in is known where it was there before, or has nothing that a round
/// could have been about. Whoever else begins has to ask an owner.
void Shard::note_round_known(Copy& copy, bool is_first, CopyState before) {
  core_.has_to_empty = core_.has_to_empty || copy.empties_to != 0;
  if (copy.state == CopyState::kNone || copy.state == before) {
    return;
  }
  if (before == CopyState::kNone && copy.state == CopyState::kArriving) {
    copy.knows_round = false;
    copy.mark.round = is_first ? copy.mark.round : 0;
    copy.mark.clean = is_first ? copy.mark.clean : 0;
  } else {
    copy.knows_round = true;
  }
}

void Shard::set_alive(NodeId peer, bool alive, Now now) {
  core_.set_up(peer, alive);
  if (!alive && core_.has_cluster()) {
    coordinator_.on_peer_down(peer, now);
    scanner_.on_peer_down(peer, now);
    fill_.on_peer_down(peer);
    departure_.on_peer_down(peer);
    handoff_.on_peer_down(peer, now);
    anti_entropy_.on_peer_down(peer, now);
    reaper_.on_peer_down(peer, now);
  } else if (alive) {
    handoff_.on_peer_up(peer);
    if (core_.has_cluster()) {
      reaper_.look_again(now);
    }
  }
}

void Shard::set_storage(StorageTrouble trouble) {
  const StorageTrouble before = std::exchange(core_.storage, trouble);
  if (before == StorageTrouble::kNone || trouble != StorageTrouble::kNone) {
    return;
  }
  // Opened anew, an engine may show a write that it refused: it was acknowledged to nobody, but
  // trees don't know of it.
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    core_.copies.at(static_cast<uint16_t>(p)).tree.doubt();
  }
  core_.has_unfit_tree = true;
}

void Shard::submit(ClientToken token, const Operation& operation, Now now) {
  Origin origin;
  origin.client = token;
  submit_placed(origin, operation, now);
}

/// Whoever made the operation may go by another document.
void Shard::submit_placed(const Origin& origin, const Operation& operation, Now now) {
  const bool may_differ =
      core_.has_cluster() && (core_.has_layers() || operation.key.partition >= core_.copies.size());
  if (!may_differ) [[likely]] {
    return coordinator_.submit(origin, operation, now);
  }
  Operation placed = operation;
  placed.key = core_.placed(operation.key);
  coordinator_.submit(origin, placed, now);
}

void Shard::submit_scan(ClientToken token, const ScanRequest& request, Now now) {
  scanner_.submit(token, request, now);
}

void Shard::receive(NodeId from, const Message& message, Now now) {
  core_.now_ms = now.cluster_ms;
  std::visit([&](const auto& one) { receive_one(from, one, now); }, message);
}

void Shard::receive_one(NodeId from, const Replicate& message, Now now) {
  replica_.on_replicate(from, message, now);
}

void Shard::receive_one(NodeId from, const ReplicateAck& message, Now now) {
  if (TableId::kind_of(message.id) == IdKind::kDeparture) {
    departure_.on_ack(from, message);
  } else if (TableId::kind_of(message.id) == IdKind::kHandoff) {
    handoff_.on_ack(from, message, now);
  } else if (TableId::kind_of(message.id) == IdKind::kExchangedKey) {
    anti_entropy_.step(now, [&](Exchanges& exchanges) { exchanges.on_ack(from, message, now); });
  } else {
    coordinator_.on_ack(from, message, now);
  }
}

void Shard::receive_one(NodeId from, const Fetch& message, Now now) {
  replica_.on_fetch(from, message, now);
}

void Shard::receive_one(NodeId from, const FetchReply& message, Now now) {
  if (TableId::kind_of(message.id) == IdKind::kDeparture) {
    departure_.on_fetch_reply(from, message);
  } else if (TableId::kind_of(message.id) == IdKind::kExchangedKey) {
    anti_entropy_.step(now,
                       [&](Exchanges& exchanges) { exchanges.on_fetch_reply(from, message, now); });
  } else {
    coordinator_.on_fetch_reply(from, message, now);
  }
}

void Shard::receive_one(NodeId from, const PassOn& message, Now now) {
  if (message.operation == nullptr) {
    return;
  }
  const Step mine = core_.has_cluster() ? core_.step(message.operation->key.partition) : 0;
  if (core_.has_cluster() && message.step != mine) {
    return refuse_pass_on(from, message, mine);
  }
  Origin origin;
  origin.passer = from;
  origin.passed_id = message.id;
  origin.as_fallback = message.as_fallback;
  coordinator_.submit(origin, *message.operation, now);  // its step says by which document
}

void Shard::refuse_pass_on(NodeId from, const PassOn& message, Step mine) {
  if (message.step > mine) {
    core_.ports.document_wanted(from);
  }
  PassOnReply refusal;
  refusal.id = message.id;
  refusal.status = message.step < mine ? PassOnStatus::kStale : PassOnStatus::kBehind;
  core_.ports.send(from, refusal);
}

void Shard::receive_one(NodeId from, const PassOnReply& message, Now now) {
  coordinator_.on_pass_on_reply(from, message, now);
}

void Shard::receive_one(NodeId from, const FetchRange& message, Now) {
  replica_.on_fetch_range(from, message);
}

void Shard::receive_one(NodeId from, const FetchRangeReply& message, Now now) {
  if (TableId::kind_of(message.id) == IdKind::kFill) {
    fill_.on_range_reply(from, message, now);
  } else {
    scanner_.on_range_reply(from, message, now);
  }
}

void Shard::receive_one(NodeId from, const TreeFetch& message, Now) {
  tree_answers_.on_tree_fetch(from, message);
}

void Shard::receive_one(NodeId from, const TreeReply& message, Now now) {
  anti_entropy_.step(now,
                     [&](Exchanges& exchanges) { exchanges.on_tree_reply(from, message, now); });
}

void Shard::receive_one(NodeId from, const KeyDigestsFetch& message, Now) {
  tree_answers_.on_key_digests_fetch(from, message);
}

void Shard::receive_one(NodeId from, const KeyDigestsReply& message, Now now) {
  anti_entropy_.step(
      now, [&](Exchanges& exchanges) { exchanges.on_key_digests_reply(from, message, now); });
}

void Shard::receive_one(NodeId from, const RoundCall& message, Now now) {
  reaper_.on_call(from, message, now);
}

void Shard::receive_one(NodeId from, const RoundReply& message, Now now) {
  reaper_.on_reply(from, message, now);
}

void Shard::stored(StoreToken token, bool ok, Now now) {
  switch (TableId::kind_of(token)) {
    case IdKind::kReap:
    case IdKind::kRoundVote:
      return reaper_.on_stored(token, ok, now);
    case IdKind::kCoordinated:
      return coordinator_.on_stored(token, ok, now);
    case IdKind::kReplica:
      return replica_.on_stored(token, ok);
    case IdKind::kFill:
      return fill_.on_stored(token, ok, now);
    case IdKind::kExchangedKey:
      return anti_entropy_.step(now,
                                [&](Exchanges& exchanges) { exchanges.on_stored(token, ok, now); });
    case IdKind::kExchange:
    case IdKind::kScan:
    case IdKind::kSweep:
    case IdKind::kDeparture:
    case IdKind::kDepartureRead:
    case IdKind::kTree:
    case IdKind::kHintRead:
    case IdKind::kHandoff:
    case IdKind::kHandoffRead:
    case IdKind::kTreeAnswer:
      return;  // they wait for no store
  }
}

void Shard::lost(const KeyRef& stored_key, bool was_promised, const State& lost, const State* shown,
                 Now now) {
  const KeyRef key = core_.has_layers() ? core_.placed(stored_key) : stored_key;
  if (key.hint_for == kRoundMarks) {
    ++core_.metrics.storage_failures;  // whoever waits for it is told by stored()
    return;
  }
  if (key.hint_for != 0) {
    core_.hints.end_actor(key);
    if (shown != nullptr) {
      core_.hints.reverted(key, hint_mark(key, lost), hint_mark(key, *shown));
      core_.hint_reader.changed(key, *shown);
    }
    return;
  }
  const bool was_written = !lost.never_written() || shown == nullptr;
  if (was_promised && was_written) {
    ++core_.metrics.storage_failures;
    core_.lose_writes(key.partition);
    core_.vouch_no_more(key.partition);
  }
  if (shown != nullptr) {
    State before = lost;
    State after = *shown;
    core_.filter(before);
    core_.filter(after);
    core_.copies.note_change(key, live_mark(before), live_mark(after), now.cluster_ms);
  }
}

void Shard::loaded(StoreToken token, LoadStatus status, const State& state, Now now) {
  switch (TableId::kind_of(token)) {
    case IdKind::kCoordinated:
      return coordinator_.on_loaded(token, status, state, now);
    case IdKind::kReplica:
      return replica_.on_loaded(token, status, state, now);
    case IdKind::kFill:
      return fill_.on_loaded(token, status, state, now);
    case IdKind::kHandoff:
      return handoff_.on_loaded(token, status, state, now);
    case IdKind::kHintRead:
      return hints_read(token, status, state, now);
    case IdKind::kReap:
    case IdKind::kRoundVote:
      return reaper_.on_loaded(token, status, state, now);
    case IdKind::kExchangedKey:
      return anti_entropy_.step(
          now, [&](Exchanges& exchanges) { exchanges.on_loaded(token, status, state, now); });
    case IdKind::kExchange:
    case IdKind::kScan:
    case IdKind::kSweep:
    case IdKind::kDeparture:
    case IdKind::kDepartureRead:
    case IdKind::kTree:
    case IdKind::kHandoffRead:
    case IdKind::kTreeAnswer:
      return;  // they load nothing
  }
}

/// Damaged records among those that a range read brought are put aside, and their copies filled
/// again. False where there were any: what is left is not all that was stored.
bool Shard::all_readable(std::span<const RangeEntry> entries) {
  bool all = true;
  for (const RangeEntry& entry : entries) {
    State state;
    if (!core_.ports.decode(entry.key, entry.record, &state)) {
      all = false;
      core_.quarantine(entry.key);
    }
  }
  return all;
}

void Shard::hints_read(StoreToken token, LoadStatus status, const State& state, Now now) {
  const auto done = core_.hint_reader.on_loaded(token, status, state);
  if (!done.has_value()) {
    return;
  }
  if (TableId::kind_of(done->asker) == IdKind::kCoordinated) {
    coordinator_.on_hints_read(done->asker, done->status, done->hints, now);
  } else {
    replica_.on_hints_read(done->asker, done->status, done->hints.state);
  }
}

void Shard::found_corrupt(const KeyRef& key) {
  if (key.hint_for == 0) {
    return core_.quarantine(key);
  }
  if (key.hint_for == kRoundMarks) {
    // Where the copies stood is not known any more: they are filled again, once an owner told.
    for (uint32_t layer = 0; layer < core_.partitions().layers(); ++layer) {
      const uint16_t partition = core_.partitions().in_layer(key.partition, layer);
      core_.lose_writes(partition);
      core_.copies.at(partition).knows_round = false;
    }
    reaper_.note_unknown();
  }
  ++core_.metrics.quarantined_records;  // it was not counted among the hints
  core_.ports.quarantine(key);
}

void Shard::range_read(StoreToken token, bool ok, std::span<const RangeEntry> entries, bool done,
                       Now now) {
  if (!all_readable(entries)) {
    ok = false;
    entries = {};
  }
  switch (TableId::kind_of(token)) {
    case IdKind::kReplica:
      return replica_.on_range_read(token, ok, entries, done);
    case IdKind::kScan:
      return scanner_.on_range_read(token, ok, entries, done, now);
    case IdKind::kSweep:
      return sweep_.on_range_read(token, ok, entries, done, now);
    case IdKind::kDepartureRead:
      return departure_.on_range_read(token, ok, entries, done, now);
    case IdKind::kHandoffRead:
      return handoff_.on_range_read(token, ok, entries, done, now);
    case IdKind::kTree:
      return tree_keeper_.on_range_read(token, ok, entries, done, now);
    case IdKind::kTreeAnswer:
      return tree_answers_.on_range_read(token, ok, entries, done);
    case IdKind::kReap:
      return reaper_.on_range_read(token, ok, entries, done, now);
    case IdKind::kExchange:
      return anti_entropy_.step(now, [&](Exchanges& exchanges) {
        exchanges.on_range_read(token, ok, entries, done, now);
      });
    case IdKind::kExchangedKey:
    case IdKind::kCoordinated:
    case IdKind::kFill:
    case IdKind::kDeparture:
    case IdKind::kHintRead:
    case IdKind::kHandoff:
    case IdKind::kRoundVote:
      return;  // they read no ranges here
  }
}

void Shard::tick(Now now) {
  core_.now_ms = now.cluster_ms;
  core_.budget.tick(now.mono_us);
  coordinator_.tick(now);
  scanner_.tick(now);
  if (core_.takes_writes()) {
    fill_.tick(now);
    departure_.tick(now);
    handoff_.tick(now);
    sweep_.tick(now);
  }
  if (!sweep_.active()) {
    tree_keeper_.tick(now);
  }
  if (anti_entropy_.active()) {
    anti_entropy_.tick(now);
  }
  reaper_.tick(now);
  tell_whether_it_may_go();
}

void Shard::tell_whether_it_may_go() {
  const bool may = core_.has_cluster() && may_go();
  if (std::exchange(could_go_, may) != may) {
    core_.ports.copies_changed();
  }
}

bool Shard::may_go() const {
  const bool has_hints = core_.hints.pending_count() != 0 && !KINDRED_BUG(hints_left_behind);
  return core_.is_leaving() && !has_hints && core_.copies.count(CopyState::kDeparting) == 0;
}

bool Shard::needs_tick() const {
  return !coordinator_.idle() || !scanner_.idle() || fill_.active() || departure_.active() ||
         sweep_.active() || handoff_.active() || tree_keeper_.active() || anti_entropy_.active() ||
         (core_.has_cluster() && reaper_.active());
}

/// The partition's copy, in which a start found something.
Copy& Shard::note_found(uint16_t partition) {
  Copy& copy = core_.copies.at(partition);
  if (copy.state == CopyState::kNone) {
    copy.state = CopyState::kDeparting;  // it was on its way when the process ended
    copy.actor = core_.ports.random();
    departure_.look_again();
  }
  return copy;
}

bool Shard::count_existing(const KeyRef& key, const State& state, Now now) {
  if (key.hint_for == kRoundMarks) {
    core_.restore_mark(key.partition, state);
    return true;
  }
  if (key.hint_for != 0) {
    core_.hints.stored(key, HintMark{}, hint_mark(key, state));
    return true;
  }
  State current = state;
  core_.filter(current);
  if (current.never_written()) {
    sweep_.add(key.partition);
    return false;
  }
  Copy& copy = note_found(key.partition);
  if (copy.tree.tree().keys() == 0) {
    copy.tree.deepen(core_.tree_level_max());
  }
  const LiveMark mark = live_mark(current);
  copy.count.change(LiveMark{}, mark, now.cluster_ms);
  copy.tree.change({key.slot, key.hash}, 0, mark.digest);
  return true;
}

std::vector<Transfer> Shard::transfers() const {
  std::vector<Transfer> result;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    const Copy& copy = core_.copies.at(partition);
    if (copy.state == CopyState::kNone || (copy.state == CopyState::kWhole && !copy.catches_up)) {
      continue;
    }
    Transfer transfer;
    transfer.partition = partition;
    transfer.state = copy.catches_up ? CopyState::kArriving : copy.state;
    if (const auto* filling = fill_.progress(partition); filling != nullptr) {
      transfer.source = filling->source;
      transfer.keys = filling->keys;
      transfer.bytes = filling->bytes;
    } else if (const auto* leaving = departure_.progress(partition); leaving != nullptr) {
      transfer.keys = leaving->keys;
      transfer.bytes = leaving->bytes;
    }
    result.push_back(transfer);
  }
  return result;
}

}  // namespace kindred
