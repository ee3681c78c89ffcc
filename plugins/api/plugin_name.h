// The names that engines and resolvers go by.
#pragma once

#include <algorithm>
#include <string_view>

namespace kindred::plugins {

// a-z, 0-9, '-' and '_', at least one of them.
inline bool is_plugin_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace kindred::plugins
