#include "replication/node/fill.h"

#include <algorithm>
#include <vector>

#include "replication/node/op_table.h"

namespace kindred {

namespace {

constexpr size_t kFillsMax = 8;  // partitions at a time
constexpr uint32_t kPageEntriesMax = 256;
constexpr uint32_t kPageBytesMax = 1U << 20;
constexpr uint64_t kPageTimeoutUs = 5'000'000;

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

void Fill::tick(Now now) {
  if (!core_.has_cluster()) {
    return;
  }
  pending_scan_ = false;
  core_.has_new_filling = false;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    const auto partition = static_cast<uint16_t>(p);
    if (core_.copies.at(partition).state != CopyState::kFilling) {
      continue;
    }
    if (find(partition) == nullptr) {
      if (fills_.size() >= kFillsMax) {
        pending_scan_ = true;
        continue;
      }
      start(partition, now);
    }
  }
  std::vector<uint16_t> partitions;
  for (const auto& [partition, fill] : fills_) {
    partitions.push_back(partition);
  }
  for (uint16_t partition : partitions) {
    PartitionFill& fill = fills_[partition];
    if (fill.source != 0 && fill.request != 0 && now.mono_us > fill.asked_us + kPageTimeoutUs) {
      rewind(fill);
    }
    if (fill.source == 0 && fill.stores_waiting == 0) {
      ask(partition, fill, now);
    }
  }
}

void Fill::start(uint16_t partition, Now) {
  PartitionFill fill;
  fill.actor = core_.copies.at(partition).actor;
  fills_.emplace(partition, std::move(fill));
}

void Fill::rewind(PartitionFill& fill) {
  fill.source = 0;
  fill.request = 0;
  fill.slot = 0;
  fill.hash = 0;
  fill.after_key.clear();
  fill.failed = false;
}

void Fill::ask(uint16_t partition, PartitionFill& fill, Now now) {
  if (fill.actor != core_.copies.at(partition).actor) {
    // The copy lost something meanwhile: what was merged before does not count.
    fill.merged.clear();
    rewind(fill);
    fill.actor = core_.copies.at(partition).actor;
  }
  if (fill.merged.size() >= fill_sources_needed(core_.config.quorum, core_.copies_wanted())) {
    core_.copies.at(partition).state = CopyState::kWhole;
    ++core_.metrics.filled_copies;
    fills_.erase(partition);
    pending_scan_ = true;
    return;
  }
  if (fill.source == 0) {
    for (NodeId node : core_.owners(partition)) {
      if (node != core_.self && core_.is_up(node) && !fill.merged.contains(node)) {
        fill.source = node;
        break;
      }
    }
    if (fill.source == 0) {
      return;  // nobody to ask now; the next tick looks again
    }
    const uint32_t count = core_.cluster().ring.partition_count();
    fill.slot = slot_range(partition, count).first;
  }
  FetchRange range;
  range.id = next_id();
  range.partition = partition;
  range.from_slot = fill.slot;
  range.from_hash = fill.hash;
  range.after_key = fill.after_key;
  range.entries_max = kPageEntriesMax;
  range.bytes_max = kPageBytesMax;
  fill.request = range.id;
  fill.asked_us = now.mono_us;
  core_.ports.send(fill.source, range);
}

void Fill::on_range_reply(NodeId from, const FetchRangeReply& reply, Now now) {
  PartitionFill* fill = find(reply.partition);
  if (fill == nullptr || fill->request != reply.id || fill->source != from) {
    return;
  }
  fill->request = 0;
  const bool usable = reply.status == FetchStatus::kOk || reply.status == FetchStatus::kFilling;
  if (!usable) {
    return rewind(*fill);
  }
  fill->page_is_last = reply.done;
  if (!reply.entries.empty()) {
    const KeyRef& last = reply.entries.back().key;
    fill->slot = last.slot;
    fill->hash = last.hash;
    fill->after_key.assign(last.key);
  } else if (!reply.done) {
    return rewind(*fill);
  }
  ++fill->stores_waiting;  // held while the page is walked, so that it can't end half way
  for (const RangeEntry& entry : reply.entries) {
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
  if (!core_.ports.decode(key, record, &incoming)) {
    ++core_.metrics.damaged_records_received;
    fill.failed = true;
    return;
  }
  core_.filter(incoming);
  core_.clock.observe(now.cluster_ms, incoming.highest_stamp());
  if (includes(held, incoming)) {
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
  if (fill.page_is_last && fill.source != 0) {
    fill.merged.insert(fill.source);
    rewind(fill);
  }
  ask(partition, fill, now);
}

void Fill::on_peer_down(NodeId peer) {
  for (auto& [partition, fill] : fills_) {
    if (fill.source == peer) {
      fill.request = 0;
      fill.source = 0;
      fill.slot = 0;
      fill.hash = 0;
      fill.after_key.clear();
    }
  }
}

}  // namespace kindred
