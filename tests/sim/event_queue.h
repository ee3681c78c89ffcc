#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace kindred::sim {

/// Virtual time: what is to happen, in order of time, then of being asked for.
class EventQueue {
 public:
  uint64_t now_us() const { return now_us_; }

  void at(uint64_t time_us, std::function<void()> action) {
    uint32_t place;
    if (free_.empty()) {
      place = static_cast<uint32_t>(actions_.size());
      actions_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    actions_[place] = std::move(action);
    heap_.push(Item{time_us < now_us_ ? now_us_ : time_us, ++sequence_, place});
  }
  void after(uint64_t delay_us, std::function<void()> action) {
    at(now_us_ + delay_us, std::move(action));
  }

  /// Runs the next event if it is due by `until_us`; false (time moves there) where none is.
  bool run_one(uint64_t until_us) {
    if (heap_.empty() || heap_.top().time_us > until_us) {
      now_us_ = until_us;
      return false;
    }
    const Item item = heap_.top();
    heap_.pop();
    now_us_ = item.time_us;
    const std::function<void()> action = std::move(actions_[item.place]);
    free_.push_back(item.place);
    action();
    return true;
  }
  size_t size() const { return heap_.size(); }
  uint64_t events_run() const { return sequence_ - heap_.size(); }

 private:
  struct Item {
    uint64_t time_us;
    uint64_t sequence;
    uint32_t place;
    bool operator<(const Item& other) const {
      return time_us != other.time_us ? time_us > other.time_us : sequence > other.sequence;
    }
  };
  uint64_t now_us_ = 0;
  uint64_t sequence_ = 0;
  std::priority_queue<Item> heap_;
  std::vector<std::function<void()>> actions_;
  std::vector<uint32_t> free_;
};

}  // namespace kindred::sim
