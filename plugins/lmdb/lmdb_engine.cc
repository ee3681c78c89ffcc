#include "plugins/lmdb/lmdb_engine.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "plugins/api/identity.h"
#include "plugins/api/settings.h"
#include "plugins/lmdb/environment.h"
#include "plugins/lmdb/long_keys.h"

namespace kindred::plugins::lmdb {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;
// Of a map's size: whole pages on any machine.
constexpr std::uint64_t kMapGrainBytes = 64 * 1024;

// A scan reads this much in one transaction, so that none keeps old pages from being used again.
constexpr std::size_t kPageEntriesMax = 512;
constexpr std::size_t kPageBytesMax = kMiB;
constexpr int kErasedAtOnceMax = 4096;

MDB_val to_val(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}
std::string_view to_view(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

int find(MDB_txn* txn, MDB_dbi records, std::string_view key, std::string* value) {
  const Place place(key);
  MDB_val stored_key = to_val(place.stored_key());
  MDB_val found;
  const int error = ::mdb_get(txn, records, &stored_key, &found);
  if (error != MDB_SUCCESS) {
    return error;
  }
  if (!place.in_bucket()) {
    value->assign(to_view(found));
    return MDB_SUCCESS;
  }
  std::vector<LongRecord> bucket;
  if (!decode_bucket(to_view(found), &bucket)) {
    return MDB_CORRUPTED;
  }
  const auto record = find_tail(bucket, place.tail());
  if (record == bucket.end() || record->tail != place.tail()) {
    return MDB_NOTFOUND;
  }
  value->assign(record->value);
  return MDB_SUCCESS;
}

int store(MDB_txn* txn, MDB_dbi records, std::string_view stored_key, std::string_view bytes) {
  MDB_val key = to_val(stored_key);
  MDB_val value = to_val(bytes);
  return ::mdb_put(txn, records, &key, &value, 0);
}

int drop(MDB_txn* txn, MDB_dbi records, std::string_view stored_key) {
  MDB_val key = to_val(stored_key);
  const int error = ::mdb_del(txn, records, &key, nullptr);
  return error == MDB_NOTFOUND ? MDB_SUCCESS : error;
}

int change_bucket(MDB_txn* txn, MDB_dbi records, const Place& place,
                  const WriteBatch::Operation& operation) {
  MDB_val stored_key = to_val(place.stored_key());
  MDB_val found = {0, nullptr};
  const int error = ::mdb_get(txn, records, &stored_key, &found);
  if (error != MDB_SUCCESS && error != MDB_NOTFOUND) {
    return error;
  }
  std::vector<LongRecord> bucket;
  if (error == MDB_SUCCESS && !decode_bucket(to_view(found), &bucket)) {
    return MDB_CORRUPTED;
  }
  const auto record = find_tail(bucket, place.tail());
  const bool known = record != bucket.end() && record->tail == place.tail();
  if (operation.kind == WriteBatch::Kind::kDelete) {
    if (!known) {
      return MDB_SUCCESS;
    }
    bucket.erase(record);
  } else if (known) {
    record->value = operation.value;
  } else {
    bucket.insert(record, {place.tail(), operation.value});
  }
  // A copy of its own: what mdb_get lent goes with the next change.
  return bucket.empty() ? drop(txn, records, place.stored_key())
                        : store(txn, records, place.stored_key(), encode_bucket(bucket));
}

int apply_operation(MDB_txn* txn, MDB_dbi records, const WriteBatch::Operation& operation) {
  const Place place(operation.key);
  if (place.in_bucket()) {
    return change_bucket(txn, records, place, operation);
  }
  return operation.kind == WriteBatch::Kind::kPut
             ? store(txn, records, operation.key, operation.value)
             : drop(txn, records, operation.key);
}

struct CursorCloser {
  void operator()(MDB_cursor* cursor) const { ::mdb_cursor_close(cursor); }
};
using Cursor = std::unique_ptr<MDB_cursor, CursorCloser>;

// Records in order, copied out of a transaction.
class Page {
 public:
  bool full() const { return pieces_.size() >= kPageEntriesMax || bytes_.size() >= kPageBytesMax; }
  bool empty() const { return pieces_.empty(); }

  void add(std::string_view head, std::string_view tail, std::string_view value) {
    bytes_.append(head).append(tail).append(value);
    pieces_.push_back({head.size() + tail.size(), value.size()});
  }

  // False when the visitor has seen enough.
  bool visit(ScanVisitor visitor) const {
    std::string_view rest = bytes_;
    for (const Piece& piece : pieces_) {
      if (!visitor(rest.substr(0, piece.key_size), rest.substr(piece.key_size, piece.value_size))) {
        return false;
      }
      rest.remove_prefix(piece.key_size + piece.value_size);
    }
    return true;
  }

  std::string last_key() const {
    const Piece& last = pieces_.back();
    return bytes_.substr(bytes_.size() - last.key_size - last.value_size, last.key_size);
  }

  void clear() {
    bytes_.clear();
    pieces_.clear();
  }

 private:
  struct Piece {
    std::size_t key_size;
    std::size_t value_size;
  };
  std::string bytes_;
  std::vector<Piece> pieces_;
};

// What a page reads: from <= key < end, `from` itself left out once it has been read.
struct Range {
  std::string_view from;
  std::string_view end;
  bool after_from = false;

  bool begins_before(std::string_view key) const { return after_from ? from < key : from <= key; }
  bool ends_before(std::string_view key) const { return !end.empty() && key >= end; }
};

// Adds what of a bucket is in the range. False when the page is full or the range's end reached.
bool read_bucket(const Range& range, std::string_view head, const std::vector<LongRecord>& bucket,
                 Page* page) {
  std::string key(head);
  for (const LongRecord& record : bucket) {
    key.replace(head.size(), std::string::npos, record.tail);
    if (range.ends_before(key) || page->full()) {
      return false;
    }
    if (range.begins_before(key)) {
      page->add(head, record.tail, record.value);
    }
  }
  return true;
}

int read_page(MDB_txn* txn, MDB_dbi records, const Range& range, Page* page) {
  MDB_cursor* raw = nullptr;
  int error = ::mdb_cursor_open(txn, records, &raw);
  const Cursor cursor(raw);
  if (error != MDB_SUCCESS) {
    return error;
  }
  const Place place(range.from);
  MDB_val key = to_val(place.stored_key());
  MDB_val value;
  error =
      ::mdb_cursor_get(cursor.get(), &key, &value, range.from.empty() ? MDB_FIRST : MDB_SET_RANGE);
  std::vector<LongRecord> bucket;
  while (error == MDB_SUCCESS && !page->full()) {
    const std::string_view stored_key = to_view(key);
    if (is_bucket(stored_key)) {
      if (!decode_bucket(to_view(value), &bucket)) {
        return MDB_CORRUPTED;
      }
      if (!read_bucket(range, stored_key.substr(0, kHeadBytes), bucket, page)) {
        return MDB_SUCCESS;
      }
    } else if (range.ends_before(stored_key)) {
      return MDB_SUCCESS;
    } else if (range.begins_before(stored_key)) {
      page->add(stored_key, {}, to_view(value));
    }
    error = ::mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT);
  }
  return error == MDB_NOTFOUND ? MDB_SUCCESS : error;
}

class LmdbEngine : public Engine {
 public:
  explicit LmdbEngine(std::unique_ptr<Environment> environment)
      : environment_(std::move(environment)), records_(environment_->records()) {}

  Capabilities capabilities() const override { return kCapabilities; }

  Status get(std::string_view key, std::string* value) override {
    if (key.empty()) {
      return Status(StatusCode::kNotFound);
    }
    return environment_->read([&](MDB_txn* txn) { return find(txn, records_, key, value); });
  }

  void multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) override {
    const Status status = environment_->read([&](MDB_txn* txn) {
      for (std::size_t i = 0; i < keys.size(); ++i) {
        const int error =
            keys[i].empty() ? MDB_NOTFOUND : find(txn, records_, keys[i], &results[i].value);
        results[i].status = status_of(error, environment_->dir());
      }
      return MDB_SUCCESS;
    });
    if (!status.ok()) {
      for (Lookup& result : results) {
        result.status = status;
      }
    }
  }

  Status apply(const WriteBatch& batch, Durability durability) override {
    if (!batch.well_formed()) {
      return Status(StatusCode::kInvalidArgument, "malformed batch: an empty or oversized key");
    }
    Status status;
    if (!batch.empty()) {
      status = environment_->write([&](MDB_txn* txn) {
        int error = MDB_SUCCESS;
        for (std::size_t i = 0; i < batch.size() && error == MDB_SUCCESS; ++i) {
          error = apply_operation(txn, records_, batch[i]);
        }
        return error;
      });
    }
    if (!status.ok() || durability != Durability::kGroup) {
      return status;
    }
    status = environment_->sync();
    // Applied, and perhaps durable: never to be taken for a batch that isn't there.
    return status.ok() ? status : Status(StatusCode::kIoError, status.message);
  }

  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override {
    std::string from(begin);
    Range range{from, end};
    Page page;
    while (true) {
      page.clear();
      Status status =
          environment_->read([&](MDB_txn* txn) { return read_page(txn, records_, range, &page); });
      // Visited outside of the transaction, so a visitor may read from the engine.
      if (!page.visit(visitor) || !status.ok() || !page.full()) {
        return status;
      }
      from = page.last_key();
      range = {from, end, true};
    }
  }

  Status erase(std::string_view begin, std::string_view end) override {
    if (begin.empty() && end.empty()) {
      return environment_->write([this](MDB_txn* txn) { return ::mdb_drop(txn, records_, 0); });
    }
    // In steps: one transaction that frees a large partition would hold all its pages.
    bool more = true;
    while (more) {
      Status status = environment_->write([&](MDB_txn* txn) {
        return erase_some(txn, Range{begin, end}, &more);
      });
      if (!status.ok()) {
        return status;
      }
    }
    return Status();
  }

  EngineStats stats() override {
    EngineStats stats;
    EnvironmentFigures figures;
    if (!environment_->figures(&figures).ok()) {
      return stats;
    }
    stats.records = figures.records;
    stats.data_bytes = figures.pages_in_use * figures.page_bytes;
    stats.disk_bytes = figures.pages_of_file * figures.page_bytes;
    stats.others = {{"map-bytes", figures.map_bytes},
                    {"tree-depth", figures.tree_depth},
                    {"readers", figures.readers}};
    return stats;
  }

  Status checkpoint(const std::string& dir) override {
    std::error_code error;
    if (!std::filesystem::create_directory(dir, error)) {
      return status_of(error ? error.value() : EEXIST, dir);
    }
    Status status = environment_->copy(dir);
    if (status.ok()) {
      status = copy_identity(environment_->dir(), dir);
    }
    if (!status.ok()) {
      std::filesystem::remove_all(dir, error);
    }
    return status;
  }

  Status close() override {
    if (environment_ == nullptr) {
      return Status();
    }
    Status status = environment_->sync();
    environment_.reset();
    return status;
  }

 private:
  // Removes up to kErasedAtOnceMax of LMDB's records. The ends of the range may cut a bucket.
  int erase_some(MDB_txn* txn, const Range& range, bool* more) const {
    Page page;
    *more = false;
    int erased = 0;
    while (erased < kErasedAtOnceMax) {
      page.clear();
      int error = read_page(txn, records_, range, &page);
      if (error != MDB_SUCCESS || page.empty()) {
        return error;
      }
      page.visit([&](std::string_view key, std::string_view) {
        error = apply_operation(txn, records_, {WriteBatch::Kind::kDelete, key, {}});
        ++erased;
        return error == MDB_SUCCESS;
      });
      if (error != MDB_SUCCESS) {
        return error;
      }
    }
    *more = true;
    return MDB_SUCCESS;
  }

  std::unique_ptr<Environment> environment_;
  const MDB_dbi records_;
};

Status read_settings(const OpenOptions& options, EnvironmentSettings* settings) {
  const auto whole_pages = [](std::uint64_t bytes) {
    return (bytes + kMapGrainBytes - 1) / kMapGrainBytes * kMapGrainBytes;
  };
  SettingsReader reader(options.settings);
  settings->map_bytes = whole_pages(reader.number("map-bytes", 1024 * kMiB, kMiB, 64 * kTiB));
  settings->map_bytes_max =
      whole_pages(reader.number("file-bytes-max", 16 * kTiB, kMiB, 64 * kTiB));
  settings->map_bytes = std::min(settings->map_bytes, settings->map_bytes_max);
  const std::string_view sync_commits = reader.text("sync-commits", "yes");
  if (sync_commits != "yes" && sync_commits != "no") {
    reader.refuse("engine setting 'sync-commits' must be yes or no, not '" +
                  std::string(sync_commits) + "'");
  }
  settings->sync_commits = sync_commits == "yes";
  return reader.finish();
}

}  // namespace

OpenedEngine open_lmdb_engine(const OpenOptions& options) {
  EnvironmentSettings settings;
  Status status = read_settings(options, &settings);
  std::unique_ptr<Environment> environment;
  if (status.ok()) {
    status = Environment::open(options.dir, settings, &environment);
  }
  if (!status.ok()) {
    return {std::move(status), nullptr};
  }
  return {Status(), std::make_unique<LmdbEngine>(std::move(environment))};
}

EngineFactory lmdb_engine_factory() {
  return {1, kCapabilities, open_lmdb_engine};
}

}  // namespace kindred::plugins::lmdb
