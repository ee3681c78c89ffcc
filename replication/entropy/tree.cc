#include "replication/entropy/tree.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "replication/causal/bug_bank.h"

namespace kindred {

namespace {

void require(bool holds, const char* invariant) {
  if (!holds) [[unlikely]] {
    std::fprintf(stderr, "tree invariant broken: %s\n", invariant);
    std::abort();
  }
}

uint64_t xor_of(const uint64_t* begin, const uint64_t* end) {
  uint64_t sum = 0;
  for (; begin != end; ++begin) {
    sum ^= *begin;
  }
  return sum;
}

}  // namespace

MerkleTree::MerkleTree(SlotRange slots, uint8_t level)
    : slots_(slots),
      slot_bits_(static_cast<uint8_t>(
          std::max<int>(1, std::bit_width(static_cast<unsigned>(slots.last - slots.first))))),
      level_(std::clamp(level, kLevelMin, kLevelMax)),
      leaves_(size_t{1} << level_) {}

void MerkleTree::reset() {
  keys_ = 0;
  root_ = 0;
  std::fill(leaves_.begin(), leaves_.end(), 0);
}

void MerkleTree::fold(uint8_t level) {
  level = std::max(level, kLevelMin);
  if (level >= level_) {
    return;
  }
  std::vector<uint64_t> folded(size_t{1} << level);
  for (uint32_t i = 0; i < folded.size(); ++i) {
    folded[i] = node(level, i);
  }
  leaves_ = std::move(folded);
  level_ = level;
}

uint64_t MerkleTree::node(uint8_t level, uint32_t index) const {
  require(level <= level_ && index < uint32_t{1} << level, "a tree is asked for nodes it has");
  if (level == 0) {
    return root_;
  }
  const size_t width = size_t{1} << (level_ - level);
  const uint64_t* begin = leaves_.data() + index * width;
  if (KINDRED_BUG(tree_not_folded)) {
    return *begin;
  }
  return xor_of(begin, begin + width);
}

// Rounds of the last slot may lie beyond the partition where its slots are no power of two: such
// spans hold no keys, and reading them finds none.
KeyPosition MerkleTree::position_at(uint64_t order, bool is_end) const {
  const uint64_t slot = slots_.first + (order >> (64 - slot_bits_));
  const uint64_t low = is_end ? (uint64_t{1} << slot_bits_) - 1 : 0;
  if (slot > slots_.last) {
    return KeyPosition{slots_.last, ~uint64_t{0}};
  }
  return KeyPosition{static_cast<SlotIndex>(slot), order << slot_bits_ | low};
}

KeySpan MerkleTree::span_of(uint8_t level, uint32_t index) const {
  if (level == 0) {
    return KeySpan{KeyPosition{slots_.first, 0}, KeyPosition{slots_.last, ~uint64_t{0}}};
  }
  const uint64_t width_minus_one = ~uint64_t{0} >> level;
  const uint64_t begin = uint64_t{index} << (64 - level);
  return KeySpan{position_at(begin, false), position_at(begin + width_minus_one, true)};
}

MerkleTree MerkleTree::restored(SlotRange slots, std::vector<uint64_t> leaves, uint64_t keys) {
  require(std::has_single_bit(leaves.size()), "a tree has a power of two of leaves");
  MerkleTree tree(slots, static_cast<uint8_t>(std::countr_zero(leaves.size())));
  require(tree.leaves_.size() == leaves.size(), "a tree's leaves are within their bounds");
  tree.leaves_ = std::move(leaves);
  tree.root_ = xor_of(tree.leaves_.data(), tree.leaves_.data() + tree.leaves_.size());
  tree.keys_ = keys;
  return tree;
}

uint8_t MerkleTree::level_for(uint64_t keys, uint8_t level_max) {
  const auto fitting = static_cast<uint8_t>(std::bit_width(keys / kKeysPerLeaf));
  return std::max(kLevelMin, std::min(fitting, level_max));
}

uint8_t MerkleTree::level_max_for(size_t trees, size_t bytes) {
  const size_t leaves = bytes / sizeof(uint64_t) / std::max<size_t>(trees, 1);
  const auto level = static_cast<uint8_t>(leaves == 0 ? 0 : std::bit_width(leaves) - 1);
  return std::clamp(level, kLevelMin, kLevelMax);
}

}  // namespace kindred
