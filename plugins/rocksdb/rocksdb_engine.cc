#include "plugins/rocksdb/rocksdb_engine.h"

#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/api/identity.h"
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
  RocksdbEngine(std::unique_ptr<rocksdb::DB> db, std::string dir)
      : db_(std::move(db)), dir_(std::move(dir)) {
    cached_only_.read_tier = rocksdb::kBlockCacheTier;
  }

  Capabilities capabilities() const override { return kCapabilities; }

  Status get(std::string_view key, std::string* value) override {
    return to_status(db_->Get(rocksdb::ReadOptions(), to_slice(key), value));
  }

  TryGet try_get(std::string_view key, PinnedValue* value) override {
    rocksdb::PinnableSlice& slice = value->hold<PinnedSlice>().slice;
    const rocksdb::Status status =
        db_->Get(cached_only_, db_->DefaultColumnFamily(), to_slice(key), &slice);
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
    db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), keys.size(), slices.data(),
                  values.data(), statuses.data());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      results[i].status = to_status(statuses[i]);
      results[i].value.assign(values[i].data(), values[i].size());
    }
  }

  Status apply(const WriteBatch& batch, Durability durability) override {
    if (!batch.well_formed()) {
      return Status(StatusCode::kInvalidArgument, "malformed batch: an empty or oversized key");
    }
    if (batch.empty()) {
      return durability == Durability::kGroup ? to_status(db_->FlushWAL(true)) : Status();
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
    return to_status(db_->Write(options, &writes));
  }

  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override {
    rocksdb::ReadOptions options;
    // A scan of everything must not push the points that clients ask for out of the cache.
    options.fill_cache = false;
    const rocksdb::Slice upper = to_slice(end);
    if (!end.empty()) {
      options.iterate_upper_bound = &upper;
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
    rocksdb::WriteBatch writes;
    std::string last;
    if (end.empty()) {
      // DeleteRange needs an upper bound: up to the last key, and the last key by itself.
      const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(rocksdb::ReadOptions()));
      iterator->SeekToLast();
      if (!iterator->Valid() || to_view(iterator->key()) < begin) {
        return to_status(iterator->status());
      }
      last = iterator->key().ToString();
      end = last;
      rocksdb::Status added = writes.Delete(to_slice(last));
      if (!added.ok()) {
        return to_status(added);
      }
    }
    const rocksdb::Status added =
        writes.DeleteRange(db_->DefaultColumnFamily(), to_slice(begin), to_slice(end));
    return to_status(added.ok() ? db_->Write(rocksdb::WriteOptions(), &writes) : added);
  }

  EngineStats stats() override {
    EngineStats stats;
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
    rocksdb::Checkpoint* raw = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &raw);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
    if (status.ok()) {
      status = checkpoint->CreateCheckpoint(dir);
    }
    return status.ok() ? copy_identity(dir_, dir) : to_status(status);
  }

  Status close() override {
    if (db_ == nullptr) {
      return Status();
    }
    Status status = to_status(db_->Close());
    db_.reset();
    return status;
  }

 private:
  std::uint64_t property(const char* name) {
    std::uint64_t value = 0;
    return db_->GetIntProperty(name, &value) ? value : 0;
  }

  std::unique_ptr<rocksdb::DB> db_;
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
  rocksdb::DB* raw = nullptr;
  status = to_status(rocksdb::DB::Open(database_options, options.dir, &raw));
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) {
    return {std::move(status), nullptr};
  }
  return {Status(), std::make_unique<RocksdbEngine>(std::move(db), options.dir)};
}

EngineFactory rocksdb_engine_factory() {
  return {1, kCapabilities, open_rocksdb_engine};
}

}  // namespace kindred::plugins::rocks
