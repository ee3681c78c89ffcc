#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "replication/entropy/latencies.h"

namespace kindred {

/// What a node does that no client waits for.
enum class BackgroundWork : uint8_t {
  kTransfers,  // fills of copies that lack something, copies handed over
  kHints,      // hints brought to their nodes
  kExchanges,  // anti-entropy
  kReadRepair,
  kRebuilds,  // of trees
  kSweeps,    // of what a flush made dead
  kReaping,   // of tombstones
};
inline constexpr size_t kBackgroundWorks = 7;

struct BudgetLimits {
  uint64_t bytes_per_s_max = 64ULL << 20;
  uint64_t p99_target_us = 0;  // of the foreground; 0: what it is without background work, and half
};

/// What a budget has decided so far.
struct BudgetFigures {
  uint64_t bytes_per_s = 0;      // that may be spent now
  uint64_t bytes_per_s_max = 0;  // at most
  uint64_t p99_us = 0;           // of the foreground, in the last window that was judged
  uint64_t target_us = 0;        // that the window was judged by; 0: none was
  uint64_t slowdowns = 0;        // windows after which less may be spent, and more
  uint64_t speedups = 0;
  std::array<uint64_t, kBackgroundWorks> spent_bytes{};

  void add(const BudgetFigures& other);
};

/// One budget for all background work of a shard, fed back from the foreground (the paper's section
/// 6.5): in each window the 99th percentile of what clients' requests took is compared with a
/// target. Above it the rate is halved, just below it grows by an eighth, far below it by half;
/// where hardly anything is asked for, it doubles. Each kind of work that wants something gets the
/// same share of the rate, and what is not wanted goes to the others. A floor is left to all of
/// them together, so that repair comes to its end under any load.
///
/// The target is learnt from windows in which nothing was spent, or no more than the floor: then
/// background work is not what makes requests slow. Pure, not thread-safe.
class BackgroundBudget {
 public:
  static constexpr uint64_t kWindowUs = 500'000;
  /// Requests without which a window is not judged but goes on, up to kWindowsMax times as long.
  static constexpr uint64_t kRequestsMin = 20;
  static constexpr uint64_t kWindowsMax = 4;
  static constexpr uint64_t kTargetMinUs = 250;
  static constexpr uint64_t kFloorBytesPerS = 1ULL << 20;
  /// Listing a key costs this, its bytes aside.
  static constexpr uint64_t kBytesPerKey = 128;
  /// Letting a key go does: two loads and two stores of a few bytes, and its part of six marks.
  static constexpr uint64_t kBytesPerReapedKey = 1024;

  explicit BackgroundBudget(const BudgetLimits& limits);
  void set_limits(const BudgetLimits& limits);

  /// A client's request was answered after so long.
  void note_request(uint64_t took_us) { latencies_.add(took_us); }
  /// Call some times a second while there are requests or work.
  void tick(uint64_t now_us);

  /// Whether a piece of such work may begin; who gets no for an answer asks again at the next tick.
  /// Work is counted when it is done, so one piece may overdraw.
  [[nodiscard]] bool may_begin(BackgroundWork work, uint64_t now_us);
  void spend(BackgroundWork work, uint64_t bytes);
  /// The same for what a peer asked for, who goes by its own budget: it holds up such work here for
  /// a second at the floor at most.
  void spend_for_peer(BackgroundWork work, uint64_t bytes);

  const BudgetFigures& figures() const { return figures_; }

 private:
  void refill(uint64_t now_us);
  void judge();
  void set_rate(uint64_t bytes_per_s);
  void change_rate(uint64_t bytes_per_s);
  uint64_t floor() const;

  BudgetLimits limits_;
  BudgetFigures figures_;
  std::array<int64_t, kBackgroundWorks> tokens_{};
  std::array<bool, kBackgroundWorks> is_wanted_{};  // since the last refill
  uint64_t refilled_us_ = 0;
  Latencies latencies_;  // of the window
  uint64_t window_began_us_ = 0;
  uint64_t windows_joined_ = 0;  // that had too few requests, into this one
  uint64_t spent_in_window_ = 0;
  double quiet_p99_us_ = 0;  // 0: not learnt yet
};

}  // namespace kindred
