// An engine that appends every batch to a log and keeps what the log says in a sorted map.
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>

#include "log.h"
#include "plugins/api/engine.h"
#include "plugins/api/export.h"
#include "plugins/api/settings.h"

namespace logfile {
namespace {

using kindred::plugins::Capabilities;
using kindred::plugins::Durability;
using kindred::plugins::Engine;
using kindred::plugins::EngineStats;
using kindred::plugins::OpenedEngine;
using kindred::plugins::OpenOptions;
using kindred::plugins::ScanVisitor;
using kindred::plugins::Status;
using kindred::plugins::StatusCode;
using kindred::plugins::WriteBatch;

// A frame's payload is a list of steps: u8 what, u32 sizes of two strings, the strings.
enum class Step : char { kPut = 'p', kRemove = 'r', kErase = 'e' };

void encode(Step step, std::string_view first, std::string_view second, std::string* out) {
  const auto first_bytes = static_cast<std::uint32_t>(first.size());
  const auto second_bytes = static_cast<std::uint32_t>(second.size());
  out->push_back(static_cast<char>(step));
  out->append(reinterpret_cast<const char*>(&first_bytes), sizeof(first_bytes));
  out->append(reinterpret_cast<const char*>(&second_bytes), sizeof(second_bytes));
  out->append(first).append(second);
}

// Takes one step off the front of `payload`; false when it is malformed.
bool decode(std::string_view* payload, Step* step, std::string_view* first,
            std::string_view* second) {
  constexpr std::size_t kHeaderBytes = 9;
  if (payload->size() < kHeaderBytes) {
    return false;
  }
  std::uint32_t sizes[2];
  std::memcpy(sizes, payload->data() + 1, sizeof(sizes));
  if (payload->size() - kHeaderBytes < std::size_t{sizes[0]} + sizes[1]) {
    return false;
  }
  *step = static_cast<Step>((*payload)[0]);
  *first = payload->substr(kHeaderBytes, sizes[0]);
  *second = payload->substr(kHeaderBytes + sizes[0], sizes[1]);
  payload->remove_prefix(kHeaderBytes + sizes[0] + sizes[1]);
  return true;
}

class LogfileEngine : public Engine {
 public:
  static constexpr const char* kName = "logfile";
  static constexpr std::uint32_t kFormatVersion = 1;
  static constexpr Capabilities kCapabilities = {.persistent = true, .can_sync = true};

  static OpenedEngine open(const OpenOptions& options) {
    const kindred::plugins::SettingsReader settings(options.settings);
    Status status = settings.finish();
    auto engine = std::make_unique<LogfileEngine>();
    if (status.ok()) {
      status = engine->log_.open(options.dir + "/log", [&engine](std::string_view payload) {
        return engine->replay(payload);
      });
    }
    if (!status.ok()) {
      return {std::move(status), nullptr};
    }
    return {Status(), std::move(engine)};
  }

  Capabilities capabilities() const override { return kCapabilities; }

  Status get(std::string_view key, std::string* value) override {
    const std::shared_lock lock(mutex_);
    const auto found = records_.find(key);
    if (found == records_.end()) {
      return Status(StatusCode::kNotFound);
    }
    *value = found->second;
    return Status();
  }

  Status apply(const WriteBatch& batch, Durability durability) override {
    if (!batch.well_formed()) {
      return Status(StatusCode::kInvalidArgument, "malformed batch");
    }
    const bool sync = durability == Durability::kGroup;
    std::string payload;
    for (const WriteBatch::Operation operation : batch) {
      const bool is_put = operation.kind == WriteBatch::Kind::kPut;
      encode(is_put ? Step::kPut : Step::kRemove, operation.key, operation.value, &payload);
    }
    const std::unique_lock lock(mutex_);
    if (batch.empty()) {
      return sync ? log_.sync() : Status();
    }
    return log_and_replay(payload, sync);
  }

  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override {
    const std::shared_lock lock(mutex_);
    for (auto it = records_.lower_bound(begin); it != records_.end(); ++it) {
      if ((!end.empty() && it->first >= end) || !visitor(it->first, it->second)) {
        break;
      }
    }
    return Status();
  }

  Status erase(std::string_view begin, std::string_view end) override {
    if (!end.empty() && end <= begin) {
      return Status();
    }
    std::string payload;
    encode(Step::kErase, begin, end, &payload);
    const std::unique_lock lock(mutex_);
    return log_and_replay(payload, false);
  }

  EngineStats stats() override {
    const std::shared_lock lock(mutex_);
    EngineStats stats;
    stats.records = records_.size();
    stats.disk_bytes = log_.size_bytes();
    return stats;
  }

  Status close() override {
    const std::unique_lock lock(mutex_);
    return log_.close();
  }

 private:
  // The log first: what a reader has seen must not be gone after a crash of the process.
  Status log_and_replay(const std::string& payload, bool sync) {
    Status status = log_.append(payload, sync);
    if (status.ok() && !replay(payload)) {
      status = Status(StatusCode::kIoError, "the engine wrote a frame that it can't read");
    }
    return status;
  }

  bool replay(std::string_view payload) {
    Step step;
    std::string_view first;
    std::string_view second;
    while (!payload.empty()) {
      if (!decode(&payload, &step, &first, &second)) {
        return false;
      }
      switch (step) {
        case Step::kPut:
          records_.insert_or_assign(std::string(first), std::string(second));
          break;
        case Step::kRemove:
          if (const auto found = records_.find(first); found != records_.end()) {
            records_.erase(found);
          }
          break;
        case Step::kErase:
          records_.erase(records_.lower_bound(first),
                         second.empty() ? records_.end() : records_.lower_bound(second));
          break;
        default:
          return false;
      }
    }
    return true;
  }

  std::shared_mutex mutex_;
  std::map<std::string, std::string, std::less<>> records_;
  Log log_;
};

}  // namespace
}  // namespace logfile

KINDRED_EXPORT_ENGINE(logfile::LogfileEngine)
