#include "replication/node/fill.h"

#include <algorithm>
#include <vector>

#include "replication/causal/bug_bank.h"
#include "replication/node/op_table.h"

namespace kindred {

namespace {

constexpr size_t kFillsMax = 8;  // partitions at a time
constexpr uint32_t kFillPageEntriesMax = 256;
constexpr uint32_t kFillPageBytesMax = 1U << 20;
constexpr uint64_t kFillPageTimeoutUs = 5'000'000;
constexpr uint64_t kFillingAgainUs = 2'000'000;  // a source that is filling may be whole by then

}  // namespace

uint64_t Fill::next_id() {
  counter_ = (counter_ + 1) & ((uint64_t{1} << 52) - 1);
  return (uint64_t{core_.config.shard_index} << 56) |
         (uint64_t{static_cast<uint8_t>(IdKind::kFill)} << 52) | counter_;
}

Fill::PartitionFill* Fill::find(uint16_t partition) {
  auto place = fills_.find(partition);
  return place == fills_.end() ? nullptr : &place->second;
}

const Fill::Progress* Fill::progress(uint16_t partition) const {
  auto place = fills_.find(partition);
  return place == fills_.end() ? nullptr : &place->second.progress;
}

bool Fill::wants_filling(uint16_t partition) const {
  const Copy& copy = core_.copies.at(partition);
  return copy.state == CopyState::kFilling || copy.state == CopyState::kArriving || copy.catches_up;
}

void Fill::on_new_cluster() {
  pending_scan_ = true;
  for (auto fill = fills_.begin(); fill != fills_.end();) {
    if (!wants_filling(fill->first)) {
      fill = fills_.erase(fill);
      continue;
    }
    if (fill->second.step != core_.step(fill->first)) {
      forget_merged(fill->second);  // it has to do with other owners now
      fill->second.step = core_.step(fill->first);
      rewind(fill->second);
    }
    ++fill;
  }
}

/// The lists to merge from. Whoever acknowledged something and lost it merges from enough of each
/// list that it acknowledged for; an arriving copy has lost nothing, and takes what was written
/// before it came from the old owners.
std::vector<Fill::List> Fill::lists(uint16_t partition) const {
  const auto list = [this, partition](std::span<const NodeId> owners) {
    const bool is_member = std::find(owners.begin(), owners.end(), core_.self) != owners.end();
    return List{owners,
                fill_sources_needed(core_.quorum_of_any(),
                                    static_cast<uint8_t>(core_.cluster().replicas_most(partition)),
                                    static_cast<uint8_t>(owners.size()), is_member)};
  };
  const auto old_owners = core_.cluster().ring.owners(partition);
  const Move* move = core_.cluster().find_move(partition);
  if (move == nullptr) {
    return {list(old_owners)};
  }
  std::vector<List> result;
  if (move->phase == MovePhase::kReadOld || core_.cluster().ring.owns(partition, core_.self)) {
    result.push_back(list(old_owners));
  }
  const auto& new_owners = move->new_owners;
  if (core_.copies.at(partition).state == CopyState::kFilling &&
      std::find(new_owners.begin(), new_owners.end(), core_.self) != new_owners.end()) {
    result.push_back(list(new_owners));
  }
  return result;
}

void Fill::forget_merged(PartitionFill& fill) {
  fill.merged.clear();
  fill.merged_filling.clear();
}

/// A source that is filling itself may have lost what it acknowledged: only where all are asked is
/// there nobody left who could know more.
bool Fill::is_complete(uint16_t partition, const PartitionFill& fill) const {
  const std::vector<List> wanted = lists(partition);
  return std::all_of(wanted.begin(), wanted.end(), [&](const List& list) {
    size_t whole = 0;
    bool are_all = true;
    for (const NodeId node : list.owners) {
      const bool is_merged = fill.merged.contains(node);
      const bool is_merged_filling = fill.merged_filling.contains(node);
      whole += is_merged || (is_merged_filling && KINDRED_BUG(filling_source_vouches)) ? 1 : 0;
      are_all = are_all && (node == core_.self || is_merged || is_merged_filling);
    }
    return whole >= list.needed || are_all;
  });
}

/// The first after the last one asked that is up and has not been merged from, round the lists, or
/// that was filling then and may be whole `again_us`.
NodeId Fill::next_source(uint16_t partition, const PartitionFill& fill, uint64_t again_us) const {
  NodeId first = 0;
  bool is_past_last = false;
  for (const List& list : lists(partition)) {
    for (NodeId node : list.owners) {
      const auto filling = fill.merged_filling.find(node);
      const bool is_told = fill.merged.contains(node) ||
                           (filling != fill.merged_filling.end() && again_us < filling->second);
      const bool usable = node != core_.self && core_.is_up(node) && !is_told;
      if (usable && is_past_last) {
        return node;
      }
      first = usable && first == 0 ? node : first;
      is_past_last = is_past_last || node == fill.last_source;
    }
  }
  return first;
}

void Fill::tick(Now now) {
  if (!core_.has_cluster() || !active()) {
    return;
  }
  if (pending_scan_ || core_.has_new_filling) {
    find_filling(now);
  }
  std::vector<uint16_t> partitions;
  for (const auto& [partition, fill] : fills_) {
    partitions.push_back(partition);
  }
  for (uint16_t partition : partitions) {
    PartitionFill& fill = fills_[partition];
    const Copy& copy = core_.copies.at(partition);
    if (copy.empties_to != 0 || !copy.knows_round) {
      rewind(fill);  // begins once that is over
      continue;
    }
    if (fill.progress.source != 0 && fill.request != 0 &&
        now.mono_us > fill.asked_us + kFillPageTimeoutUs) {
      rewind(fill);
    }
    if (fill.request == 0 && fill.stores_waiting == 0) {
      ask(partition, fill, now);
    }
  }
}

/// Begins what is to be filled, as far as there is room.
void Fill::find_filling(Now now) {
  pending_scan_ = false;
  core_.has_new_filling = false;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    if (!wants_filling(partition) || find(partition) != nullptr) {
      continue;
    }
    if (fills_.size() < kFillsMax) {
      start(partition, now);
    } else {
      pending_scan_ = true;
    }
  }
}

void Fill::start(uint16_t partition, Now) {
  PartitionFill fill;
  fill.actor = core_.copies.at(partition).actor;
  fill.step = core_.step(partition);
  fills_.emplace(partition, std::move(fill));
}

void Fill::rewind(PartitionFill& fill) {
  fill.progress.source = 0;
  fill.request = 0;
  fill.failed = false;
}

void Fill::ask(uint16_t partition, PartitionFill& fill, Now now) {
  if (fill.actor != core_.copies.at(partition).actor) {
    // The copy lost something meanwhile: what was merged before does not count.
    forget_merged(fill);
    fill.clean = ~Round{0};
    rewind(fill);
    fill.actor = core_.copies.at(partition).actor;
  }
  // What fallbacks acked in place of others, fewer primaries hold: so all in reach are asked.
  const bool wants_all = core_.config.quorum.is_sloppy &&
                         core_.copies.at(partition).state == CopyState::kFilling &&
                         next_source(partition, fill, 0) != 0;
  if (is_complete(partition, fill) && !wants_all) {
    Copy& copy = core_.copies.at(partition);
    copy.state = CopyState::kWhole;
    copy.catches_up = false;
    if (!fill.merged.empty() || !fill.merged_filling.empty()) {
      // What its sources vouch for it has too: it holds all that they held.
      copy.mark.clean = std::max(copy.mark.clean, fill.clean);
      if (core_.save_mark(partition, copy.mark, 0) == StoreStatus::kFailed) {
        ++core_.metrics.storage_failures;
      }
    }
    ++core_.metrics.filled_copies;
    fills_.erase(partition);
    pending_scan_ = true;
    core_.ports.copies_changed();
    return;
  }
  if (fill.progress.source == 0) {
    fill.progress.source = next_source(partition, fill, now.mono_us);
    fill.last_source = fill.progress.source;
    if (fill.progress.source == 0) {
      return;  // nobody to ask now; the next tick looks again
    }
    fill.place.go_to_begin(partition, core_.partitions());
    fill.is_source_whole = true;
  }
  if (!core_.budget.may_begin(BackgroundWork::kTransfers, now.mono_us)) {
    return;  // the next tick goes on
  }
  FetchRange range = fill.place.range(partition, next_id());
  range.step = fill.step;
  range.entries_max = kFillPageEntriesMax;
  range.bytes_max = kFillPageBytesMax;
  fill.request = range.id;
  fill.asked_us = now.mono_us;
  core_.ports.send(fill.progress.source, range);
}

void Fill::on_range_reply(NodeId from, const FetchRangeReply& reply, Now now) {
  PartitionFill* fill = find(reply.partition);
  if (fill == nullptr || fill->request != reply.id || fill->progress.source != from) {
    return;
  }
  fill->request = 0;
  if (reply.status == FetchStatus::kStale) {
    core_.ports.document_wanted(from);
  }
  core_.see_round(reply.partition, reply.rounds.committed);
  const Copy& copy = core_.copies.at(reply.partition);
  // Who has nothing brings nothing back: a copy that begins may wait for this one to be whole
  // before it takes anything in.
  const bool is_clean =
      reply.rounds.clean >= copy.mark.round || (reply.entries.empty() && reply.done);
  const bool usable = (reply.status == FetchStatus::kOk || reply.status == FetchStatus::kFilling) &&
                      copy.empties_to == 0 && is_clean;
  if (!usable) {
    return rewind(*fill);
  }
  fill->is_source_whole = fill->is_source_whole && reply.status == FetchStatus::kOk;
  fill->page_clean = reply.rounds.clean;
  fill->clean = std::min(fill->clean, reply.rounds.clean);
  fill->page_is_last = reply.done;
  if (!reply.entries.empty()) {
    fill->place.go_behind(reply.entries.back().key);
  } else if (!reply.done) {
    return rewind(*fill);
  }
  ++fill->stores_waiting;  // held while the page is walked, so that it can't end half way
  for (const RangeEntry& entry : reply.entries) {
    ++fill->progress.keys;
    const uint64_t bytes = entry.key.key.size() + entry.record.size();
    fill->progress.bytes += bytes;
    core_.budget.spend(BackgroundWork::kTransfers, BackgroundBudget::kBytesPerKey + bytes);
    merge_entry(reply.partition, *fill, entry, now);
  }
  --fill->stores_waiting;
  if (fill->stores_waiting == 0) {
    page_done(reply.partition, *fill, now);
  }
}

void Fill::merge_entry(uint16_t partition, PartitionFill& fill, const RangeEntry& entry, Now now) {
  if (entry.key.partition != partition) {
    fill.failed = true;
    return;
  }
  State held;
  const LoadStatus status = core_.load(entry.key, &held);
  if (status == LoadStatus::kLoaded) {
    return merge_into(partition, fill, entry.key, held, entry.record, now);
  }
  if (status != LoadStatus::kPending) {
    fill.failed = true;
    if (status == LoadStatus::kCorrupt) {
      core_.quarantine(entry.key);
    }
    return;
  }
  const uint64_t id = next_id();
  WaitingLoad& load = loads_[id];
  load.partition = partition;
  load.key.assign(entry.key.key);
  load.ref = entry.key;
  load.ref.key = load.key;
  load.record.assign(entry.record);
  ++fill.stores_waiting;
  core_.ports.load(load.ref, id);
}

void Fill::merge_into(uint16_t, PartitionFill& fill, const KeyRef& key, const State& held,
                      std::string_view record, Now now) {
  State incoming;
  const Copy& copy = core_.copies.at(key.partition);
  if (copy.empties_to != 0 || fill.page_clean < copy.mark.round) {
    fill.failed = true;  // rounds went on meanwhile
    return;
  }
  if (!core_.ports.decode(key, record, &incoming)) {
    ++core_.metrics.damaged_records_received;
    fill.failed = true;
    return;
  }
  core_.filter(incoming);
  core_.clock.observe(now.cluster_ms, incoming.highest_stamp());
  // What a write under way is to store may yet be refused, when this copy would be whole without
  // it: it is stored again, which ends behind that.
  if (includes(held, incoming) &&
      (!core_.ports.is_storing(key) || KINDRED_BUG(fill_trusts_unstored))) {
    return;
  }
  const State merged = merge(held, incoming);
  const uint64_t id = next_id();
  const StoreStatus status =
      core_.commit(key, live_mark(held), live_mark(merged), core_.ports.encode(key, merged),
                   core_.config.durability, id, now);
  if (status == StoreStatus::kFailed) {
    fill.failed = true;
  } else if (status == StoreStatus::kPending) {
    stores_[id] = key.partition;
    ++fill.stores_waiting;
  }
}

void Fill::on_stored(uint64_t id, bool ok, Now now) {
  auto place = stores_.find(id);
  if (place == stores_.end()) {
    return;
  }
  const uint16_t partition = place->second;
  stores_.erase(place);
  if (!ok) {
    core_.end_actor(partition);
  }
  PartitionFill* fill = find(partition);
  if (fill == nullptr) {
    return;
  }
  fill->failed = fill->failed || !ok;
  if (--fill->stores_waiting == 0) {
    page_done(partition, *fill, now);
  }
}

void Fill::on_loaded(uint64_t id, LoadStatus status, const State& state, Now now) {
  auto place = loads_.find(id);
  if (place == loads_.end()) {
    return;
  }
  const WaitingLoad load = std::move(place->second);
  loads_.erase(place);
  PartitionFill* fill = find(load.partition);
  if (fill == nullptr) {
    return;
  }
  KeyRef key = load.ref;
  key.key = load.key;
  if (status == LoadStatus::kLoaded) {
    State held = state;
    core_.filter(held);
    merge_into(load.partition, *fill, key, held, load.record, now);
  } else {
    fill->failed = true;
    if (status == LoadStatus::kCorrupt) {
      core_.quarantine(key);
    }
  }
  if (--fill->stores_waiting == 0) {
    page_done(load.partition, *fill, now);
  }
}

/// Everything of the page is held as safely as writes are: only now does it count.
void Fill::page_done(uint16_t partition, PartitionFill& fill, Now now) {
  if (fill.failed) {
    return rewind(fill);  // the next tick asks again
  }
  if (fill.page_is_last && fill.progress.source != 0) {
    if (fill.is_source_whole) {
      fill.merged.insert(fill.progress.source);
      fill.merged_filling.erase(fill.progress.source);
    } else {
      fill.merged_filling[fill.progress.source] = now.mono_us + kFillingAgainUs;
    }
    rewind(fill);
  }
  ask(partition, fill, now);
}

void Fill::on_peer_down(NodeId peer) {
  for (auto& [partition, fill] : fills_) {
    if (fill.progress.source == peer) {
      fill.request = 0;
      fill.progress.source = 0;
    }
  }
}

}  // namespace kindred
