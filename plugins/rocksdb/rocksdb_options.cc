#include "plugins/rocksdb/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "plugins/api/settings.h"

namespace kindred::plugins::rocks {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;

bool has_compression(rocksdb::CompressionType wanted) {
  const std::vector<rocksdb::CompressionType> built_in = rocksdb::GetSupportedCompressions();
  return std::find(built_in.begin(), built_in.end(), wanted) != built_in.end();
}

void set_tables(std::uint64_t block_cache_bytes, std::uint64_t bloom_bits_per_key,
                rocksdb::Options* options) {
  rocksdb::BlockBasedTableOptions tables;
  tables.block_cache = rocksdb::NewLRUCache(block_cache_bytes);
  // Indexes and filters inside the cache, so that its size is a bound on all of them.
  tables.cache_index_and_filter_blocks = true;
  tables.cache_index_and_filter_blocks_with_high_priority = true;
  tables.pin_l0_filter_and_index_blocks_in_cache = true;
  tables.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  tables.format_version = 5;
  if (bloom_bits_per_key > 0) {
    tables.filter_policy.reset(
        rocksdb::NewBloomFilterPolicy(static_cast<double>(bloom_bits_per_key)));
  }
  options->table_factory.reset(rocksdb::NewBlockBasedTableFactory(tables));
}

// Nothing of RocksDB's runs while the node is idle, and its log tells only what went wrong.
void set_quiet(rocksdb::Options* options) {
  options->stats_dump_period_sec = 0;
  options->stats_persist_period_sec = 0;
  options->info_log_level = rocksdb::WARN_LEVEL;
  options->keep_log_file_num = 4;
  options->max_log_file_size = kMiB;
}

}  // namespace

Status make_options(const std::vector<std::pair<std::string, std::string>>& settings,
                    rocksdb::Options* options) {
  SettingsReader reader(settings);
  const std::uint64_t block_cache_bytes =
      reader.number("block-cache-bytes", 256 * kMiB, kMiB, kTiB);
  const std::uint64_t write_buffer_bytes =
      reader.number("write-buffer-bytes", 64 * kMiB, kMiB / 4, 4096 * kMiB);
  const std::uint64_t write_buffers_max = reader.number("write-buffers-max", 3, 2, 64);
  const std::uint64_t log_bytes_max = reader.number("log-bytes-max", 512 * kMiB, kMiB, kTiB);
  const std::uint64_t open_files_max = reader.number("open-files-max", 512, 64, 1000000);
  const std::uint64_t bloom_bits_per_key = reader.number("bloom-bits-per-key", 10, 0, 32);
  const std::uint64_t background_jobs_max = reader.number("background-jobs-max", 2, 2, 64);
  const std::string_view compression = reader.text("compression", "lz4");
  if (compression != "lz4" && compression != "none") {
    reader.refuse("engine setting 'compression' must be lz4 or none, not '" +
                  std::string(compression) + "'");
  }
  Status status = reader.finish();
  if (!status.ok()) {
    return status;
  }

  options->create_if_missing = true;
  options->paranoid_checks = true;
  // A torn tail of the log is a write that nobody acknowledged. Damage before it must be told: what
  // follows it was acknowledged.
  options->wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // The engine opens the database anew instead, once the device takes writes.
  options->max_bgerror_resume_count = 0;
  options->write_buffer_size = write_buffer_bytes;
  options->max_write_buffer_number = static_cast<int>(write_buffers_max);
  options->max_total_wal_size = log_bytes_max;
  options->max_open_files = static_cast<int>(open_files_max);
  options->max_background_jobs = static_cast<int>(background_jobs_max);
  options->level_compaction_dynamic_level_bytes = true;
  // A memtable answers 'not here' without a walk over its list.
  options->memtable_prefix_bloom_size_ratio = 0.02;
  options->memtable_whole_key_filtering = true;
  // Large files written in the background don't hold up the log's syncs.
  options->bytes_per_sync = kMiB;
  const bool lz4 = compression == "lz4" && has_compression(rocksdb::kLZ4Compression);
  options->compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  set_tables(block_cache_bytes, bloom_bits_per_key, options);
  set_quiet(options);
  return Status();
}

}  // namespace kindred::plugins::rocks
