#include "replication/ring/slot.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace kindred {
namespace {

// The definition, bit by bit.
std::uint32_t slot_by_definition(std::string_view key) {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  std::uint32_t crc = 0;
  for (const char c : key) {
    crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1;
    }
  }
  return crc % 16384;
}

TEST(Slot, KnownValues) {
  EXPECT_EQ(key_slot(""), 0);
  EXPECT_EQ(key_slot("123456789"), 0x31c3);  // the check value of CRC16/XMODEM
  EXPECT_EQ(key_slot("foo"), 12182);
  EXPECT_EQ(key_slot("bar"), 5061);
}

TEST(Slot, HashTags) {
  EXPECT_EQ(key_slot("{user1000}.following"), key_slot("user1000"));
  EXPECT_EQ(key_slot("{user1000}.followers"), key_slot("user1000"));
  EXPECT_EQ(key_slot("foo{bar}{zap}"), key_slot("bar"));
  EXPECT_EQ(key_slot("foo{{bar}}zap"), key_slot("{bar"));
  EXPECT_EQ(key_slot("x}{bar}"), key_slot("bar"));
  EXPECT_EQ(key_slot("foo{}{bar}"), slot_by_definition("foo{}{bar}"));
  EXPECT_NE(key_slot("foo{}{bar}"), key_slot("bar"));
  EXPECT_NE(key_slot("foo{bar"), key_slot("bar"));
}

TEST(Slot, AgreesWithTheDefinitionOnRandomKeys) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50'000; ++round) {
    std::string key(random() % 70, '\0');
    const bool with_braces = random() % 2 == 0;
    for (char& c : key) {
      c = with_braces && random() % 8 == 0 ? "{}"[random() % 2] : static_cast<char>(random());
    }
    ASSERT_EQ(key_slot(key), slot_by_definition(key)) << "round " << round;
    ASSERT_EQ(ring_detail::slot_by_tables(key), slot_by_definition(key)) << "round " << round;
  }
}

TEST(Slot, PartitionsAreContiguousAndCoverEverySlot) {
  for (std::uint32_t count : {1u, 3u, 16u, 100u, 256u, 1024u, 16384u}) {
    std::uint32_t next = 0;
    for (PartitionIndex partition = 0; partition < count; ++partition) {
      const SlotRange range = slot_range(partition, count);
      ASSERT_EQ(range.first, next);
      ASSERT_GE(range.last, range.first);
      ASSERT_EQ(partition_of_slot(range.first, count), partition);
      ASSERT_EQ(partition_of_slot(range.last, count), partition);
      next = range.last + 1u;
    }
    ASSERT_EQ(next, kSlotCount);
  }
}

}  // namespace
}  // namespace kindred
