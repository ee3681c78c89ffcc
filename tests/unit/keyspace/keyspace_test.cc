#include "replication/keyspace/keyspace.h"
#include "replication/keyspace/key_partitions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replication/keyspace/keyspace_words.h"

namespace kindred {
namespace {

Keyspace with_pattern(const std::string& pattern) {
  Keyspace keyspace;
  keyspace.pattern = pattern;
  return keyspace;
}

Keyspaces table(const std::vector<std::string>& patterns) {
  Keyspaces keyspaces;
  for (const std::string& pattern : patterns) {
    EXPECT_TRUE(put_keyspace(keyspaces, with_pattern(pattern)));
  }
  return keyspaces;
}

std::string found(const Keyspaces& keyspaces, std::string_view key) {
  const Keyspace* keyspace = find_keyspace(keyspaces, key);
  return keyspace == nullptr ? "none" : keyspace->pattern;
}

TEST(KeyspaceTest, TheLongestPatternHolds) {
  const Keyspaces keyspaces = table({"cart:*", "cart:vip:*", "cart:7", "session:*"});
  EXPECT_TRUE(is_valid(keyspaces));
  EXPECT_EQ(found(keyspaces, "cart:1"), "cart:*");
  EXPECT_EQ(found(keyspaces, "cart:vip:1"), "cart:vip:*");
  EXPECT_EQ(found(keyspaces, "cart:vip"), "cart:*");
  EXPECT_EQ(found(keyspaces, "cart:"), "cart:*");
  EXPECT_EQ(found(keyspaces, "cart"), "none");
  EXPECT_EQ(found(keyspaces, ""), "none");
  EXPECT_EQ(found(table({"*", "a*"}), "b"), "*");
}

TEST(KeyspaceTest, AKeysOwnPatternComesBeforeOneOfTheSameLength) {
  const Keyspaces keyspaces = table({"cart:7*", "cart:7", "cart:70*"});
  EXPECT_EQ(found(keyspaces, "cart:7"), "cart:7");
  EXPECT_EQ(found(keyspaces, "cart:70"), "cart:70*");
  EXPECT_EQ(found(keyspaces, "cart:77"), "cart:7*");
}

TEST(KeyspaceTest, TheTableIsTheSameWhateverTheOrder) {
  EXPECT_EQ(table({"b*", "a*", "c"}), table({"c", "b*", "a*"}));
  Keyspaces keyspaces = table({"a*", "b*"});
  EXPECT_TRUE(remove_keyspace(keyspaces, "a*"));
  EXPECT_FALSE(remove_keyspace(keyspaces, "a*"));
  EXPECT_EQ(keyspaces, table({"b*"}));
  EXPECT_EQ(find_pattern(keyspaces, "b"), nullptr);
  EXPECT_NE(find_pattern(keyspaces, "b*"), nullptr);
  Keyspace changed = with_pattern("b*");
  changed.read = 3;
  EXPECT_TRUE(put_keyspace(keyspaces, changed));
  EXPECT_EQ(keyspaces, Keyspaces{changed});
}

TEST(KeyspaceTest, ATableThatDoesNotHoldTogetherIsInvalid) {
  EXPECT_FALSE(is_valid(Keyspaces{with_pattern("")}));
  EXPECT_FALSE(is_valid(Keyspaces{with_pattern("a*b")}));
  EXPECT_FALSE(is_valid(Keyspaces{with_pattern("**")}));
  EXPECT_FALSE(is_valid(Keyspaces{with_pattern(std::string(256, 'a'))}));
  EXPECT_FALSE(is_valid(Keyspaces{with_pattern("b"), with_pattern("a")}));
  EXPECT_FALSE(is_valid(Keyspaces{with_pattern("a"), with_pattern("a")}));
  Keyspace nameless = with_pattern("a");
  nameless.resolver = "";
  EXPECT_FALSE(is_valid(Keyspaces{nameless}));
}

TEST(KeyspaceTest, TheTableIsBounded) {
  Keyspaces keyspaces;
  for (size_t i = 0; i < kKeyspacesMax; ++i) {
    ASSERT_TRUE(put_keyspace(keyspaces, with_pattern("k" + std::to_string(i))));
  }
  EXPECT_FALSE(put_keyspace(keyspaces, with_pattern("another")));
  EXPECT_TRUE(put_keyspace(keyspaces, with_pattern("k1")));
  EXPECT_TRUE(is_valid(keyspaces));
}

TEST(KeyspaceTest, RangesSpanWhatAnyKeyMayGoBy) {
  Keyspaces keyspaces = table({"a*", "b*", "c*"});
  EXPECT_EQ(write_range(keyspaces, 2).least, 2);
  keyspaces[0].write = 1;
  keyspaces[1].write = 3;
  keyspaces[1].read = 1;
  EXPECT_EQ(write_range(keyspaces, 2).least, 1);
  EXPECT_EQ(write_range(keyspaces, 2).most, 3);
  EXPECT_EQ(read_range(keyspaces, 2).least, 1);
  EXPECT_EQ(read_range(keyspaces, 2).most, 2);
}

TEST(KeyspaceTest, AResolverOrALifetimeChangesNoQuorum) {
  const Keyspaces before = table({"a*"});
  Keyspaces after = before;
  after[0].resolver = "union";
  after[0].ttl_ms = 5;
  EXPECT_FALSE(quorums_differ(before, after));
  after[0].has_registers = false;
  EXPECT_TRUE(quorums_differ(before, after));
  EXPECT_FALSE(quorums_differ(before, {}));
  Keyspaces shadowed = after;
  EXPECT_TRUE(put_keyspace(shadowed, with_pattern("ab*")));
  EXPECT_TRUE(quorums_differ(after, shadowed)) << "keys of ab* have registers again";
}

std::string refusal(const std::vector<std::string_view>& words) {
  Keyspace keyspace = with_pattern("untouched");
  std::string wrong = parse_keyspace(words, 3, &keyspace);
  EXPECT_EQ(keyspace, with_pattern("untouched")) << "though refused";
  return wrong;
}

TEST(KeyspaceWordsTest, TextAndWordsAreTheSame) {
  Keyspace keyspace;
  EXPECT_EQ(
      parse_keyspace(std::vector<std::string_view>{"cart:*", "R", "1", "w", "3", "Registers", "OFF",
                                                   "resolver", "Union", "ttl", "60000"},
                     3, &keyspace),
      "");
  EXPECT_EQ(keyspace_text(keyspace), "cart:* r 1 w 3 registers off resolver union ttl 60000");
  EXPECT_EQ(
      parse_keyspace(std::vector<std::string_view>{"one", "registers", "on", "resolver", "lww"}, 3,
                     &keyspace),
      "");
  EXPECT_EQ(keyspace, with_pattern("one"));
  EXPECT_EQ(keyspace_text(keyspace), "one");
}

TEST(KeyspaceWordsTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(refusal({}), "needs a pattern");
  EXPECT_EQ(refusal({"a*b"}), "the pattern has a '*' that is not its last character");
  EXPECT_EQ(refusal({"a", "r", "4"}), "r must be a number from 1 to N=3, not '4'");
  EXPECT_EQ(refusal({"a", "w", "0"}), "w must be a number from 1 to 64, not '0'");
  EXPECT_EQ(refusal({"a", "n", "65"}), "n must be a number from 1 to 64, not '65'");
  EXPECT_EQ(refusal({"a", "w", "2", "n", "1"}), "w must be a number from 1 to N=1, not '2'");
  EXPECT_EQ(refusal({"a", "w", "1", "W", "1"}), "'w' is given twice");
  EXPECT_EQ(refusal({"a", "registers", "maybe"}), "registers must be on or off, not 'maybe'");
  EXPECT_EQ(refusal({"a", "resolver", "a b"}), "resolver must be a resolver's name, not 'a b'");
  EXPECT_EQ(refusal({"a", "ttl", "0"}),
            "ttl must be a number of milliseconds, at least 1, not '0'");
  EXPECT_EQ(refusal({"a", "ttl"}), "'ttl' needs a value");
  EXPECT_EQ(refusal({"a", "color", "red"}), "'color' is none of n, r, w, registers, resolver, ttl");
}

TEST(KeyspaceWordsTest, ANumberOfCopiesBoundsTheQuorums) {
  Keyspace keyspace;
  EXPECT_EQ(parse_keyspace(std::vector<std::string_view>{"a*", "R", "4", "N", "5"}, 3, &keyspace),
            "");
  EXPECT_EQ(keyspace.copies, 5);
  EXPECT_EQ(keyspace_text(keyspace), "a* n 5 r 4");
}

Keyspace with_copies(std::string pattern, uint8_t copies) {
  Keyspace keyspace;
  keyspace.pattern = std::move(pattern);
  keyspace.copies = copies;
  return keyspace;
}

TEST(KeyspaceTable, AnNHoldsForNarrowerPatternsThatHaveNone) {
  const Keyspaces table = {with_copies("a*", 2), with_copies("ab", 5), with_copies("ab*", 0)};
  EXPECT_EQ(copies_wanted(table, "ab", 3), 5U);
  EXPECT_EQ(copies_wanted(table, "ab*", 3), 2U);
  EXPECT_EQ(copies_wanted(table, "abc", 3), 2U);
  EXPECT_EQ(copies_wanted(table, "b*", 3), 3U);
  EXPECT_EQ(copies_wanted(table, "*", 3), 3U) << "not all of its keys begin with a";
}

TEST(KeyPartitions, AKeyIsOfTheClosestLayer) {
  const std::vector<std::string> layers = {"a*", "ab*", "abc"};
  const KeyPartitions partitions(16, layers);
  EXPECT_EQ(partitions.count(), 64U);
  EXPECT_EQ(partitions.of("b", 8192), 8U);
  EXPECT_EQ(partitions.of("a1", 8192), 16U + 8);
  EXPECT_EQ(partitions.of("ab", 8192), 32U + 8);
  EXPECT_EQ(partitions.of("abc", 8192), 48U + 8);
  EXPECT_EQ(partitions.of("abcd", 8192), 32U + 8);
  EXPECT_EQ(partitions.first_layer(48 + 8), 8U);
  EXPECT_EQ(partitions.slots_of(48 + 8), slot_range(8, 16));
  EXPECT_EQ(KeyPartitions(16).of("abc", 8192), 8U);
}

TEST(KeyPartitions, WhatIsAroundAPatternHoldsAllItsKeys) {
  const std::vector<std::string> layers = {"a*", "abc*", "ab"};
  EXPECT_EQ(layer_around(layers, "b*"), 0U);
  EXPECT_EQ(layer_around(layers, "ab*"), 1U) << "neither the narrower one nor one key's";
  EXPECT_EQ(layer_around(layers, "abcd"), 2U);
  EXPECT_EQ(layer_around(layers, "*"), 0U);
}

}  // namespace
}  // namespace kindred
