// Loads engines and resolvers from shared objects through the C ABI.
#pragma once

#include <memory>
#include <string>

#include "plugins/api/registry.h"
#include "plugins/api/resolver_registry.h"
#include "plugins/api/status.h"

namespace kindred::plugins {

// `status` names the file in every error. `name` and `factory` are set when it is ok.
struct [[nodiscard]] LoadedPlugin {
  Status status;
  std::string name;
  EngineFactory factory;
};

// Loads the file, checks ABI version, table size and mandatory functions, and wraps what it offers.
// Runs the shared object's initialisers: load only what you would run as a program. A loaded one
// stays until the process ends, since threads and handlers of its libraries may live on.
LoadedPlugin load_plugin(const std::string& path);

// As LoadedPlugin.
struct [[nodiscard]] LoadedResolver {
  Status status;
  std::string name;
  std::shared_ptr<const Resolver> resolver;
};

// As load_plugin.
LoadedResolver load_resolver(const std::string& path);

// Loads and registers what the file offers: an engine, a resolver, or both.
Status register_plugin(const std::string& path, Registry* engines, ResolverRegistry* resolvers);

}  // namespace kindred::plugins
