#include "protocol/command/families.h"

namespace kindred {

namespace {

constexpr CommandSpec kCommands[] = {
    {.name = "discard",
     .id = CommandId::kDiscard,
     .arity = 1,
     .flags = {CommandFlag::kNoscript, CommandFlag::kLoading, CommandFlag::kStale,
               CommandFlag::kFast, CommandFlag::kAllowBusy},
     .categories = {AclCategory::kTransaction},
     .group = "transactions",
     .since = "2.0.0",
     .complexity = "O(N) in the number of queued commands",
     .summary = "Drops the queued commands."},
    {.name = "exec",
     .id = CommandId::kExec,
     .arity = 1,
     .flags = {CommandFlag::kNoscript, CommandFlag::kLoading, CommandFlag::kStale,
               CommandFlag::kSkipSlowlog},
     .categories = {AclCategory::kTransaction},
     .group = "transactions",
     .since = "1.2.0",
     .complexity = "Depends on the queued commands",
     .summary = "Runs the queued commands in their order."},
    {.name = "multi",
     .id = CommandId::kMulti,
     .arity = 1,
     .flags = {CommandFlag::kNoscript, CommandFlag::kLoading, CommandFlag::kStale,
               CommandFlag::kFast, CommandFlag::kAllowBusy},
     .categories = {AclCategory::kTransaction},
     .group = "transactions",
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Queues the commands that follow until EXEC."},
    {.name = "unwatch",
     .id = CommandId::kUnwatch,
     .arity = 1,
     .flags = {CommandFlag::kNoscript, CommandFlag::kLoading, CommandFlag::kStale,
               CommandFlag::kFast, CommandFlag::kAllowBusy},
     .categories = {AclCategory::kTransaction},
     .group = "transactions",
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Forgets the watched keys."},
    {.name = "watch",
     .id = CommandId::kWatch,
     .arity = -2,
     .flags = {CommandFlag::kNoscript, CommandFlag::kLoading, CommandFlag::kStale,
               CommandFlag::kFast, CommandFlag::kAllowBusy},
     .categories = {AclCategory::kTransaction},
     .keys = {.first = 1, .last = -1, .step = 1, .flags = {KeyFlag::kRo}},
     .group = "transactions",
     .since = "2.2.0",
     .complexity = "O(N) in the number of keys",
     .summary = "Lets EXEC refuse if one of the keys is written before it.",
     .syntax = "key [key ...]"},
};

}  // namespace

std::span<const CommandSpec> transaction_commands() {
  return kCommands;
}

}  // namespace kindred
