#include "protocol/command/families.h"

namespace kindred {

namespace {

constexpr CommandSpec kCommands[] = {
    {.name = "dcontext",
     .id = CommandId::kDcontext,
     .arity = 2,
     .flags = {CommandFlag::kReadonly, CommandFlag::kFast},
     .group = "kindred",
     .since = "0.1.0",
     .complexity = "O(N) in the number of entries",
     .summary = "Shows what a causal context holds.",
     .syntax = "context"},
    {.name = "ddel",
     .id = CommandId::kDdel,
     .arity = -3,
     .flags = {CommandFlag::kWrite},
     .categories = {AclCategory::kKeyspace},
     .keys = {.first = 1, .last = 1, .step = 1, .flags = {KeyFlag::kRw, KeyFlag::kDelete}},
     .group = "kindred",
     .since = "0.1.0",
     .complexity = "O(N) in the number of versions",
     .summary = "Deletes exactly the versions that a context covers and answers the new context.",
     .syntax = "key context [W copies] [TIMEOUT milliseconds]"},
    {.name = "dexplain",
     .id = CommandId::kDexplain,
     .arity = 2,
     .flags = {CommandFlag::kReadonly},
     .categories = {AclCategory::kKeyspace},
     .keys = {.first = 1, .last = 1, .step = 1, .flags = {KeyFlag::kRo}},
     .group = "kindred",
     .since = "0.1.0",
     .complexity = "O(N) in the number of copies",
     .summary = "Shows where a key lives, and what each copy holds of it.",
     .syntax = "key",
     .tips = "nondeterministic_output"},
    {.name = "dget",
     .id = CommandId::kDget,
     .arity = -2,
     .flags = {CommandFlag::kReadonly, CommandFlag::kFast},
     .categories = {AclCategory::kKeyspace, AclCategory::kString},
     .keys = {.first = 1, .last = 1, .step = 1, .flags = {KeyFlag::kRo, KeyFlag::kAccess}},
     .group = "kindred",
     .since = "0.1.0",
     .complexity = "O(N) in the number of versions",
     .summary = "Answers the causal context of a key and all its sibling values.",
     .syntax = "key [R copies] [PR copies] [TIMEOUT milliseconds] [WITHMETA] [LOCAL]"},
    {.name = "dmget",
     .id = CommandId::kDmget,
     .arity = -2,
     .flags = {CommandFlag::kReadonly, CommandFlag::kFast},
     .categories = {AclCategory::kKeyspace, AclCategory::kString},
     .keys = {.first = 1, .last = -1, .step = 1, .flags = {KeyFlag::kRo, KeyFlag::kAccess}},
     .group = "kindred",
     .since = "0.1.0",
     .complexity = "O(N) in the number of keys",
     .summary = "Answers as DGET for several keys.",
     .syntax = "key [key ...]",
     .tips = "request_policy:multi_shard"},
    {.name = "dput",
     .id = CommandId::kDput,
     .arity = -4,
     .flags = {CommandFlag::kWrite, CommandFlag::kDenyoom},
     .categories = {AclCategory::kKeyspace, AclCategory::kString},
     .keys = {.first = 1, .last = 1, .step = 1, .flags = {KeyFlag::kRw, KeyFlag::kUpdate}},
     .group = "kindred",
     .since = "0.1.0",
     .complexity = "O(N) in the number of versions",
     .summary = "Writes a value that replaces exactly the versions that a context covers, and "
                "answers the new context.",
     .syntax = "key context value [W copies] [DW copies] [PW copies] [EX seconds | PX milliseconds "
               "| EXAT unix-time-seconds | PXAT unix-time-milliseconds] [TIMEOUT milliseconds]"},
};

}  // namespace

std::span<const CommandSpec> kindred_commands() {
  return kCommands;
}

}  // namespace kindred
