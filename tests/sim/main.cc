#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "replication/causal/bug_bank.h"
#include "tests/sim/cluster.h"

#ifndef KINDRED_COMMIT
#define KINDRED_COMMIT "unknown"
#endif

namespace kindred::sim {

namespace {

struct Options {
  uint64_t seeds = 100;
  uint64_t first_seed = 1;
  uint32_t seconds = 30;
  std::string bug;
  bool is_verbose = false;
  bool lists_bugs = false;
  bool replays_bug_bank = false;
  bool keeps_going = false;
};

std::string run_seed(uint64_t seed, uint32_t seconds, Trace& trace, Probes& probes) {
  SimCluster cluster(make_plan(seed, seconds), trace, probes);
  cluster.run();
  return cluster.oracle().verdict();
}

void show_failure(const Options& options, uint64_t seed, const std::string& verdict) {
  std::printf("\nFAILED: %s\n", verdict.c_str());
  Probes unused;
  Trace trace(options.is_verbose ? Trace::Mode::kPrint : Trace::Mode::kKeep);
  const std::string again = run_seed(seed, options.seconds, trace, unused);
  for (const std::string& line : trace.lines()) {
    std::printf("%s\n", line.c_str());
  }
  std::printf("seed %llu, commit %s\nplan:%s\nverdict: %s\n", static_cast<unsigned long long>(seed),
              KINDRED_COMMIT, describe(make_plan(seed, options.seconds)).c_str(), again.c_str());
  if (again != verdict) {
    std::printf("NOT REPEATED: the second run of the seed ended otherwise\n");
  }
  std::printf("again: kindred-sim --seeds 1 --first-seed %llu --seconds %u%s%s\n",
              static_cast<unsigned long long>(seed), options.seconds,
              options.bug.empty() ? "" : " --bug ", options.bug.c_str());
}

int run(const Options& options) {
  Trace silent(Trace::Mode::kOff);
  Probes probes;
  const auto began = std::chrono::steady_clock::now();
  auto shown = began;
  uint64_t failures = 0;
  for (uint64_t i = 0; i < options.seeds; ++i) {
    const uint64_t seed = options.first_seed + i;
    const std::string verdict = run_seed(seed, options.seconds, silent, probes);
    if (!verdict.empty()) {
      if (options.keeps_going) {
        std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), verdict.c_str());
        ++failures;
        continue;
      }
      show_failure(options, seed, verdict);
      return 1;
    }
    const auto now = std::chrono::steady_clock::now();
    const double passed = std::chrono::duration<double>(now - began).count();
    if (std::chrono::duration<double>(now - shown).count() > 10 || i + 1 == options.seeds) {
      shown = now;
      const double rate = static_cast<double>(i + 1) / passed;
      std::printf("%llu of %llu seeds, %.1f a second, %.0f s to go\n",
                  static_cast<unsigned long long>(i + 1),
                  static_cast<unsigned long long>(options.seeds), rate,
                  static_cast<double>(options.seeds - i - 1) / rate);
      std::fflush(stdout);
    }
  }
  for (const auto& [name, count] : probes.counts) {
    std::printf("  %-20s %12llu\n", name.c_str(), static_cast<unsigned long long>(count));
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

}  // namespace kindred::sim

int main(int argc, char** argv) {
  using namespace kindred;
  sim::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    auto value = [&]() -> const char* {
      if (i + 1 >= argc) {
        std::fprintf(stderr, "%s wants a value\n", name.c_str());
        std::exit(2);
      }
      return argv[++i];
    };
    if (name == "--seeds") {
      options.seeds = std::strtoull(value(), nullptr, 10);
    } else if (name == "--first-seed") {
      options.first_seed = std::strtoull(value(), nullptr, 10);
    } else if (name == "--seconds") {
      options.seconds = static_cast<uint32_t>(std::strtoul(value(), nullptr, 10));
    } else if (name == "--bug") {
      options.bug = value();
    } else if (name == "--keep-going") {
      options.keeps_going = true;
    } else if (name == "--verbose") {
      options.is_verbose = true;
    } else {
      std::fprintf(stderr, "unknown argument %s\n", name.c_str());
      return 2;
    }
  }
  return sim::run(options);
}
