#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace kindred {

/// Runs jobs one after the other, in the order given, on a thread of its own; the destructor waits
/// for all that were given.
class BackgroundThread {
 public:
  BackgroundThread() : thread_([this] { run(); }) {}
  ~BackgroundThread() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    ready_.notify_one();
    thread_.join();
  }
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  /// Any thread.
  void post(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    ready_.notify_one();
  }

 private:
  void run() {
    std::vector<std::function<void()>> jobs;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        if (jobs_.empty()) {
          return;
        }
        jobs.clear();
        jobs.swap(jobs_);
      }
      for (const auto& job : jobs) {
        job();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kindred
