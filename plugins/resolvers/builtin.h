// The resolvers that come with the store: union, max, min.
#pragma once

#include "plugins/api/resolver_registry.h"

namespace kindred::plugins::resolvers {

Status register_builtin_resolvers(ResolverRegistry* registry);

}  // namespace kindred::plugins::resolvers
