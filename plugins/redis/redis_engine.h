// A node whose data lies in a Redis, Valkey or Kvrocks server.
#pragma once

#include "plugins/api/registry.h"

namespace kindred::plugins::redis {

// Any thread; calls that wait at the same time share round trips. Everything of one engine is under
// a prefix:
//   <prefix>r<key>      the record
//   <prefix>i<2 bytes>  zero-score sorted set: the keys that begin with these two bytes
//   <prefix>d           zero-score sorted set: the two bytes of all those sets
//   <prefix>owner       the id in the directory's ledger
//   <prefix>sequence    the number of the last batch
// A batch is one MULTI, with its records, their index and its number. An engine whose server has
// not all that was acknowledged (a restart from an older snapshot, a failover, a FLUSHALL) answers
// kCorruption from then on. Nothing can be promised about the server's disk: no kGroup.
// Settings:
//   url [redis://127.0.0.1:6379/0]   see address.h
//   prefix [kindred:<id>:]           the id is the ledger's, so that nodes can share a server
//   timeout-ms [5000]                no call waits much longer
inline constexpr Capabilities kCapabilities = {.persistent = true};

OpenedEngine open_redis_engine(const OpenOptions& options);

// For Registry::register_engine("redis", ...).
EngineFactory redis_engine_factory();

}  // namespace kindred::plugins::redis
