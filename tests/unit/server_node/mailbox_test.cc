#include "server/node/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <string>
#include <thread>

namespace kindred {
namespace {

TEST(Mailbox, OneWakeServesAllThatComeUntilTaken) {
  int wakes = 0;
  Mailbox<std::string> box([&] { ++wakes; });
  std::vector<std::string> batch;
  box.post(&batch);
  EXPECT_EQ(wakes, 0);
  batch = {"a", "b"};
  box.post(&batch);
  EXPECT_TRUE(batch.empty());
  box.post("c");
  EXPECT_EQ(wakes, 1);
  std::vector<std::string> taken = {"old"};
  box.take(&taken);
  EXPECT_EQ(taken, (std::vector<std::string>{"a", "b", "c"}));
  box.take(&taken);
  EXPECT_TRUE(taken.empty());
  box.post("d");
  EXPECT_EQ(wakes, 2);
}

TEST(Mailbox, KeepsTheOrderOfEachSender) {
  constexpr int kSenders = 3;
  constexpr int kMessages = 20'000;
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t wakes = 0;
  Mailbox<std::pair<int, int>> box([&] {
    const std::lock_guard lock(mutex);
    ++wakes;
    changed.notify_one();
  });
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&box, sender] {
      std::vector<std::pair<int, int>> batch;
      for (int i = 0; i < kMessages; ++i) {
        batch.emplace_back(sender, i);
        if (i % 7 == 0) {
          box.post(&batch);
        }
      }
      box.post(&batch);
    });
  }
  std::vector<int> next(kSenders, 0);
  int received = 0;
  uint64_t seen = 0;
  std::vector<std::pair<int, int>> taken;
  while (received < kSenders * kMessages) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return wakes > seen; });
      seen = wakes;
    }
    box.take(&taken);
    for (const auto& [sender, number] : taken) {
      ASSERT_EQ(number, next[sender]++);
      ++received;
    }
  }
  for (std::thread& sender : senders) {
    sender.join();
  }
}

}  // namespace
}  // namespace kindred
