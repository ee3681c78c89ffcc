#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "replication/causal/bug_bank.h"
#include "tests/sim/cluster.h"
#include "tests/sim/progress.h"

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
  bool replays_bug_bank = false;
  bool finds_bug_seeds = false;
  std::string bug_seeds = KINDRED_BUG_SEEDS;
  bool keeps_going = false;
  bool runs_twice = false;
  std::string resume;  // the file that a run's progress is kept in
};

struct BugName {
  const char* name;
  const char* text;
};
constexpr BugName kBugs[] = {
#define KINDRED_BUG_NAME(name, text) {#name, text},
    KINDRED_BUGS(KINDRED_BUG_NAME)
#undef KINDRED_BUG_NAME
};

/// Switches one deliberate bug on, or all off (an empty name). False where there is no such bug, or
/// none are compiled in.
bool activate([[maybe_unused]] const std::string& name) {
#ifdef KINDRED_BUG_BANK
  bug_bank::active = bug_bank::Bug::none;
  if (name.empty()) {
    return true;
  }
  int number = 0;
  for (const BugName& bug : kBugs) {
    ++number;
    if (name == bug.name) {
      bug_bank::active = static_cast<bug_bank::Bug>(number);
      return true;
    }
  }
  return false;
#else
  return name.empty();
#endif
}

/// --ring-changes: in each seed, not only in every fourth.
bool with_ring_changes = false;
/// --peaceful: no seeds but those in which nothing fails.
bool is_peaceful_only = false;

Plan plan_of(uint64_t seed, uint32_t seconds) {
  constexpr uint64_t kRingChangesEvery = 4;
  Plan plan = make_plan(seed, seconds);
  if (with_ring_changes || seed % kRingChangesEvery == 0) {
    add_ring_changes(plan);
  }
  return plan;
}

std::string run_seed(uint64_t seed, uint32_t seconds, Trace& trace, Probes& probes) {
  const Plan plan = plan_of(seed, seconds);
  if (is_peaceful_only && !plan.must_serve()) {
    return {};
  }
  SimCluster cluster(plan, trace, probes);
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
              KINDRED_COMMIT, describe(plan_of(seed, options.seconds)).c_str(), again.c_str());
  if (again != verdict) {
    std::printf("NOT REPEATED: the second run of the seed ended otherwise\n");
  }
  std::printf("again: kindred-sim --seeds 1 --first-seed %llu --seconds %u%s%s%s\n",
              static_cast<unsigned long long>(seed), options.seconds,
              with_ring_changes ? " --ring-changes" : "", options.bug.empty() ? "" : " --bug ",
              options.bug.c_str());
}

/// Each bug's known seed must fail with the bug and pass without it.
int replay_bug_bank(const Options& options) {
  std::ifstream file(options.bug_seeds);
  if (!file) {
    std::fprintf(stderr, "can't read %s\n", options.bug_seeds.c_str());
    return 2;
  }
  Trace silent(Trace::Mode::kOff);
  Probes probes;
  int failures = 0;
  size_t replayed = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') {
      continue;
    }
    std::istringstream fields(line);
    std::string name;
    uint64_t seed = 0;
    fields >> name;
    ++replayed;
    if (!(fields >> seed)) {
      std::printf("%-28s is a test's to catch\n", name.c_str());
      continue;
    }
    if (!activate(name)) {
      std::printf("%-28s is not compiled in\n", name.c_str());
      ++failures;
      continue;
    }
    const std::string with_bug = run_seed(seed, options.seconds, silent, probes);
    (void)activate("");
    const std::string without = run_seed(seed, options.seconds, silent, probes);
    const bool good = !with_bug.empty() && without.empty();
    failures += good ? 0 : 1;
    std::printf("%-28s seed %-6llu %s%s\n", name.c_str(), static_cast<unsigned long long>(seed),
                good               ? "caught: "
                : with_bug.empty() ? "NOT CAUGHT"
                                   : "FAILS WITHOUT THE BUG: ",
                (good ? with_bug : without).substr(0, 110).c_str());
    std::fflush(stdout);
  }
  if (replayed != std::size(kBugs)) {
    std::printf("%zu bugs, %zu seeds\n", std::size(kBugs), replayed);
    ++failures;
  }
  return failures == 0 ? 0 : 1;
}

/// Runs all seeds with each bug and prints lines for the seeds' file: name, a seed that catches it,
/// and how many seeds of how many did.
int find_bug_seeds(const Options& options) {
  Trace silent(Trace::Mode::kOff);
  Probes probes;
  for (const BugName& bug : kBugs) {
    if (!options.bug.empty() && options.bug != bug.name) {
      continue;
    }
    if (!activate(bug.name)) {
      std::fprintf(stderr, "no bugs are compiled in\n");
      return 2;
    }
    constexpr uint64_t kEnough = 5;
    std::vector<uint64_t> caught;
    std::string verdict;
    uint64_t tried = 0;
    while (tried < options.seeds && caught.size() < kEnough) {
      const uint64_t seed = options.first_seed + tried++;
      const std::string found = run_seed(seed, options.seconds, silent, probes);
      if (!found.empty()) {
        caught.push_back(seed);
        verdict = found;
      }
    }
    std::printf("%s %llu %zu/%llu  # %s\n", bug.name,
                static_cast<unsigned long long>(caught.empty() ? 0 : caught[caught.size() / 2]),
                caught.size(), static_cast<unsigned long long>(tried),
                verdict.substr(0, 60).c_str());
    std::fflush(stdout);
  }
  return 0;
}

/// The same seed must give the same run, event by event.
bool repeats(uint64_t seed, uint32_t seconds) {
  Probes unused;
  uint64_t hashes[2];
  for (uint64_t& hash : hashes) {
    Trace trace(Trace::Mode::kOff);
    (void)run_seed(seed, seconds, trace, unused);
    hash = trace.hash();
  }
  return hashes[0] == hashes[1];
}

/// Rare paths that a long run must have gone through: what never ran was not tested.
bool check_probes(const Probes& probes, uint32_t seconds) {
  static constexpr const char* kMustRun[] = {"restamped",
                                             "fallback_coordinated",
                                             "hint_delivered",
                                             "hint_superseded",
                                             "hint_expired",
                                             "recomputed",
                                             "read_repair",
                                             "hedged",
                                             "passed_on",
                                             "filled",
                                             "conflict_seen",
                                             "load_pending",
                                             "quorum_failed",
                                             "quarantine",
                                             "store_failed",
                                             "store_refused",
                                             "store_in_trouble",
                                             "load_failed",
                                             "disk_trouble",
                                             "flush",
                                             "wiped",
                                             "restored",
                                             "crash",
                                             "machine_crash",
                                             "cut",
                                             "cut_one_way",
                                             "founder_late",
                                             "join_asked_in_cut",
                                             "leave_asked_in_cut",
                                             "copies_watched",
                                             "pause",
                                             "doubt",
                                             "clock_jump",
                                             "clock_wrong",
                                             "garbled",
                                             "seed_mended",
                                             "founder_crashed",
                                             "founder_lost_disk",
                                             "join_asked",
                                             "leave_asked",
                                             "remove_asked",
                                             "replace_asked",
                                             "change_made",
                                             "staged_committed",
                                             "left",
                                             "refused_as_no_member",
                                             "reap_round",
                                             "reaped_key",
                                             "pruned_key",
                                             "reap_emptied",
                                             "reap_waited",
                                             "copies_changed"};
  bool all = true;
  const auto check = [&](const char* name) {
    auto place = probes.counts.find(name);
    if (place == probes.counts.end() || place->second == 0) {
      std::printf("NEVER RAN: %s\n", name);
      all = false;
    }
  };
  for (const char* name : kMustRun) {
    check(name);
  }
  if (seconds >= Plan::kSecondsToHang) {
    check("hang");
    check("client_gave_up");
  }
  return all;
}

void show_probes(const Probes& probes) {
  for (const auto& [name, count] : probes.counts) {
    std::printf("  %-20s %12llu\n", name.c_str(), static_cast<unsigned long long>(count));
  }
}

/// Says now and then how far a run has come.
class ProgressLine {
 public:
  explicit ProgressLine(uint64_t seeds) : seeds_(seeds) {}

  /// True where it was shown.
  bool show(uint64_t done) {
    ++done_here_;
    const auto now = std::chrono::steady_clock::now();
    constexpr double kEverySeconds = 10;
    if (std::chrono::duration<double>(now - shown_).count() < kEverySeconds && done != seeds_) {
      return false;
    }
    shown_ = now;
    const double passed = std::chrono::duration<double>(now - began_).count();
    const double rate = static_cast<double>(done_here_) / passed;
    std::printf("%llu of %llu seeds, %.1f a second, %.0f s to go\n",
                static_cast<unsigned long long>(done), static_cast<unsigned long long>(seeds_),
                rate, static_cast<double>(seeds_ - done) / rate);
    std::fflush(stdout);
    return true;
  }

 private:
  const uint64_t seeds_;
  uint64_t done_here_ = 0;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_ = began_;
};

std::string run_checked(const Options& options, uint64_t seed, Probes& probes) {
  Trace silent(Trace::Mode::kOff);
  std::string verdict = run_seed(seed, options.seconds, silent, probes);
  if (verdict.empty() && options.runs_twice && !repeats(seed, options.seconds)) {
    verdict = "two runs of the seed differ";
  }
  return verdict;
}

int run(const Options& options) {
  Progress progress;
  progress.commit = KINDRED_COMMIT;
  progress.first_seed = options.first_seed;
  progress.seeds = options.seeds;
  progress.seconds = options.seconds;
  if (!options.resume.empty()) {
    const std::string error = take_up(options.resume, &progress);
    if (!error.empty()) {
      std::fprintf(stderr, "%s\n", error.c_str());
      return 2;
    }
  }
  ProgressLine line(options.seeds);
  Probes probes;
  probes.counts = progress.probes;
  while (progress.done < options.seeds) {
    const uint64_t seed = options.first_seed + progress.done;
    const std::string verdict = run_checked(options, seed, probes);
    if (!verdict.empty() && !options.keeps_going) {
      show_failure(options, seed, verdict);
      return 1;
    }
    if (!verdict.empty()) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), verdict.c_str());
      progress.failed_seeds.push_back(seed);
    }
    ++progress.done;
    if (line.show(progress.done) && !options.resume.empty()) {
      progress.probes = probes.counts;
      if (!write_down(options.resume, progress)) {
        std::fprintf(stderr, "can't write %s\n", options.resume.c_str());
        return 2;
      }
    }
  }
  show_probes(probes);
  constexpr uint64_t kSeedsOfGate = 1000;
  if (options.seeds >= kSeedsOfGate && !check_probes(probes, options.seconds)) {
    return 1;
  }
  std::printf("%llu seeds, %zu failed\n", static_cast<unsigned long long>(options.seeds),
              progress.failed_seeds.size());
  return progress.failed_seeds.empty() ? 0 : 1;
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
    } else if (name == "--list-bugs") {
      for (const auto& bug : sim::kBugs) {
        std::printf("%-28s %s\n", bug.name, bug.text);
      }
      return 0;
    } else if (name == "--replay-bug-bank") {
      options.replays_bug_bank = true;
    } else if (name == "--find-bug-seeds") {
      options.finds_bug_seeds = true;
    } else if (name == "--keep-going") {
      options.keeps_going = true;
    } else if (name == "--resume") {
      options.resume = value();
    } else if (name == "--ring-changes") {
      sim::with_ring_changes = true;
    } else if (name == "--peaceful") {
      sim::is_peaceful_only = true;
    } else if (name == "--twice") {
      options.runs_twice = true;
    } else if (name == "--verbose") {
      options.is_verbose = true;
    } else {
      std::fprintf(stderr, "unknown argument %s\n", name.c_str());
      return 2;
    }
  }
  if (options.replays_bug_bank) {
    return sim::replay_bug_bank(options);
  }
  if (options.finds_bug_seeds) {
    return sim::find_bug_seeds(options);
  }
  if (!sim::activate(options.bug)) {
    std::fprintf(stderr, "no such bug, or not compiled in: %s\n", options.bug.c_str());
    return 2;
  }
  return sim::run(options);
}
