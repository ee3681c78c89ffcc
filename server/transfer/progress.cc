#include "server/transfer/progress.h"

#include <algorithm>
#include <cstdio>

namespace kindred::transfer {

namespace {
/// Of each kind so many are told with their reason.
constexpr uint64_t kReasonsMax = 10;
}  // namespace

void Progress::moved(uint64_t bytes) {
  ++keys_;
  bytes_ += bytes;
  if (Clock::now() > shown_ + std::chrono::seconds(1)) {
    show(false);
  }
}

void Progress::skipped(const std::string& why) {
  if (++skips_ <= kReasonsMax) {
    std::fprintf(stderr, "skipped: %s\n", why.c_str());
  }
}

void Progress::failed(const std::string& why) {
  if (++failures_ <= kReasonsMax) {
    std::fprintf(stderr, "failed: %s\n", why.c_str());
  }
}

void Progress::finish() {
  show(true);
}

void Progress::show(bool is_last) {
  shown_ = Clock::now();
  const double seconds = std::max(std::chrono::duration<double>(shown_ - started_).count(), 0.001);
  std::fprintf(stderr, "%s%llu keys", is_last ? "done: " : "",
               static_cast<unsigned long long>(keys_));
  if (!is_last && expected_ > 0) {
    std::fprintf(stderr, " of about %llu", static_cast<unsigned long long>(expected_));
  }
  std::fprintf(stderr, ", %llu bytes, %.0f keys/s, %llu skipped, %llu failed\n",
               static_cast<unsigned long long>(bytes_), static_cast<double>(keys_) / seconds,
               static_cast<unsigned long long>(skips_), static_cast<unsigned long long>(failures_));
}

}  // namespace kindred::transfer
