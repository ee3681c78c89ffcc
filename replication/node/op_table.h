#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace kindred {

/// Which part of a shard an id belongs to.
enum class IdKind : uint8_t {
  kReap = 0,  // never the id 0: they count up from 1
  kCoordinated = 1,
  kReplica = 2,
  kFill = 3,
  kScan = 4,
  kSweep = 5,
  kDeparture = 6,
  kDepartureRead = 7,
  kTreeAnswer = 8,
  kRoundVote = 9,
  kTree = 10,
  kExchange = 11,
  kExchangedKey = 12,
  kHintRead = 13,
  kHandoff = 14,
  kHandoffRead = 15,
};

/// The first of ids that count up, as parts of a shard without a table make them.
constexpr uint64_t first_id(uint8_t shard, IdKind kind) {
  return (uint64_t{shard} << 56) | (uint64_t{static_cast<uint8_t>(kind)} << 52);
}

/// Ids are 8 bits of shard, 4 bits of kind, 28 bits of generation, 24 bits of index. A renewed or
/// freed entry gets another generation, so answers to what is over name nothing.
struct TableId {
  static constexpr unsigned kIndexBits = 24;
  static constexpr unsigned kGenerationBits = 28;

  static IdKind kind_of(uint64_t id) { return static_cast<IdKind>((id >> 52) & 0xf); }
  static uint8_t shard_of(uint64_t id) { return static_cast<uint8_t>(id >> 56); }
};

/// Entries with stable addresses, found by id in constant time and reused without being destroyed:
/// T::reset() is called on reuse, so buffers keep their capacity.
template <typename T>
class OpTable {
 public:
  /// Generations begin at a number made of `seed`, which differs from run to run: a late answer to
  /// a request of an earlier run must not pass for one to this run's.
  OpTable(uint8_t shard, IdKind kind, uint64_t seed)
      : prefix_((uint64_t{shard} << 56) | (uint64_t{static_cast<uint8_t>(kind)} << 52)),
        first_generation_(static_cast<uint32_t>(seed) & kGenerationMask) {}

  T& make() {
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(entries_.size()));
      entries_.push_back(std::make_unique<Entry>());
      entries_.back()->generation = first_generation_;
      bump(*entries_.back());
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    Entry& entry = *entries_[index];
    entry.used = true;
    entry.value.reset();
    entry.value.id = id_of(entry, index);
    ++size_;
    return entry.value;
  }

  /// Null where the id is over.
  T* find(uint64_t id) {
    const uint32_t index = static_cast<uint32_t>(id) & ((1U << TableId::kIndexBits) - 1);
    if (index >= entries_.size()) {
      return nullptr;
    }
    Entry& entry = *entries_[index];
    return entry.used && id_of(entry, index) == id ? &entry.value : nullptr;
  }

  /// Gives the entry a new id; what was asked under the old one is over.
  void renew(T& value) {
    const uint32_t index = static_cast<uint32_t>(value.id) & ((1U << TableId::kIndexBits) - 1);
    Entry& entry = *entries_[index];
    bump(entry);
    value.id = id_of(entry, index);
  }

  void free(T& value) {
    const uint32_t index = static_cast<uint32_t>(value.id) & ((1U << TableId::kIndexBits) - 1);
    Entry& entry = *entries_[index];
    entry.used = false;
    bump(entry);
    free_.push_back(index);
    --size_;
  }

  size_t size() const { return size_; }

  /// Whether `holds(value)` is true of any entry in use (rare too).
  template <typename Predicate>
  bool any_of(Predicate holds) const {
    for (const auto& entry : entries_) {
      if (entry->used && holds(entry->value)) {
        return true;
      }
    }
    return false;
  }

  /// Ids of all entries in use (for rare walks: a peer went down).
  std::vector<uint64_t> ids() const {
    std::vector<uint64_t> result;
    result.reserve(size_);
    for (const auto& entry : entries_) {
      if (entry->used) {
        result.push_back(entry->value.id);
      }
    }
    return result;
  }

 private:
  static constexpr uint32_t kGenerationMask = (1U << TableId::kGenerationBits) - 1;

  struct Entry {
    T value;
    uint32_t generation = 0;
    bool used = false;
  };

  static void bump(Entry& entry) {
    entry.generation = (entry.generation + 1) & kGenerationMask;
    if (entry.generation == 0) {
      entry.generation = 1;
    }
  }

  uint64_t id_of(const Entry& entry, uint32_t index) const {
    return prefix_ | (uint64_t{entry.generation} << TableId::kIndexBits) | index;
  }

  const uint64_t prefix_;
  const uint32_t first_generation_;
  std::vector<std::unique_ptr<Entry>> entries_;  // pointers: a look costs less than in a deque
  std::vector<uint32_t> free_;
  size_t size_ = 0;
};

}  // namespace kindred
