#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "replication/causal/state.h"
#include "replication/ring/slot.h"

namespace kindred {

/// A place in the stored order of a partition's keys: slot, then key hash.
struct KeyPosition {
  SlotIndex slot = 0;
  uint64_t hash = 0;
  friend auto operator<=>(const KeyPosition&, const KeyPosition&) = default;
};

/// Keys from `first` to `last`, both included.
struct KeySpan {
  KeyPosition first;
  KeyPosition last;
  friend bool operator==(const KeySpan&, const KeySpan&) = default;
};

/// A Merkle tree over the keys of one copy of a partition (the paper's section 4.7), kept up to
/// date by each write: a leaf is the xor of its keys' hashes, so that a write changes it without a
/// look at the other keys. Level l has 2^l nodes, which cut the partition's stored order into equal
/// spans; a node is the xor of all leaves under it. So trees of different leaf counts have the same
/// nodes down to the shallower one's leaves, and the levels above the leaves need no memory: they
/// are worked out when somebody asks. Not thread-safe. docs/design/anti-entropy.md
class MerkleTree {
 public:
  static constexpr uint8_t kLevelMin = 6;
  static constexpr uint8_t kLevelMax = 22;
  /// Keys a leaf holds on average where there is memory for it, when the tree is fitted.
  static constexpr uint64_t kKeysPerLeaf = 8;

  MerkleTree() = default;
  /// An empty copy of a partition of these slots.
  explicit MerkleTree(SlotRange slots, uint8_t level = kLevelMin);

  /// A key's state was replaced. Digests are of the states before and after; 0 stands for "never
  /// written".
  void update(KeyPosition key, Digest before, Digest after) {
    const uint64_t change = key_hash(key, before) ^ key_hash(key, after);
    leaves_[leaf_of(key)] ^= change;
    root_ ^= change;
    keys_ += static_cast<uint64_t>(after != 0) - static_cast<uint64_t>(before != 0);
  }
  /// Forgets all keys.
  void reset();
  /// Folds the leaves to 2^level; not below kLevelMin, and never back.
  void fold(uint8_t level);

  /// The leaves' level.
  uint8_t level() const { return level_; }
  SlotRange slots() const { return slots_; }
  uint64_t keys() const { return keys_; }
  uint64_t root() const { return root_; }
  /// Node `index` of `level`, which is at most level(). Costs a look at each leaf under it.
  uint64_t node(uint8_t level, uint32_t index) const;
  /// The keys under a node.
  KeySpan span_of(uint8_t level, uint32_t index) const;
  /// The keys under neighbouring nodes; `first` <= `last`.
  KeySpan span_of(uint8_t level, uint32_t first, uint32_t last) const {
    return KeySpan{span_of(level, first).first, span_of(level, last).last};
  }
  size_t bytes() const { return leaves_.size() * sizeof(uint64_t); }
  const std::vector<uint64_t>& leaves() const { return leaves_; }

  /// A tree with these leaves, 2^level of them.
  static MerkleTree restored(SlotRange slots, std::vector<uint64_t> leaves, uint64_t keys);
  /// The level that suits so many keys, at most `level_max`.
  static uint8_t level_for(uint64_t keys, uint8_t level_max);
  /// The deepest level that so many trees may have in so much memory.
  static uint8_t level_max_for(size_t trees, size_t bytes);

  friend bool operator==(const MerkleTree&, const MerkleTree&) = default;

 private:
  // Finalizer of splitmix64, as in the digest: the xor of leaves needs hashes without structure.
  static constexpr uint64_t mix(uint64_t word) {
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
    return word ^ (word >> 31);
  }
  static constexpr uint64_t key_hash(KeyPosition key, Digest digest) {
    return digest == 0 ? 0 : mix(key.hash + digest * 0x9e3779b97f4a7c15ULL);
  }
  /// The partition's order as 64 bits: the slot in it above the key hash.
  uint64_t order_of(KeyPosition key) const {
    return (uint64_t{key.slot} - slots_.first) << (64 - slot_bits_) | key.hash >> slot_bits_;
  }
  uint32_t leaf_of(KeyPosition key) const {
    return static_cast<uint32_t>(order_of(key) >> (64 - level_));
  }
  KeyPosition position_at(uint64_t order, bool is_end) const;

  SlotRange slots_{0, 0};
  uint8_t slot_bits_ = 1;  // at least one, so that no shift is by 64
  uint8_t level_ = 0;
  uint64_t keys_ = 0;
  uint64_t root_ = 0;
  std::vector<uint64_t> leaves_;
};

}  // namespace kindred
