#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "replication/node/shard_core.h"

namespace kindred {

/// Frees the space of what a flush made dead, page by page in the background. Reads never show it
/// meanwhile: ShardCore::load takes it away.
class Sweep {
 public:
  explicit Sweep(ShardCore& core) : core_(core) {}

  void start();
  void tick();
  void on_range_read(uint64_t id, bool ok, std::span<const RangeEntry> entries, bool done, Now now);
  bool active() const { return !partitions_.empty(); }

 private:
  void read();

  ShardCore& core_;
  std::vector<uint16_t> partitions_;  // to do; the last one is under way
  uint64_t counter_ = 0;
  uint64_t request_ = 0;
  uint16_t slot_ = 0;
  uint64_t hash_ = 0;
  std::string after_key_;
};

}  // namespace kindred
