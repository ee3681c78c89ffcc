#include "plugins/lmdb/long_keys.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kindred::plugins::lmdb {
namespace {

TEST(LongKeys, OnlyKeysOverTheHeadGoIntoABucket) {
  const std::string head(kHeadBytes, 'h');
  const Place whole(head);
  EXPECT_FALSE(whole.in_bucket());
  EXPECT_EQ(whole.stored_key(), head);
  const std::string longer = head + "t";
  const Place place(longer);
  EXPECT_TRUE(place.in_bucket());
  EXPECT_EQ(place.stored_key(), head + std::string(1, '\0'));
  EXPECT_EQ(place.tail(), "t");
  EXPECT_TRUE(is_bucket(place.stored_key()));
  EXPECT_FALSE(is_bucket(whole.stored_key()));
}

TEST(LongKeys, ABucketComesBackAsItWas) {
  const std::string big(70000, 'v');
  const std::string bytes = encode_bucket({{"a", "1"}, {"b", ""}, {"ba", big}});
  std::vector<LongRecord> records;
  ASSERT_TRUE(decode_bucket(bytes, &records));
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1].value, "");
  EXPECT_EQ(records[2].tail, "ba");
  EXPECT_EQ(records[2].value, big);
  EXPECT_EQ(find_tail(records, "b"), records.begin() + 1);
  EXPECT_EQ(find_tail(records, "c"), records.end());
}

TEST(LongKeys, EveryCutOfABucketIsRefusedOrShorter) {
  const std::string bytes = encode_bucket({{"tail", "value"}, {"tail2", "value2"}});
  std::vector<LongRecord> records;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const bool decoded = decode_bucket(std::string_view(bytes).substr(0, size), &records);
    EXPECT_TRUE(!decoded || records.size() == 1) << size;
  }
  EXPECT_FALSE(decode_bucket(std::string(8, '\0'), &records)) << "a tail is never empty";
  EXPECT_FALSE(decode_bucket(std::string(8, '\xff') + "tail", &records));
}

}  // namespace
}  // namespace kindred::plugins::lmdb
