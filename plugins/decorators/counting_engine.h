// Counts what is asked of an engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "plugins/api/engine.h"

namespace kindred::plugins {

// Read from any thread while the engine works; figures of one moment need not fit together.
struct EngineCounts {
  std::atomic<std::uint64_t> get{0};
  std::atomic<std::uint64_t> try_get{0};
  std::atomic<std::uint64_t> try_get_would_block{0};
  std::atomic<std::uint64_t> prefetch{0};
  std::atomic<std::uint64_t> multi_get{0};
  std::atomic<std::uint64_t> apply{0};
  std::atomic<std::uint64_t> apply_group{0};
  std::atomic<std::uint64_t> scan{0};
  std::atomic<std::uint64_t> erase{0};
  std::atomic<std::uint64_t> checkpoint{0};
  // Calls that came to neither ok nor not found; try_get is not among them.
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> operations_applied{0};
  std::atomic<std::uint64_t> bytes_read{0};     // values found, keys and values scanned
  std::atomic<std::uint64_t> bytes_written{0};  // keys and values of applied batches
};

// Adds no lock and no wait; has the capabilities of what it wraps.
class CountingEngine : public Engine {
 public:
  // `counts` is shared with whoever reads it.
  CountingEngine(std::unique_ptr<Engine> engine, std::shared_ptr<EngineCounts> counts);

  Capabilities capabilities() const override;
  Status get(std::string_view key, std::string* value) override;
  TryGet try_get(std::string_view key, PinnedValue* value) override;
  void prefetch(std::string_view key) override;
  void prefetch_all(std::span<const std::string_view> keys) override;
  void multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) override;
  Status apply(const WriteBatch& batch, Durability durability) override;
  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override;
  Status erase(std::string_view begin, std::string_view end) override;
  EngineStats stats() override;
  Status checkpoint(const std::string& dir) override;
  Status close() override;

 private:
  Status counted(std::atomic<std::uint64_t>* calls, Status status);

  std::unique_ptr<Engine> engine_;
  std::shared_ptr<EngineCounts> counts_;
};

}  // namespace kindred::plugins
