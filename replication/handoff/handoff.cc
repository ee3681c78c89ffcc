#include "replication/handoff/handoff.h"

#include <algorithm>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

constexpr uint32_t kPageEntriesMax = 64;
constexpr uint32_t kPageBytesMax = 1U << 20;
constexpr uint64_t kBackoffFirstUs = 100'000;
constexpr uint64_t kBackoffMaxUs = 10'000'000;
constexpr uint64_t kUsPerMs = 1000;
constexpr double kUsPerSecond = 1e6;
constexpr double kBurstS = 0.1;               // of the budget may be saved up
constexpr double kBytesAHint = 512;           // that a hint costs at least
constexpr uint64_t kLookAgainUs = 1'000'000;  // for hints that have grown old

}  // namespace

Handoff::Handoff(ShardCore& core, Replica& replica)
    : core_(core),
      replica_(replica),
      items_(core.config.shard_index, IdKind::kHandoff, core.config.id_seed),
      last_read_(first_id(core.config.shard_index, IdKind::kHandoffRead)) {}

bool Handoff::active() const {
  const bool has_news =
      must_look_ || seen_version_ != core_.hints.version() + core_.quorum_version();
  return has_work_ || (core_.hints.pending_count() != 0 && has_news);
}

void Handoff::on_peer_up(NodeId peer) {
  must_look_ = true;
  if (auto place = targets_.find(peer); place != targets_.end()) {
    place->second.next_us = 0;
    place->second.backoff_us = 0;
  }
}

void Handoff::on_peer_down(NodeId peer, Now now) {
  for (const uint64_t id : items_.ids()) {
    Item* item = items_.find(id);
    if (item != nullptr &&
        std::find(item->waiting.begin(), item->waiting.end(), peer) != item->waiting.end()) {
      item_over(*item, /*has_failed=*/true, now);
    }
  }
}

uint64_t Handoff::request_timeout_us() const {
  return uint64_t{core_.config.request_timeout_ms} * kUsPerMs;
}

void Handoff::tick(Now now) {
  if (!core_.has_cluster() || (core_.hints.pending_count() == 0 && targets_.empty())) {
    has_work_ = false;
    return;
  }
  const double rate = static_cast<double>(core_.config.hint_bytes_per_s) /
                      std::max<uint8_t>(1, core_.config.shard_count);
  const double passed_s =
      static_cast<double>(now.mono_us - std::min(now.mono_us, budget_at_us_)) / kUsPerSecond;
  budget_bytes_ = std::min(rate * kBurstS, budget_bytes_ + rate * std::min(passed_s, 1.0));
  budget_at_us_ = now.mono_us;
  seen_version_ = core_.hints.version() + core_.quorum_version();
  must_look_ = false;
  has_work_ = false;
  std::erase_if(targets_, [this](const auto& one) {
    return !one.second.has_page && core_.hints.oldest_ms(one.first) == 0;
  });
  for (const NodeId target : core_.hints.targets()) {
    targets_.try_emplace(target);
  }
  for (auto& [whose, target] : targets_) {
    go_on(whose, target, now);
  }
}

/// Where hints of a partition go now.
Handoff::Way Handoff::way_of(NodeId target, uint16_t partition, Now now) const {
  const auto all_up = [this](const std::vector<NodeId>& nodes) {
    return !nodes.empty() && std::all_of(nodes.begin(), nodes.end(),
                                         [this](NodeId node) { return core_.is_up(node); });
  };
  if (!core_.cluster().holds(partition, target)) {
    return all_up(core_.holders(partition)) ? Way::kToHolders : Way::kNone;
  }
  if (core_.is_up(target)) {
    return Way::kToTarget;
  }
  return is_old(core_.hints.oldest_ms(target), now) ? Way::kExpiring : Way::kNone;
}

/// Where hints of keys with the partition's slots go that can go somewhere.
Handoff::Way Handoff::way_of_any_layer(NodeId target, uint16_t partition, Now now) const {
  Way way = Way::kNone;
  for (uint32_t p = partition; p < core_.copies.size() && way == Way::kNone;
       p += core_.partitions().slot_partitions()) {
    way = way_of(target, static_cast<uint16_t>(p), now);
  }
  return way;
}

/// Whether the other primaries are to have it. A node that leaves, or is about to be restarted,
/// waits for no target.
bool Handoff::is_old(uint64_t since_ms, Now now) const {
  return core_.is_leaving() || core_.yields || since_ms + core_.config.hint_ttl_ms < now.cluster_ms;
}

std::vector<NodeId> Handoff::receivers(NodeId target, uint16_t partition, Way way) const {
  if (way == Way::kToTarget) {
    return {target};
  }
  std::vector<NodeId> nodes = core_.holders(partition);
  std::erase_if(nodes, [&](NodeId node) { return node == target || !core_.is_up(node); });
  return nodes;
}

/// The next partition, from the target's position on and around, whose hints can go somewhere.
bool Handoff::choose_partition(NodeId whose, Target& target, Now now) const {
  const std::vector<uint16_t> partitions = core_.hints.partitions_of(whose);
  const auto begin =
      std::lower_bound(partitions.begin(), partitions.end(), target.partition) - partitions.begin();
  for (size_t i = 0; i < partitions.size(); ++i) {
    const uint16_t partition = partitions[(static_cast<size_t>(begin) + i) % partitions.size()];
    const Way way = way_of_any_layer(whose, partition, now);
    if (way == Way::kNone) {
      continue;
    }
    if (partition != target.partition || target.is_at_begin) {
      target.partition = partition;
      target.is_at_begin = false;
      target.place.go_to_begin(partition, core_.partitions());
    }
    target.way = way;
    return true;
  }
  return false;
}

void Handoff::go_on(NodeId whose, Target& target, Now now) {
  if (target.has_page) {
    has_work_ = true;
    if (now.mono_us > target.page_ends_us) {
      drop_page(whose, target, now);
    }
    return;
  }
  if (now.mono_us < target.next_us) {
    has_work_ = true;
    return;
  }
  if (!choose_partition(whose, target, now)) {
    return;
  }
  has_work_ = true;
  if (budget_bytes_ > 0 && core_.budget.may_begin(BackgroundWork::kHints, now.mono_us)) {
    read_page(whose, target, now);
  }
}

void Handoff::read_page(NodeId whose, Target& target, Now now) {
  FetchRange range = target.place.range(target.partition, ++last_read_);
  range.hint_for = whose;
  range.entries_max = kPageEntriesMax;
  range.bytes_max = kPageBytesMax;
  target.request = range.id;
  target.has_page = true;
  target.has_failed = false;
  target.items_left = 0;
  target.page_ends_us = now.mono_us + 4 * request_timeout_us();
  reads_[range.id] = whose;
  core_.ports.read_range(range, range.id);
}

void Handoff::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done,
                            Now now) {
  const auto read = reads_.find(id);
  if (read == reads_.end()) {
    return;
  }
  const auto place = targets_.find(read->second);
  reads_.erase(read);
  if (place == targets_.end() || place->second.request != id) {
    return;
  }
  Target& target = place->second;
  target.request = 0;
  target.has_failed = !ok;
  target.page_is_last = ok && done;
  if (ok && !entries.empty()) {
    target.place.go_behind(entries.back().key);
  }
  ++target.items_left;  // so that the page can't end half way
  for (const RangeEntry& entry : entries) {
    deliver(target, entry, now);
  }
  if (--target.items_left == 0) {
    page_over(target, now);
  }
}

void Handoff::deliver(Target& target, const RangeEntry& entry, Now now) {
  State state;
  if (!core_.ports.decode(entry.key, entry.record, &state)) {
    core_.quarantine(entry.key);
    return;
  }
  const HintMark mark = hint_mark(entry.key, state);
  if (!mark.is_there) {
    return;  // erased, and on its way to the engine
  }
  const Way way =
      core_.has_layers() ? way_of(entry.key.hint_for, entry.key.partition, now) : target.way;
  if (way == Way::kNone || (way == Way::kExpiring && !is_old(mark.since_ms, now))) {
    target.has_skipped = true;
    return;
  }
  const Digest raw = digest(state);
  const Round clean = state.round;
  state.round = 0;
  core_.filter(state);
  if (state.never_written()) {
    core_.erase_hint(entry.key, mark, HintEnd::kSuperseded);
    return;
  }
  const std::vector<NodeId> nodes = receivers(entry.key.hint_for, entry.key.partition, way);
  const QuorumDefaults quorums = core_.quorum_of(core_.keyspace_of(entry.key.key));
  const uint8_t quorum = std::min(quorums.write, core_.copies_of(entry.key.partition));
  const size_t needed = way == Way::kExpiring ? quorum : nodes.size();
  if (nodes.empty() || nodes.size() < needed) {
    target.has_failed = true;
    return;
  }
  Item& item = items_.make();
  item.hint.assign(entry.key);
  item.digest = raw;
  item.clean = clean;
  item.way = way;
  item.acks_missing = static_cast<uint8_t>(needed);
  ++target.items_left;
  const std::string record(core_.ports.encode(entry.key, state));
  budget_bytes_ -= std::max(kBytesAHint, static_cast<double>(record.size()));
  core_.budget.spend(BackgroundWork::kHints,
                     (BackgroundBudget::kBytesPerKey + record.size()) * nodes.size());
  Replicate message;
  message.id = item.id;
  message.step = core_.step(entry.key.partition);
  message.rounds.clean = clean;
  message.key = item.hint.ref();
  message.key.hint_for = 0;
  message.record = record;
  message.durability = core_.config.durability;
  message.is_repair = true;
  item.waiting.assign(nodes.begin(), nodes.end());
  const uint64_t id = item.id;
  for (const NodeId node : nodes) {
    if (node != core_.self) {
      core_.ports.send(node, message);
    }
  }
  if (std::find(nodes.begin(), nodes.end(), core_.self) != nodes.end()) {
    on_ack(core_.self, store_here(message, now), now);
  }
  if (Item* left = items_.find(id); left != nullptr && KINDRED_BUG(hint_dropped_unstored)) {
    core_.erase_hint(entry.key, mark, HintEnd::kDelivered);
  }
}

/// Where this node itself is among those who should have it. kFailed: not known to be stored.
ReplicateAck Handoff::store_here(const Replicate& message, Now now) {
  Replicate own = message;
  own.id = 0;
  replica_.on_replicate(core_.self, own, now);
  ReplicateAck ack;
  ack.id = message.id;
  ack.status = AckStatus::kFailed;
  State held;
  State hinted;
  if (core_.load(message.key, &held) == LoadStatus::kLoaded &&
      core_.ports.decode(message.key, message.record, &hinted) && includes(held, hinted)) {
    ack.status = AckStatus::kStored;
  } else if (message.rounds.clean < core_.admitted(message.key)) {
    ack.status = AckStatus::kUnclean;
    ack.round = core_.admitted(message.key);
  }
  return ack;
}

void Handoff::on_ack(NodeId from, const ReplicateAck& ack, Now now) {
  Item* item = items_.find(ack.id);
  if (item == nullptr) {
    return;
  }
  const auto place = std::find(item->waiting.begin(), item->waiting.end(), from);
  if (place == item->waiting.end()) {
    return;
  }
  item->waiting.erase(place);
  if (ack.status == AckStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  if (ack.status == AckStatus::kUnclean && ack.round > item->clean) {
    item->voids = ack.round;
    return received(*item, now);
  }
  const bool is_held = ack.status == AckStatus::kStored || ack.status == AckStatus::kFilling;
  item->acks_missing -= is_held && item->acks_missing > 0 ? 1 : 0;
  if (item->acks_missing == 0) {
    return received(*item, now);
  }
  if (item->waiting.size() < item->acks_missing) {
    item_over(*item, /*has_failed=*/true, now);
  }
}

/// It is where it belongs. It goes from here unless it has grown meanwhile.
void Handoff::received(Item& item, Now now) {
  if (item.is_verifying) {
    return;
  }
  item.is_verifying = true;
  item.waiting.clear();
  State state;
  const LoadStatus status = core_.ports.try_load(item.hint.ref(), &state);
  if (status == LoadStatus::kPending) {
    return core_.ports.load(item.hint.ref(), item.id);
  }
  if (status == LoadStatus::kLoaded) {
    return verified(item, state, now);
  }
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(item.hint.ref());
  }
  item_over(item, /*has_failed=*/true, now);
}

void Handoff::on_loaded(uint64_t id, LoadStatus status, const State& state, Now now) {
  Item* item = items_.find(id);
  if (item == nullptr || !item->is_verifying) {
    return;
  }
  if (status == LoadStatus::kLoaded) {
    return verified(*item, state, now);
  }
  if (status == LoadStatus::kCorrupt) {
    core_.quarantine(item->hint.ref());
  }
  item_over(*item, /*has_failed=*/true, now);
}

void Handoff::verified(Item& item, const State& state, Now now) {
  const KeyRef hint = item.hint.ref();
  if (item.voids != 0 && state.is_newer_than(item.voids) && !KINDRED_BUG(newer_hint_dropped)) {
    return relabel(item, state, now);
  }
  // One with versions from before that round was here when this node vouched that it had none: so
  // it had been delivered, and came back with an older copy of the directory.
  if (!state.never_written() && digest(state) == item.digest) {
    const HintEnd why = item.voids != 0              ? HintEnd::kSuperseded
                        : item.way == Way::kExpiring ? HintEnd::kExpired
                                                     : HintEnd::kDelivered;
    core_.erase_hint(hint, hint_mark(hint, state), why);
  }
  item_over(item, /*has_failed=*/false, now);
}

/// All that it has was written since: it is clean for that round, whatever it was merged into here.
void Handoff::relabel(Item& item, const State& state, Now now) {
  const KeyRef hint = item.hint.ref();
  State clean = state;
  clean.round = item.voids;
  const HintMark mark = hint_mark(hint, state);
  if (core_.commit_hint(hint, mark, clean, core_.ports.encode(hint, clean), core_.config.durability,
                        0) == StoreStatus::kFailed) {
    ++core_.metrics.storage_failures;  // it stays as it was
  }
  item_over(item, /*has_failed=*/true, now);  // and is sent again
}

void Handoff::item_over(Item& item, bool has_failed, Now now) {
  const auto place = targets_.find(item.hint.ref().hint_for);
  items_.free(item);
  if (place == targets_.end() || place->second.items_left == 0) {
    return;
  }
  Target& target = place->second;
  target.has_failed = target.has_failed || has_failed;
  if (--target.items_left == 0) {
    page_over(target, now);
  }
}

/// On to the next page; later where something of this one was refused.
void Handoff::page_over(Target& target, Now now) {
  target.has_page = false;
  if (target.has_failed) {
    target.backoff_us = std::clamp(2 * target.backoff_us, kBackoffFirstUs, kBackoffMaxUs);
    target.next_us = now.mono_us + target.backoff_us;
  } else {
    target.backoff_us = 0;
    target.next_us = 0;
  }
  if ((target.way == Way::kExpiring || target.has_skipped) && target.page_is_last) {
    target.next_us = std::max(target.next_us, now.mono_us + kLookAgainUs);
  }
  if (target.page_is_last) {
    ++target.partition;  // 16 bits wide: around is as good as any beginning
    target.is_at_begin = true;
    target.page_is_last = false;
    target.has_skipped = false;
  }
}

/// Somebody does not answer.
void Handoff::drop_page(NodeId whose, Target& target, Now now) {
  for (const uint64_t id : items_.ids()) {
    Item* item = items_.find(id);
    if (item != nullptr && item->hint.ref().hint_for == whose) {
      items_.free(*item);
    }
  }
  target.request = 0;
  target.items_left = 0;
  target.has_failed = true;
  page_over(target, now);
}

}  // namespace kindred
