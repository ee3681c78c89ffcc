#include "replication/entropy/descent.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/entropy/copy.h"

namespace kindred {
namespace {

using entropy_test::Copy;
using entropy_test::kSlots;
using entropy_test::random_digest;
using entropy_test::random_key;

struct Result {
  std::vector<KeySpan> spans;
  uint64_t nodes_asked = 0;
  uint64_t keys_listed = 0;  // of both sides
  size_t rounds = 0;
  bool went_straight = false;
};

uint64_t keys_in(const Copy& copy, const KeySpan& span) {
  return static_cast<uint64_t>(
      std::distance(copy.digests().lower_bound(span.first), copy.digests().upper_bound(span.last)));
}

Result descend(const Copy& mine, const Copy& theirs) {
  Result result;
  Descent descent;
  while (const NodesQuestion* question = descent.next(mine.tree())) {
    EXPECT_LE(question->nodes.size(), Descent::kNodesMax);
    EXPECT_TRUE(std::is_sorted(question->nodes.begin(), question->nodes.end()));
    ++result.rounds;
    std::vector<uint64_t> hashes;
    for (uint32_t node : question->nodes) {
      hashes.push_back(theirs.tree().node(question->level, node));
    }
    EXPECT_TRUE(descent.answer(mine.tree(), {theirs.tree().level(), theirs.tree().keys(), hashes}));
  }
  while (const auto span = descent.take_span(mine.tree())) {
    EXPECT_TRUE(result.spans.empty() || result.spans.back().last < span->first);
    result.spans.push_back(*span);
    result.keys_listed += keys_in(mine, *span) + keys_in(theirs, *span);
  }
  result.nodes_asked = descent.nodes_asked();
  result.went_straight = descent.went_straight();
  return result;
}

void expect_all_found(const Copy& a, const Copy& b, const Result& result) {
  std::set<KeyPosition> keys;
  for (const auto& [key, digest] : a.digests()) {
    keys.insert(key);
  }
  for (const auto& [key, digest] : b.digests()) {
    keys.insert(key);
  }
  for (const KeyPosition& key : keys) {
    if (a.digest_of(key) == b.digest_of(key)) {
      continue;
    }
    ASSERT_TRUE(std::any_of(result.spans.begin(), result.spans.end(), [&](const KeySpan& span) {
      return span.first <= key && key <= span.last;
    }));
  }
}

// Both sides alike, then `differing` keys written at one of them.
void differ(Copy& a, Copy& b, uint64_t keys, uint64_t differing, std::mt19937_64& random) {
  std::vector<KeyPosition> all;
  for (uint64_t i = 0; i < keys; ++i) {
    const KeyPosition key = random_key(random);
    const Digest digest = random_digest(random);
    a.write(key, digest);
    b.write(key, digest);
    all.push_back(key);
  }
  for (uint64_t i = 0; i < differing; ++i) {
    Copy& side = random() % 2 == 0 ? a : b;
    const bool is_new = all.empty() || random() % 3 == 0;
    const Digest digest = random() % 4 == 0 ? 0 : random_digest(random);
    side.write(is_new ? random_key(random) : all[random() % all.size()], digest);
  }
}

TEST(Descent, EqualCopiesCostOneNode) {
  std::mt19937_64 random(1);
  Copy a;
  Copy b;
  differ(a, b, 5000, 0, random);
  a.fit();
  b.fit();
  const Result result = descend(a, b);
  EXPECT_TRUE(result.spans.empty());
  EXPECT_EQ(result.nodes_asked, 1U);
}

TEST(Descent, FindsAllDifferencesOfTreesOfAnyDepth) {
  for (uint64_t prng_seed = 1; prng_seed <= 300; ++prng_seed) {
    std::mt19937_64 random(prng_seed);
    Copy a;
    Copy b;
    differ(a, b, random() % 3000, random() % 60, random);
    a.fit(static_cast<uint8_t>(6 + random() % 8));
    b.fit(static_cast<uint8_t>(6 + random() % 8));
    expect_all_found(a, b, descend(a, b));
  }
}

TEST(Descent, CostsInProportionToWhatDiffers) {
  std::mt19937_64 random(7);
  for (uint64_t differing : {1U, 10U, 100U}) {
    Copy a;
    Copy b;
    differ(a, b, 100'000, differing, random);
    a.fit();
    b.fit();
    const Result result = descend(a, b);
    expect_all_found(a, b, result);
    // Down 14 levels by 16 children each, 64 at the top; a leaf holds about 8 keys a side.
    EXPECT_LE(result.nodes_asked, 1 + 64 + differing * 40) << differing;
    EXPECT_LE(result.keys_listed, differing * 60) << differing;
    EXPECT_FALSE(result.went_straight);
  }
}

TEST(Descent, GoesStraightToTheKeysWhereMostDiffer) {
  std::mt19937_64 random(8);
  Copy a;
  Copy b;
  differ(a, b, 100'000, 50'000, random);
  a.fit();
  b.fit();
  const Result result = descend(a, b);
  expect_all_found(a, b, result);
  EXPECT_TRUE(result.went_straight);
  EXPECT_LE(result.nodes_asked, 2000U);  // of 16384 leaves
}

TEST(Descent, OfAnEmptyCopyAsksNothingBelowTheRoot) {
  std::mt19937_64 random(9);
  Copy a;
  Copy b;
  for (int i = 0; i < 5000; ++i) {
    a.write(random_key(random), random_digest(random));
  }
  a.fit();
  for (const Result& result : {descend(a, b), descend(b, a)}) {
    EXPECT_EQ(result.nodes_asked, 1U);
    ASSERT_EQ(result.spans.size(), 1U);
    EXPECT_EQ(result.spans[0], a.tree().span_of(0, 0));
  }
}

TEST(Descent, OfFewKeysListsThemAtOnce) {
  std::mt19937_64 random(10);
  Copy a;
  Copy b;
  differ(a, b, 10, 2, random);
  const Result result = descend(a, b);
  expect_all_found(a, b, result);
  EXPECT_EQ(result.rounds, 1U);
}

TEST(Descent, TakesNoAnswerThatCannotBeOne) {
  Copy a;
  a.write({kSlots.first, 1}, 1);
  const uint64_t hash = 5;
  Descent descent;
  const std::vector<uint64_t> one{hash};
  const std::vector<uint64_t> two{hash, hash};
  EXPECT_FALSE(descent.answer(a.tree(), {6, 1, one})) << "nothing was asked";
  ASSERT_NE(descent.next(a.tree()), nullptr);
  EXPECT_EQ(descent.next(a.tree()), nullptr) << "the answer is awaited";
  EXPECT_FALSE(descent.answer(a.tree(), {6, 1, {}}));
  EXPECT_FALSE(descent.answer(a.tree(), {6, 1, two}));
  EXPECT_FALSE(descent.answer(a.tree(), {MerkleTree::kLevelMax + 1, 1, one}));
  EXPECT_TRUE(descent.answer(a.tree(), {6, 1, one}));
}

}  // namespace
}  // namespace kindred
