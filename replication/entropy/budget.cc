#include "replication/entropy/budget.h"

#include <algorithm>

namespace kindred {

namespace {

constexpr uint64_t kUsPerSecond = 1'000'000;
// As long as two ticks: whoever wants something has asked in between.
constexpr uint64_t kRefillUs = 10'000;
constexpr uint64_t kRefillMaxUs = 200'000;  // of time that passed while nobody asked
constexpr uint64_t kSavedUs = 50'000;       // of the rate may be saved up by each kind of work
constexpr double kLearnt = 0.25;            // of what a window shows
constexpr double kLearntAtFloor = 0.05;     // where the floor may have had its part in it
constexpr double kLearntTimesMax = 2;       // what is known: one window may have met a stall
constexpr double kTargetFactor = 1.5;
constexpr uint64_t kStartPart = 4;  // of the highest rate, until the foreground has been heard

}  // namespace

void BudgetFigures::add(const BudgetFigures& other) {
  bytes_per_s += other.bytes_per_s;
  bytes_per_s_max += other.bytes_per_s_max;
  p99_us = std::max(p99_us, other.p99_us);
  target_us = std::max(target_us, other.target_us);
  slowdowns += other.slowdowns;
  speedups += other.speedups;
  for (size_t work = 0; work < kBackgroundWorks; ++work) {
    spent_bytes[work] += other.spent_bytes[work];
  }
}

BackgroundBudget::BackgroundBudget(const BudgetLimits& limits) : limits_(limits) {
  figures_.bytes_per_s_max = limits.bytes_per_s_max;
  set_rate(limits.bytes_per_s_max / kStartPart);
  tokens_.fill(1);
}

void BackgroundBudget::set_limits(const BudgetLimits& limits) {
  limits_ = limits;
  figures_.bytes_per_s_max = limits.bytes_per_s_max;
  set_rate(figures_.bytes_per_s);
}

uint64_t BackgroundBudget::floor() const {
  return std::min(kFloorBytesPerS, limits_.bytes_per_s_max);
}

void BackgroundBudget::set_rate(uint64_t bytes_per_s) {
  figures_.bytes_per_s = std::clamp(bytes_per_s, floor(), limits_.bytes_per_s_max);
}

void BackgroundBudget::change_rate(uint64_t bytes_per_s) {
  const uint64_t before = figures_.bytes_per_s;
  set_rate(bytes_per_s);
  figures_.slowdowns += figures_.bytes_per_s < before ? 1 : 0;
  figures_.speedups += figures_.bytes_per_s > before ? 1 : 0;
}

void BackgroundBudget::tick(uint64_t now_us) {
  const uint64_t passed_us = now_us - std::min(now_us, window_began_us_);
  if (passed_us < kWindowUs * (windows_joined_ + 1)) {
    return;
  }
  if (latencies_.count() >= kRequestsMin) {
    judge();
  } else {
    change_rate(2 * figures_.bytes_per_s);
    if (latencies_.count() > 0 && ++windows_joined_ < kWindowsMax) {
      return;
    }
  }
  latencies_.clear();
  spent_in_window_ = 0;
  windows_joined_ = 0;
  window_began_us_ = now_us;
}

void BackgroundBudget::judge() {
  const uint64_t p99_us = latencies_.percentile_us(990);
  const auto sample = static_cast<double>(p99_us);
  const bool is_quiet = spent_in_window_ == 0 || figures_.bytes_per_s <= floor();
  if (quiet_p99_us_ == 0 && is_quiet) {
    quiet_p99_us_ = std::max(sample, 1.0);
  } else if (is_quiet || sample < quiet_p99_us_) {
    const bool may_be_own = spent_in_window_ > 0 && sample > quiet_p99_us_;
    const double shown = std::min(sample, kLearntTimesMax * quiet_p99_us_);
    quiet_p99_us_ += (may_be_own ? kLearntAtFloor : kLearnt) * (shown - quiet_p99_us_);
  }
  figures_.p99_us = p99_us;
  figures_.target_us = limits_.p99_target_us;
  if (limits_.p99_target_us == 0) {
    figures_.target_us =
        std::max(kTargetMinUs, static_cast<uint64_t>(kTargetFactor * quiet_p99_us_));
  }
  const uint64_t rate = figures_.bytes_per_s;
  const bool is_slow = p99_us > figures_.target_us;
  const bool has_room = p99_us < figures_.target_us * 3 / 4;
  // Where nothing is spent, it is not for the background to give way.
  if (is_slow && spent_in_window_ > 0) {
    change_rate(rate / 2);
  } else if (!is_slow) {
    change_rate(rate + rate / (has_room ? 2 : 8));
  }
}

bool BackgroundBudget::may_begin(BackgroundWork work, uint64_t now_us) {
  const auto index = static_cast<size_t>(work);
  is_wanted_[index] = true;
  refill(now_us);
  return tokens_[index] > 0;
}

void BackgroundBudget::refill(uint64_t now_us) {
  const uint64_t passed_us = now_us - std::min(now_us, refilled_us_);
  if (passed_us < kRefillUs) {
    return;
  }
  refilled_us_ = now_us;
  const auto wanting =
      static_cast<uint64_t>(std::count(is_wanted_.begin(), is_wanted_.end(), true));
  const uint64_t added =
      figures_.bytes_per_s * std::min(passed_us, kRefillMaxUs) / kUsPerSecond / wanting;
  const auto saved_max =
      std::max<int64_t>(1, static_cast<int64_t>(figures_.bytes_per_s * kSavedUs / kUsPerSecond));
  for (size_t work = 0; work < kBackgroundWorks; ++work) {
    if (is_wanted_[work] && tokens_[work] < saved_max) {
      tokens_[work] = std::min(saved_max, tokens_[work] + static_cast<int64_t>(added));
    }
  }
  is_wanted_.fill(false);
}

void BackgroundBudget::spend(BackgroundWork work, uint64_t bytes) {
  const auto index = static_cast<size_t>(work);
  tokens_[index] -= static_cast<int64_t>(bytes);
  figures_.spent_bytes[index] += bytes;
  spent_in_window_ += bytes;
}

void BackgroundBudget::spend_for_peer(BackgroundWork work, uint64_t bytes) {
  int64_t& tokens = tokens_[static_cast<size_t>(work)];
  const int64_t kept = std::min(tokens, -static_cast<int64_t>(floor()));
  spend(work, bytes);
  tokens = std::max(tokens, kept);
}

}  // namespace kindred
