#pragma once

#include <string>
#include <string_view>

namespace kindred {

// Redis's commands that are not there: those on types that are not there yet, and those that have
// no meaning here. Any thread.

// The error for a request of the command `name`, as received, in any case: it begins as that for an
// unknown command does, so that clients take it for one. Empty where `name` is of no such type.
[[nodiscard]] std::string missing_command_error(std::string_view name);

// Whether `name`, in any case, is a command of Redis 7.0 that is not there, so that rules of users
// who come from Redis may name it.
[[nodiscard]] bool is_missing_command(std::string_view name);

}  // namespace kindred
