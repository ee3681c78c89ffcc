#include "protocol/command/errors.h"

#include <algorithm>

#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

constexpr size_t kQuotedBytes = 128;

std::string quotable(std::string_view text, size_t max_bytes) {
  std::string quoted(text.substr(0, std::min(text.find('\0'), max_bytes)));
  std::replace(quoted.begin(), quoted.end(), '\r', ' ');
  std::replace(quoted.begin(), quoted.end(), '\n', ' ');
  return quoted;
}

}  // namespace

std::string unknown_command_error(std::span<const std::string_view> args) {
  std::string quoted_args;
  for (size_t i = 1; i < args.size() && quoted_args.size() < kQuotedBytes; ++i) {
    quoted_args += "'" + quotable(args[i], kQuotedBytes - quoted_args.size()) + "' ";
  }
  const std::string name = args.empty() ? std::string() : quotable(args[0], kQuotedBytes);
  return "ERR unknown command '" + name + "', with args beginning with: " + quoted_args;
}

std::string unknown_subcommand_error(const CommandSpec& container, std::string_view subcommand) {
  return "ERR unknown subcommand '" + quotable(subcommand, kQuotedBytes) + "'. Try " +
         upper_case(container.name) + " HELP.";
}

std::string subcommand_arity_error(const CommandSpec& container, std::string_view subcommand) {
  return "ERR unknown subcommand or wrong number of arguments for '" +
         quotable(subcommand, kQuotedBytes) + "'. Try " + upper_case(container.name) + " HELP.";
}

std::string arity_error(const CommandSpec& spec) {
  return "ERR wrong number of arguments for '" + std::string(spec.name) + "' command";
}

std::string invalid_expire_error(const CommandSpec& spec) {
  return "ERR invalid expire time in '" + std::string(spec.name) + "' command";
}

}  // namespace kindred
