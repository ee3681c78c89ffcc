#include "plugins/api/registry.h"

#include <utility>

#include "plugins/api/identity.h"
#include "plugins/api/plugin_name.h"

namespace kindred::plugins {

Status Registry::register_engine(std::string name, EngineFactory factory) {
  if (!is_plugin_name(name)) {
    return Status(StatusCode::kInvalidArgument,
                  "'" + name + "' is not an engine name: use a-z, 0-9, '-' and '_'");
  }
  if (!factory.open) {
    return Status(StatusCode::kInvalidArgument, "engine '" + name + "' has no open function");
  }
  const auto [position, inserted] = factories_.emplace(std::move(name), std::move(factory));
  if (!inserted) {
    return Status(StatusCode::kInvalidArgument,
                  "engine '" + position->first + "' is registered already");
  }
  return Status();
}

const EngineFactory* Registry::find(std::string_view name) const {
  const auto position = factories_.find(name);
  return position == factories_.end() ? nullptr : &position->second;
}

OpenedEngine Registry::open(std::string_view name, const OpenOptions& options) const {
  const EngineFactory* factory = find(name);
  if (factory == nullptr) {
    std::string message = "unknown engine '" + std::string(name) + "'; known:";
    for (const auto& [known, unused] : factories_) {
      message += " " + known;
    }
    return {Status(StatusCode::kInvalidArgument, std::move(message)), nullptr};
  }
  if (factory->capabilities.persistent) {
    Status status = claim_directory(
        options.dir, {std::string(name), factory->format_version, options.host_layout});
    if (!status.ok()) {
      return {std::move(status), nullptr};
    }
  }
  return factory->open(options);
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> names;
  names.reserve(factories_.size());
  for (const auto& [name, unused] : factories_) {
    names.push_back(name);
  }
  return names;
}

}  // namespace kindred::plugins
