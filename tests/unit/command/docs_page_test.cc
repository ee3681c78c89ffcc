#include "protocol/command/docs_page.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "protocol/command/command_table.h"

namespace kindred {
namespace {

TEST(CommandsPage, IsTheOneInTheDocs) {
  std::ifstream file(KINDRED_COMMANDS_PAGE, std::ios::binary);
  ASSERT_TRUE(file) << "no " KINDRED_COMMANDS_PAGE;
  const std::string committed{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(committed, commands_page()) << "write it anew: kindred-command-docs > docs/commands.md";
}

TEST(CommandsPage, NamesEveryCommand) {
  const std::string page = commands_page();
  for (const CommandSpec* spec : all_commands()) {
    if (!spec->is_container()) {
      EXPECT_NE(page.find(spec->summary), std::string::npos) << spec->name;
    }
    for (const CommandSpec& subcommand : spec->subcommands) {
      EXPECT_NE(page.find(subcommand.summary), std::string::npos) << subcommand.name;
    }
  }
}

}  // namespace
}  // namespace kindred
