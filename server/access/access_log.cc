#include "server/access/access_log.h"

#include <algorithm>
#include <utility>

namespace kindred {

void AccessLog::add(Entry entry, uint64_t now_ms) {
  entry.object.resize(std::min(entry.object.size(), kTextBytesMax));
  entry.user.resize(std::min(entry.user.size(), kTextBytesMax));
  entry.made_ms = now_ms;
  const std::lock_guard lock(mutex_);
  const auto same = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& known) {
    return now_ms < known.made_ms + kSameWithinMs && known.reason == entry.reason &&
           known.context == entry.context && known.object == entry.object &&
           known.user == entry.user;
  });
  if (same != entries_.end()) {
    entry.count += same->count;
    entries_.erase(same);
  }
  entries_.push_front(std::move(entry));
  entries_.resize(std::min(entries_.size(), entries_max_));
}

std::vector<AccessLog::Entry> AccessLog::entries(size_t limit) const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> newest;
  for (const Entry& entry : entries_) {
    if (newest.size() == limit) {
      break;
    }
    newest.push_back(entry);
  }
  return newest;
}

void AccessLog::set_entries_max(size_t entries_max) {
  const std::lock_guard lock(mutex_);
  entries_max_ = entries_max;
  entries_.resize(std::min(entries_.size(), entries_max_));
}

void AccessLog::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace kindred
