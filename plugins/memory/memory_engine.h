// The engine that keeps everything in memory and nothing across a restart.
#pragma once

#include "plugins/api/registry.h"

namespace kindred::plugins::memory {

// Never waits, and belongs to one thread at a time: the host opens one instance a worker.
// Settings: `memory-bytes-max` [0: no bound] refuses batches with puts (kNoSpace) that would take
// an instance's memory beyond it.
inline constexpr Capabilities kCapabilities = {
    .try_get = true, .nonblocking = true, .thread_bound = true};

OpenedEngine open_memory_engine(const OpenOptions& options);

// For Registry::register_engine("memory", ...).
EngineFactory memory_engine_factory();

}  // namespace kindred::plugins::memory
