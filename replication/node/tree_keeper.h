#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "replication/node/key_place.h"
#include "replication/node/shard_core.h"

namespace kindred {

/// Keeps the trees of a shard's copies fitting: folds those that are too deep, and builds anew, in
/// the background, those in doubt and those with too few leaves. One partition at a time, as fast
/// as the budget of background work allows.
class TreeKeeper {
 public:
  explicit TreeKeeper(ShardCore& core) : core_(core) {}

  /// Gives each partition of the shard an empty tree, where it has none.
  void on_new_cluster();
  /// Call on every tick.
  void tick(Now now);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  bool active() const { return partition_ != kNone || core_.has_unfit_tree; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  void find_work();
  void read(Now now);

  ShardCore& core_;
  uint32_t partition_ = kNone;  // being built
  uint32_t next_ = 0;           // where the search goes on
  uint64_t counter_ = 0;
  uint64_t request_ = 0;
  KeyPlace place_;
};

}  // namespace kindred
