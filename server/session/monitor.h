#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command_spec.h"

namespace kindred {

/// Whether requests of that command may hold passwords.
[[nodiscard]] bool may_hold_secrets(const CommandSpec& spec);

/// A request's arguments as people may see them: passwords stand as "(redacted)". Views of `args`.
[[nodiscard]] std::vector<std::string_view> shown_args(const CommandSpec& spec,
                                                       std::span<const std::string_view> args);

/// A line of MONITOR: time, address, and the arguments in quotes, as Redis has it.
[[nodiscard]] std::string monitor_line(uint64_t now_ms, std::string_view peer_address,
                                       std::span<const std::string_view> args);

}  // namespace kindred
