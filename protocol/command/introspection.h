#pragma once

#include <span>
#include <string_view>

#include "protocol/command/command_spec.h"
#include "protocol/resp/writer.h"

// The replies of COMMAND and its subcommands, and of every container's HELP, out of the table, in
// the shapes of Redis 7.0. Source: https://redis.io/commands/command/.
//
// Each writes exactly one reply. `names` and `args` are what follows the subcommand's name; the
// caller has checked the subcommand's own arity.

namespace kindred {

// COMMAND.
void write_command_table(ReplyWriter& writer);
// COMMAND COUNT.
void write_command_count(ReplyWriter& writer);
// COMMAND INFO [name ...]: all for none; null for a name that is unknown.
void write_command_info(std::span<const std::string_view> names, ReplyWriter& writer);
// COMMAND DOCS [name ...]: all for none; nothing for a name that is unknown.
void write_command_docs(std::span<const std::string_view> names, ReplyWriter& writer);
// COMMAND LIST [FILTERBY <MODULE name | ACLCAT category | PATTERN pattern>], or a syntax error.
void write_command_list(std::span<const std::string_view> args, ReplyWriter& writer);
// COMMAND GETKEYS command [arg ...]: the keys of that request, or an error.
void write_command_getkeys(std::span<const std::string_view> args, ReplyWriter& writer);

// COMMAND GETKEYSANDFLAGS command [arg ...]: the same, each with what is done to it.
void write_command_getkeysandflags(std::span<const std::string_view> args, ReplyWriter& writer);

// HELP of a container: its subcommands with their syntax and summary.
void write_help(const CommandSpec& container, ReplyWriter& writer);

// Calls visit(index) for the index of each key among the arguments of a request of `arg_count`
// arguments, names included, that the command accepts.
template <typename Visit>
void for_each_key(const CommandSpec& spec, size_t arg_count, Visit visit) {
  const KeyPositions& keys = spec.keys;
  if (keys.first <= 0) {
    return;
  }
  const auto count = static_cast<int64_t>(arg_count);
  const int64_t last = keys.last < 0 ? count + keys.last : keys.last;
  for (int64_t i = keys.first; i <= last && i < count; i += keys.step) {
    visit(static_cast<size_t>(i));
  }
}

}  // namespace kindred
