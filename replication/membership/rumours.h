#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "replication/ring/ring.h"

namespace kindred {

/// What is said of a member. In the order in which one word overrides another of the same
/// incarnation.
enum class SwimState : uint8_t { kUnknown = 0, kAlive = 1, kSuspect = 2, kDead = 3 };

/// One word about one member. Whatever the order in which words arrive, the highest holds: by
/// incarnation, then state. Only the member itself raises its incarnation.
struct Rumour {
  NodeId node = 0;
  uint64_t incarnation = 0;
  SwimState state = SwimState::kUnknown;
  uint8_t flags = 0;  // the member's own word about itself, under this incarnation
  friend bool operator==(const Rumour&, const Rumour&) = default;

  /// Whether this word takes the place of `other`, about the same member.
  bool overrides(const Rumour& other) const;
  bool is_accusation() const { return state == SwimState::kSuspect || state == SwimState::kDead; }
};

/// The words that a node still passes on, each a bounded number of times, the least told first
/// (SWIM, section 4.1). One word a member: a newer one takes an older one's place.
class RumourQueue {
 public:
  void add(const Rumour& rumour);
  /// Appends up to `count` words to `out`. Each has been told once more, and goes after `tellings`.
  void tell(std::size_t count, uint32_t tellings, std::vector<Rumour>* out);
  void clear() { waiting_.clear(); }
  std::size_t size() const { return waiting_.size(); }

 private:
  struct Waiting {
    Rumour rumour;
    uint32_t told = 0;
    uint64_t added = 0;  // the later, the sooner told
  };

  std::vector<Waiting> waiting_;
  uint64_t last_added_ = 0;
};

}  // namespace kindred
