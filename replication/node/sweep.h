#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "replication/node/shard_core.h"

namespace kindred {

/// Frees the space of what a flush made dead, page by page in the background, and counts anew what
/// it left. Reads never show the dead meanwhile: ShardCore::load takes them away.
class Sweep {
 public:
  explicit Sweep(ShardCore& core) : core_(core) {}

  /// A flush: goes over all copies, whose counts begin at nothing.
  void start();
  /// Goes over one copy, which was found to hold something dead; its count stays.
  void add(uint16_t partition);
  /// Goes over one copy, whose count begins at nothing: it was found to be wrong, or some of the
  /// keys are another copy's now.
  void count_anew(uint16_t partition);
  void tick(Now now);
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  bool active() const { return !partitions_.empty(); }

 private:
  void read(Now now);
  [[nodiscard]] bool take(const RangeEntry& entry, SweepTrack& track, Now now);
  void end_partition();

  ShardCore& core_;
  std::vector<uint16_t> partitions_;  // to do; the last one is under way
  uint64_t counter_ = 0;
  uint64_t request_ = 0;
};

}  // namespace kindred
