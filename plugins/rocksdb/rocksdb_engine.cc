#include "plugins/rocksdb/rocksdb_engine.h"

#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/api/identity.h"
#include "plugins/rocksdb/rocksdb_device.h"
#include "plugins/rocksdb/rocksdb_options.h"

namespace kindred::plugins::rocks {
namespace {

rocksdb::Slice to_slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view to_view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

StatusCode code_of(const rocksdb::Status& status) {
  if (status.ok()) {
    return StatusCode::kOk;
  }
  if (status.IsNotFound()) {
    return StatusCode::kNotFound;
  }
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit) {
    return StatusCode::kNoSpace;
  }
  if (status.IsIncomplete()) {
    return StatusCode::kWouldBlock;
  }
  if (status.IsCorruption()) {
    return StatusCode::kCorruption;
  }
  if (status.IsNotSupported()) {
    return StatusCode::kNotSupported;
  }
  if (status.IsInvalidArgument()) {
    return StatusCode::kInvalidArgument;
  }
  // RocksDB has no code of its own for EROFS.
  if (status.IsIOError() && status.ToString().find("Read-only file system") != std::string::npos) {
    return StatusCode::kReadOnly;
  }
  return StatusCode::kIoError;
}

Status to_status(const rocksdb::Status& status) {
  if (status.ok()) {
    return Status();
  }
  const StatusCode code = code_of(status);
  return code == StatusCode::kNotFound ? Status(code)
                                       : Status(code, "rocksdb: " + status.ToString());
}

struct PinnedSlice {
  PinnedSlice() noexcept {}  // NOLINT: the slice's own constructor only lacks the word
  rocksdb::PinnableSlice slice;
};

class RocksdbEngine : public Engine {
 public:
  RocksdbEngine(std::unique_ptr<rocksdb::DB> db, const rocksdb::Options& options, std::string dir)
      : options_(options), db_(std::move(db)), dir_(std::move(dir)) {
    cached_only_.read_tier = rocksdb::kBlockCacheTier;
  }

  Capabilities capabilities() const override { return kCapabilities; }

  Status get(std::string_view key, std::string* value) override {
    const std::shared_lock lock(gate_);
    return db_ == nullptr ? gone()
                          : to_status(db_->Get(rocksdb::ReadOptions(), to_slice(key), value));
  }

  TryGet try_get(std::string_view key, PinnedValue* value) override {
    rocksdb::PinnableSlice& slice = value->hold<PinnedSlice>().slice;
    const std::shared_lock lock(gate_);
    const rocksdb::Status status =
        db_ == nullptr ? rocksdb::Status::Incomplete()
                       : db_->Get(cached_only_, db_->DefaultColumnFamily(), to_slice(key), &slice);
    if (status.ok()) {
      value->set_view(to_view(slice));
      return TryGet::kFound;
    }
    value->reset();
    return status.IsNotFound() ? TryGet::kNotFound : TryGet::kWouldBlock;
  }

  void multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) override {
    std::vector<rocksdb::Slice> slices;
    slices.reserve(keys.size());
    for (const std::string_view key : keys) {
      slices.push_back(to_slice(key));
    }
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    const std::shared_lock lock(gate_);
    if (db_ == nullptr) {
      std::fill(statuses.begin(), statuses.end(), rocksdb::Status::IOError(kGone));
    } else {
      db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), keys.size(), slices.data(),
                    values.data(), statuses.data());
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      results[i].status = to_status(statuses[i]);
      results[i].value.assign(values[i].data(), values[i].size());
    }
  }

  Status apply(const WriteBatch& batch, Durability durability) override {
    if (!batch.well_formed()) {
      return Status(StatusCode::kInvalidArgument, "malformed batch: an empty or oversized key");
    }
    if (batch.empty() && durability != Durability::kGroup) {
      return Status();
    }
    constexpr std::size_t kHeaderBytes = 12;
    constexpr std::size_t kBytesPerOperation = 11;
    rocksdb::WriteBatch writes(kHeaderBytes + batch.payload_bytes() +
                               batch.size() * kBytesPerOperation);
    for (const WriteBatch::Operation operation : batch) {
      const rocksdb::Status added =
          operation.kind == WriteBatch::Kind::kPut
              ? writes.Put(to_slice(operation.key), to_slice(operation.value))
              : writes.Delete(to_slice(operation.key));
      if (!added.ok()) {
        return to_status(added);
      }
    }
    rocksdb::WriteOptions options;
    options.disableWAL = durability == Durability::kNone;
    options.sync = durability == Durability::kGroup;
    return change([&](rocksdb::DB& db) {
      return batch.empty() ? db.FlushWAL(true) : db.Write(options, &writes);
    });
  }

  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override {
    rocksdb::ReadOptions options;
    // A scan of everything must not push the points that clients ask for out of the cache.
    options.fill_cache = false;
    const rocksdb::Slice upper = to_slice(end);
    if (!end.empty()) {
      options.iterate_upper_bound = &upper;
    }
    const std::shared_lock lock(gate_);
    if (db_ == nullptr) {
      return gone();
    }
    const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options));
    for (iterator->Seek(to_slice(begin)); iterator->Valid(); iterator->Next()) {
      if (!visitor(to_view(iterator->key()), to_view(iterator->value()))) {
        return Status();
      }
    }
    return to_status(iterator->status());
  }

  Status erase(std::string_view begin, std::string_view end) override {
    if (!end.empty() && end <= begin) {
      return Status();
    }
    return change([begin, end](rocksdb::DB& db) { return erase_range(db, begin, end); });
  }

  EngineStats stats() override {
    EngineStats stats;
    const std::shared_lock lock(gate_);
    stats.records = property("rocksdb.estimate-num-keys");
    stats.data_bytes = property("rocksdb.estimate-live-data-size");
    stats.memory_bytes = property("rocksdb.cur-size-all-mem-tables") +
                         property("rocksdb.block-cache-usage") +
                         property("rocksdb.estimate-table-readers-mem");
    stats.disk_bytes = property("rocksdb.total-sst-files-size");
    for (const char* name :
         {"num-running-compactions", "num-running-flushes", "estimate-pending-compaction-bytes",
          "background-errors", "is-write-stopped", "actual-delayed-write-rate"}) {
      stats.others.emplace_back(name, property((std::string("rocksdb.") + name).c_str()));
    }
    return stats;
  }

  Status checkpoint(const std::string& dir) override {
    const std::shared_lock lock(gate_);
    if (db_ == nullptr) {
      return gone();
    }
    rocksdb::Checkpoint* raw = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &raw);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
    if (status.ok()) {
      status = checkpoint->CreateCheckpoint(dir);
    }
    return status.ok() ? copy_identity(dir_, dir) : to_status(status);
  }

  Status close() override {
    const std::unique_lock lock(gate_);
    if (db_ == nullptr) {
      return Status();
    }
    Status status = to_status(db_->Close());
    db_.reset();
    return status;
  }

 private:
  static constexpr const char* kGone = "the database could not be opened again";
  static Status gone() { return Status(StatusCode::kIoError, std::string("rocksdb: ") + kGone); }

  // Once RocksDB failed to write it refuses all that follows, most kinds of failures for good, and
  // after a lack of space until more is free than a small device has. Opening it anew is the one
  // way that always works.
  template <typename Write>
  Status change(Write&& write) {
    if (is_refusing_.load(std::memory_order_relaxed)) {
      if (Status status = open_anew(); !status.ok()) {
        return status;
      }
    }
    const std::shared_lock lock(gate_);
    if (db_ == nullptr) {
      return gone();
    }
    const rocksdb::Status status = write(*db_);
    if (status.IsIOError() || status.IsCorruption() || status.IsNoSpace()) {
      is_refusing_.store(true, std::memory_order_relaxed);
    }
    return to_status(status);
  }

  // Not before the device takes writes, so that what can be read stays readable.
  Status open_anew() {
    if (Status status = try_writing(dir_); !status.ok()) {
      return status;
    }
    const std::unique_lock lock(gate_);
    if (!is_refusing_.load(std::memory_order_relaxed)) {
      return Status();  // another thread did
    }
    if (db_ != nullptr) {
      static_cast<void>(db_->Close());  // it says again what it refuses writes for
      db_.reset();
    }
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options_, dir_, &raw);
    if (status.ok()) {
      db_.reset(raw);
      is_refusing_.store(false, std::memory_order_relaxed);
      return Status();
    }
    if (rocksdb::DB::OpenForReadOnly(options_, dir_, &raw).ok()) {
      db_.reset(raw);
    }
    return to_status(status);
  }

  static rocksdb::Status erase_range(rocksdb::DB& db, std::string_view begin,
                                     std::string_view end) {
    rocksdb::WriteBatch writes;
    std::string last;
    if (end.empty()) {
      // DeleteRange needs an upper bound: up to the last key, and the last key by itself.
      const std::unique_ptr<rocksdb::Iterator> iterator(db.NewIterator(rocksdb::ReadOptions()));
      iterator->SeekToLast();
      if (!iterator->Valid() || to_view(iterator->key()) < begin) {
        return iterator->status();
      }
      last = iterator->key().ToString();
      end = last;
      rocksdb::Status added = writes.Delete(to_slice(last));
      if (!added.ok()) {
        return added;
      }
    }
    const rocksdb::Status added =
        writes.DeleteRange(db.DefaultColumnFamily(), to_slice(begin), to_slice(end));
    return added.ok() ? db.Write(rocksdb::WriteOptions(), &writes) : added;
  }

  std::uint64_t property(const char* name) {
    std::uint64_t value = 0;
    return db_ != nullptr && db_->GetIntProperty(name, &value) ? value : 0;
  }

  const rocksdb::Options options_;  // its block cache holds what values are pinned in
  // Held shared by every call on db_, exclusively where db_ is replaced.
  std::shared_mutex gate_;
  std::unique_ptr<rocksdb::DB> db_;
  std::atomic<bool> is_refusing_{false};
  const std::string dir_;
  rocksdb::ReadOptions cached_only_;
};

}  // namespace

OpenedEngine open_rocksdb_engine(const OpenOptions& options) {
  rocksdb::Options database_options;
  Status status = make_options(options.settings, &database_options);
  if (!status.ok()) {
    return {std::move(status), nullptr};
  }
  database_options.info_log = open_event_log(options.dir);
  if (options.salvages) {
    database_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  }
  rocksdb::DB* raw = nullptr;
  status = to_status(rocksdb::DB::Open(database_options, options.dir, &raw));
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) {
    return {std::move(status), nullptr};
  }
  return {Status(), std::make_unique<RocksdbEngine>(std::move(db), database_options, options.dir)};
}

EngineFactory rocksdb_engine_factory() {
  return {1, kCapabilities, open_rocksdb_engine};
}

}  // namespace kindred::plugins::rocks
