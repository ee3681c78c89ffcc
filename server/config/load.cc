#include "server/config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "protocol/resp/inline_request.h"
#include "server/config/directives.h"
#include "server/config/value_text.h"
#include "server/io/tcp.h"

namespace kindred {

namespace {

// A directive that is not repeatable but given again replaces the earlier one, as in redis.conf; a
// repeatable one given as a flag replaces the file's list.
struct Flags {
  std::vector<std::pair<std::string, std::vector<std::string>>> directives;
  std::string file;
};

std::string parse_flags(const std::vector<std::string>& arguments, Flags* flags,
                        StartAction* action) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      *action = StartAction::kShowHelp;
    } else if (argument == "--version" || argument == "-v") {
      *action = StartAction::kShowVersion;
    } else if (argument == "--directives-page") {
      *action = StartAction::kShowDirectivesPage;
    } else if (argument.starts_with("--") && argument.size() > 2) {
      flags->directives.emplace_back(argument.substr(2), std::vector<std::string>());
    } else if (flags->directives.empty() && i == 0) {
      flags->file = argument;
    } else if (flags->directives.empty()) {
      return "command line: '" + argument + "' follows no --directive";
    } else {
      flags->directives.back().second.push_back(argument);
    }
  }
  return "";
}

void clear_repeatable(const std::string& name, Config* config) {
  if (name == "seed") {
    config->seeds.clear();
  } else if (name == "plugin") {
    config->plugins.clear();
  } else if (name == "user") {
    config->users.clear();
  }
}

std::string apply_flags(const Flags& flags, Config* config) {
  std::set<std::string> begun;
  for (const auto& [name, words] : flags.directives) {
    if (begun.insert(lower_case(name)).second) {
      clear_repeatable(lower_case(name), config);
    }
    const std::string wrong = set_directive(*config, name, words);
    if (!wrong.empty()) {
      return std::string("command line, --").append(name).append(": ").append(wrong);
    }
  }
  return "";
}

std::string resolve(std::string* host, std::string_view directive) {
  const std::string numeric = resolve_host(*host);
  if (numeric.empty()) {
    return "directive '" + std::string(directive) + "': no address is known for '" + *host + "'";
  }
  *host = numeric;
  return "";
}

// What single directives can't see.
std::string check_whole(Config* config) {
  for (std::string& host : config->bind) {
    std::string error = resolve(&host, "bind");
    if (!error.empty()) {
      return error;
    }
    if (!is_loopback(host) && config->cluster_secret.empty() && !config->tls_peers) {
      return "directive 'bind' beyond loopback ('" + host +
             "') needs a cluster-secret or tls-peers: whoever reaches the peer port could join in";
    }
  }
  if (config->client_port() == 0) {
    return "directive 'port' may be 0 only where tls-port is not";
  }
  if (config->port == config->tls_port) {
    return "directive 'tls-port' must differ from port";
  }
  if (config->peer_port == 0 && config->client_port() > 65535 - 10000) {
    return "directive 'peer-port' must be given where port is above 55535 (its default is port + "
           "10000)";
  }
  if (config->effective_peer_port() == config->port ||
      config->effective_peer_port() == config->tls_port) {
    return "directive 'peer-port' must differ from port and tls-port";
  }
  const uint16_t admin = config->admin_port;
  if (admin != 0 && (admin == config->port || admin == config->tls_port ||
                     admin == config->effective_peer_port())) {
    return "directive 'admin-port' must differ from port, tls-port and peer-port";
  }
  if (!config->users.empty() && !config->aclfile.empty()) {
    return "directives 'user' and 'aclfile' can't be given together";
  }
  const bool listens_everywhere = config->bind.front() == "0.0.0.0" || config->bind.front() == "::";
  if (listens_everywhere && config->announce_host.empty()) {
    return "directive 'announce-host' must be given where bind is '" + config->bind.front() +
           "': others can't dial that";
  }
  if (!config->announce_host.empty()) {
    std::string error = resolve(&config->announce_host, "announce-host");
    if (!error.empty()) {
      return error;
    }
  }
  for (SeedAddress& seed : config->seeds) {
    std::string error = resolve(&seed.host, "seed");
    if (!error.empty()) {
      return error;
    }
  }
  const TooLarge quorum = quorum_above_replicas(*config);
  return quorum.name.empty() ? "" : "directive '" + std::string(quorum.name) + "' " + quorum.why;
}

}  // namespace

std::string apply_config_text(const std::string& file, std::string_view text, Config* config) {
  size_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') {
      continue;
    }
    const std::string where = file + ", line " + std::to_string(line_number) + ": ";
    std::vector<std::string_view> views;
    if (!split_inline_request(line.data(), line.size(), views)) {
      return where + "unbalanced quotes";
    }
    if (views.empty()) {
      continue;
    }
    const std::vector<std::string> words(views.begin() + 1, views.end());
    const std::string wrong = set_directive(*config, views[0], words);
    if (!wrong.empty()) {
      return where + wrong;
    }
  }
  return "";
}

LoadedConfig load_config(const std::vector<std::string>& arguments) {
  LoadedConfig loaded;
  Flags flags;
  loaded.error = parse_flags(arguments, &flags, &loaded.action);
  if (!loaded.error.empty() || loaded.action != StartAction::kRun) {
    return loaded;
  }
  if (!flags.file.empty()) {
    std::ifstream stream(flags.file, std::ios::binary);
    std::ostringstream text;
    if (!stream || !(text << stream.rdbuf())) {
      loaded.error = flags.file + ": can't be read: " + std::strerror(errno);
      return loaded;
    }
    loaded.error = apply_config_text(flags.file, text.str(), &loaded.config);
    loaded.config.config_file = std::filesystem::absolute(flags.file).string();
  }
  if (loaded.error.empty()) {
    loaded.error = apply_flags(flags, &loaded.config);
  }
  if (loaded.error.empty()) {
    const std::string wrong = check_whole(&loaded.config);
    if (!wrong.empty()) {
      loaded.error = (flags.file.empty() ? "command line" : flags.file) + ": " + wrong;
    }
  }
  return loaded;
}

}  // namespace kindred
