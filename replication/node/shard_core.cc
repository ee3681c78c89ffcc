#include "replication/node/shard_core.h"

#include <algorithm>
#include <utility>

#include "replication/causal/bug_bank.h"
#include "replication/ring/slot.h"
#include "replication/ring/walk.h"

namespace kindred {

namespace {

/// Where a document's generation stands in a Step: above every epoch, and out of the way in the
/// first generation, so that steps stay short on the wire.
constexpr unsigned kGenerationShift = 48;

}  // namespace

void ShardCore::set_cluster(std::shared_ptr<const ClusterDocument> document) {
  const auto before = std::exchange(cluster_, std::move(document));
  partitions_ = cluster_->partitions();
  hints.set_slot_partitions(partitions_.slot_partitions());
  usual_copies_ = 0;
  for (uint32_t partition = 0; partition < partitions_.slot_partitions(); ++partition) {
    const auto length = static_cast<uint8_t>(cluster_->ring.owners(partition).size());
    usual_copies_ = std::max(usual_copies_, length);
  }
  ++quorum_version_;
  const Member* own = cluster_->find_member(self);
  is_leaving_ = own != nullptr && own->is_leaving;
  for (const Member& member : cluster_->members) {
    // Who was just taken in is up until membership, which expects the same, says otherwise.
    const bool is_new = before != nullptr && before->find_member(member.id) == nullptr &&
                        !KINDRED_BUG(newcomer_is_down);
    bool& up = peers_[member.id];
    up = up || is_new || member.id == self;
  }
  fallbacks_.clear();
  claim_members_.clear();
  refresh_quorum();
  refresh_reach();
  refresh_tree_level();
}

KeyRef ShardCore::placed(const KeyRef& key) const {
  KeyRef place = key;
  if (key.hint_for != kRoundMarks) {
    place.partition = static_cast<uint16_t>(partitions_.of(key.key, key.slot));
  }
  return place;
}

void ShardCore::set_config(const ShardConfig& fresh) {
  config = fresh;
  budget.set_limits(budget_limits(fresh));
  ++quorum_version_;
  if (has_cluster()) {
    refresh_quorum();
  }
}

void ShardCore::refresh_quorum() {
  quorum_of_any_ = config.quorum;
  quorum_of_any_.write = write_range(cluster_->keyspaces, config.quorum.write).least;
  if (KINDRED_BUG(keyspace_write_quorum_forgotten)) {
    quorum_of_any_.write = config.quorum.write;
  }
}

QuorumDefaults ShardCore::quorum_of(const Keyspace* keyspace) const {
  QuorumDefaults quorum = config.quorum;
  if (keyspace != nullptr) {
    quorum.read = keyspace->read != 0 ? keyspace->read : quorum.read;
    quorum.write = keyspace->write != 0 ? keyspace->write : quorum.write;
  }
  return quorum;
}

void ShardCore::refresh_tree_level() {
  size_t held = 0;
  for (uint32_t partition = 0; partition < cluster_->ring.partition_count(); ++partition) {
    held += cluster_->holds(partition, self) ? 1 : 0;
  }
  // Each shard may be building one more.
  const uint8_t level = MerkleTree::level_max_for(held + config.shard_count, config.tree_bytes_max);
  has_unfit_tree = has_unfit_tree || level != tree_level_max_;
  tree_level_max_ = level;
}

void ShardCore::refresh_reach() {
  const Ring& ring = cluster_->ring;
  reach_.assign(ring.partition_count(), Reach{});
  for (uint32_t partition = 0; partition < ring.partition_count(); ++partition) {
    Reach& reach = reach_[partition];
    reach.step = (uint64_t{cluster_->generation - 1} << kGenerationShift) |
                 cluster_->step(static_cast<PartitionIndex>(partition));
    const auto owners = cluster_->serving_owners(static_cast<PartitionIndex>(partition));
    reach.copies = static_cast<uint8_t>(owners.size());
    reach.is_served_here = std::find(owners.begin(), owners.end(), self) != owners.end();
    reach.up = count_up(owners);
    reach.old_up = reach.up;
    reach.new_up = reach.up;
    for (NodeId node : owners) {
      if (node != self && is_up(node)) {
        reach.others.push_back(node);
      }
    }
  }
  for (const Move& move : cluster_->moves) {
    refresh_moving(reach_[move.partition], move);
  }
}

void ShardCore::refresh_moving(Reach& reach, const Move& move) const {
  reach.is_moving = true;
  reach.old_up = count_up(cluster_->ring.owners(move.partition));
  reach.new_up = count_up(move.new_owners);
  for (NodeId node : holders(move.partition)) {
    if (node != self && is_up(node)) {
      reach.written.push_back(node);
    }
  }
}

uint8_t ShardCore::count_up(std::span<const NodeId> nodes) const {
  return static_cast<uint8_t>(
      std::count_if(nodes.begin(), nodes.end(), [this](NodeId node) { return is_up(node); }));
}

std::vector<NodeId> ShardCore::holders(uint16_t partition) const {
  const auto serving = owners(partition);
  std::vector<NodeId> all(serving.begin(), serving.end());
  auto add = [&all](NodeId node) {
    if (std::find(all.begin(), all.end(), node) == all.end()) {
      all.push_back(node);
    }
  };
  if (const Move* move = cluster_->find_move(partition); move != nullptr) {
    const auto old_owners = cluster_->ring.owners(partition);
    std::for_each(old_owners.begin(), old_owners.end(), add);
    std::for_each(move->new_owners.begin(), move->new_owners.end(), add);
  }
  return all;
}

bool ShardCore::is_up(NodeId node) const {
  auto place = peers_.find(node);
  return place != peers_.end() && place->second;
}

void ShardCore::set_up(NodeId node, bool up) {
  peers_[node] = up || node == self;
  if (cluster_ != nullptr) {
    refresh_reach();
  }
}

Ack ShardCore::ack_while_moving(NodeId node, uint16_t partition, Durability durability) const {
  Ack ack;
  ack.node = node;
  ack.durability = durability;
  const auto& arriving = cluster_->find_move(partition)->new_owners;
  ack.is_old_owner = cluster_->ring.owns(partition, node);
  ack.is_new_owner = std::find(arriving.begin(), arriving.end(), node) != arriving.end();
  return ack;
}

std::span<const NodeId> ShardCore::fallbacks(uint16_t partition) {
  if (claim_members_.empty()) {
    for (const Member& member : cluster_->members) {
      claim_members_.push_back({member.id, member.is_leaving ? 0 : member.weight, member.zone});
    }
  }
  const auto [place, is_new] = fallbacks_.try_emplace(partition);
  if (is_new) {
    for (const NodeId node : ring_walk(cluster_->ring, claim_members_, partition)) {
      if (!cluster_->holds(partition, node)) {
        place->second.push_back(node);
      }
    }
  }
  return place->second;
}

uint8_t ShardCore::fallbacks_up(uint16_t partition) {
  const auto nodes = fallbacks(partition);
  return static_cast<uint8_t>(std::min<size_t>(
      UINT8_MAX, static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(),
                                                   [this](NodeId node) { return is_up(node); }))));
}

LoadStatus ShardCore::load(const KeyRef& key, State* state) {
  const LoadStatus status = ports.try_load(key, state);
  if (status == LoadStatus::kLoaded) {
    filter(*state);
  }
  return status;
}

StoreStatus ShardCore::commit(const KeyRef& asked, const LiveMark& before, const LiveMark& after,
                              std::string_view record, Durability durability, StoreToken token,
                              Now now) {
  // A request that waited may have a key that is of another partition by now.
  KeyRef key = has_layers() ? placed(asked) : asked;
  if (KINDRED_BUG(layer_counted_with_the_first)) {
    key.partition = static_cast<uint16_t>(partitions_.first_layer(key.partition));
  }
  if (!takes_writes()) {
    return StoreStatus::kFailed;  // the engine was not touched: the actor remembers all
  }
  if (!awaited_keys.empty()) [[unlikely]] {
    if (const auto awaited = awaited_keys.find(key.hash); awaited != awaited_keys.end()) {
      awaited->second = true;
    }
  }
  const StoreStatus status = ports.store(key, record, durability, token);
  if (status == StoreStatus::kFailed) {
    ++metrics.storage_failures;
    copies.at(key.partition).actor = ports.random();  // loads show what was there before
    return status;
  }
  copies.note_change(key, before, after, now.cluster_ms);
  return status;
}

StoreStatus ShardCore::commit_hint(const KeyRef& hint, const HintMark& before, const State& after,
                                   std::string_view record, Durability durability,
                                   StoreToken token) {
  if (!takes_writes()) {
    ++metrics.hints_refused;
    return StoreStatus::kFailed;
  }
  const HintMark mark = hint_mark(hint, after);
  const uint64_t others = hints.pending_bytes() - std::min(before.bytes, hints.pending_bytes());
  if (others + mark.bytes > config.hint_bytes_max) {
    ++metrics.hints_refused;
    return StoreStatus::kFailed;
  }
  State shown;
  if (hint_reader.is_reading(hint)) {
    shown = after;
    shown.own();  // store() may free what `after` borrows
  }
  const StoreStatus status = ports.store(hint, record, durability, token);
  if (status == StoreStatus::kFailed) {
    ++metrics.hints_refused;
    ++metrics.storage_failures;
    hints.end_actor(hint);
    return status;
  }
  hints.stored(hint, before, mark);
  hint_reader.changed(hint, shown);
  return status;
}

bool ShardCore::erase_hint(const KeyRef& hint, const HintMark& before, HintEnd why) {
  if (!takes_writes()) {
    return false;
  }
  if (ports.store(hint, std::string_view(), Durability::kMemory, 0) == StoreStatus::kFailed) {
    ++metrics.storage_failures;
    return false;
  }
  hints.ended(hint, before, why);
  hint_reader.changed(hint, State{});
  return true;
}

OutcomeCode ShardCore::storage_error() const {
  switch (storage) {
    case StorageTrouble::kFull:
      return OutcomeCode::kStorageFull;
    case StorageTrouble::kReadOnly:
      return OutcomeCode::kStorageReadOnly;
    case StorageTrouble::kNone:
    case StorageTrouble::kFailing:
      break;
  }
  return OutcomeCode::kStorageFailed;
}

Stamp ShardCore::stamp(Now now, uint16_t partition, const State& state, Stamp above) {
  const RoundMark& mark = copies.at(partition).mark;
  if (!KINDRED_BUG(stamped_below_a_round)) {
    above = std::max({above, mark.round, mark.clean, mark.bar, mark.begins});
  }
  return clock.next(now.cluster_ms,
                    std::max({above, state.highest_stamp(), cluster_->flush_stamp}));
}

void ShardCore::end_actor(uint16_t partition) {
  for (auto& [hash, has_changed] : awaited_keys) {
    has_changed = true;
  }
  for (uint32_t p = partitions_.first_layer(partition); p < copies.size();
       p += partitions_.slot_partitions()) {
    Copy& copy = copies.at(static_cast<uint16_t>(p));
    copy.actor = ports.random();
    // A store failed or a record went: what loads show now is not known in all cases.
    copy.tree.doubt();
  }
  has_unfit_tree = true;
}

void ShardCore::split_copy(uint16_t partition, uint16_t around) {
  const Copy& whole = copies.at(around);
  Copy& part = copies.at(partition);
  const bool is_held = whole.state != CopyState::kNone && whole.state != CopyState::kDeparting;
  part.state = is_held && KINDRED_BUG(split_copy_is_whole) ? CopyState::kWhole : whole.state;
  part.catches_up = whole.catches_up;
  part.actor = whole.actor;
  part.mark = whole.mark;
  part.saved_mark = whole.saved_mark;
  part.knows_round = whole.knows_round;
  part.empties_to = whole.empties_to;
  part.reaped = whole.reaped;
  part.read_p99_us = whole.read_p99_us;
}

uint64_t ShardCore::document_version() const {
  return (uint64_t{cluster_->generation - 1} << kGenerationShift) | cluster_->epoch;
}

void ShardCore::see_round(uint16_t partition, Round agreed) {
  Copy& copy = copies.at(partition);
  if (!is_credible(agreed)) {
    ++metrics.rounds_disbelieved;
    return;
  }
  if (agreed <= copy.mark.round || agreed <= copy.empties_to || copy.state == CopyState::kNone) {
    return;
  }
  if (copy.state == CopyState::kArriving && !copy.knows_round &&
      !KINDRED_BUG(arriving_copy_falls_behind)) {
    return;  // it takes nothing in before an owner has told where it begins
  }
  if (agreed > copy.mark.clean && !KINDRED_BUG(behind_copy_kept)) {
    return fall_behind(partition, agreed);
  }
  copy.mark.round = agreed;
  if (save_mark(partition, copy.mark, 0) == StoreStatus::kFailed) {
    ++metrics.storage_failures;  // a start would find it at the round before, and clean for this
  }
}

/// What the copy holds may have been deleted by all since: it leaves, and the copy is filled anew.
void ShardCore::fall_behind(uint16_t partition, Round agreed) {
  Copy& copy = copies.at(partition);
  copy.empties_to = agreed;
  copy.reaped.clear();
  copy.actor = ports.random();
  has_to_empty = true;
  if (copy.state != CopyState::kDeparting) {
    copy.state = CopyState::kFilling;
    copy.catches_up = false;
    has_new_filling = true;
    ports.copies_changed();
  }
}

namespace {

// The marks of a slot's partitions, layer by layer, are kept as one state whose context has a stamp
// for each of their numbers: so a layer's is as safe as that of the keys it was split off.
constexpr ActorId kMarkOfRound = 1;
constexpr ActorId kMarkOfClean = 2;
constexpr ActorId kMarkOfBar = 3;
constexpr ActorId kMarkOfBegins = 4;
constexpr ActorId kIsMarked = 5;  // of layers behind the first: else it has that of those around it
constexpr ActorId kMarkIsUnsynced = 6;  // nothing was, when the marks were stored; of all layers
constexpr ActorId kPerLayer = 8;

void write_mark(const RoundMark& mark, uint32_t layer, State* state) {
  const auto note = [state, layer](ActorId which, Round round) {
    if (round != 0) {
      state->context.raise(layer * kPerLayer + which, round);
    }
  };
  note(kMarkOfRound, mark.round);
  note(kMarkOfClean, mark.clean);
  note(kMarkOfBar, mark.bar);
  note(kMarkOfBegins, mark.begins);
  note(kIsMarked, layer == 0 ? 0 : 1);
}

RoundMark read_mark(const State& state, uint32_t layer) {
  const auto number = [&state, layer](ActorId which) {
    return state.context.stamp_of(layer * kPerLayer + which);
  };
  RoundMark mark;
  mark.round = number(kMarkOfRound);
  mark.clean = number(kMarkOfClean);
  mark.bar = number(kMarkOfBar);
  mark.begins = number(kMarkOfBegins);
  return mark;
}

bool has_mark(const State& state, uint32_t layer) {
  return layer == 0 || state.context.stamp_of(layer * kPerLayer + kIsMarked) != 0;
}

}  // namespace

StoreStatus ShardCore::save_mark(uint16_t partition, const RoundMark& mark, StoreToken token) {
  RoundMark& saved = copies.at(partition).saved_mark;
  saved.round = std::max(saved.round, mark.round);
  saved.clean = std::max({saved.clean, mark.clean, saved.round});
  saved.bar = std::max(saved.bar, mark.bar);
  saved.begins = std::max(saved.begins, mark.begins);
  return put_mark(partition, token);
}

StoreStatus ShardCore::put_mark(uint16_t partition, StoreToken token) {
  if (!takes_writes()) {
    return StoreStatus::kFailed;
  }
  State state;
  for (uint32_t layer = 0; layer < partitions_.layers(); ++layer) {
    write_mark(copies.at(partitions_.in_layer(partition, layer)).saved_mark, layer, &state);
  }
  if (config.durability == Durability::kMemory && !KINDRED_BUG(unsynced_mark_believed)) {
    state.context.raise(kMarkIsUnsynced, 1);
  }
  const KeyRef key = KeyRef::round_mark(partition, partitions_);
  return ports.store(key, ports.encode(key, state), config.durability, token);
}

void ShardCore::restore_mark(uint16_t partition, const State& state) {
  // Whatever durability is configured now.
  const bool is_unsynced = state.context.stamp_of(kMarkIsUnsynced) != 0;
  RoundMark marks[kLayersMax];
  for (uint32_t layer = 0; layer < partitions_.layers(); ++layer) {
    marks[layer] =
        has_mark(state, layer) ? read_mark(state, layer) : marks[partitions_.around(layer)];
    take_mark(partitions_.in_layer(partition, layer), marks[layer], is_unsynced);
  }
}

void ShardCore::take_mark(uint16_t partition, const RoundMark& mark, bool is_unsynced) {
  Copy& copy = copies.at(partition);
  copy.mark = mark;
  if (is_unsynced && copy.state == CopyState::kFilling) {
    // Nothing says that the engine kept a tombstone that was written before the mark.
    copy.mark.round = 0;
    copy.mark.clean = 0;
  } else if (copy.state == CopyState::kFilling) {
    copy.mark.clean = copy.mark.round;  // what it voted for may be among what it lost
  }
  copy.saved_mark = copy.mark;
  copy.knows_round = true;
}

void ShardCore::vouch_no_more(uint16_t partition) {
  if (copies.at(partition).empties_to == 0 && !KINDRED_BUG(refused_tombstone_vouched_for)) {
    forget_mark(partition);
  }
}

/// A tombstone that was voted for may be gone from here, and what it covers come in once more.
void ShardCore::vouch_for_agreed_alone(uint16_t partition) {
  Copy& copy = copies.at(partition);
  const bool was_saved = copy.saved_mark.clean != copy.saved_mark.round;
  copy.mark.clean = copy.mark.round;
  copy.saved_mark.clean = copy.saved_mark.round;
  if (was_saved && put_mark(partition, 0) == StoreStatus::kFailed) {
    ++metrics.storage_failures;  // a copy that fills is clean for no more at a start
  }
}

void ShardCore::forget_mark(uint16_t partition) {
  Copy& copy = copies.at(partition);
  copy.empties_to = 0;
  copy.reaped.clear();
  copy.mark.round = 0;
  copy.mark.clean = 0;
  if (copy.saved_mark.clean == 0) {
    return;
  }
  copy.saved_mark.round = 0;
  copy.saved_mark.clean = 0;
  if (put_mark(partition, 0) == StoreStatus::kFailed) {
    ++metrics.storage_failures;  // the next copy would be emptied once more than it needs
  }
}

bool ShardCore::is_reaped(const KeyRef& key, const State& state) const {
  const auto& reaped = copies.at(key.partition).reaped;
  return !reaped.empty() &&
         std::binary_search(reaped.begin(), reaped.end(), std::pair(key.hash, tree_digest(state)));
}

void ShardCore::lose_writes(uint16_t partition) {
  end_actor(partition);
  Copy& copy = copies.at(partition);
  const bool is_held = copy.state != CopyState::kNone && copy.state != CopyState::kDeparting;
  if (is_held && (copies_of(partition) > 1 || is_moving(partition))) {
    copy.state = CopyState::kFilling;
    copy.catches_up = false;
    has_new_filling = true;
    ports.copies_changed();
  }
}

void ShardCore::quarantine(const KeyRef& key) {
  ++metrics.quarantined_records;
  ports.quarantine(key);
  if (key.hint_for == 0 && !KINDRED_BUG(quarantine_keeps_its_vote)) {
    vouch_for_agreed_alone(key.partition);
  }
  if (key.hint_for != 0) {
    hints.damaged(key);
  } else if (KINDRED_BUG(quarantine_keeps_the_copy)) {
    end_actor(key.partition);
  } else if (!KINDRED_BUG(lost_record_keeps_the_actor)) {
    lose_writes(key.partition);
  }
}

}  // namespace kindred
