// An Engine whose work is done by a plugin's C functions.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "plugins/api/abi.h"
#include "plugins/api/engine.h"

namespace kindred::plugins {

// A plugin's table, copied: functions that it was too old to have are null.
using PluginTable = std::shared_ptr<const kindred_engine_plugin>;

Capabilities capabilities_from_bits(std::uint64_t bits);

// Opens an engine of a table that the loader has checked.
OpenedEngine open_plugin_engine(const PluginTable& table, const OpenOptions& options);

}  // namespace kindred::plugins
