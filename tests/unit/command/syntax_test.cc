#include "protocol/command/syntax.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/command/command_table.h"

namespace kindred {
namespace {

// Writes arguments back in a form that shows their structure.
std::string shape(const std::vector<SyntaxArgument>& arguments);

std::string shape(const SyntaxArgument& argument) {
  std::string text = argument.token.empty() ? "" : argument.token + "=";
  text += std::string(name_of(argument.type));
  if (argument.children.empty()) {
    text += ":" + argument.name;
  } else {
    text += "(" + shape(argument.children) + ")";
  }
  return text + (argument.optional ? "?" : "") + (argument.multiple ? "*" : "");
}

std::string shape(const std::vector<SyntaxArgument>& arguments) {
  std::string text;
  for (const SyntaxArgument& argument : arguments) {
    text += (text.empty() ? "" : " ") + shape(argument);
  }
  return text;
}

TEST(Syntax, ReadsTheFormsOfTheTable) {
  const auto expect_shape = [](std::string_view syntax, std::string_view expected) {
    EXPECT_TRUE(is_valid_syntax(syntax)) << syntax;
    EXPECT_EQ(shape(parse_syntax(syntax)), expected) << syntax;
  };
  expect_shape("", "");
  expect_shape("key value", "key:key string:value");
  expect_shape("[message]", "string:message?");
  expect_shape("[section ...]", "string:section?*");
  expect_shape("key [key ...]", "key:key*");
  expect_shape("key value [key value ...]", "block(key:key string:value)*");
  expect_shape("key [NX | XX]", "key:key oneof(NX=pure-token:nx XX=pure-token:xx)?");
  expect_shape("[GET] [EX seconds | KEEPTTL]",
               "GET=pure-token:get? oneof(EX=integer:seconds KEEPTTL=pure-token:keepttl)?");
  expect_shape("cursor [MATCH pattern]", "integer:cursor MATCH=pattern:pattern?");
  expect_shape("[protover [AUTH username password] [SETNAME clientname]]",
               "block(integer:protover AUTH=block(string:username string:password)? "
               "SETNAME=string:clientname?)?");
  expect_shape("<ON | OFF>", "oneof(ON=pure-token:on OFF=pure-token:off)");
  expect_shape("[TYPE <A | B>]", "TYPE=oneof(A=pure-token:a B=pure-token:b)?");
  expect_shape("[ID client-id [client-id ...]]", "ID=block(integer:client-id*)?");
  expect_shape("key unix-time-seconds float-increment",
               "key:key unix-time:unix-time-seconds double:float-increment");
}

TEST(Syntax, NamesGroupsAfterTheirParts) {
  EXPECT_EQ(parse_syntax("key value [key value ...]").front().name, "key_value");
  EXPECT_EQ(parse_syntax("[NX | XX]").front().name, "nx_xx");
}

TEST(Syntax, SeesWhatIsBroken) {
  for (const char* syntax : {"[key", "key]", "<A | B", "A | B", "[A > B]", "key ..."}) {
    EXPECT_FALSE(is_valid_syntax(syntax)) << syntax;
  }
}

TEST(Syntax, EveryCommandsSyntaxCanBeRead) {
  for (const CommandSpec* spec : all_commands()) {
    EXPECT_TRUE(is_valid_syntax(spec->syntax)) << spec->name;
    for (const CommandSpec& subcommand : spec->subcommands) {
      EXPECT_TRUE(is_valid_syntax(subcommand.syntax)) << subcommand.name;
    }
  }
}

}  // namespace
}  // namespace kindred
