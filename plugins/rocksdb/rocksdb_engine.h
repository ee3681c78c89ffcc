// The default engine: one RocksDB database a node.
#pragma once

#include "plugins/api/registry.h"

namespace kindred::plugins::rocks {

// Any thread. kNone writes past the log and is flushed at close; kAsync leaves syncing to the
// operating system; kGroup calls that wait at the same time share one sync.
// Settings, bytes unless said (see rocksdb_options.cc for what they bound):
//   block-cache-bytes [256 MiB], write-buffer-bytes [64 MiB], write-buffers-max [3],
//   log-bytes-max [512 MiB], open-files-max [512], bloom-bits-per-key [10],
//   background-jobs-max [2], compression [lz4] (lz4 | none)
inline constexpr Capabilities kCapabilities = {
    .try_get = true, .persistent = true, .can_sync = true, .checkpoint = true};

OpenedEngine open_rocksdb_engine(const OpenOptions& options);

// For Registry::register_engine("rocksdb", ...).
EngineFactory rocksdb_engine_factory();

}  // namespace kindred::plugins::rocks
