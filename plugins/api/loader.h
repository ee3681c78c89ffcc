// Loads engines from shared objects through the C ABI.
#pragma once

#include <string>

#include "plugins/api/registry.h"
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

// load_plugin and register_engine.
Status register_plugin(const std::string& path, Registry* registry);

}  // namespace kindred::plugins
