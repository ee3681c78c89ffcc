#pragma once

#include <cstdint>

namespace kindred {

/// What the system knows of this process, and of its machine's memory.
struct ProcessFigures {
  uint64_t used_bytes = 0;  // by the allocator's count
  uint64_t resident_bytes = 0;
  uint64_t resident_peak_bytes = 0;
  uint64_t machine_bytes = 0;
  uint64_t user_cpu_us = 0;
  uint64_t system_cpu_us = 0;
};

/// As of now.
ProcessFigures process_figures();

}  // namespace kindred
