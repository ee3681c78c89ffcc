#include "protocol/command/errors.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/command/command_table.h"

namespace kindred {
namespace {

std::string unknown(const std::vector<std::string_view>& args) {
  return unknown_command_error(args);
}

TEST(Errors, UnknownCommand) {
  EXPECT_EQ(unknown({"FOO"}), "ERR unknown command 'FOO', with args beginning with: ");
  EXPECT_EQ(unknown({"FOO", "a", "b"}),
            "ERR unknown command 'FOO', with args beginning with: 'a' 'b' ");
  EXPECT_EQ(unknown({"q\r\nux", "a\nb"}),
            "ERR unknown command 'q  ux', with args beginning with: 'a b' ");
  EXPECT_EQ(unknown({std::string_view("a\0b", 3)}),
            "ERR unknown command 'a', with args beginning with: ");
}

TEST(Errors, UnknownCommandIsCut) {
  const std::string x(200, 'x');
  EXPECT_EQ(unknown({x, x}), "ERR unknown command '" + std::string(128, 'x') +
                                 "', with args beginning with: '" + std::string(128, 'x') + "' ");
  const std::string a(100, 'a');
  const std::string b(100, 'b');
  EXPECT_EQ(unknown({"foo", a, b, "c"}), "ERR unknown command 'foo', with args beginning with: '" +
                                             a + "' '" + std::string(25, 'b') + "' ");
}

TEST(Errors, TextsThatNameTheCommand) {
  const CommandSpec& config = *find_command("config");
  EXPECT_EQ(unknown_subcommand_error(config, "X"), "ERR unknown subcommand 'X'. Try CONFIG HELP.");
  EXPECT_EQ(arity_error(*find_command("GET")), "ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(arity_error(*find_subcommand(config, "GET")),
            "ERR wrong number of arguments for 'config|get' command");
  EXPECT_EQ(invalid_expire_error(*find_command("set")), "ERR invalid expire time in 'set' command");
}

}  // namespace
}  // namespace kindred
