#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::bench {

/// One command line: what to work out, for which cluster.
struct Options {
  std::string command;
  std::uint32_t nodes = 0;  // 0: the command's own default
  std::uint32_t replicas = 3;
  std::uint32_t zones = 1;
  std::uint32_t partitions = 256;
  std::uint32_t grow = 4;      // up to so many times the nodes
  std::uint32_t draws = 50;    // of random tokens
  std::uint32_t tokens = 100;  // a node
  std::uint64_t keys = 1'000'000;
  bool is_json = false;

  std::uint32_t nodes_or(std::uint32_t usual) const { return nodes == 0 ? usual : nodes; }
};

/// Reads the command line into `options`. Returns an empty text, or what is wrong with it.
[[nodiscard]] std::string parse_options(const std::vector<std::string_view>& arguments,
                                        Options* options);

std::string_view usage();

}  // namespace kindred::bench
