#include "replication/entropy/tree.h"

#include <gtest/gtest.h>

#include "tests/unit/entropy/copy.h"

namespace kindred {
namespace {

using entropy_test::Copy;
using entropy_test::kSlots;
using entropy_test::random_digest;
using entropy_test::random_key;

bool holds(const KeySpan& span, KeyPosition key) {
  return span.first <= key && key <= span.last;
}

TEST(MerkleTree, EqualStoresHaveEqualTreesHoweverTheyWereWritten) {
  std::mt19937_64 random(1);
  Copy forward;
  Copy backward;
  std::vector<std::pair<KeyPosition, Digest>> writes;
  for (int i = 0; i < 2000; ++i) {
    writes.emplace_back(random_key(random), random_digest(random));
  }
  for (const auto& [key, digest] : writes) {
    forward.write(key, random_digest(random));  // overwritten below
  }
  for (const auto& [key, digest] : writes) {
    forward.write(key, digest);
  }
  for (auto write = writes.rbegin(); write != writes.rend(); ++write) {
    backward.write(write->first, write->second);
  }
  EXPECT_EQ(forward.tree(), backward.tree());
  EXPECT_EQ(forward.tree().keys(), 2000U);
}

TEST(MerkleTree, OneKeyMoreMissingOrOtherShows) {
  std::mt19937_64 random(2);
  Copy copy;
  for (int i = 0; i < 100; ++i) {
    copy.write(random_key(random), random_digest(random));
  }
  const MerkleTree before = copy.tree();
  const KeyPosition key = random_key(random);
  copy.write(key, random_digest(random));
  const uint64_t one = copy.tree().root();
  EXPECT_NE(one, before.root());
  copy.write(key, random_digest(random));
  EXPECT_NE(copy.tree().root(), one);
  copy.write(key, 0);
  EXPECT_EQ(copy.tree(), before);
}

TEST(MerkleTree, NodesAreTheSameAtAnyDepth) {
  std::mt19937_64 random(3);
  Copy copy;
  for (int i = 0; i < 3000; ++i) {
    copy.write(random_key(random), random_digest(random));
  }
  const MerkleTree deep = copy.built(13);
  const MerkleTree shallow = copy.built(8);
  for (uint8_t level = 0; level <= shallow.level(); ++level) {
    for (uint32_t index = 0; index < uint32_t{1} << level; ++index) {
      ASSERT_EQ(deep.node(level, index), shallow.node(level, index)) << int{level} << " " << index;
    }
  }
  MerkleTree folded = deep;
  folded.fold(8);
  EXPECT_EQ(folded, shallow);
}

TEST(MerkleTree, WritesGoOnAfterAFold) {
  std::mt19937_64 random(4);
  Copy copy(kSlots, 12);
  const KeyPosition key = random_key(random);
  copy.write(key, 5);
  copy.tree().fold(7);
  copy.write(key, 9);
  copy.write(random_key(random), random_digest(random));
  EXPECT_EQ(copy.tree(), copy.built(7));
}

void expect_spans_cut_the_order(SlotRange slots) {
  std::mt19937_64 random(5);
  for (uint8_t level : {uint8_t{6}, uint8_t{9}, uint8_t{14}}) {
    for (int i = 0; i < 200; ++i) {
      const KeyPosition key = random_key(random, slots);
      MerkleTree tree(slots, level);
      tree.update(key, 0, 1);
      uint32_t leaf = 0;
      while (tree.node(level, leaf) == 0) {
        ++leaf;
      }
      ASSERT_TRUE(holds(tree.span_of(level, leaf), key));
      ASSERT_TRUE(leaf == 0 || tree.span_of(level, leaf - 1).last < key);
      const bool is_last = leaf + 1 == uint32_t{1} << level;
      ASSERT_TRUE(is_last || key < tree.span_of(level, leaf + 1).first ||
                  key == KeyPosition({slots.last, ~uint64_t{0}}));
      ASSERT_TRUE(holds(tree.span_of(3, leaf >> (level - 3)), key));
    }
  }
}

TEST(MerkleTree, ASpanHoldsTheKeysOfItsNodeAndNoOthers) {
  expect_spans_cut_the_order(kSlots);
  expect_spans_cut_the_order({0, 16383});
  expect_spans_cut_the_order({16383, 16383});
  expect_spans_cut_the_order({100, 154});  // 55 slots: some spans lie beyond the last
  expect_spans_cut_the_order({8, 9});
}

TEST(MerkleTree, SpansOfAllNodesJoinWithoutGap) {
  const MerkleTree tree({40, 103}, 10);
  for (uint8_t level : {uint8_t{1}, uint8_t{5}, uint8_t{10}}) {
    EXPECT_EQ(tree.span_of(level, 0).first, (KeyPosition{40, 0}));
    EXPECT_EQ(tree.span_of(level, (1U << level) - 1).last, (KeyPosition{103, ~uint64_t{0}}));
    for (uint32_t i = 1; i < 1U << level; ++i) {
      const KeyPosition end = tree.span_of(level, i - 1).last;
      const KeyPosition begin = tree.span_of(level, i).first;
      ASSERT_TRUE(end.hash == ~uint64_t{0}
                      ? begin == KeyPosition({static_cast<SlotIndex>(end.slot + 1), 0})
                      : begin == KeyPosition({end.slot, end.hash + 1}));
    }
  }
}

TEST(MerkleTree, LeavesFollowTheKeysWithinTheMemory) {
  EXPECT_EQ(MerkleTree::level_for(0, 20), MerkleTree::kLevelMin);
  EXPECT_EQ(MerkleTree::level_for(8U << 12, 20), 13);
  EXPECT_EQ(MerkleTree::level_for(1U << 30, 14), 14);
  constexpr size_t kMemory = 64U << 20;
  for (size_t trees : {1U, 3U, 100U, 768U, 3000U, 16384U}) {
    const uint8_t level = MerkleTree::level_max_for(trees, kMemory);
    EXPECT_LE(trees * MerkleTree(kSlots, level).bytes(), kMemory) << trees;
  }
}

TEST(MerkleTree, IsRestoredFromItsLeaves) {
  std::mt19937_64 random(6);
  Copy copy(kSlots, 9);
  for (int i = 0; i < 500; ++i) {
    copy.write(random_key(random), random_digest(random));
  }
  EXPECT_EQ(MerkleTree::restored(kSlots, copy.tree().leaves(), copy.tree().keys()), copy.tree());
}

}  // namespace
}  // namespace kindred
