#pragma once

#include <cstdint>
#include <set>

#include "replication/keyspace/key_partitions.h"

namespace kindred::sim {

/// Whose contents a node's copies have lost, by partition, until all are whole again: not those
/// that are filled again though nothing is gone.
class Losses {
 public:
  void note_all() { has_lost_all_ = true; }
  void note(uint16_t partition) { lost_.insert(partition); }
  void clear() {
    has_lost_all_ = false;
    lost_.clear();
  }
  bool concern(uint16_t partition) const { return has_lost_all_ || lost_.contains(partition); }

  /// The node goes by a document with these: keys of a copy that lost something may be of another
  /// one now.
  void split(const KeyPartitions& partitions) {
    for (; known_ < partitions.count(); ++known_) {
      const uint32_t layer = partitions.layer_of_partition(known_);
      if (layer != 0 && concern(partitions.in_layer(known_, partitions.around(layer)))) {
        note(static_cast<uint16_t>(known_));
      }
    }
  }

 private:
  bool has_lost_all_ = false;
  std::set<uint16_t> lost_;
  uint32_t known_ = 0;  // partitions of the last document
};

}  // namespace kindred::sim
