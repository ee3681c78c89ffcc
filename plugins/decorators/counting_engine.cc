#include "plugins/decorators/counting_engine.h"

#include <utility>

namespace kindred::plugins {
namespace {

void add(std::atomic<std::uint64_t>* counter, std::uint64_t amount) {
  counter->fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace

CountingEngine::CountingEngine(std::unique_ptr<Engine> engine, std::shared_ptr<EngineCounts> counts)
    : engine_(std::move(engine)), counts_(std::move(counts)) {}

Status CountingEngine::counted(std::atomic<std::uint64_t>* calls, Status status) {
  add(calls, 1);
  if (!status.ok() && !status.not_found()) {
    add(&counts_->failed, 1);
  }
  return status;
}

Capabilities CountingEngine::capabilities() const {
  return engine_->capabilities();
}

Status CountingEngine::get(std::string_view key, std::string* value) {
  Status status = counted(&counts_->get, engine_->get(key, value));
  if (status.ok()) {
    add(&counts_->bytes_read, value->size());
  }
  return status;
}

TryGet CountingEngine::try_get(std::string_view key, PinnedValue* value) {
  const TryGet outcome = engine_->try_get(key, value);
  add(&counts_->try_get, 1);
  if (outcome == TryGet::kFound) {
    add(&counts_->bytes_read, value->view().size());
  } else if (outcome == TryGet::kWouldBlock) {
    add(&counts_->try_get_would_block, 1);
  }
  return outcome;
}

void CountingEngine::prefetch(std::string_view key) {
  add(&counts_->prefetch, 1);
  engine_->prefetch(key);
}

void CountingEngine::prefetch_all(std::span<const std::string_view> keys) {
  add(&counts_->prefetch, keys.size());
  engine_->prefetch_all(keys);
}

void CountingEngine::multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) {
  add(&counts_->multi_get, 1);
  engine_->multi_get(keys, results);
  for (const Lookup& result : results) {
    if (result.status.ok()) {
      add(&counts_->bytes_read, result.value.size());
    } else if (!result.status.not_found()) {
      add(&counts_->failed, 1);
    }
  }
}

Status CountingEngine::apply(const WriteBatch& batch, Durability durability) {
  Status status = counted(&counts_->apply, engine_->apply(batch, durability));
  if (durability == Durability::kGroup) {
    add(&counts_->apply_group, 1);
  }
  if (status.ok()) {
    add(&counts_->operations_applied, batch.size());
    add(&counts_->bytes_written, batch.payload_bytes());
  }
  return status;
}

Status CountingEngine::scan(std::string_view begin, std::string_view end, ScanVisitor visitor) {
  std::uint64_t bytes = 0;
  Status status = counted(&counts_->scan, engine_->scan(begin, end, [&](auto key, auto value) {
    bytes += key.size() + value.size();
    return visitor(key, value);
  }));
  add(&counts_->bytes_read, bytes);
  return status;
}

Status CountingEngine::erase(std::string_view begin, std::string_view end) {
  return counted(&counts_->erase, engine_->erase(begin, end));
}

EngineStats CountingEngine::stats() {
  return engine_->stats();
}

Status CountingEngine::checkpoint(const std::string& dir) {
  return counted(&counts_->checkpoint, engine_->checkpoint(dir));
}

Status CountingEngine::close() {
  return engine_->close();
}

}  // namespace kindred::plugins
