#include "protocol/command/command_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace kindred {
namespace {

std::vector<const CommandSpec*> all_with_subcommands() {
  std::vector<const CommandSpec*> specs;
  for (const CommandSpec* spec : all_commands()) {
    specs.push_back(spec);
    for (const CommandSpec& subcommand : spec->subcommands) {
      specs.push_back(&subcommand);
    }
  }
  return specs;
}

TEST(CommandTable, EveryIdHasExactlyOneCommand) {
  std::set<CommandId> ids;
  for (const CommandSpec* spec : all_with_subcommands()) {
    EXPECT_TRUE(ids.insert(spec->id).second) << spec->name;
  }
  EXPECT_EQ(ids.size(), static_cast<size_t>(CommandId::kCount));
}

// The look-up takes no longer ones, and no others.
TEST(CommandTable, NamesAreShortAndOfLowerCaseLetters) {
  for (const CommandSpec* spec : all_with_subcommands()) {
    const std::string_view name = short_name(*spec);
    EXPECT_LE(name.size(), 16U) << spec->name;
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || c == '_' || c == '-';
    })) << spec->name;
  }
}

TEST(CommandTable, EveryCommandIsDescribed) {
  for (const CommandSpec* spec : all_with_subcommands()) {
    EXPECT_FALSE(spec->summary.empty()) << spec->name;
    EXPECT_FALSE(spec->group.empty()) << spec->name;
    EXPECT_FALSE(spec->since.empty()) << spec->name;
    EXPECT_FALSE(spec->complexity.empty()) << spec->name;
    EXPECT_EQ(spec->deprecated_since.empty(), spec->replaced_by.empty()) << spec->name;
    EXPECT_EQ(spec->keys.first == 0, spec->keys.step == 0) << spec->name;
  }
}

TEST(CommandTable, FindsEveryCommandInAnyCase) {
  for (const CommandSpec* spec : all_commands()) {
    std::string upper(spec->name);
    std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
    std::string mixed(spec->name);
    mixed[0] = upper[0];
    EXPECT_EQ(find_command(spec->name), spec);
    EXPECT_EQ(find_command(upper), spec);
    EXPECT_EQ(find_command(mixed), spec);
    for (const CommandSpec& subcommand : spec->subcommands) {
      EXPECT_EQ(find_subcommand(*spec, short_name(subcommand)), &subcommand);
      EXPECT_EQ(find_command_by_full_name(subcommand.name), &subcommand);
    }
  }
}

TEST(CommandTable, FindsNothingElse) {
  for (const char* name :
       {"", "g", "ge", "gett", "ge\x14", "get ", "GETGETGETGETGET", "GETGETGETGETGETGETGET",
        "config|get", "lpush", "bitfield\x7fro", "BITFIELD RO"}) {
    EXPECT_EQ(find_command(name), nullptr) << name;
  }
  EXPECT_EQ(find_subcommand(*find_command("config"), ""), nullptr);
  EXPECT_EQ(find_subcommand(*find_command("config"), "rewritten"), nullptr);
  EXPECT_EQ(find_subcommand(*find_command("get"), "get"), nullptr);
  EXPECT_EQ(find_command_by_full_name("get|x"), nullptr);
  EXPECT_EQ(find_command_by_full_name("config|get|x"), nullptr);
}

TEST(CommandTable, ChecksArity) {
  const CommandSpec& get = *find_command("get");
  EXPECT_FALSE(get.accepts_arg_count(1));
  EXPECT_TRUE(get.accepts_arg_count(2));
  EXPECT_FALSE(get.accepts_arg_count(3));
  const CommandSpec& set = *find_command("set");
  EXPECT_FALSE(set.accepts_arg_count(2));
  EXPECT_TRUE(set.accepts_arg_count(3));
  EXPECT_TRUE(set.accepts_arg_count(1000));
}

TEST(CommandTable, KindredsOwnCommandsNameTheirKeys) {
  for (const char* name : {"dget", "dput", "ddel", "dexplain"}) {
    const CommandSpec* const spec = find_command(name);
    ASSERT_NE(spec, nullptr) << name;
    EXPECT_EQ(spec->group, "kindred");
    EXPECT_EQ(spec->keys.first, 1);
    EXPECT_EQ(spec->keys.last, 1);
  }
  EXPECT_EQ(find_command("dmget")->keys.last, -1);
  EXPECT_EQ(find_command("dcontext")->keys.first, 0);
}

}  // namespace
}  // namespace kindred
