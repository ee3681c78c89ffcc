#pragma once

#include <string_view>

namespace kindred {

/// The Redis whose commands and replies this is like: clients gate features on it.
inline constexpr std::string_view kRedisVersion = "7.0.15";

}  // namespace kindred
