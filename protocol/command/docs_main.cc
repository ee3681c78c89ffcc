#include <cstdio>
#include <string>

#include "protocol/command/docs_page.h"

// Usage: kindred-command-docs > docs/commands.md
int main() {
  const std::string page = kindred::commands_page();
  const bool written = std::fwrite(page.data(), 1, page.size(), stdout) == page.size();
  return written && std::fflush(stdout) == 0 ? 0 : 1;
}
