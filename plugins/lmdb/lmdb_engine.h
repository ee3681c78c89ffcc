// One LMDB environment a node: a B+tree in one file, read through a memory map.
#pragma once

#include "plugins/api/registry.h"

namespace kindred::plugins::lmdb {

// Any thread. A batch is one transaction. LMDB has no log: a commit that didn't sync the pages
// below its root could leave a file that a crash of the machine makes unreadable as a whole, what
// was synced before included. So every commit syncs its pages, kNone and kAsync too, and kGroup
// syncs the root as well, once for all that wait. A batch gives all of it to one such pair.
// Settings:
//   map-bytes [1 GiB]          address space at first; doubles when full, while no transaction runs
//   file-bytes-max [16 TiB]    the most that the file may take; more is kNoSpace
//   sync-commits [yes]         no: kNone and kAsync don't sync. Many times faster, and a crash of
//                              the machine (not of the process) may cost the whole directory
inline constexpr Capabilities kCapabilities = {
    .persistent = true, .can_sync = true, .checkpoint = true};

OpenedEngine open_lmdb_engine(const OpenOptions& options);

// For Registry::register_engine("lmdb", ...).
EngineFactory lmdb_engine_factory();

}  // namespace kindred::plugins::lmdb
