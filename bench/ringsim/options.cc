#include "bench/ringsim/options.h"

#include <charconv>
#include <cstddef>

#include "replication/ring/claim.h"

namespace kindred::bench {
namespace {

template <typename Number>
bool parse_number(std::string_view text, Number least, Number most, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && *number >= least &&
         *number <= most;
}

bool parse_one(std::string_view name, std::string_view value, Options* options) {
  if (name == "--nodes") {
    return parse_number(value, 1u, 1000u, &options->nodes);
  }
  if (name == "--replicas") {
    return parse_number(value, 1u, kReplicasMax, &options->replicas);
  }
  if (name == "--zones") {
    return parse_number(value, 1u, 1000u, &options->zones);
  }
  if (name == "--partitions") {
    return parse_number(value, 1u, kSlotCount, &options->partitions);
  }
  if (name == "--grow") {
    return parse_number(value, 1u, 100u, &options->grow);
  }
  if (name == "--draws") {
    return parse_number(value, 1u, 10'000u, &options->draws);
  }
  if (name == "--tokens") {
    return parse_number(value, 1u, 10'000u, &options->tokens);
  }
  if (name == "--keys") {
    return parse_number(value, std::uint64_t{1}, std::uint64_t{100'000'000}, &options->keys);
  }
  return false;
}

}  // namespace

std::string parse_options(const std::vector<std::string_view>& arguments, Options* options) {
  if (arguments.empty()) {
    return "a command is needed";
  }
  options->command = arguments[0];
  for (std::size_t at = 1; at < arguments.size(); ++at) {
    const std::string name(arguments[at]);
    if (name == "--json") {
      options->is_json = true;
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
  return {};
}

std::string_view usage() {
  return R"(kindred-ringsim COMMAND [--json] [OPTION VALUE ...]

  partitions  how many partitions for a cluster     --nodes 12 --replicas 3 --zones 1 --grow 4
  figure8     balance against size of metadata, by the paper's three strategies
                                                    --nodes 30 --replicas 3 --draws 50
  hot-keys    load by node under Zipf's law         --nodes 12 --replicas 3 --partitions 256
                                                    --keys 1000000
  moves       what a join and a leave move          --nodes 30 --replicas 3 --partitions 1024
                                                    --tokens 100 --draws 50
  gossip      what probes and words cost, and how fast they are, from 3 to 1,000 nodes: a minute
                                                    --nodes 100 for one size
)";
}

}  // namespace kindred::bench
