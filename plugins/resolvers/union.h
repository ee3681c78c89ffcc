// union: sets that concurrent writers add to.
#pragma once

#include <memory>

#include "plugins/api/resolver.h"

namespace kindred::plugins::resolvers {

// Values that are all JSON arrays: one array of the elements of all, each once, in byte order of
// their compact form. Else: the lines of all, each once, in byte order, with a line break at the
// end where a value has one. Empty values add nothing.
std::shared_ptr<const Resolver> make_union();

}  // namespace kindred::plugins::resolvers
