#include "plugins/memory/ordered_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace kindred::plugins::memory {
namespace {

std::vector<std::string> keys_in(const OrderedIndex& index) {
  std::vector<std::string> keys;
  index.walk(index.lower_bound({}), [&](const char* record) {
    keys.emplace_back(record_key(record));
    return true;
  });
  return keys;
}

void insert(OrderedIndex* index, const std::string& key) {
  const OrderedIndex::Position position = index->lower_bound(key);
  ASSERT_FALSE(position.found) << key;
  index->insert(position, make_record(key, key));
}

// The keys differ only far behind the prefix, so every search is settled by comparing records.
TEST(OrderedIndexTest, KeysThatShareTheirPrefixOverManyChunksAreOrderedWhole) {
  OrderedIndex index;
  std::map<std::string, bool> model;
  std::mt19937 random(7);
  while (model.size() < 5000) {
    const std::string key = "the same prefix " + std::to_string(random() % 1000000);
    if (model.emplace(key, true).second) {
      insert(&index, key);
    }
  }
  std::vector<std::string> expected;
  for (const auto& [key, unused] : model) {
    expected.push_back(key);
    ASSERT_NE(index.find(key), nullptr) << key;
  }
  EXPECT_EQ(keys_in(index), expected);
  EXPECT_EQ(index.find("the same prefix "), nullptr);
  EXPECT_EQ(index.find("the same prefix x"), nullptr);
}

TEST(OrderedIndexTest, GroupsSplitAndVanishAgain) {
  OrderedIndex index;
  std::mt19937_64 random(3);
  std::vector<std::string> keys;
  // Several groups of 512 chunks of about 90 records.
  for (int i = 0; i < 200000; ++i) {
    const std::uint64_t number = random();
    keys.emplace_back(reinterpret_cast<const char*>(&number), sizeof(number));
    insert(&index, keys.back());
  }
  EXPECT_EQ(index.size(), keys.size());
  std::shuffle(keys.begin(), keys.end(), random);
  for (const std::string& key : keys) {
    const OrderedIndex::Position position = index.lower_bound(key);
    ASSERT_TRUE(position.found);
    free_record(index.erase(position));
  }
  EXPECT_EQ(index.size(), 0u);
  EXPECT_TRUE(keys_in(index).empty());
  insert(&index, "again");
  EXPECT_EQ(keys_in(index), std::vector<std::string>{"again"});
}

TEST(OrderedIndexTest, AscendingInsertsFillTheirChunks) {
  OrderedIndex index;
  constexpr std::size_t kCount = 100000;
  for (std::size_t i = 0; i < kCount; ++i) {
    std::string key = std::to_string(i);
    insert(&index, std::string(12 - key.size(), '0') + key);
  }
  EXPECT_LT(index.memory_bytes() / kCount, 18u);
  EXPECT_EQ(keys_in(index).size(), kCount);
}

TEST(OrderedIndexTest, DescendingInsertsKeepTheOrder) {
  OrderedIndex index;
  for (int i = 9999; i >= 1000; --i) {
    insert(&index, std::to_string(i));
  }
  const std::vector<std::string> keys = keys_in(index);
  ASSERT_EQ(keys.size(), 9000u);
  EXPECT_EQ(keys.front(), "1000");
  EXPECT_EQ(keys.back(), "9999");
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(RecordTest, LongKeysAndEmptyValuesKeepTheirBytes) {
  for (const std::size_t key_bytes : {1u, 254u, 255u, 256u, 100000u}) {
    const std::string key(key_bytes, 'k');
    for (const std::string& value : {std::string(), std::string("v"), std::string(5000, 'v')}) {
      const Record record = make_record(key, value);
      EXPECT_EQ(view_record(record).key, key);
      EXPECT_EQ(view_record(record).value, value);
      free_record(record);
    }
  }
}

TEST(RecordTest, AValueIsOverwrittenInPlaceOnlyWhereItFitsAndFillsTheBlock) {
  const Record record = make_record("key", std::string(1000, 'a'));
  EXPECT_TRUE(overwrite_in_place(record, std::string(990, 'b')));
  EXPECT_EQ(view_record(record).value, std::string(990, 'b'));
  EXPECT_EQ(view_record(record).key, "key");
  EXPECT_FALSE(overwrite_in_place(record, std::string(2000, 'c')));
  EXPECT_FALSE(overwrite_in_place(record, "tiny"));
  EXPECT_EQ(view_record(record).value, std::string(990, 'b'));
  free_record(record);
}

}  // namespace
}  // namespace kindred::plugins::memory
