#pragma once

#include <functional>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

namespace kindred {

/// Carries batches of messages to the one thread that takes them. `wake` is called, on the sender's
/// thread, only for the batch that finds the box empty: one wake serves all that come until the
/// receiver takes them.
template <typename T>
class Mailbox {
 public:
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  /// Any thread. `batch` is empty afterwards.
  void post(std::vector<T>* batch) {
    if (batch->empty()) {
      return;
    }
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = messages_.empty();
      if (was_empty) {
        messages_.swap(*batch);
      } else {
        std::move(batch->begin(), batch->end(), std::back_inserter(messages_));
      }
    }
    batch->clear();
    if (was_empty) {
      wake_();
    }
  }

  void post(T message) {
    std::vector<T> batch;
    batch.push_back(std::move(message));
    post(&batch);
  }

  /// The receiver's thread: replaces `messages` by all that came, in order for each sender.
  void take(std::vector<T>* messages) {
    messages->clear();
    const std::lock_guard lock(mutex_);
    messages->swap(messages_);
  }

 private:
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::vector<T> messages_;
};

}  // namespace kindred
