// How RocksDB is set up for small point reads and writes within bounds.
#pragma once

#include <rocksdb/options.h>

#include <string>
#include <utility>
#include <vector>

#include "plugins/api/status.h"

namespace kindred::plugins::rocks {

// kInvalidArgument for a setting that is unknown or malformed; `*options` is complete when ok.
Status make_options(const std::vector<std::pair<std::string, std::string>>& settings,
                    rocksdb::Options* options);

}  // namespace kindred::plugins::rocks
