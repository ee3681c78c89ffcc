// A resolver behind the C ABI.
#pragma once

#include <memory>

#include "plugins/api/resolver.h"
#include "plugins/api/resolver_abi.h"

namespace kindred::plugins {

// `table` is a plugin's, checked, and outlives the resolver.
std::shared_ptr<const Resolver> make_plugin_resolver(const kindred_resolver_plugin* table);

}  // namespace kindred::plugins
