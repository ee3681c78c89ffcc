// Rules of ACL SETUSER and ACL files may be anything. What a user's rules are told as makes the
// same user again, whose requests are answered alike; a file that is refused changes nothing.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command_table.h"
#include "server/access/users.h"

namespace kindred {
namespace {

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(at), text.size());
    if (end > 0) {
      parts.push_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

void check_alike(const User& a, const User& b, std::string_view word) {
  for (const CommandSpec* spec : all_commands()) {
    const std::vector<std::string_view> args(spec->arity < 0 ? 4 : static_cast<size_t>(spec->arity),
                                             word);
    const Refusal of_a = a.check(*spec, args);
    const Refusal of_b = b.check(*spec, args);
    require(of_a.denial == of_b.denial && of_a.argument == of_b.argument);
  }
}

void check_rules(std::string_view text) {
  Users users;
  const std::vector<std::string_view> words = split(text, ' ');
  const std::string error = set_user(users, "fuzzed", words);
  const auto user = users.find("fuzzed");
  require((user != nullptr) == error.empty());
  if (user == nullptr) {
    return;
  }
  const std::string told = user->rules_text();
  Users again;
  require(set_user(again, "fuzzed", split(told, ' ')).empty());
  const auto same = again.find("fuzzed");
  require(same->rules_text() == told);
  check_alike(*user, *same, words.empty() ? "" : words.back());
}

void check_file(std::string_view text) {
  Users users;
  User known{"known"};
  users.put(known);
  const std::vector<std::string> before = users.lines();
  if (!load_users(text, "file", &users).empty()) {
    require(users.lines() == before);
    return;
  }
  Users again;
  require(load_users(file_text(users), "file", &again).empty());
  require(again.names() == users.names());
}

}  // namespace
}  // namespace kindred

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  kindred::check_rules(text);
  kindred::check_file(text);
  return 0;
}
