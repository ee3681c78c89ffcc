#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "protocol/command/docs_page.h"

namespace {

bool write(const std::filesystem::path& path, const std::string& text) {
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  std::ofstream file(path, std::ios::binary);
  file << text;
  return !failed && file.flush().good();
}

}  // namespace

// Usage: kindred-command-docs DOCS; writes DOCS/commands.md and the pages in DOCS/commands/.
int main(int count, char** words) {
  if (count != 2) {
    std::fprintf(stderr, "usage: kindred-command-docs DOCS\n");
    return 1;
  }
  for (const kindred::DocsPage& page : kindred::commands_pages()) {
    if (!write(std::filesystem::path(words[1]) / page.path, page.text)) {
      std::fprintf(stderr, "can't write %s\n", page.path.c_str());
      return 1;
    }
  }
  return 0;
}
