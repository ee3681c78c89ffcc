// The resolvers that a program knows by name. main() fills one; nothing registers itself.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/api/resolver.h"

namespace kindred::plugins {

// One thread while registering; afterwards const methods from any thread.
class ResolverRegistry {
 public:
  // kInvalidArgument when the name is taken, empty, or holds anything but a-z, 0-9, '-' and '_'.
  // "lww" and "siblings" are taken from the first: the store itself does what these say.
  Status register_resolver(std::string name, std::shared_ptr<const Resolver> resolver);

  // Null when unknown, and for the store's own. Valid as long as the registry.
  const Resolver* find(std::string_view name) const;
  // Whether a keyspace may name it.
  bool knows(std::string_view name) const;

  // Sorted, the store's own among them.
  std::vector<std::string> names() const;

 private:
  // The store's own have none.
  std::map<std::string, std::shared_ptr<const Resolver>, std::less<>> resolvers_ = {
      {"lww", nullptr}, {"siblings", nullptr}};
};

}  // namespace kindred::plugins
