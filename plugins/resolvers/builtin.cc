#include "plugins/resolvers/builtin.h"

#include <memory>
#include <utility>

#include "plugins/resolvers/extreme.h"
#include "plugins/resolvers/union.h"

namespace kindred::plugins::resolvers {

Status register_builtin_resolvers(ResolverRegistry* registry) {
  std::pair<const char*, std::shared_ptr<const Resolver>> built_in[] = {
      {"union", make_union()},
      {"max", make_extreme(Extreme::kMax)},
      {"min", make_extreme(Extreme::kMin)}};
  for (auto& [name, resolver] : built_in) {
    Status status = registry->register_resolver(name, std::move(resolver));
    if (!status.ok()) {
      return status;
    }
  }
  return Status();
}

}  // namespace kindred::plugins::resolvers
