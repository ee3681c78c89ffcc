#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replication/ring/ring.h"

namespace kindred {

/// Hints that a node keeps for one other (RING HINTS).
struct HintFigure {
  NodeId target = 0;
  uint64_t hints = 0;
  uint64_t bytes = 0;
  uint64_t oldest_ms = 0;  // age of the oldest one
};

/// A copy at a node that is not whole, or goes (RING TRANSFERS).
struct TransferFigure {
  uint16_t partition = 0;
  std::string_view copy;  // "filling", "arriving", "departing"; a constant
  NodeId source = 0;      // read from just now; 0: none
  uint64_t keys = 0;      // since its work began, as bytes
  uint64_t bytes = 0;
};

/// What comparing a copy with those of all other owners came to (RING REPAIR).
struct RepairFigure {
  uint16_t partition = 0;
  bool is_complete = false;  // compared with each of them
  uint64_t exchanges = 0;    // that came to their end
  uint64_t keys_compared = 0;
  uint64_t keys_repaired = 0;
  uint64_t bytes = 0;
};

/// What a member's part of a backup came to (RING BACKUP).
struct BackupFigure {
  std::string node;
  std::string error;      // empty: complete
  std::string directory;  // on its machine
};

/// What a node counts about the ring, of all its workers.
struct RingFigures {
  std::vector<HintFigure> hints;  // one a target
  std::vector<TransferFigure> transfers;
  std::vector<RepairFigure> repairs;  // of those that were asked for
  std::vector<BackupFigure> backups;  // the same
  uint64_t copies = 0;                // of partitions, here
  uint64_t data_bytes = 0;            // that they take

  void add(const RingFigures& other);
};

}  // namespace kindred
