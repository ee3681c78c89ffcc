#include "replication/node/tree_keeper.h"

#include "replication/node/op_table.h"

namespace kindred {

namespace {

constexpr uint32_t kBuildPageEntriesMax = 256;
constexpr uint32_t kBuildPageBytesMax = 1U << 20;
/// A check rests so many times as long as its page took.
constexpr uint64_t kCheckRest = 19;

}  // namespace

void TreeKeeper::on_new_cluster() {
  for (uint32_t p = 0; p < core_.partitions().count(); ++p) {
    CopyTree& tree = core_.copies.at(static_cast<uint16_t>(p)).tree;
    if (core_.is_mine(static_cast<uint16_t>(p)) && !tree.is_shaped()) {
      tree.shape(core_.partitions().slots_of(p));
    }
  }
}

void TreeKeeper::tick(Now now) {
  if (!core_.has_cluster()) {
    return;
  }
  if (partition_ == kNone || is_check_) {
    find_work();
  }
  if (partition_ != kNone && request_ == 0 && (!is_check_ || now.mono_us >= rests_until_us_)) {
    read(now);
  }
}

/// A check under way makes room for what can't wait.
void TreeKeeper::find_work() {
  const bool is_found = core_.has_unfit_tree && find_unfit();
  if (!is_found && partition_ == kNone && has_unchecked_) {
    find_unchecked();
  }
}

void TreeKeeper::begin(uint32_t partition) {
  partition_ = partition;
  place_.go_to_begin(static_cast<uint16_t>(partition), core_.partitions());
  request_ = 0;
}

void TreeKeeper::find_unchecked() {
  for (uint32_t p = 0; p < core_.copies.size(); ++p) {
    CopyTree& tree = core_.copies.at(static_cast<uint16_t>(p)).tree;
    if (tree.is_unchecked()) {
      tree.begin_check();
      is_check_ = true;
      return begin(p);
    }
  }
  has_unchecked_ = false;
}

bool TreeKeeper::find_unfit() {
  for (uint32_t looked = 0; looked < core_.copies.size(); ++looked) {
    const uint32_t p = (next_ + looked) % core_.copies.size();
    Copy& copy = core_.copies.at(static_cast<uint16_t>(p));
    if (copy.state == CopyState::kNone || !copy.tree.fit(core_.tree_level_max())) {
      continue;
    }
    next_ = p + 1;
    if (is_check_ && partition_ != kNone) {
      core_.copies.at(static_cast<uint16_t>(partition_)).tree.abandon_build();
    }
    copy.tree.begin_build(core_.tree_level_max());
    is_check_ = false;
    begin(p);
    return true;
  }
  core_.has_unfit_tree = false;
  return false;
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
  asked_us_ = now.mono_us;
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
    return walk_done();
  }
  if (!entries.empty()) {
    const KeyRef& last = entries.back().key;
    place_.go_behind(last);
    tree.building()->end_page({last.slot, last.hash});
  }
  page_taken(now);
}

void TreeKeeper::page_taken(Now now) {
  if (is_check_) {
    rests_until_us_ = now.mono_us + kCheckRest * (now.mono_us - asked_us_);
  } else {
    read(now);
  }
}

void TreeKeeper::walk_done() {
  const auto partition = static_cast<uint16_t>(partition_);
  CopyTree& tree = core_.copies.at(partition).tree;
  partition_ = kNone;
  if (!is_check_) {
    return tree.finish_build();
  }
  is_check_ = false;
  ++core_.metrics.checked_copies;
  if (!tree.finish_check()) {
    ++core_.metrics.mended_copies;
    sweep_.count_anew(partition);
  }
}

}  // namespace kindred
