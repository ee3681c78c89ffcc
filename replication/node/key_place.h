#pragma once

#include <cstdint>
#include <string>

#include "replication/node/messages.h"
#include "replication/ring/slot.h"

namespace kindred {

/// A place in the stored order of keys (slot, hash, key), where a walk over a partition, page by
/// page, goes on.
struct KeyPlace {
  uint16_t slot = 0;
  uint64_t hash = 0;
  std::string after_key;  // strictly behind this key among those of `hash`; empty: none

  void go_behind(const KeyRef& key) {
    slot = key.slot;
    hash = key.hash;
    after_key.assign(key.key);
  }
  /// In front of the partition's first key.
  void go_to_begin(uint16_t partition, const KeyPartitions& partitions) {
    slot = partitions.slots_of(partition).first;
    hash = 0;
    after_key.clear();
  }
  /// The keys from here on. Views the place: good until it moves. The caller sets the page's size.
  FetchRange range(uint16_t partition, MessageId id) const {
    FetchRange range;
    range.id = id;
    range.partition = partition;
    range.from_slot = slot;
    range.from_hash = hash;
    range.after_key = after_key;
    return range;
  }
};

}  // namespace kindred
