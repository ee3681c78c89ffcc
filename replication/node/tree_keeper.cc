#include "replication/node/tree_keeper.h"

#include "replication/node/op_table.h"

namespace kindred {

namespace {

constexpr uint32_t kBuildPageEntriesMax = 256;
constexpr uint32_t kBuildPageBytesMax = 1U << 20;

}  // namespace

void TreeKeeper::on_new_cluster() {
  const uint32_t count = core_.cluster().ring.partition_count();
  for (uint32_t p = 0; p < count; ++p) {
    CopyTree& tree = core_.copies.at(static_cast<uint16_t>(p)).tree;
    if (core_.is_mine(static_cast<uint16_t>(p)) && !tree.is_shaped()) {
      tree.shape(slot_range(p, count));
    }
  }
}

void TreeKeeper::tick(Now now) {
  if (!core_.has_cluster()) {
    return;
  }
  if (partition_ == kNone) {
    find_work();
  }
  if (partition_ != kNone && request_ == 0) {
    read(now);
  }
}

void TreeKeeper::find_work() {
  if (!core_.has_unfit_tree) {
    return;
  }
  for (uint32_t looked = 0; looked < core_.copies.size(); ++looked) {
    const uint32_t p = (next_ + looked) % core_.copies.size();
    Copy& copy = core_.copies.at(static_cast<uint16_t>(p));
    if (copy.state == CopyState::kNone || !copy.tree.fit(core_.tree_level_max())) {
      continue;
    }
    next_ = p + 1;
    partition_ = p;
    copy.tree.begin_build(core_.tree_level_max());
    place_.go_to_begin(static_cast<uint16_t>(p), core_.cluster().ring.partition_count());
    request_ = 0;
    return;
  }
  core_.has_unfit_tree = false;
}

void TreeKeeper::read(Now now) {
  CopyTree& tree = core_.copies.at(static_cast<uint16_t>(partition_)).tree;
  if (tree.building() == nullptr) {
    partition_ = kNone;  // in doubt again, or gone
    return;
  }
  if (!core_.budget.may_begin(BackgroundWork::kRebuilds, now.mono_us)) {
    return;  // the next tick goes on
  }
  counter_ = (counter_ + 1) & ((uint64_t{1} << 52) - 1);
  const uint64_t id = (uint64_t{core_.config.shard_index} << 56) |
                      (uint64_t{static_cast<uint8_t>(IdKind::kTree)} << 52) | counter_;
  FetchRange range = place_.range(static_cast<uint16_t>(partition_), id);
  range.entries_max = kBuildPageEntriesMax;
  range.bytes_max = kBuildPageBytesMax;
  range.values_wanted = false;
  request_ = range.id;
  tree.building()->begin_page();
  core_.ports.read_range(range, range.id);
}

void TreeKeeper::on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done,
                               Now now) {
  if (id != request_ || partition_ == kNone) {
    return;
  }
  request_ = 0;
  CopyTree& tree = core_.copies.at(static_cast<uint16_t>(partition_)).tree;
  if (tree.building() == nullptr) {
    partition_ = kNone;
    return;
  }
  if (!ok) {
    return;  // the next tick reads the page again
  }
  for (const RangeEntry& entry : entries) {
    core_.budget.spend(BackgroundWork::kRebuilds,
                       BackgroundBudget::kBytesPerKey + entry.record.size());
    State state;
    if (!core_.ports.decode(entry.key, entry.record, &state)) {
      core_.quarantine(entry.key);  // ends this build
      partition_ = kNone;
      return;
    }
    core_.filter(state);
    tree.building()->add({entry.key.slot, entry.key.hash}, tree_digest(state));
  }
  if (done) {
    tree.building()->end_last_page();
    tree.finish_build();
    partition_ = kNone;
    return;
  }
  if (!entries.empty()) {
    const KeyRef& last = entries.back().key;
    place_.go_behind(last);
    tree.building()->end_page({last.slot, last.hash});
  }
  read(now);
}

}  // namespace kindred
