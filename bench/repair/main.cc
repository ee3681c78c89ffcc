// What repair costs by how much differs: kindred-repair [KEYS]. One line of JSON.

#include <cstdlib>
#include <ctime>
#include <iostream>

#include "bench/repair/pair.h"

namespace {

constexpr uint64_t kKeys = 1'000'000;
constexpr uint64_t kDiffering[] = {0, 1, 10, 100, 1000, 10'000, 100'000, 500'000};

/// Of this process's time on a processor.
double ms_since(std::clock_t begin) {
  return 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

}  // namespace

int main(int argc, char** argv) {
  using kindred::bench::Traffic;
  const uint64_t keys = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : kKeys;
  kindred::bench::Pair pair(keys);
  const std::clock_t listing_begin = std::clock();
  pair.list_all();
  const double listing_ms = ms_since(listing_begin);
  const Traffic listing = pair.take_traffic();
  std::cout << "{\"keys\": " << keys << ", \"plain_bytes\": " << listing.comparing_bytes
            << ", \"plain_cpu_ms\": " << listing_ms << ", \"rows\": [";
  const char* separator = "";
  for (const uint64_t differing : kDiffering) {
    if (differing > keys) {
      break;
    }
    pair.make_differ(differing);
    const std::clock_t begin = std::clock();
    const uint64_t repaired = pair.repair();
    const double took_ms = ms_since(begin);
    const Traffic traffic = pair.take_traffic();
    if (repaired != differing || !pair.are_equal()) {
      std::cerr << "kindred-repair: " << repaired << " of " << differing << " were repaired\n";
      return 1;
    }
    std::cout << separator << "{\"differing\": " << differing
              << ", \"tree_bytes\": " << traffic.comparing_bytes
              << ", \"state_bytes\": " << traffic.state_bytes
              << ", \"messages\": " << traffic.messages << ", \"cpu_ms\": " << took_ms << "}";
    separator = ", ";
  }
  std::cout << "]}\n";
  return 0;
}
