#include "plugins/decorators/fault_engine.h"

#include <utility>

namespace kindred::plugins {

void FaultPlan::fail_next(EngineCall call, std::size_t count, Fault fault) {
  const std::lock_guard lock(mutex_);
  Script& script = scripts_[static_cast<std::size_t>(call)];
  script.scripted_count = count;
  script.scripted = std::move(fault);
}

void FaultPlan::fail_randomly(EngineCall call, unsigned per_mille, Fault fault) {
  const std::lock_guard lock(mutex_);
  Script& script = scripts_[static_cast<std::size_t>(call)];
  script.per_mille = per_mille;
  script.random = std::move(fault);
}

void FaultPlan::set_hook(std::function<void(EngineCall)> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void FaultPlan::clear() {
  const std::lock_guard lock(mutex_);
  scripts_ = {};
  hook_ = nullptr;
}

std::optional<Fault> FaultPlan::next(EngineCall call) {
  std::function<void(EngineCall)> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = hook_;
  }
  if (hook) {
    hook(call);
  }
  const std::lock_guard lock(mutex_);
  Script& script = scripts_[static_cast<std::size_t>(call)];
  if (script.scripted_count > 0) {
    --script.scripted_count;
    ++faults_injected_;
    return script.scripted;
  }
  if (script.per_mille > 0 && random_() % 1000 < script.per_mille) {
    ++faults_injected_;
    return script.random;
  }
  return std::nullopt;
}

std::uint64_t FaultPlan::faults_injected() const {
  const std::lock_guard lock(mutex_);
  return faults_injected_;
}

FaultEngine::FaultEngine(std::unique_ptr<Engine> engine, std::shared_ptr<FaultPlan> plan)
    : engine_(std::move(engine)), plan_(std::move(plan)) {}

template <typename Body>
Status FaultEngine::with_faults(EngineCall call, Body&& body) {
  std::optional<Fault> fault = plan_->next(call);
  if (!fault) {
    return body();
  }
  if (fault->after_the_call) {
    static_cast<void>(body());
  }
  return std::move(fault->status);
}

Capabilities FaultEngine::capabilities() const {
  return engine_->capabilities();
}

Status FaultEngine::get(std::string_view key, std::string* value) {
  return with_faults(EngineCall::kGet, [&] { return engine_->get(key, value); });
}

TryGet FaultEngine::try_get(std::string_view key, PinnedValue* value) {
  if (plan_->next(EngineCall::kTryGet)) {
    value->reset();
    return TryGet::kWouldBlock;
  }
  return engine_->try_get(key, value);
}

void FaultEngine::prefetch(std::string_view key) {
  engine_->prefetch(key);
}

void FaultEngine::prefetch_all(std::span<const std::string_view> keys) {
  engine_->prefetch_all(keys);
}

void FaultEngine::multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) {
  const std::optional<Fault> fault = plan_->next(EngineCall::kMultiGet);
  if (!fault) {
    engine_->multi_get(keys, results);
    return;
  }
  for (Lookup& result : results) {
    result.status = fault->status;
  }
}

Status FaultEngine::apply(const WriteBatch& batch, Durability durability) {
  return with_faults(EngineCall::kApply, [&] { return engine_->apply(batch, durability); });
}

Status FaultEngine::scan(std::string_view begin, std::string_view end, ScanVisitor visitor) {
  return with_faults(EngineCall::kScan, [&] { return engine_->scan(begin, end, visitor); });
}

Status FaultEngine::erase(std::string_view begin, std::string_view end) {
  return with_faults(EngineCall::kErase, [&] { return engine_->erase(begin, end); });
}

EngineStats FaultEngine::stats() {
  return engine_->stats();
}

Status FaultEngine::checkpoint(const std::string& dir) {
  return with_faults(EngineCall::kCheckpoint, [&] { return engine_->checkpoint(dir); });
}

Status FaultEngine::close() {
  return with_faults(EngineCall::kClose, [&] { return engine_->close(); });
}

}  // namespace kindred::plugins
