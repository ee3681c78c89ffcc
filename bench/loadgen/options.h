#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::bench {

enum class Command { kSet, kGet };

struct SlotOwner {
  uint16_t first = 0;
  uint16_t last = 0;
  uint16_t port = 0;
};

// What one run of the load generator does.
struct Options {
  std::vector<uint16_t> ports;  // on 127.0.0.1; connections are dealt to them in turn
  // The coordinator of each range of slots, as a cluster client has it from CLUSTER SLOTS: a
  // request goes to its key's own. Empty: any port serves any key.
  std::vector<SlotOwner> slots;
  uint32_t connections = 50;
  uint32_t pipeline = 1;
  uint32_t value_bytes = 100;
  uint32_t keys = 100000;
  Command command = Command::kSet;
  uint32_t wait_replicas = 0;  // above 0: WAIT for so many follows each batch
  bool wait_each = false;      // and then follows each command
  bool fill = false;           // SET each key once, in order, instead of random keys
  uint64_t requests = 0;       // ends after so many; 0: after seconds
  double seconds = 0;
  uint64_t prng_seed = 1;
};

// Reads the command line into `options`. Returns an empty text, or what is wrong with it.
[[nodiscard]] std::string parse_options(const std::vector<std::string_view>& arguments,
                                        Options* options);

std::string_view usage();

}  // namespace kindred::bench
