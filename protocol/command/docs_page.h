#pragma once

#include <string>
#include <vector>

namespace kindred {

struct DocsPage {
  std::string path;  // below docs/, such as "commands/strings.md"
  std::string text;
};

// docs/commands.md and a page for each family of commands, written out of the command table.
std::vector<DocsPage> commands_pages();

}  // namespace kindred
