// RocksDB as a shared object: export.h with an engine whose views hold pins, and that persists.

#include "plugins/api/export.h"
#include "plugins/rocksdb/rocksdb_engine.h"

namespace {

struct ExportedRocksdb {
  static constexpr const char* kName = "exported-rocksdb";
  static constexpr std::uint32_t kFormatVersion = 1;
  static constexpr kindred::plugins::Capabilities kCapabilities =
      kindred::plugins::rocks::kCapabilities;
  static kindred::plugins::OpenedEngine open(const kindred::plugins::OpenOptions& options) {
    return kindred::plugins::rocks::open_rocksdb_engine(options);
  }
};

}  // namespace

KINDRED_EXPORT_ENGINE(ExportedRocksdb)
