#include "plugins/api/loader.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "plugins/api/abi.h"
#include "plugins/api/plugin_engine.h"

namespace kindred::plugins {
namespace {

using EntryFunction = const kindred_engine_plugin* (*)();

// The oldest table of this ABI version ends behind its last member of then.
constexpr std::size_t kTableBytesMin =
    offsetof(kindred_engine_plugin, stats) + sizeof(kindred_engine_plugin::stats);

LoadedPlugin refused(const std::string& path, const std::string& why) {
  return {Status(StatusCode::kInvalidArgument, "plugin " + path + ": " + why), {}, {}};
}

// Empty when nothing is missing.
std::string missing_function(const kindred_engine_plugin& table) {
  const bool can_try_get = (table.capabilities & KINDRED_CAP_TRY_GET) != 0;
  const bool can_checkpoint = (table.capabilities & KINDRED_CAP_CHECKPOINT) != 0;
  const std::pair<const char*, bool> functions[] = {
      {"open", table.open != nullptr},
      {"close", table.close != nullptr},
      {"get", table.get != nullptr},
      {"apply", table.apply != nullptr},
      {"scan", table.scan != nullptr},
      {"erase", table.erase != nullptr},
      {"try_get", !can_try_get || table.try_get != nullptr},
      {"release_pin", table.try_get == nullptr || table.release_pin != nullptr},
      {"checkpoint", !can_checkpoint || table.checkpoint != nullptr},
  };
  for (const auto& [name, present] : functions) {
    if (!present) {
      return name;
    }
  }
  return {};
}

}  // namespace

LoadedPlugin load_plugin(const std::string& path) {
  // A bare name would be looked for in the system's library directories.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    return refused(path, std::string("can't be loaded: ") + ::dlerror());
  }
  void* symbol = ::dlsym(library, KINDRED_ENGINE_PLUGIN_SYMBOL);
  if (symbol == nullptr) {
    ::dlclose(library);
    return refused(path, "is no engine plugin: it has no symbol " KINDRED_ENGINE_PLUGIN_SYMBOL);
  }
  EntryFunction entry = nullptr;
  std::memcpy(&entry, &symbol, sizeof(entry));
  const kindred_engine_plugin* offered = entry();
  if (offered == nullptr) {
    return refused(path, KINDRED_ENGINE_PLUGIN_SYMBOL " returned nothing");
  }
  if (offered->abi_version != KINDRED_ENGINE_ABI_VERSION) {
    return refused(path, "has engine ABI version " + std::to_string(offered->abi_version) +
                             ", this program needs " + std::to_string(KINDRED_ENGINE_ABI_VERSION));
  }
  if (offered->struct_size < kTableBytesMin) {
    return refused(path, "its table of functions has " + std::to_string(offered->struct_size) +
                             " bytes, ABI version 1 has at least " +
                             std::to_string(kTableBytesMin));
  }
  auto table = std::make_shared<kindred_engine_plugin>();
  std::memcpy(table.get(), offered,
              std::min<std::size_t>(offered->struct_size, sizeof(kindred_engine_plugin)));
  if (table->name == nullptr || table->name[0] == '\0') {
    return refused(path, "its engine has no name");
  }
  if (const std::string missing = missing_function(*table); !missing.empty()) {
    return refused(path, "engine '" + std::string(table->name) + "' lacks the function " + missing);
  }

  LoadedPlugin loaded;
  loaded.name = table->name;
  loaded.factory.format_version = table->format_version;
  loaded.factory.capabilities = capabilities_from_bits(table->capabilities);
  loaded.factory.open = [table = PluginTable(std::move(table))](const OpenOptions& options) {
    return open_plugin_engine(table, options);
  };
  return loaded;
}

Status register_plugin(const std::string& path, Registry* registry) {
  LoadedPlugin loaded = load_plugin(path);
  if (!loaded.status.ok()) {
    return std::move(loaded.status);
  }
  Status status = registry->register_engine(std::move(loaded.name), std::move(loaded.factory));
  if (!status.ok()) {
    status.message = "plugin " + path + ": " + status.message;
  }
  return status;
}

}  // namespace kindred::plugins
