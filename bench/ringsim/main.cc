// What the ring's mathematics says about a cluster: kindred-ringsim without arguments tells how.

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/ringsim/efficiency.h"
#include "bench/ringsim/gossip.h"
#include "bench/ringsim/hot_keys.h"
#include "bench/ringsim/moves.h"
#include "bench/ringsim/options.h"
#include "bench/ringsim/table.h"

namespace {

using kindred::bench::Options;
using kindred::bench::Table;

struct Command {
  std::string_view name;
  Table (*run)(const Options& options);
};

constexpr Command kCommands[] = {
    {"partitions", kindred::bench::partitions}, {"figure8", kindred::bench::figure8},
    {"hot-keys", kindred::bench::hot_keys},     {"moves", kindred::bench::moves},
    {"gossip", kindred::bench::gossip},
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const std::string problem = kindred::bench::parse_options(arguments, &options);
  for (const Command& command : kCommands) {
    if (problem.empty() && command.name == options.command) {
      const Table table = command.run(options);
      const auto print = options.is_json ? kindred::bench::print_json : kindred::bench::print_text;
      print(table, std::cout);
      return 0;
    }
  }
  std::cerr << "kindred-ringsim: "
            << (problem.empty() ? options.command + ": no such command" : problem) << "\n\n"
            << kindred::bench::usage();
  return 2;
}
