#pragma once

#include <string>
#include <string_view>

namespace kindred {

// Redis's commands on types that are not there yet. Any thread.

// The error for a request of the command `name`, as received, in any case: it begins as that for an
// unknown command does, so that clients take it for one. Empty where `name` is none of them.
[[nodiscard]] std::string missing_command_error(std::string_view name);

}  // namespace kindred
