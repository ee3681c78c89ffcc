// max and min.
#pragma once

#include <cstdint>
#include <memory>

#include "plugins/api/resolver.h"

namespace kindred::plugins::resolvers {

enum class Extreme : std::uint8_t { kMax, kMin };

// The greatest or the least number among the values. Values that are no decimal numbers count only
// where no value is one; these, and numbers that are equal, are compared byte by byte.
std::shared_ptr<const Resolver> make_extreme(Extreme extreme);

}  // namespace kindred::plugins::resolvers
