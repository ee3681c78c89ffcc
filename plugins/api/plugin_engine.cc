#include "plugins/api/plugin_engine.h"

#include <cstring>
#include <utility>
#include <vector>

#include "plugins/api/identity.h"

namespace kindred::plugins {
namespace {

kindred_bytes to_abi(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

std::string_view from_abi(kindred_bytes bytes) {
  return bytes.size == 0 ? std::string_view() : std::string_view(bytes.data, bytes.size);
}

struct ErrorBuffer {
  kindred_error error;

  ErrorBuffer() {
    error.struct_size = sizeof(error);
    error.message[0] = '\0';
  }

  Status status(std::int32_t code) {
    if (code == KINDRED_OK) {
      return Status();
    }
    error.message[sizeof(error.message) - 1] = '\0';
    if (code < 0 || code > KINDRED_INVALID_ARGUMENT) {
      return Status(StatusCode::kIoError,
                    "plugin status " + std::to_string(code) + ": " + std::string(error.message));
    }
    return Status(static_cast<StatusCode>(code), error.message);
  }
};

// Kept inside a PinnedValue; gives the pin back to the plugin.
struct PluginPin {
  const kindred_engine_plugin* plugin = nullptr;
  kindred_engine* engine = nullptr;
  void* pin = nullptr;

  PluginPin() = default;
  PluginPin(const PluginPin&) = delete;
  PluginPin& operator=(const PluginPin&) = delete;
  ~PluginPin() {
    if (pin != nullptr) {
      plugin->release_pin(engine, pin);
    }
  }
};

class PluginEngine : public Engine {
 public:
  PluginEngine(PluginTable plugin, kindred_engine* engine, std::string dir)
      : plugin_(std::move(plugin)), engine_(engine), dir_(std::move(dir)) {}
  ~PluginEngine() override { static_cast<void>(close_once()); }

  Capabilities capabilities() const override {
    return capabilities_from_bits(plugin_->capabilities);
  }

  Status get(std::string_view key, std::string* value) override {
    ErrorBuffer buffer;
    const std::int32_t code = plugin_->get(
        engine_, to_abi(key),
        [](void* context, std::size_t, kindred_bytes bytes) {
          *static_cast<std::string*>(context) = from_abi(bytes);
        },
        value, &buffer.error);
    return buffer.status(code);
  }

  TryGet try_get(std::string_view key, PinnedValue* value) override {
    if (plugin_->try_get == nullptr) {
      return Engine::try_get(key, value);
    }
    // The old pin goes first: the plugin may have room for one only.
    value->reset();
    kindred_pin found{};
    switch (plugin_->try_get(engine_, to_abi(key), &found)) {
      case KINDRED_OK:
        break;
      case KINDRED_NOT_FOUND:
        return TryGet::kNotFound;
      default:
        return TryGet::kWouldBlock;
    }
    if (found.pin != nullptr) {
      auto& holder = value->hold<PluginPin>();
      holder.plugin = plugin_.get();
      holder.engine = engine_;
      holder.pin = found.pin;
    }
    value->set_view(from_abi(found.value));
    return TryGet::kFound;
  }

  void prefetch(std::string_view key) override {
    if (plugin_->prefetch != nullptr) {
      plugin_->prefetch(engine_, to_abi(key));
    }
  }

  void multi_get(std::span<const std::string_view> keys, std::span<Lookup> results) override {
    if (plugin_->multi_get == nullptr) {
      Engine::multi_get(keys, results);
      return;
    }
    std::vector<kindred_bytes> abi_keys;
    abi_keys.reserve(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      abi_keys.push_back(to_abi(keys[i]));
      results[i].status = Status(StatusCode::kNotFound);
    }
    ErrorBuffer buffer;
    const std::int32_t code = plugin_->multi_get(
        engine_, abi_keys.data(), abi_keys.size(),
        [](void* context, std::size_t index, kindred_bytes bytes) {
          auto& out = *static_cast<std::span<Lookup>*>(context);
          if (index < out.size()) {
            out[index].status = Status();
            out[index].value = from_abi(bytes);
          }
        },
        &results, &buffer.error);
    if (code != KINDRED_OK) {
      for (Lookup& result : results) {
        result.status = buffer.status(code);
      }
    }
  }

  Status apply(const WriteBatch& batch, Durability durability) override {
    if (!batch.well_formed()) {
      return Status(StatusCode::kInvalidArgument, "malformed batch: an empty or oversized key");
    }
    std::vector<kindred_write> writes;
    writes.reserve(batch.size());
    for (const WriteBatch::Operation operation : batch) {
      const bool is_put = operation.kind == WriteBatch::Kind::kPut;
      writes.push_back(
          {static_cast<std::uint32_t>(is_put ? KINDRED_WRITE_PUT : KINDRED_WRITE_DELETE), 0,
           to_abi(operation.key), to_abi(operation.value)});
    }
    ErrorBuffer buffer;
    return buffer.status(plugin_->apply(engine_, writes.data(), writes.size(),
                                        static_cast<std::int32_t>(durability), &buffer.error));
  }

  Status scan(std::string_view begin, std::string_view end, ScanVisitor visitor) override {
    ErrorBuffer buffer;
    return buffer.status(plugin_->scan(
        engine_, to_abi(begin), to_abi(end),
        [](void* context, kindred_bytes key, kindred_bytes value) -> std::int32_t {
          return (*static_cast<ScanVisitor*>(context))(from_abi(key), from_abi(value)) ? 1 : 0;
        },
        &visitor, &buffer.error));
  }

  Status erase(std::string_view begin, std::string_view end) override {
    ErrorBuffer buffer;
    return buffer.status(plugin_->erase(engine_, to_abi(begin), to_abi(end), &buffer.error));
  }

  EngineStats stats() override {
    EngineStats stats;
    if (plugin_->stats != nullptr) {
      plugin_->stats(
          engine_,
          [](void* context, const char* name, std::uint64_t value) {
            take_stat(name, value, static_cast<EngineStats*>(context));
          },
          &stats);
    }
    return stats;
  }

  Status checkpoint(const std::string& dir) override {
    if (plugin_->checkpoint == nullptr) {
      return Engine::checkpoint(dir);
    }
    ErrorBuffer buffer;
    Status status = buffer.status(plugin_->checkpoint(engine_, dir.c_str(), &buffer.error));
    return status.ok() ? copy_identity(dir_, dir) : status;
  }

  Status close() override { return close_once(); }

 private:
  static void take_stat(std::string_view name, std::uint64_t value, EngineStats* stats) {
    if (name == "records") {
      stats->records = value;
    } else if (name == "data_bytes") {
      stats->data_bytes = value;
    } else if (name == "memory_bytes") {
      stats->memory_bytes = value;
    } else if (name == "disk_bytes") {
      stats->disk_bytes = value;
    } else {
      stats->others.emplace_back(name, value);
    }
  }

  Status close_once() {
    if (engine_ == nullptr) {
      return Status();
    }
    ErrorBuffer buffer;
    return buffer.status(plugin_->close(std::exchange(engine_, nullptr), &buffer.error));
  }

  PluginTable plugin_;
  kindred_engine* engine_;
  std::string dir_;
};

}  // namespace

Capabilities capabilities_from_bits(std::uint64_t bits) {
  Capabilities capabilities;
  capabilities.try_get = (bits & KINDRED_CAP_TRY_GET) != 0;
  capabilities.nonblocking = (bits & KINDRED_CAP_NONBLOCKING) != 0;
  capabilities.persistent = (bits & KINDRED_CAP_PERSISTENT) != 0;
  capabilities.can_sync = (bits & KINDRED_CAP_CAN_SYNC) != 0;
  capabilities.checkpoint = (bits & KINDRED_CAP_CHECKPOINT) != 0;
  capabilities.thread_bound = (bits & KINDRED_CAP_THREAD_BOUND) != 0;
  return capabilities;
}

OpenedEngine open_plugin_engine(const PluginTable& table, const OpenOptions& options) {
  std::vector<kindred_setting> settings;
  settings.reserve(options.settings.size());
  for (const auto& [name, value] : options.settings) {
    settings.push_back({name.c_str(), value.c_str()});
  }
  const kindred_open_options abi_options{sizeof(kindred_open_options), options.host_layout,
                                         options.dir.c_str(), settings.data(), settings.size()};
  ErrorBuffer buffer;
  kindred_engine* engine = nullptr;
  Status status = buffer.status(table->open(&abi_options, &engine, &buffer.error));
  if (status.ok() && engine == nullptr) {
    status = Status(StatusCode::kIoError,
                    "plugin engine '" + std::string(table->name) + "' opened nothing");
  }
  if (!status.ok()) {
    return {std::move(status), nullptr};
  }
  return {Status(), std::make_unique<PluginEngine>(table, engine, options.dir)};
}

}  // namespace kindred::plugins
