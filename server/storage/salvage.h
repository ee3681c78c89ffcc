#pragma once

#include <cstdint>
#include <string>

#include "plugins/api/registry.h"

namespace kindred {

/// What came of a salvage. `error` is empty where the engine's directory is sound again.
struct Salvage {
  std::string error;
  std::string aside;         // where the damaged files are now
  uint64_t records = 0;      // kept
  uint64_t ranges_lost = 0;  // of keys, in which something could not be read
};

/// Makes a new directory of an engine whose files are damaged, from all that can still be read: of
/// a slot what comes before the first damaged place, so that nothing older than what was stored
/// last turns up. The damaged files are put aside. Whoever held copies there must have them filled.
/// No instance of the engine may be open; blocks for as long as reading and writing everything
/// takes.
Salvage salvage_engine(const plugins::Registry& registry, const std::string& engine,
                       const plugins::OpenOptions& options);

/// Ends a salvage that the process's end cut short: call before the engine's directory is opened.
/// What went wrong, or nothing.
std::string finish_salvage(const std::string& dir);

}  // namespace kindred
