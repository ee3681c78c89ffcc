#include "replication/node/departure.h"

#include <algorithm>
#include <vector>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

// The throttle: with a tick every 5 ms, 50,000 keys a second and shard at most.
constexpr size_t kPartitionsMax = 2;
constexpr uint32_t kDeparturePageEntriesMax = 128;
constexpr uint32_t kDeparturePageBytesMax = 1U << 20;
constexpr uint64_t kDeparturePageTimeoutUs = 5'000'000;
constexpr uint64_t kRetryUs = 50'000;

}  // namespace

Departure::Departure(ShardCore& core, const Coordinator& coordinator)
    : core_(core),
      coordinator_(coordinator),
      items_(core.config.shard_index, IdKind::kDeparture, core.config.id_seed),
      counter_(core.config.id_seed) {}

const Departure::Progress* Departure::progress(uint16_t partition) const {
  auto place = leaving_.find(partition);
  return place == leaving_.end() ? nullptr : &place->second.progress;
}

/// Range reads are told apart from items by their kind.
uint64_t Departure::next_id() {
  counter_ = (counter_ + 1) & ((uint64_t{1} << 52) - 1);
  return (uint64_t{core_.config.shard_index} << 56) |
         (uint64_t{static_cast<uint8_t>(IdKind::kDepartureRead)} << 52) | counter_;
}

void Departure::on_new_cluster() {
  pending_scan_ = true;
  for (auto place = leaving_.begin(); place != leaving_.end();) {
    if (core_.copies.at(place->first).state == CopyState::kDeparting) {
      ++place;
      continue;
    }
    drop_items(place->first);
    place = leaving_.erase(place);
  }
}

void Departure::find_departing() {
  pending_scan_ = false;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    if (core_.copies.at(partition).state != CopyState::kDeparting || leaving_.contains(partition)) {
      continue;
    }
    if (leaving_.size() >= kPartitionsMax) {
      pending_scan_ = true;
      return;
    }
    rewind(partition, leaving_[partition]);
  }
}

void Departure::tick(Now now) {
  if (!core_.has_cluster()) {
    return;
  }
  if (pending_scan_ && leaving_.size() < kPartitionsMax) {
    find_departing();
  }
  std::vector<uint16_t> partitions;
  for (const auto& [partition, leaving] : leaving_) {
    partitions.push_back(partition);
  }
  for (uint16_t partition : partitions) {
    go_on(partition, leaving_[partition], now);
  }
}

void Departure::go_on(uint16_t partition, Leaving& leaving, Now now) {
  if (leaving.step != core_.step(partition)) {
    rewind(partition, leaving);  // there may be owners that have nothing of it yet
  }
  const bool is_late = leaving.has_page && now.mono_us > leaving.page_ends_us;
  if (is_late || leaving.page_failed) {
    drop_items(partition);
    leaving.has_page = false;
    leaving.page_failed = false;
    leaving.next_page_us = now.mono_us + kRetryUs;
  }
  if (leaving.has_page || now.mono_us < leaving.next_page_us) {
    return;
  }
  // What its owners reaped since must not come back: what it has goes without being handed over.
  // All that was acknowledged is with them, or no round would have come about.
  if (!leaving.erases && core_.copies.at(partition).empties_to != 0) {
    rewind(partition, leaving);
    leaving.erases = true;
  }
  if (!leaving.erases && KINDRED_BUG(old_copy_erased_early)) {
    leaving.erases = true;
  }
  const bool may_go_on =
      leaving.erases ? !coordinator_.is_writing(partition) : holders_are_up(partition);
  if (may_go_on && core_.budget.may_begin(BackgroundWork::kTransfers, now.mono_us)) {
    read_page(partition, leaving, now);
  }
}

void Departure::rewind(uint16_t partition, Leaving& leaving) {
  drop_items(partition);
  leaving = Leaving{};
  leaving.step = core_.step(partition);
  leaving.place.go_to_begin(partition, core_.partitions());
}

bool Departure::holders_are_up(uint16_t partition) const {
  const std::vector<NodeId> holders = core_.holders(partition);
  return !holders.empty() && std::all_of(holders.begin(), holders.end(),
                                         [this](NodeId node) { return core_.is_up(node); });
}

void Departure::read_page(uint16_t partition, Leaving& leaving, Now now) {
  FetchRange range = leaving.place.range(partition, next_id());
  range.entries_max = kDeparturePageEntriesMax;
  range.bytes_max = kDeparturePageBytesMax;
  leaving.request = range.id;
  leaving.rounds = core_.rounds(partition);
  leaving.has_page = true;
  leaving.items_left = 0;
  leaving.page_ends_us = now.mono_us + kDeparturePageTimeoutUs;
  reads_[range.id] = partition;
  core_.ports.read_range(range, range.id);
}

void Departure::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done,
                              Now now) {
  const auto read = reads_.find(id);
  if (read == reads_.end()) {
    return;
  }
  const uint16_t partition = read->second;
  reads_.erase(read);
  const auto place = leaving_.find(partition);
  if (place == leaving_.end() || place->second.request != id) {
    return;
  }
  Leaving& leaving = place->second;
  leaving.request = 0;
  if (!ok || (entries.empty() && !done) || leaving.step != core_.step(partition)) {
    leaving.page_failed = true;
    return;
  }
  leaving.page_is_last = done;
  leaving.page_end = leaving.place;
  if (!entries.empty()) {
    leaving.page_end.go_behind(entries.back().key);
  }
  for (const RangeEntry& entry : entries) {
    core_.budget.spend(BackgroundWork::kTransfers, BackgroundBudget::kBytesPerKey);
    if (!leaving.erases) {
      hand_over(leaving, entry);
    } else if (!erase(entry, now)) {
      leaving.page_failed = true;
      return;
    }
  }
  if (leaving.items_left == 0) {
    page_done(partition, leaving);
  }
}

/// Asks every holder for its digest of the key.
void Departure::hand_over(Leaving& leaving, const RangeEntry& entry) {
  State state;
  if (!core_.ports.decode(entry.key, entry.record, &state)) {
    return;  // damaged since it was read: a check of the engine puts such records aside
  }
  const bool partly_flushed = core_.filter(state);
  if (state.never_written()) {
    return;
  }
  Item& item = items_.make();
  item.partition = entry.key.partition;
  item.key.assign(entry.key);
  item.record.assign(partly_flushed ? core_.ports.encode(entry.key, state) : entry.record);
  item.digest = digest(state);
  item.rounds = leaving.rounds;
  ++leaving.items_left;
  ++leaving.progress.keys;
  leaving.progress.bytes += item.record.size();
  Fetch fetch;
  fetch.id = item.id;
  fetch.step = leaving.step;
  fetch.key = item.key.ref();
  for (NodeId node : core_.holders(item.partition)) {
    item.waiting.push_back(node);
    core_.ports.send(node, fetch);
  }
}

void Departure::on_fetch_reply(NodeId from, const FetchReply& reply) {
  Item* item = items_.find(reply.id);
  if (item == nullptr) {
    return;
  }
  if (reply.status == FetchStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  core_.see_round(item->partition, reply.rounds.committed);
  if (reply.status != FetchStatus::kOk && reply.status != FetchStatus::kFilling) {
    return fail_page(item->partition);
  }
  if (reply.digest == item->digest) {
    return holder_has(*item, from);
  }
  Replicate message;
  message.id = item->id;
  message.step = leaving_[item->partition].step;
  message.rounds = item->rounds;
  message.key = item->key.ref();
  message.record = item->record;
  core_.budget.spend(BackgroundWork::kTransfers, item->record.size());
  message.durability = core_.config.durability;
  message.is_repair = true;
  core_.ports.send(from, message);
}

void Departure::on_ack(NodeId from, const ReplicateAck& ack) {
  Item* item = items_.find(ack.id);
  if (item == nullptr) {
    return;
  }
  if (ack.status == AckStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  if (ack.status == AckStatus::kStored || ack.status == AckStatus::kFilling) {
    return holder_has(*item, from);
  }
  core_.see_round(item->partition, ack.round);
  fail_page(item->partition);
}

void Departure::holder_has(Item& item, NodeId holder) {
  auto place = std::find(item.waiting.begin(), item.waiting.end(), holder);
  if (place == item.waiting.end()) {
    return;
  }
  item.waiting.erase(place);
  if (!item.waiting.empty()) {
    return;
  }
  const uint16_t partition = item.partition;
  items_.free(item);
  Leaving& leaving = leaving_[partition];
  if (--leaving.items_left == 0) {
    page_done(partition, leaving);
  }
}

/// The page is read again on a later tick.
void Departure::fail_page(uint16_t partition) {
  drop_items(partition);
  leaving_[partition].page_failed = true;
}

void Departure::drop_items(uint16_t partition) {
  for (uint64_t id : items_.ids()) {
    if (Item* item = items_.find(id); item != nullptr && item->partition == partition) {
      items_.free(*item);
    }
  }
  if (auto place = leaving_.find(partition); place != leaving_.end()) {
    place->second.items_left = 0;
    place->second.request = 0;
  }
}

void Departure::page_done(uint16_t partition, Leaving& leaving) {
  leaving.has_page = false;
  leaving.place = leaving.page_end;
  if (!leaving.page_is_last) {
    return;  // the next tick reads on
  }
  if (leaving.erases) {
    return end(partition);
  }
  leaving.erases = true;
  leaving.place.go_to_begin(partition, core_.partitions());
}

/// Nothing writes to a departing copy, so the record is what a load would show. One whose erasing
/// is lost in a crash is found, and handed over once more, at the next start.
bool Departure::erase(const RangeEntry& entry, Now now) {
  State state;
  if (!core_.ports.decode(entry.key, entry.record, &state)) {
    return true;
  }
  core_.filter(state);
  return core_.commit(entry.key, live_mark(state), LiveMark{}, std::string_view(),
                      Durability::kMemory, 0, now) != StoreStatus::kFailed;
}

void Departure::end(uint16_t partition) {
  leaving_.erase(partition);
  Copy& copy = core_.copies.at(partition);
  copy.state = CopyState::kNone;
  copy.count.reset();
  copy.tree.reset();
  core_.forget_mark(partition);
  ++core_.metrics.departed_copies;
  pending_scan_ = true;
  core_.ports.copies_changed();
}

void Departure::on_peer_down(NodeId peer) {
  for (auto& [partition, leaving] : leaving_) {
    const std::vector<NodeId> holders = core_.holders(partition);
    if (!leaving.erases && leaving.has_page &&
        std::find(holders.begin(), holders.end(), peer) != holders.end()) {
      fail_page(partition);
    }
  }
}

}  // namespace kindred
