#pragma once

#include <string>

namespace kindred {

// docs/commands.md, written out of the command table.
std::string commands_page();

}  // namespace kindred
