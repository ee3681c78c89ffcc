#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "replication/causal/state.h"
#include "replication/node/operation.h"

namespace kindred {

/// How one hint counts. Absent where the state was never written.
struct HintMark {
  bool is_there = false;
  uint64_t bytes = 0;     // about what it takes in the engine
  uint64_t since_ms = 0;  // cluster clock: its newest write, from which its age is taken
};
[[nodiscard]] HintMark hint_mark(const KeyRef& hint, const State& state);

/// Why a hint went.
enum class HintEnd : uint8_t {
  kDelivered,   // its target, or the owners after it, hold it
  kSuperseded,  // another state took its place, or a flush made it dead
  kExpired,     // too old, and a write quorum of the other primaries holds it; or damaged
};

/// What happened to hints; with what is pending: stored = delivered + superseded + expired +
/// pending, at every moment. What a start finds counts as stored.
struct HintCounts {
  uint64_t stored = 0;
  uint64_t delivered = 0;
  uint64_t superseded = 0;
  uint64_t expired = 0;

  void add(const HintCounts& other);
};

/// What waits for one target.
struct HintsOfTarget {
  NodeId target = 0;
  uint64_t count = 0;
  uint64_t bytes = 0;
  uint64_t oldest_ms = 0;  // cluster clock; rounded down to HintBook::kAgeTickMs
};

/// What a shard knows of its hints without reading them: how many, how large and how old for whom,
/// and the actors that fallbacks write with. Memory grows with targets and partitions, not with
/// hints. Not thread-safe.
class HintBook {
 public:
  static constexpr uint64_t kAgeTickMs = 1024;

  /// Hints are counted by their slots alone: those of all layers with the first one's partition.
  void set_slot_partitions(uint32_t count) { slot_partitions_ = count; }

  /// A state was stored as `hint` over what `before` says.
  void stored(const KeyRef& hint, const HintMark& before, const HintMark& after);
  /// The hint was erased.
  void ended(const KeyRef& hint, const HintMark& before, HintEnd why);
  /// The hint's record is damaged: it is gone, whatever it was.
  void damaged(const KeyRef& hint);
  /// The engine refused what was stored last: `lost` is gone, `shown` is there again.
  void reverted(const KeyRef& hint, const HintMark& lost, const HintMark& shown);

  /// The actor that lives as long as this hint; 0: none was needed yet.
  ActorId actor(const KeyRef& hint) const;
  /// Gives the hint that is about to be stored an actor.
  void set_actor(const KeyRef& hint, ActorId actor);
  /// What was written under the hint's actor may be lost: the next write needs another.
  void end_actor(const KeyRef& hint);

  /// Those for whom there are hints of keys with the partition's slots.
  std::vector<NodeId> targets_in(uint16_t partition) const;
  /// Those for whom there is any hint.
  std::vector<NodeId> targets() const;
  /// Partitions of the first layer with whose slots there are hints for `target`, ascending.
  std::vector<uint16_t> partitions_of(NodeId target) const;
  std::vector<HintsOfTarget> pending() const;
  uint64_t pending_count() const { return count_; }
  uint64_t pending_bytes() const { return bytes_; }
  /// Of the oldest hint for `target`; 0 where there is none.
  uint64_t oldest_ms(NodeId target) const;
  const HintCounts& counts() const { return counts_; }
  /// Grows with every hint that comes.
  uint64_t version() const { return version_; }

 private:
  struct Tally {
    uint64_t bytes = 0;
    std::map<uint16_t, uint64_t> by_partition;
    std::map<uint64_t, uint64_t> by_age;  // tick -> hints
  };
  void add(const KeyRef& hint, const HintMark& mark);
  void remove(const KeyRef& hint, const HintMark& mark);
  static std::string name_of(const KeyRef& hint);

  uint16_t slots_of(uint16_t partition) const {
    return static_cast<uint16_t>(partition % slot_partitions_);
  }

  uint32_t slot_partitions_ = kSlotCount;
  std::map<NodeId, Tally> tallies_;
  std::unordered_map<std::string, ActorId> actors_;
  HintCounts counts_;
  uint64_t count_ = 0;
  uint64_t bytes_ = 0;
  uint64_t version_ = 0;
};

}  // namespace kindred
