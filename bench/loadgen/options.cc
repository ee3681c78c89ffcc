#include "bench/loadgen/options.h"

#include <charconv>
#include <limits>

namespace kindred::bench {
namespace {

template <typename Number>
bool parse_number(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_ports(std::string_view text, std::vector<uint16_t>* ports) {
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    uint16_t port = 0;
    if (!parse_number(text.substr(0, comma), &port)) {
      return false;
    }
    ports->push_back(port);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return !ports->empty();
}

/// FIRST-LAST:PORT, separated by commas.
bool parse_slots(std::string_view text, std::vector<SlotOwner>* slots) {
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view range = text.substr(0, comma);
    const size_t dash = range.find('-');
    const size_t colon = range.find(':');
    SlotOwner owner;
    if (dash == range.npos || colon == range.npos || dash > colon ||
        !parse_number(range.substr(0, dash), &owner.first) ||
        !parse_number(range.substr(dash + 1, colon - dash - 1), &owner.last) ||
        !parse_number(range.substr(colon + 1), &owner.port) || owner.first > owner.last) {
      return false;
    }
    slots->push_back(owner);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return !slots->empty();
}

bool parse_command(std::string_view text, Command* command) {
  *command = text == "get" ? Command::kGet : Command::kSet;
  return text == "get" || text == "set";
}

bool parse_one(std::string_view name, std::string_view value, Options* options) {
  if (name == "--ports") {
    return parse_ports(value, &options->ports);
  }
  if (name == "--slots") {
    return parse_slots(value, &options->slots);
  }
  if (name == "--connections") {
    return parse_number(value, &options->connections) && options->connections > 0;
  }
  if (name == "--pipeline") {
    return parse_number(value, &options->pipeline) && options->pipeline > 0;
  }
  if (name == "--value-bytes") {
    return parse_number(value, &options->value_bytes);
  }
  if (name == "--keys") {
    return parse_number(value, &options->keys) && options->keys > 0;
  }
  if (name == "--command") {
    return parse_command(value, &options->command);
  }
  if (name == "--wait") {
    return parse_number(value, &options->wait_replicas);
  }
  if (name == "--requests") {
    return parse_number(value, &options->requests);
  }
  if (name == "--seconds") {
    return parse_number(value, &options->seconds);
  }
  if (name == "--seed") {
    return parse_number(value, &options->prng_seed);
  }
  return false;
}

}  // namespace

std::string parse_options(const std::vector<std::string_view>& arguments, Options* options) {
  for (size_t at = 0; at < arguments.size(); ++at) {
    const std::string name(arguments[at]);
    if (name == "--fill" || name == "--wait-each") {
      (name == "--fill" ? options->fill : options->wait_each) = true;
      continue;
    }
    if (at + 1 == arguments.size()) {
      return name + " needs a value";
    }
    const std::string_view value = arguments[++at];
    if (!parse_one(name, value, options)) {
      return name + " " + std::string(value) + " is not understood";
    }
  }
  if (options->ports.empty()) {
    return "--ports is needed";
  }
  if (options->fill) {
    options->command = Command::kSet;
    options->requests = options->keys;
  }
  if (options->requests == 0 && options->seconds <= 0) {
    return "--requests, --seconds or --fill is needed";
  }
  return "";
}

std::string_view usage() {
  return "kindred-loadgen --ports P[,P...] (--requests N | --seconds S | --fill)\n"
         "  [--command set|get] [--connections 50] [--pipeline 1] [--value-bytes 100]\n"
         "  [--keys 100000] [--wait REPLICAS [--wait-each]] [--seed 1]\n"
         "  [--slots FIRST-LAST:PORT[,...]]  requests go to the port that has their key's slot\n"
         "A closed loop: each connection sends a batch and waits for its replies. Prints JSON.\n";
}

}  // namespace kindred::bench
