#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "replication/node/key_place.h"
#include "replication/node/shard_core.h"
#include "replication/node/sweep.h"

namespace kindred {

/// Keeps the trees of a shard's copies fitting: folds those that are too deep, and builds anew, in
/// the background, those in doubt and those with too few leaves. One partition at a time, as fast
/// as the budget of background work allows. Where nothing of that is to be done, it checks trees
/// that a start took over, at a small part of the reader's time.
class TreeKeeper {
 public:
  TreeKeeper(ShardCore& core, Sweep& sweep) : core_(core), sweep_(sweep) {}

  /// Gives each partition of the shard an empty tree, where it has none.
  void on_new_cluster();
  /// Call on every tick.
  void tick(Now now);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  /// A tree was taken over.
  void note_unchecked() { has_unchecked_ = true; }
  bool active() const { return partition_ != kNone || core_.has_unfit_tree || has_unchecked_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  void find_work();
  bool find_unfit();
  void find_unchecked();
  void begin(uint32_t partition);
  void read(Now now);
  void page_taken(Now now);
  void walk_done();

  ShardCore& core_;
  Sweep& sweep_;
  uint32_t partition_ = kNone;  // being built
  uint32_t next_ = 0;           // where the search goes on
  uint64_t counter_ = 0;
  uint64_t request_ = 0;
  KeyPlace place_;
  bool has_unchecked_ = false;
  bool is_check_ = false;  // what goes on is
  uint64_t asked_us_ = 0;  // when the page was
  uint64_t rests_until_us_ = 0;
};

}  // namespace kindred
