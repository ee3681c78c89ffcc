// kindred-transfer: moves string keys in and out, by the commands that any client has.
#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "server/transfer/copying.h"

namespace kindred::transfer {
namespace {

constexpr char kUsage[] =
    "Usage: kindred-transfer export HOST:PORT > FILE     keys, as a stream of commands\n"
    "       kindred-transfer import HOST:PORT < FILE     the same back; redis-cli --pipe does it "
    "too\n"
    "       kindred-transfer copy FROM:PORT TO:PORT      from one running server to another\n"
    "Options: --match PATTERN     only keys that match; all\n"
    "         --auth FILE         a line 'password' or 'user password' for HOST, or FROM\n"
    "         --to-auth FILE      the same for TO\n"
    "Progress goes to the error output; the exit code is 0 where every key was moved.\n";

struct Arguments {
  std::string action;
  std::vector<Endpoint> endpoints;
  std::string pattern = "*";
};

bool read_endpoint(const std::string& text, Endpoint* endpoint) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return false;
  }
  endpoint->host = text.substr(0, colon);
  const char* end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data() + colon + 1, end, endpoint->port);
  return error == std::errc() && parsed_to == end && endpoint->port != 0;
}

bool read_password(const std::string& path, Endpoint* endpoint) {
  std::ifstream stream(path);
  std::string line;
  if (!std::getline(stream, line)) {
    return false;
  }
  const size_t space = line.find(' ');
  endpoint->user = space == std::string::npos ? "" : line.substr(0, space);
  endpoint->password = space == std::string::npos ? line : line.substr(space + 1);
  return true;
}

/// What is wrong with the arguments, or nothing.
std::string read_arguments(const std::vector<std::string>& words, Arguments* arguments) {
  std::string auth;
  std::string to_auth;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string* value = words[i] == "--match"     ? &arguments->pattern
                         : words[i] == "--auth"    ? &auth
                         : words[i] == "--to-auth" ? &to_auth
                                                   : nullptr;
    if (value != nullptr) {
      if (++i == words.size()) {
        return words[i - 1] + " takes a value";
      }
      *value = words[i];
    } else if (arguments->action.empty()) {
      arguments->action = words[i];
    } else if (Endpoint endpoint; read_endpoint(words[i], &endpoint)) {
      arguments->endpoints.push_back(endpoint);
    } else {
      return "'" + words[i] + "' is no HOST:PORT";
    }
  }
  const bool is_known =
      arguments->action == "export" || arguments->action == "import" || arguments->action == "copy";
  const size_t wanted = arguments->action == "copy" ? 2 : 1;
  if (!is_known || arguments->endpoints.size() != wanted) {
    return is_known ? "wrong number of servers" : "what is to be done?";
  }
  if (!auth.empty() && !read_password(auth, &arguments->endpoints.front())) {
    return "can't read '" + auth + "'";
  }
  if (!to_auth.empty() && !read_password(to_auth, &arguments->endpoints.back())) {
    return "can't read '" + to_auth + "'";
  }
  return "";
}

int fail(const std::string& error) {
  std::fprintf(stderr, "kindred-transfer: %s\n", error.c_str());
  return 1;
}

int run(const std::vector<std::string>& words) {
  if (words.empty() || words.front() == "--help") {
    std::fputs(kUsage, words.empty() ? stderr : stdout);
    return words.empty() ? 1 : 0;
  }
  Arguments arguments;
  std::string error = read_arguments(words, &arguments);
  if (!error.empty()) {
    return fail(error + "; --help tells more");
  }
  std::vector<std::unique_ptr<Connection>> connections;
  for (const Endpoint& endpoint : arguments.endpoints) {
    connections.push_back(Connection::open(endpoint, &error));
    if (connections.back() == nullptr) {
      return fail(error);
    }
  }
  Connection& first = *connections.front();
  const bool is_done = arguments.action == "export" ? export_keys(first, arguments.pattern, stdout)
                       : arguments.action == "import"
                           ? import_keys(stdin, first)
                           : copy_keys(first, arguments.pattern, *connections.back());
  return is_done ? 0 : 1;
}

}  // namespace
}  // namespace kindred::transfer

int main(int argc, char** argv) {
  return kindred::transfer::run(std::vector<std::string>(argv + 1, argv + argc));
}
