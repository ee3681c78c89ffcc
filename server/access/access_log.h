#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace kindred {

/// What ACL LOG shows: who was refused what. Equal refusals within a minute are one entry. Any
/// thread; a lock is taken only where something is refused.
class AccessLog {
 public:
  struct Entry {
    std::string reason;   // "command", "key", "channel", "auth"
    std::string context;  // "toplevel", "multi"
    std::string object;   // the command, key or channel
    std::string user;
    std::string client;  // as CLIENT LIST shows it
    uint64_t count = 1;
    uint64_t made_ms = 0;
  };

  void add(Entry entry, uint64_t now_ms);
  /// The newest first, at most `limit`.
  std::vector<Entry> entries(size_t limit) const;
  void clear();
  /// The oldest ones above that go.
  void set_entries_max(size_t entries_max);

 private:
  static constexpr uint64_t kSameWithinMs = 60'000;
  /// Of what clients send: a log must not grow by what it records.
  static constexpr size_t kTextBytesMax = 128;

  mutable std::mutex mutex_;
  std::list<Entry> entries_;
  size_t entries_max_ = 128;
};

}  // namespace kindred
