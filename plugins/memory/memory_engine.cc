#include "plugins/memory/memory_engine.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plugins/api/settings.h"
#include "plugins/memory/ordered_index.h"
#include "plugins/memory/record.h"

namespace kindred::plugins::memory {
namespace {

// With many more, the first loaded lines would be gone before their turn comes.
constexpr std::size_t kPrefetchAhead = 16;

class MemoryEngine : public Engine {
 public:
  explicit MemoryEngine(std::uint64_t memory_bytes_max) : memory_bytes_max_(memory_bytes_max) {}

  Capabilities capabilities() const override { return kCapabilities; }

  Status get(std::string_view key, std::string* value) override {
    const Record record = index_.find(key);
    if (record == nullptr) {
      return Status(StatusCode::kNotFound);
    }
    try {
      value->assign(view_record(record).value);
    } catch (const std::bad_alloc&) {
      return out_of_memory();
    }
    return Status();
  }

  TryGet try_get(std::string_view key, PinnedValue* value) override {
    value->reset();
    const Record record = index_.find(key);
    if (record == nullptr) {
      return TryGet::kNotFound;
    }
    value->set_view(view_record(record).value);
    return TryGet::kFound;
  }

  void prefetch(std::string_view key) override { index_.prefetch({&key, 1}); }

  void prefetch_all(std::span<const std::string_view> keys) override { index_.prefetch(keys); }

  Status apply(const WriteBatch& batch, Durability durability) override {
    if (durability == Durability::kGroup) {
      return Status(StatusCode::kNotSupported, "the memory engine can't sync");
    }
    if (!batch.well_formed()) {
      return Status(StatusCode::kInvalidArgument, "malformed batch: an empty or oversized key");
    }
    if (memory_bytes_max_ != 0 && grows_too_large(batch)) {
      return Status(StatusCode::kNoSpace,
                    "memory-bytes-max of " + std::to_string(memory_bytes_max_) + " reached");
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (i % kPrefetchAhead == 0 && batch.size() > 1) {
        prefetch_operations(batch, i);
      }
      const WriteBatch::Operation operation = batch[i];
      if (operation.kind == WriteBatch::Kind::kDelete) {
        remove(operation.key);
      } else if (!put_record(operation.key, operation.value)) {
        return out_of_memory();
      }
    }
    return Status();
  }

  Status put(std::string_view key, std::string_view value, Durability durability) override {
    if (durability == Durability::kGroup || key.empty() || memory_bytes_max_ != 0) {
      return Engine::put(key, value, durability);
    }
    return put_record(key, value) ? Status() : out_of_memory();
  }

  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override {
    index_.walk(index_.lower_bound(begin), [&](const char* record) {
      const RecordView view = view_record(record);
      return (end.empty() || view.key < end) && visitor(view.key, view.value);
    });
    return Status();
  }

  Status erase(std::string_view begin, std::string_view end) override {
    if (!end.empty() && end <= begin) {
      return Status();
    }
    for (bool done = false; !done;) {
      const OrderedIndex::Erased erased =
          index_.erase_in_chunk(index_.lower_bound(begin), end, &done);
      data_bytes_ -= erased.data_bytes;
      block_bytes_ -= erased.block_bytes;
    }
    return Status();
  }

  EngineStats stats() override {
    EngineStats stats;
    stats.records = index_.size();
    stats.data_bytes = data_bytes_;
    stats.memory_bytes = block_bytes_ + index_.memory_bytes();
    return stats;
  }

 private:
  static Status out_of_memory() {
    return Status(StatusCode::kNoSpace, "the memory engine is out of memory");
  }

  void prefetch_operations(const WriteBatch& batch, std::size_t from) const {
    std::array<std::string_view, kPrefetchAhead> keys;
    const std::size_t count = std::min(kPrefetchAhead, batch.size() - from);
    for (std::size_t i = 0; i < count; ++i) {
      keys[i] = batch[from + i].key;
    }
    index_.prefetch({keys.data(), count});
  }

  // False when memory is out; the key keeps its old value then.
  bool put_record(std::string_view key, std::string_view value) {
    const OrderedIndex::Position position = index_.lower_bound(key);
    if (position.found) {
      const Record old = index_.at(position);
      const std::size_t old_value_bytes = view_record(old).value.size();
      if (!overwrite_in_place(old, value)) {
        const Record fresh = make_record(key, value);
        if (fresh == nullptr) {
          return false;
        }
        block_bytes_ += block_bytes(fresh) - block_bytes(old);
        free_record(index_.replace(position, fresh));
      }
      data_bytes_ += value.size() - old_value_bytes;
      return true;
    }
    const Record fresh = make_record(key, value);
    if (fresh == nullptr) {
      return false;
    }
    try {
      index_.insert(position, fresh);
    } catch (const std::bad_alloc&) {
      free_record(fresh);
      return false;
    }
    data_bytes_ += key.size() + value.size();
    block_bytes_ += block_bytes(fresh);
    return true;
  }

  void remove(std::string_view key) {
    const OrderedIndex::Position position = index_.lower_bound(key);
    if (!position.found) {
      return;
    }
    const Record record = index_.erase(position);
    const RecordView view = view_record(record);
    data_bytes_ -= view.key.size() + view.value.size();
    block_bytes_ -= block_bytes(record);
    free_record(record);
  }

  // Deletes always go through, so that a full engine can be emptied. The index is estimated, as
  // counting it would cost a walk over its chunks.
  bool grows_too_large(const WriteBatch& batch) const {
    constexpr std::uint64_t kOverheadBytesPerRecord = 40;
    std::uint64_t put_bytes = 0;
    for (const WriteBatch::Operation operation : batch) {
      if (operation.kind == WriteBatch::Kind::kPut) {
        put_bytes += operation.key.size() + operation.value.size() + kOverheadBytesPerRecord;
      }
    }
    const std::uint64_t held = block_bytes_ + index_.size() * kOverheadBytesPerRecord / 2;
    return put_bytes != 0 && held + put_bytes > memory_bytes_max_;
  }

  OrderedIndex index_;
  const std::uint64_t memory_bytes_max_;
  std::uint64_t data_bytes_ = 0;
  std::uint64_t block_bytes_ = 0;
};

}  // namespace

OpenedEngine open_memory_engine(const OpenOptions& options) {
  SettingsReader settings(options.settings);
  const std::uint64_t memory_bytes_max =
      settings.number("memory-bytes-max", 0, 0, std::numeric_limits<std::int64_t>::max());
  Status status = settings.finish();
  if (!status.ok()) {
    return {std::move(status), nullptr};
  }
  return {Status(), std::make_unique<MemoryEngine>(memory_bytes_max)};
}

EngineFactory memory_engine_factory() {
  return {1, kCapabilities, open_memory_engine};
}

}  // namespace kindred::plugins::memory
