#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loadgen/load.h"

namespace {

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) {
    const bool plain = byte >= ' ' && byte != '"' && byte != '\\';
    out.push_back(plain ? byte : '.');
  }
  return out + "\"";
}

void print(const kindred::bench::Measured& measured) {
  const auto microseconds = [&](double share) {
    return static_cast<double>(measured.latency_ns.quantile(share)) / 1000;
  };
  std::printf(
      "{\"operations\": %llu, \"seconds\": %.6f, \"ops_per_s\": %.1f, \"mean_us\": %.1f, "
      "\"p50_us\": %.1f, "
      "\"p99_us\": %.1f, \"p999_us\": %.1f, \"errors\": %llu, \"first_error\": %s}\n",
      static_cast<unsigned long long>(measured.operations), measured.seconds,
      static_cast<double>(measured.operations) / measured.seconds,
      measured.latency_ns.mean() / 1000, microseconds(0.5), microseconds(0.99), microseconds(0.999),
      static_cast<unsigned long long>(measured.errors), json_text(measured.first_error).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace kindred::bench;
  Options options;
  if (const std::string problem = parse_options({argv + 1, argv + argc}, &options);
      !problem.empty()) {
    std::fprintf(stderr, "kindred-loadgen: %s\n%s", problem.c_str(), std::string(usage()).c_str());
    return 2;
  }
  Measured measured;
  if (const std::string problem = Load(options).run(&measured); !problem.empty()) {
    std::fprintf(stderr, "kindred-loadgen: %s\n", problem.c_str());
    return 1;
  }
  print(measured);
  return 0;
}
