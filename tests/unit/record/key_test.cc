#include "protocol/record/key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "replication/ring/slot.h"
#include "tests/unit/record/random_state.h"

namespace kindred {
namespace {

using testing_record::hex;
using testing_record::RandomStates;

std::string stored(const KeyRef& key) {
  std::string bytes;
  encode_stored_key(key, &bytes);
  return bytes;
}

TEST(KeyTest, DerivesSlotHashAndPartition) {
  const KeyRef key = make_key("user:{42}:name", 256);
  EXPECT_EQ(key.slot, key_slot("42"));
  EXPECT_EQ(key.partition, key.slot / 64);
  EXPECT_EQ(key.hash, make_key("user:{42}:name", 16).hash);
  EXPECT_NE(key.hash, make_key("user:{42}:nama", 256).hash);
}

TEST(KeyTest, GoldenBytes) {
  EXPECT_EQ(hex(stored(make_key("foo", 256))), "012f96ab6e5f64077e7d8a03666f6f");
}

TEST(KeyTest, ShortKeysCostTwelveBytesMore) {
  EXPECT_EQ(stored(make_key(std::string(254, 'k'), 256)).size(), 254 + kStoredKeyOverhead);
}

TEST(KeyTest, EveryLengthComesBackAndNoCutOrFlippedKeyDoes) {
  RandomStates random(1);
  for (const size_t size : {0, 1, 8, 9, 100, 254, 255, 256, 1000}) {
    const std::string key = random.bytes(size);
    const std::string bytes = stored(make_key(key, 64));
    KeyRef decoded;
    ASSERT_TRUE(decode_stored_key(bytes, 64, &decoded));
    EXPECT_EQ(decoded.key, key);
    EXPECT_EQ(decoded.partition, make_key(key, 64).partition);
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decode_stored_key(std::string_view(bytes).substr(0, length), 64, &decoded));
    }
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(decode_stored_key(flipped, 64, &decoded)) << size << " bytes, bit " << bit;
    }
  }
}

KeyRef hint_of(KeyRef key, NodeId target) {
  key.hint_for = target;
  return key;
}

TEST(KeyTest, AHintIsAnotherKeyThatNamesItsTarget) {
  const KeyRef copy = make_key("foo", 256);
  const KeyRef hint = hint_of(copy, 0x0102030405060708);
  EXPECT_EQ(hex(stored(hint)),
            "020102030405060708"
            "2f96ab6e5f64077e7d8a03666f6f");
  EXPECT_EQ(stored(hint).size(), stored(copy).size() + kHintTargetBytes);
  const std::string bytes = stored(hint);
  KeyRef decoded;
  ASSERT_TRUE(decode_stored_key(bytes, 256, &decoded));
  EXPECT_EQ(decoded.hint_for, hint.hint_for);
  EXPECT_EQ(decoded.key, "foo");
  EXPECT_EQ(decoded.partition, copy.partition);
  ASSERT_TRUE(decode_stored_key(stored(copy), 256, &decoded));
  EXPECT_EQ(decoded.hint_for, 0U);
  EXPECT_FALSE(decode_stored_key(stored(hint_of(copy, 1)).replace(8, 1, 1, '\0'), 256, &decoded));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_stored_key(std::string_view(bytes).substr(0, length), 256, &decoded));
  }
}

TEST(KeyTest, HintsLieOutsideOfAllPartitions) {
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    const KeyRef key = make_key(name, 16);
    const std::string copy = stored(key);
    const std::string hint = stored(hint_of(key, 7));
    for (uint32_t partition = 0; partition < 16; ++partition) {
      const StoredKeyRange range = partition_range(partition, 16);
      EXPECT_FALSE(range.begin <= hint && hint < range.end);
    }
    const StoredKeyRange hints = all_hints_range();
    EXPECT_TRUE(hints.begin <= hint && hint < hints.end);
    EXPECT_FALSE(hints.begin <= copy && copy < hints.end);
  }
}

TEST(KeyTest, AFetchRangeOfHintsHoldsOneTargetsHintsOfThePartition) {
  const KeyRef key = make_key("some key", 16);
  FetchRange range;
  range.partition = key.partition;
  range.hint_for = 7;
  const auto holds = [&range](const KeyRef& one) {
    const StoredKeyRange bounds = fetch_range(range, 16);
    return bounds.begin <= stored(one) && stored(one) < bounds.end;
  };
  EXPECT_TRUE(holds(hint_of(key, 7)));
  EXPECT_FALSE(holds(hint_of(key, 8)));
  EXPECT_FALSE(holds(key));
  range.from_slot = key.slot;
  range.from_hash = key.hash;
  range.after_key = key.key;
  EXPECT_FALSE(holds(hint_of(key, 7)));
  range.after_key = {};
  range.partition = static_cast<uint16_t>((key.partition + 1) % 16);
  EXPECT_FALSE(holds(hint_of(key, 7)));
}

TEST(KeyTest, StoredKeysSortBySlotHashLengthAndBytes) {
  RandomStates random(2);
  std::vector<std::string> names;
  std::vector<KeyRef> keys;
  for (int i = 0; i < 300; ++i) {
    names.push_back(random.bytes(random.below(4) == 0 ? 250 + random.below(10) : random.below(5)));
  }
  for (const std::string& name : names) {
    KeyRef key;  // few slots and hashes, so that ties turn up
    key.key = name;
    key.slot = static_cast<uint16_t>(random.below(2) * 300);
    key.hash = random.below(2) << 40;
    key.hint_for = random.below(3) << 20;
    keys.push_back(key);
  }
  for (const KeyRef& a : keys) {
    for (const KeyRef& b : keys) {
      EXPECT_EQ(comes_before(a, b), stored(a) < stored(b));
    }
  }
}

TEST(KeyTest, APartitionsRangeHoldsItsKeysAndNoOthers) {
  RandomStates random(3);
  for (const uint32_t partition_count : {16U, 256U, 16384U}) {
    for (int i = 0; i < 200; ++i) {
      const std::string name = random.bytes(8);
      const KeyRef key = make_key(name, partition_count);
      const std::string bytes = stored(key);
      for (const uint32_t partition :
           {uint32_t{key.partition}, (key.partition + 1U) % partition_count,
            (key.partition + partition_count - 1U) % partition_count}) {
        const StoredKeyRange range = partition_range(partition, partition_count);
        EXPECT_EQ(range.begin <= bytes && bytes < range.end, partition == key.partition);
      }
    }
  }
}

TEST(KeyTest, AFetchRangeStartsAtItsHashOrBehindItsKey) {
  const KeyRef key = make_key("some key", 16);
  FetchRange range;
  range.partition = key.partition;
  EXPECT_EQ(fetch_range(range, 16).begin, partition_range(key.partition, 16).begin);
  range.from_slot = key.slot;
  range.from_hash = key.hash;
  EXPECT_LE(fetch_range(range, 16).begin, stored(key));
  range.after_key = key.key;
  EXPECT_GT(fetch_range(range, 16).begin, stored(key));
  KeyRef tie = key;  // another key of the same hash, next in order
  tie.key = "some kez";
  EXPECT_LE(fetch_range(range, 16).begin, stored(tie));
  EXPECT_EQ(fetch_range(range, 16).end, partition_range(key.partition, 16).end);
  range.from_hash = key.hash + 1;
  range.after_key = {};
  EXPECT_GT(fetch_range(range, 16).begin, stored(key));
}

}  // namespace
}  // namespace kindred
