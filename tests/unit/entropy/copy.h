#pragma once

#include <map>
#include <random>

#include "replication/entropy/tree.h"

namespace kindred::entropy_test {

inline constexpr SlotRange kSlots{1024, 1087};

/// A copy of a partition without its bytes: what each key's state digests to, and the tree of it.
class Copy {
 public:
  explicit Copy(SlotRange slots = kSlots, uint8_t level = MerkleTree::kLevelMin)
      : tree_(slots, level) {}

  void write(KeyPosition key, Digest digest) {
    tree_.update(key, digest_of(key), digest);
    if (digest == 0) {
      digests_.erase(key);
    } else {
      digests_[key] = digest;
    }
  }
  Digest digest_of(KeyPosition key) const {
    auto place = digests_.find(key);
    return place == digests_.end() ? 0 : place->second;
  }
  /// Brings the tree to the level that suits the keys, as a rebuild does.
  void fit(uint8_t level_max = MerkleTree::kLevelMax) {
    tree_ = built(MerkleTree::level_for(digests_.size(), level_max));
  }
  MerkleTree built(uint8_t level) const {
    MerkleTree tree(tree_.slots(), level);
    for (const auto& [key, digest] : digests_) {
      tree.update(key, 0, digest);
    }
    return tree;
  }
  const std::map<KeyPosition, Digest>& digests() const { return digests_; }
  MerkleTree& tree() { return tree_; }
  const MerkleTree& tree() const { return tree_; }

 private:
  MerkleTree tree_;
  std::map<KeyPosition, Digest> digests_;
};

inline KeyPosition random_key(std::mt19937_64& random, SlotRange slots = kSlots) {
  const uint64_t width = uint64_t{slots.last} - slots.first + 1;
  return {static_cast<SlotIndex>(slots.first + random() % width), random()};
}

inline Digest random_digest(std::mt19937_64& random) {
  return random() | 1;
}

}  // namespace kindred::entropy_test
