#pragma once

#include <atomic>
#include <cstdint>

namespace kindred {

/// What the session hubs of a node count together. Any thread.
struct SharedCounters {
  std::atomic<uint64_t> clients{0};        // the last client's id
  std::atomic<uint64_t> slow_commands{0};  // the next one's id
  std::atomic<uint32_t> monitors{0};       // connections that MONITOR
};

}  // namespace kindred
