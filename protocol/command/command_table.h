#pragma once

#include <span>
#include <string_view>

#include "protocol/command/command_spec.h"

// Look-up in the command table. The table is constant; all functions may be called by any thread.

namespace kindred {

// Every command that is no subcommand, by group.
std::span<const CommandSpec* const> all_commands();

// The command of that name, in any case; null if there is none. Does not allocate.
const CommandSpec* find_command(std::string_view name);

// The subcommand of a container ("get" of CONFIG), in any case; null if there is none.
const CommandSpec* find_subcommand(const CommandSpec& container, std::string_view name);

// Finds "get" as well as "config|get".
const CommandSpec* find_command_by_full_name(std::string_view full_name);

// "get" of "config|get".
std::string_view short_name(const CommandSpec& spec);

}  // namespace kindred
