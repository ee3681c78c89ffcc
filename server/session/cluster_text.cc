#include "server/session/cluster_text.h"

#include <cstdio>

namespace kindred {

std::string node_name_hex(NodeId id) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(id));
  return std::string(24, '0') + digits;
}

std::vector<HeldRange> held_ranges(const Ring& ring,
                                   const std::vector<NodeId>& first_live_holders) {
  std::vector<HeldRange> ranges;
  for (PartitionIndex partition = 0;
       partition < std::min<std::size_t>(first_live_holders.size(), ring.slot_partitions());
       ++partition) {
    const NodeId holder = first_live_holders[partition];
    if (holder == 0) {
      continue;
    }
    const SlotRange slots = ring.slots_of(partition);
    if (!ranges.empty() && ranges.back().holder == holder &&
        ranges.back().last + 1 == slots.first) {
      ranges.back().last = slots.last;
    } else {
      ranges.push_back({holder, slots.first, slots.last});
    }
  }
  return ranges;
}

}  // namespace kindred
