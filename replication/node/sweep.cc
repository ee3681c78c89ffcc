#include "replication/node/sweep.h"

#include "replication/node/op_table.h"

namespace kindred {

namespace {

constexpr uint32_t kPageEntriesMax = 256;
constexpr uint32_t kPageBytesMax = 4U << 20;

}  // namespace

void Sweep::start() {
  partitions_.clear();
  request_ = 0;
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    if (core_.copies.at(static_cast<uint16_t>(p)).state != CopyState::kNone) {
      partitions_.push_back(static_cast<uint16_t>(p));
    }
  }
  after_key_.clear();
  hash_ = 0;
  slot_ = 0;
}

void Sweep::tick() {
  if (!partitions_.empty() && request_ == 0) {
    read();
  }
}

void Sweep::read() {
  const uint16_t partition = partitions_.back();
  if (after_key_.empty() && hash_ == 0) {
    slot_ = slot_range(partition, core_.cluster().ring.partition_count()).first;
  }
  FetchRange range;
  counter_ = (counter_ + 1) & ((uint64_t{1} << 52) - 1);
  range.id = (uint64_t{core_.config.shard_index} << 56) |
             (uint64_t{static_cast<uint8_t>(IdKind::kSweep)} << 52) | counter_;
  range.partition = partition;
  range.from_slot = slot_;
  range.from_hash = hash_;
  range.after_key = after_key_;
  range.entries_max = kPageEntriesMax;
  range.bytes_max = kPageBytesMax;
  request_ = range.id;
  core_.ports.read_range(range, range.id);
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
  for (const RangeEntry& entry : entries) {
    // Looked at again: it may have been written since the page was read. What the engine can't show
    // at once stays until the next sweep.
    State state;
    if (core_.load(entry.key, &state) != LoadStatus::kLoaded || !state.never_written()) {
      continue;
    }
    // Loads show nothing of it, so no count changes. A failed erase is swept at the next start.
    if (core_.commit(entry.key, LiveMark{}, LiveMark{}, std::string_view(), Durability::kMemory, 0,
                     now) == StoreStatus::kFailed) {
      return;
    }
  }
  if (!entries.empty()) {
    slot_ = entries.back().key.slot;
    hash_ = entries.back().key.hash;
    after_key_.assign(entries.back().key.key);
  }
  if (done) {
    partitions_.pop_back();
    after_key_.clear();
    hash_ = 0;
  }
  if (!partitions_.empty()) {
    read();
  }
}

}  // namespace kindred
