// What the engine needs of its directory besides RocksDB.
#pragma once

#include <rocksdb/env.h>

#include <memory>
#include <string>

#include "plugins/api/status.h"

namespace kindred::plugins::rocks {

// Whether files in `dir` can be written and synced now: writes one and takes it away again.
Status try_writing(const std::string& dir);

// RocksDB's warnings and errors, in the file LOG of `dir`, which begins again at 1 MiB. RocksDB's
// own logger ends the process where its file can't be written; this one then says nothing.
std::shared_ptr<rocksdb::Logger> open_event_log(const std::string& dir);

}  // namespace kindred::plugins::rocks
