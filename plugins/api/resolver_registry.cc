#include "plugins/api/resolver_registry.h"

#include <utility>

#include "plugins/api/plugin_name.h"

namespace kindred::plugins {

Status ResolverRegistry::register_resolver(std::string name,
                                           std::shared_ptr<const Resolver> resolver) {
  if (!is_plugin_name(name)) {
    return Status(StatusCode::kInvalidArgument,
                  "'" + name + "' is not a resolver name: use a-z, 0-9, '-' and '_'");
  }
  if (resolver == nullptr) {
    return Status(StatusCode::kInvalidArgument, "resolver '" + name + "' is none");
  }
  const auto [position, inserted] = resolvers_.emplace(std::move(name), std::move(resolver));
  if (!inserted) {
    return Status(StatusCode::kInvalidArgument,
                  "resolver '" + position->first + "' is registered already");
  }
  return Status();
}

const Resolver* ResolverRegistry::find(std::string_view name) const {
  const auto position = resolvers_.find(name);
  return position == resolvers_.end() ? nullptr : position->second.get();
}

bool ResolverRegistry::knows(std::string_view name) const {
  return resolvers_.find(name) != resolvers_.end();
}

std::vector<std::string> ResolverRegistry::names() const {
  std::vector<std::string> names;
  names.reserve(resolvers_.size());
  for (const auto& [name, unused] : resolvers_) {
    names.push_back(name);
  }
  return names;
}

}  // namespace kindred::plugins
