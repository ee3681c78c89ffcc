// Makes a plugin of a C++ engine: one macro in one file of the shared object.
//
//   class MyEngine : public kindred::plugins::Engine {
//    public:
//     static constexpr const char* kName = "mine";
//     static constexpr std::uint32_t kFormatVersion = 1;
//     static constexpr kindred::plugins::Capabilities kCapabilities = {.persistent = true};
//     static kindred::plugins::OpenedEngine open(const kindred::plugins::OpenOptions& options);
//     ...
//   };
//   KINDRED_EXPORT_ENGINE(MyEngine)
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/api/abi.h"
#include "plugins/api/engine.h"

namespace kindred::plugins {

// The functions of a plugin's table on top of an Engine. Exceptions end here, as KINDRED_IO_ERROR.
template <typename EngineClass>
class ExportedEngine {
 public:
  static const kindred_engine_plugin* table() {
    static const kindred_engine_plugin kTable = make_table();
    return &kTable;
  }

 private:
  static constexpr Capabilities kCapabilities = EngineClass::kCapabilities;

  static kindred_engine_plugin make_table() {
    kindred_engine_plugin table{};
    table.abi_version = KINDRED_ENGINE_ABI_VERSION;
    table.struct_size = sizeof(table);
    table.name = EngineClass::kName;
    table.format_version = EngineClass::kFormatVersion;
    table.capabilities = (kCapabilities.try_get ? KINDRED_CAP_TRY_GET : 0) |
                         (kCapabilities.nonblocking ? KINDRED_CAP_NONBLOCKING : 0) |
                         (kCapabilities.persistent ? KINDRED_CAP_PERSISTENT : 0) |
                         (kCapabilities.can_sync ? KINDRED_CAP_CAN_SYNC : 0) |
                         (kCapabilities.checkpoint ? KINDRED_CAP_CHECKPOINT : 0) |
                         (kCapabilities.thread_bound ? KINDRED_CAP_THREAD_BOUND : 0);
    table.open = open;
    table.close = close;
    table.get = get;
    table.apply = apply;
    table.scan = scan;
    table.erase = erase;
    table.try_get = kCapabilities.try_get ? try_get : nullptr;
    table.release_pin = release_pin;
    table.checkpoint = kCapabilities.checkpoint ? checkpoint : nullptr;
    table.prefetch = prefetch;
    table.multi_get = multi_get;
    table.stats = stats;
    return table;
  }

  static Engine* engine_of(kindred_engine* engine) { return reinterpret_cast<Engine*>(engine); }
  static std::string_view view_of(kindred_bytes bytes) {
    return bytes.size == 0 ? std::string_view() : std::string_view(bytes.data, bytes.size);
  }
  static kindred_bytes bytes_of(std::string_view view) { return {view.data(), view.size()}; }

  static std::int32_t report(StatusCode code, std::string_view message, kindred_error* error) {
    if (error != nullptr && code != StatusCode::kOk) {
      const std::size_t room = sizeof(error->message) - 1;
      const std::size_t size = message.size() < room ? message.size() : room;
      std::memcpy(error->message, message.data(), size);
      error->message[size] = '\0';
    }
    return static_cast<std::int32_t>(code);
  }

  // Runs `body`, which returns a Status.
  template <typename Body>
  static std::int32_t guarded(kindred_error* error, Body&& body) noexcept {
    try {
      const Status status = body();
      return report(status.code, status.message, error);
    } catch (const std::exception& exception) {
      return report(StatusCode::kIoError, exception.what(), error);
    } catch (...) {
      return report(StatusCode::kIoError, "unknown exception", error);
    }
  }

  static std::int32_t open(const kindred_open_options* options, kindred_engine** engine,
                           kindred_error* error) {
    return guarded(error, [&]() -> Status {
      OpenOptions cpp_options;
      cpp_options.dir = options->dir;
      cpp_options.host_layout = options->host_layout;
      for (std::size_t i = 0; i < options->settings_count; ++i) {
        cpp_options.settings.emplace_back(options->settings[i].name, options->settings[i].value);
      }
      OpenedEngine opened = EngineClass::open(cpp_options);
      *engine = reinterpret_cast<kindred_engine*>(opened.engine.release());
      return std::move(opened.status);
    });
  }

  static std::int32_t close(kindred_engine* engine, kindred_error* error) {
    return guarded(error, [&]() -> Status {
      const std::unique_ptr<Engine> owned(engine_of(engine));
      return owned->close();
    });
  }

  static std::int32_t get(kindred_engine* engine, kindred_bytes key, kindred_value_sink sink,
                          void* context, kindred_error* error) {
    return guarded(error, [&]() -> Status {
      std::string value;
      Status status = engine_of(engine)->get(view_of(key), &value);
      if (status.ok()) {
        sink(context, 0, bytes_of(value));
      }
      return status;
    });
  }

  static std::int32_t apply(kindred_engine* engine, const kindred_write* writes, std::size_t count,
                            std::int32_t durability, kindred_error* error) {
    return guarded(error, [&]() -> Status {
      if (durability < KINDRED_DURABILITY_NONE || durability > KINDRED_DURABILITY_GROUP) {
        return Status(StatusCode::kInvalidArgument, "unknown durability");
      }
      WriteBatch batch;
      for (std::size_t i = 0; i < count; ++i) {
        if (writes[i].kind == KINDRED_WRITE_PUT) {
          batch.put(view_of(writes[i].key), view_of(writes[i].value));
        } else if (writes[i].kind == KINDRED_WRITE_DELETE) {
          batch.remove(view_of(writes[i].key));
        } else {
          return Status(StatusCode::kInvalidArgument, "unknown kind of write");
        }
      }
      return engine_of(engine)->apply(batch, static_cast<Durability>(durability));
    });
  }

  static std::int32_t scan(kindred_engine* engine, kindred_bytes begin, kindred_bytes end,
                           kindred_visitor visitor, void* context, kindred_error* error) {
    return guarded(error, [&]() -> Status {
      return engine_of(engine)->scan(view_of(begin), view_of(end),
                                     [&](std::string_view key, std::string_view value) {
                                       return visitor(context, bytes_of(key), bytes_of(value)) != 0;
                                     });
    });
  }

  static std::int32_t erase(kindred_engine* engine, kindred_bytes begin, kindred_bytes end,
                            kindred_error* error) {
    return guarded(
        error, [&]() -> Status { return engine_of(engine)->erase(view_of(begin), view_of(end)); });
  }

  // The pin is a PinnedValue of its own, since the host's can't be handed over the border.
  static std::int32_t try_get(kindred_engine* engine, kindred_bytes key, kindred_pin* pin) {
    TryGet outcome = TryGet::kWouldBlock;
    const std::int32_t code = guarded(nullptr, [&]() -> Status {
      auto pinned = std::make_unique<PinnedValue>();
      outcome = engine_of(engine)->try_get(view_of(key), pinned.get());
      if (outcome == TryGet::kFound) {
        pin->value = bytes_of(pinned->view());
        pin->pin = pinned->holds_resource() ? pinned.release() : nullptr;
      }
      return Status();
    });
    if (code != KINDRED_OK || outcome == TryGet::kWouldBlock) {
      return KINDRED_WOULD_BLOCK;
    }
    return outcome == TryGet::kFound ? KINDRED_OK : KINDRED_NOT_FOUND;
  }

  static void release_pin(kindred_engine* engine, void* pin) {
    static_cast<void>(engine);
    delete static_cast<PinnedValue*>(pin);
  }

  static std::int32_t checkpoint(kindred_engine* engine, const char* dir, kindred_error* error) {
    return guarded(error, [&]() -> Status { return engine_of(engine)->checkpoint(dir); });
  }

  static void prefetch(kindred_engine* engine, kindred_bytes key) {
    static_cast<void>(guarded(nullptr, [&]() -> Status {
      engine_of(engine)->prefetch(view_of(key));
      return Status();
    }));
  }

  // The first error stands for the whole call, and sinks nothing after it.
  static std::int32_t multi_get(kindred_engine* engine, const kindred_bytes* keys,
                                std::size_t count, kindred_value_sink sink, void* context,
                                kindred_error* error) {
    return guarded(error, [&]() -> Status {
      std::vector<std::string_view> views;
      views.reserve(count);
      for (std::size_t i = 0; i < count; ++i) {
        views.push_back(view_of(keys[i]));
      }
      std::vector<Lookup> results(count);
      engine_of(engine)->multi_get(views, results);
      for (std::size_t i = 0; i < count; ++i) {
        if (results[i].status.ok()) {
          sink(context, i, bytes_of(results[i].value));
        } else if (!results[i].status.not_found()) {
          return std::move(results[i].status);
        }
      }
      return Status();
    });
  }

  static void stats(kindred_engine* engine, kindred_stat_sink sink, void* context) {
    static_cast<void>(guarded(nullptr, [&]() -> Status {
      const EngineStats stats = engine_of(engine)->stats();
      sink(context, "records", stats.records);
      sink(context, "data_bytes", stats.data_bytes);
      sink(context, "memory_bytes", stats.memory_bytes);
      sink(context, "disk_bytes", stats.disk_bytes);
      for (const auto& [name, value] : stats.others) {
        sink(context, name.c_str(), value);
      }
      return Status();
    }));
  }
};

}  // namespace kindred::plugins

#define KINDRED_EXPORT_ENGINE(EngineClass)                                                   \
  extern "C" KINDRED_PLUGIN_EXPORT const kindred_engine_plugin* kindred_engine_plugin_entry( \
      void) {                                                                                \
    return ::kindred::plugins::ExportedEngine<EngineClass>::table();                         \
  }
