#pragma once

#include <span>

#include "protocol/command/command_spec.h"

// The command table, a family a file. Use command_table.h to look commands up.

namespace kindred {

std::span<const CommandSpec> connection_commands();
std::span<const CommandSpec> server_commands();
std::span<const CommandSpec> diagnosis_commands();
std::span<const CommandSpec> generic_commands();
std::span<const CommandSpec> string_commands();
std::span<const CommandSpec> bitmap_commands();
std::span<const CommandSpec> pubsub_commands();
std::span<const CommandSpec> transaction_commands();
std::span<const CommandSpec> scripting_commands();
std::span<const CommandSpec> cluster_commands();
std::span<const CommandSpec> kindred_commands();
std::span<const CommandSpec> ring_commands();
std::span<const CommandSpec> acl_commands();

}  // namespace kindred
