#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/session/node_service.h"

namespace kindred {

/// 40 hexadecimal digits, as Redis names its nodes; the 64-bit id is their end.
[[nodiscard]] std::string node_name_hex(NodeId id);

/// Slots first..last of one holder, both included.
struct HeldRange {
  NodeId holder = 0;
  uint16_t first = 0;
  uint16_t last = 0;
};

/// The slots that have a live holder, in order; neighbours of one holder are one range.
[[nodiscard]] std::vector<HeldRange> held_ranges(const Ring& ring,
                                                 const std::vector<NodeId>& first_live_holders);

}  // namespace kindred
