#include "protocol/command/docs_page.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "protocol/command/command_table.h"

namespace kindred {
namespace {

const std::filesystem::path kDocs = KINDRED_DOCS;

TEST(CommandsPages, AreThoseInTheDocs) {
  for (const DocsPage& page : commands_pages()) {
    std::ifstream file(kDocs / page.path, std::ios::binary);
    ASSERT_TRUE(file) << "no docs/" << page.path << "; write it: kindred-command-docs docs";
    const std::string committed{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(committed, page.text) << "write it anew: kindred-command-docs docs";
  }
}

TEST(CommandsPages, AreTheOnlyOnesInTheirFolder) {
  std::set<std::string> known;
  for (const DocsPage& page : commands_pages()) {
    known.insert(page.path);
  }
  for (const auto& entry : std::filesystem::directory_iterator(kDocs / "commands")) {
    EXPECT_TRUE(known.contains("commands/" + entry.path().filename().string())) << entry.path();
  }
}

TEST(CommandsPages, NameEveryCommand) {
  std::string text;
  for (const DocsPage& page : commands_pages()) {
    text += page.text;
  }
  for (const CommandSpec* spec : all_commands()) {
    if (!spec->is_container()) {
      EXPECT_NE(text.find(spec->summary), std::string::npos) << spec->name;
    }
    for (const CommandSpec& subcommand : spec->subcommands) {
      EXPECT_NE(text.find(subcommand.summary), std::string::npos) << subcommand.name;
    }
  }
}

}  // namespace
}  // namespace kindred
