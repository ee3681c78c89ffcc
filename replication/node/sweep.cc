#include "replication/node/sweep.h"

#include "replication/node/op_table.h"

namespace kindred {

namespace {

constexpr uint32_t kSweepPageEntriesMax = 256;
constexpr uint32_t kSweepPageBytesMax = 4U << 20;

}  // namespace

void Sweep::start() {
  partitions_.clear();
  request_ = 0;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    Copy& copy = core_.copies.at(static_cast<uint16_t>(p));
    copy.sweep.reset();
    if (copy.state != CopyState::kNone) {
      copy.count.reset();
      copy.sweep.emplace().counts_anew = true;
      partitions_.push_back(static_cast<uint16_t>(p));
    }
  }
}

void Sweep::count_anew(uint16_t partition) {
  Copy& copy = core_.copies.at(partition);
  const bool was_sweeping = copy.sweep.has_value();
  copy.count.reset();
  copy.sweep.reset();
  if (was_sweeping && partitions_.back() == partition) {
    request_ = 0;
  }
  if (copy.state == CopyState::kNone) {
    if (was_sweeping) {
      std::erase(partitions_, partition);
    }
    return;
  }
  copy.sweep.emplace().counts_anew = true;
  if (!was_sweeping) {
    partitions_.insert(partitions_.begin(), partition);
  }
}

void Sweep::add(uint16_t partition) {
  if (Copy& copy = core_.copies.at(partition); !copy.sweep) {
    copy.sweep.emplace();
    partitions_.insert(partitions_.begin(), partition);
  }
}

void Sweep::tick(Now now) {
  if (!partitions_.empty() && request_ == 0) {
    read(now);
  }
}

void Sweep::end_partition() {
  core_.copies.at(partitions_.back()).sweep.reset();
  partitions_.pop_back();
}

void Sweep::read(Now now) {
  if (!core_.budget.may_begin(BackgroundWork::kSweeps, now.mono_us)) {
    return;  // the next tick goes on
  }
  const uint16_t partition = partitions_.back();
  const SweepTrack& track = *core_.copies.at(partition).sweep;
  FetchRange range;
  counter_ = (counter_ + 1) & ((uint64_t{1} << 52) - 1);
  range.id = (uint64_t{core_.config.shard_index} << 56) |
             (uint64_t{static_cast<uint8_t>(IdKind::kSweep)} << 52) | counter_;
  range.partition = partition;
  range.from_slot = track.has_begun ? track.slot : core_.partitions().slots_of(partition).first;
  range.from_hash = track.hash;
  range.after_key = track.key;
  range.entries_max = kSweepPageEntriesMax;
  range.bytes_max = kSweepPageBytesMax;
  range.values_wanted = false;
  request_ = range.id;
  core_.ports.read_range(range, range.id);
}

/// False where the engine refused to erase.
bool Sweep::take(const RangeEntry& entry, SweepTrack& track, Now now) {
  if (track.written.contains(entry.key.hash)) {
    return true;  // counted as it was written, which may be after the page was read
  }
  State state;
  if (!core_.ports.decode(entry.key, entry.record, &state)) {
    return true;  // whoever reads the key puts it aside
  }
  core_.filter(state);
  if (!state.never_written()) {
    if (track.counts_anew) {
      core_.copies.at(entry.key.partition)
          .count.change(LiveMark(), live_mark(state), now.cluster_ms);
    }
    return true;
  }
  return core_.commit(entry.key, LiveMark(), LiveMark(), std::string_view(), Durability::kMemory, 0,
                      now) != StoreStatus::kFailed;
}

void Sweep::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done,
                          Now now) {
  if (id != request_ || partitions_.empty()) {
    return;
  }
  request_ = 0;
  if (!ok) {
    return;  // the next tick reads the page again
  }
  Copy& copy = core_.copies.at(partitions_.back());
  SweepTrack& track = *copy.sweep;
  if (copy.state == CopyState::kNone && track.counts_anew) {
    end_partition();  // the copy went meanwhile, with all that it held
    return;
  }
  for (const RangeEntry& entry : entries) {
    core_.budget.spend(BackgroundWork::kSweeps,
                       BackgroundBudget::kBytesPerKey + entry.record.size());
    if (!take(entry, track, now)) {
      return;  // as above, from this record on
    }
    track.has_begun = true;
    track.slot = entry.key.slot;
    track.hash = entry.key.hash;
    track.key.assign(entry.key.key);
  }
  if (done) {
    end_partition();
  }
  if (!partitions_.empty()) {
    read(now);
  }
}

}  // namespace kindred
