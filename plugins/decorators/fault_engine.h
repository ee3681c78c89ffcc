// Makes an engine fail, as a test's script says or at random from a seed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>

#include "plugins/api/engine.h"

namespace kindred::plugins {

enum class EngineCall : std::uint8_t {
  kGet,
  kTryGet,
  kMultiGet,
  kApply,
  kScan,
  kErase,
  kCheckpoint,
  kClose,
};
inline constexpr std::size_t kEngineCallCount = 8;

struct Fault {
  Status status;
  // The engine does the call and the caller hears of failure: an outcome unknown to it.
  bool after_the_call = false;
};

// The script, shared by the test and the engine. Any thread.
class FaultPlan {
 public:
  explicit FaultPlan(std::uint64_t prng_seed = 0) : random_(prng_seed) {}

  // The next `count` calls of the kind fail, before any random fault is drawn.
  void fail_next(EngineCall call, std::size_t count, Fault fault);
  // Each later call of the kind fails with a chance of `per_mille`; 0 ends it.
  void fail_randomly(EngineCall call, unsigned per_mille, Fault fault);
  // Runs before every call, on its thread and outside the plan's lock: it may wait for the test.
  void set_hook(std::function<void(EngineCall)> hook);
  // No more faults, no hook.
  void clear();

  // For the engine: runs the hook and draws the fault.
  std::optional<Fault> next(EngineCall call);

  std::uint64_t faults_injected() const;

 private:
  struct Script {
    std::size_t scripted_count = 0;
    Fault scripted;
    unsigned per_mille = 0;
    Fault random;
  };

  mutable std::mutex mutex_;
  std::array<Script, kEngineCallCount> scripts_;
  std::function<void(EngineCall)> hook_;
  std::mt19937_64 random_;
  std::uint64_t faults_injected_ = 0;
};

// Has the capabilities of what it wraps. A fault of kTryGet is always kWouldBlock; multi_get fails
// for all keys.
class FaultEngine : public Engine {
 public:
  FaultEngine(std::unique_ptr<Engine> engine, std::shared_ptr<FaultPlan> plan);

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
  template <typename Body>
  Status with_faults(EngineCall call, Body&& body);

  std::unique_ptr<Engine> engine_;
  std::shared_ptr<FaultPlan> plan_;
};

}  // namespace kindred::plugins
