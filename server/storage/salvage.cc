#include "server/storage/salvage.h"

#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "protocol/record/key.h"
#include "replication/ring/slot.h"

namespace kindred {

namespace {

namespace fs = std::filesystem;

constexpr size_t kBatchBytesMax = 1 << 20;

std::string salvaged_dir(const std::string& dir) {
  return dir + ".salvaged";
}

std::string rename_dir(const std::string& from, const std::string& to) {
  std::error_code failure;
  fs::rename(from, to, failure);
  return failure ? "can't rename '" + from + "': " + failure.message() : "";
}

/// Copies records from one engine to another, range by range.
class Copying {
 public:
  Copying(plugins::Engine& from, plugins::Engine& to, Salvage* salvage)
      : from_(from), to_(to), salvage_(*salvage) {}

  void copy(const StoredKeyRange& range) {
    const plugins::Status status = from_.scan(
        range.begin, range.end, [this](std::string_view stored_key, std::string_view record) {
          batch_.put(stored_key, record);
          ++salvage_.records;
          if (batch_.payload_bytes() > kBatchBytesMax) {
            write(plugins::Durability::kAsync);
          }
          return salvage_.error.empty();
        });
    salvage_.ranges_lost += status.ok() ? 0 : 1;
  }

  void finish() {
    write(plugins::Durability::kAsync);
    if (to_.capabilities().can_sync) {
      write(plugins::Durability::kGroup);
    }
  }

 private:
  void write(plugins::Durability durability) {
    const plugins::Status status = to_.apply(batch_, durability);
    if (!status.ok() && salvage_.error.empty()) {
      salvage_.error = status.text();
    }
    batch_.clear();
  }

  plugins::Engine& from_;
  plugins::Engine& to_;
  Salvage& salvage_;
  plugins::WriteBatch batch_;
};

void copy_everything(plugins::Engine& from, plugins::Engine& to, Salvage* salvage) {
  Copying copying(from, to, salvage);
  for (uint32_t slot = 0; slot < kSlotCount && salvage->error.empty(); ++slot) {
    copying.copy(partition_range(slot, kSlotCount));
  }
  for (const StoredKeyRange& range : {all_hints_range(), all_round_marks_range()}) {
    if (salvage->error.empty()) {
      copying.copy(range);
    }
  }
  copying.finish();
}

}  // namespace

Salvage salvage_engine(const plugins::Registry& registry, const std::string& engine,
                       const plugins::OpenOptions& options) {
  Salvage salvage;
  plugins::OpenOptions target = options;
  target.dir = salvaged_dir(options.dir);
  std::error_code failure;
  fs::remove_all(target.dir, failure);
  plugins::OpenedEngine to = registry.open(engine, target);
  if (!to.status.ok()) {
    salvage.error = to.status.text();
    return salvage;
  }
  plugins::OpenOptions source = options;
  source.salvages = true;
  // Not through the registry: its own file may be what is damaged.
  plugins::OpenedEngine from = registry.find(engine)->open(source);
  if (from.status.ok()) {
    copy_everything(*from.engine, *to.engine, &salvage);
    static_cast<void>(from.engine->close());  // what it would say is known already
    from.engine.reset();
  } else {
    ++salvage.ranges_lost;
  }
  const plugins::Status closed = to.engine->close();
  to.engine.reset();
  if (salvage.error.empty() && !closed.ok()) {
    salvage.error = closed.text();
  }
  if (salvage.error.empty()) {
    salvage.aside = options.dir + ".damaged-" + std::to_string(std::time(nullptr));
    salvage.error = rename_dir(options.dir, salvage.aside);
  }
  if (salvage.error.empty()) {
    salvage.error = rename_dir(target.dir, options.dir);
  }
  return salvage;
}

std::string finish_salvage(const std::string& dir) {
  std::error_code failure;
  const std::string salvaged = salvaged_dir(dir);
  if (!fs::exists(salvaged, failure)) {
    return "";
  }
  if (!fs::exists(dir, failure)) {
    return rename_dir(salvaged, dir);
  }
  fs::remove_all(salvaged, failure);
  return failure ? "can't remove '" + salvaged + "': " + failure.message() : "";
}

}  // namespace kindred
