#include "plugins/api/loader.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "plugins/api/abi.h"
#include "plugins/api/plugin_engine.h"
#include "plugins/api/plugin_resolver.h"

namespace kindred::plugins {
namespace {

// The oldest table of this ABI version ends behind its last member of then.
constexpr std::size_t kTableBytesMin =
    offsetof(kindred_engine_plugin, stats) + sizeof(kindred_engine_plugin::stats);
constexpr std::size_t kResolverBytesMin =
    offsetof(kindred_resolver_plugin, resolve) + sizeof(kindred_resolver_plugin::resolve);

Status refusal(const std::string& path, const std::string& why) {
  return Status(StatusCode::kInvalidArgument, "plugin " + path + ": " + why);
}

LoadedPlugin refused(const std::string& path, const std::string& why) {
  return {refusal(path, why), {}, {}};
}

struct Library {
  Status status;
  void* handle = nullptr;
};

Library open_library(const std::string& path) {
  // A bare name would be looked for in the system's library directories.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    return {refusal(path, std::string("can't be loaded: ") + ::dlerror()), nullptr};
  }
  return {{}, handle};
}

// What the function of that name in the library returns, into `table`. False where there is none.
template <typename Table>
bool call_entry(void* library, const char* symbol_name, const Table** table) {
  void* symbol = ::dlsym(library, symbol_name);
  if (symbol == nullptr) {
    return false;
  }
  const Table* (*entry)() = nullptr;
  std::memcpy(&entry, &symbol, sizeof(entry));
  *table = entry();
  return true;
}

// Empty, or why a table of `kind` can't be used.
template <typename Table>
std::string table_flaw(const Table* offered, const std::string& kind, const char* symbol_name,
                       uint32_t version, std::size_t bytes_min) {
  if (offered == nullptr) {
    return std::string(symbol_name) + " returned nothing";
  }
  if (offered->abi_version != version) {
    return "has " + kind + " ABI version " + std::to_string(offered->abi_version) +
           ", this program needs " + std::to_string(version);
  }
  if (offered->struct_size < bytes_min) {
    return "its table of functions has " + std::to_string(offered->struct_size) +
           " bytes, ABI version " + std::to_string(version) + " has at least " +
           std::to_string(bytes_min);
  }
  if (offered->name == nullptr || offered->name[0] == '\0') {
    return "its " + kind + " has no name";
  }
  return {};
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

LoadedPlugin load_engine(const std::string& path, void* library) {
  const kindred_engine_plugin* offered = nullptr;
  if (!call_entry(library, KINDRED_ENGINE_PLUGIN_SYMBOL, &offered)) {
    return refused(path, "is no engine plugin: it has no symbol " KINDRED_ENGINE_PLUGIN_SYMBOL);
  }
  const std::string flaw = table_flaw(offered, "engine", KINDRED_ENGINE_PLUGIN_SYMBOL,
                                      KINDRED_ENGINE_ABI_VERSION, kTableBytesMin);
  if (!flaw.empty()) {
    return refused(path, flaw);
  }
  auto table = std::make_shared<kindred_engine_plugin>();
  std::memcpy(table.get(), offered,
              std::min<std::size_t>(offered->struct_size, sizeof(kindred_engine_plugin)));
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

LoadedResolver load_resolver_of(const std::string& path, void* library) {
  const kindred_resolver_plugin* offered = nullptr;
  if (!call_entry(library, KINDRED_RESOLVER_PLUGIN_SYMBOL, &offered)) {
    return {
        refusal(path, "is no resolver plugin: it has no symbol " KINDRED_RESOLVER_PLUGIN_SYMBOL),
        {},
        {}};
  }
  std::string flaw = table_flaw(offered, "resolver", KINDRED_RESOLVER_PLUGIN_SYMBOL,
                                KINDRED_RESOLVER_ABI_VERSION, kResolverBytesMin);
  if (flaw.empty() && offered->resolve == nullptr) {
    flaw = "resolver '" + std::string(offered->name) + "' lacks the function resolve";
  }
  if (!flaw.empty()) {
    return {refusal(path, flaw), {}, {}};
  }
  return {{}, offered->name, make_plugin_resolver(offered)};
}

// `status` with the file named.
Status named(const std::string& path, Status status) {
  if (!status.ok()) {
    status.message = "plugin " + path + ": " + status.message;
  }
  return status;
}

}  // namespace

LoadedPlugin load_plugin(const std::string& path) {
  Library library = open_library(path);
  if (!library.status.ok()) {
    return {std::move(library.status), {}, {}};
  }
  return load_engine(path, library.handle);
}

LoadedResolver load_resolver(const std::string& path) {
  Library library = open_library(path);
  if (!library.status.ok()) {
    return {std::move(library.status), {}, {}};
  }
  return load_resolver_of(path, library.handle);
}

Status register_plugin(const std::string& path, Registry* engines, ResolverRegistry* resolvers) {
  Library library = open_library(path);
  if (!library.status.ok()) {
    return std::move(library.status);
  }
  const bool has_engine = ::dlsym(library.handle, KINDRED_ENGINE_PLUGIN_SYMBOL) != nullptr;
  const bool has_resolver = ::dlsym(library.handle, KINDRED_RESOLVER_PLUGIN_SYMBOL) != nullptr;
  if (!has_engine && !has_resolver) {
    return refusal(path, "is no plugin: it has neither the symbol " KINDRED_ENGINE_PLUGIN_SYMBOL
                         " nor " KINDRED_RESOLVER_PLUGIN_SYMBOL);
  }
  if (has_engine) {
    LoadedPlugin loaded = load_engine(path, library.handle);
    Status status = std::move(loaded.status);
    if (status.ok()) {
      status =
          named(path, engines->register_engine(std::move(loaded.name), std::move(loaded.factory)));
    }
    if (!status.ok()) {
      return status;
    }
  }
  if (!has_resolver) {
    return Status();
  }
  LoadedResolver loaded = load_resolver_of(path, library.handle);
  if (!loaded.status.ok()) {
    return std::move(loaded.status);
  }
  return named(path,
               resolvers->register_resolver(std::move(loaded.name), std::move(loaded.resolver)));
}

}  // namespace kindred::plugins
