#include "protocol/command/families.h"

namespace kindred {

namespace {

constexpr CommandSpec kFunctionSubcommands[] = {
    {.name = "function|flush",
     .id = CommandId::kFunctionFlush,
     .arity = -2,
     .flags = {CommandFlag::kWrite, CommandFlag::kNoscript},
     .categories = {AclCategory::kScripting},
     .group = "scripting",
     .since = "7.0.0",
     .complexity = "O(1)",
     .summary = "Answers OK: there are no functions to delete.",
     .syntax = "[ASYNC | SYNC]",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "function|help",
     .id = CommandId::kFunctionHelp,
     .arity = 2,
     .flags = {CommandFlag::kLoading, CommandFlag::kStale},
     .categories = {AclCategory::kScripting},
     .group = "scripting",
     .since = "7.0.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
};

constexpr CommandSpec kCommands[] = {
    {.name = "function",
     .id = CommandId::kFunction,
     .arity = -2,
     .group = "scripting",
     .since = "7.0.0",
     .complexity = "Depends on the subcommand",
     .summary = "Stands for the functions that there are not yet.",
     .subcommands = kFunctionSubcommands},
};

}  // namespace

std::span<const CommandSpec> scripting_commands() {
  return kCommands;
}

}  // namespace kindred
