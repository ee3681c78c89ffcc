#include "protocol/record/bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "protocol/record/hash.h"

namespace kindred {
namespace {

TEST(BytesTest, WhatIsWrittenIsRead) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.u8(200);
  writer.u16(60000);
  writer.u32(4'000'000'000U);
  writer.u64(UINT64_MAX - 1);
  writer.boolean(true);
  writer.sized("key");
  writer.raw("rest");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 200);
  EXPECT_EQ(reader.u16(), 60000);
  EXPECT_EQ(reader.u32(), 4'000'000'000U);
  EXPECT_EQ(reader.u64(), UINT64_MAX - 1);
  EXPECT_TRUE(reader.boolean());
  EXPECT_EQ(reader.sized(), "key");
  EXPECT_FALSE(reader.complete());
  EXPECT_EQ(reader.rest(), "rest");
  EXPECT_TRUE(reader.complete());
}

TEST(BytesTest, VarintsOfEveryLengthComeBack) {
  for (unsigned shift = 0; shift < 64; ++shift) {
    for (const uint64_t value : {(uint64_t{1} << shift) - 1, uint64_t{1} << shift, ~uint64_t{0}}) {
      std::string bytes;
      ByteWriter(&bytes).varint(value);
      ByteReader reader(bytes);
      EXPECT_EQ(reader.varint(), value);
      EXPECT_TRUE(reader.complete());
      ByteReader cut(std::string_view(bytes).substr(0, bytes.size() - 1));
      EXPECT_EQ(cut.varint(), 0U);
      EXPECT_FALSE(cut.ok());
    }
  }
}

TEST(BytesTest, OnlyTheShortestVarintIsValid) {
  const std::string eleven(10, '\x80');
  for (const std::string& bytes : {std::string("\x80\x00", 2), std::string("\xff\x80\x00", 3),
                                   eleven + '\x01', std::string(9, '\xff') + '\x02'}) {
    ByteReader reader(bytes);
    EXPECT_EQ(reader.varint(), 0U);
    EXPECT_FALSE(reader.ok());
  }
}

TEST(BytesTest, AFailureStays) {
  ByteReader reader("\x02more");
  EXPECT_FALSE(reader.boolean());
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_EQ(reader.rest(), "");
  EXPECT_FALSE(reader.complete());
}

TEST(BytesTest, LengthsAndCountsAboveTheInputAreMalformed) {
  std::string bytes;
  ByteWriter(&bytes).varint(UINT64_MAX);
  bytes += "abcdef";
  ByteReader sized(bytes);
  EXPECT_EQ(sized.sized(), "");
  EXPECT_FALSE(sized.ok());
  ByteReader fits(
      "\x03"
      "abcdef");
  EXPECT_EQ(fits.count(2), 3U);
  ByteReader too_many(
      "\x04"
      "abcdef");
  EXPECT_EQ(too_many.count(2), 0U);
  EXPECT_FALSE(too_many.ok());
  ByteReader over_limit(
      "\x03"
      "abcdef");
  EXPECT_EQ(over_limit.count(2, 2), 0U);
  EXPECT_FALSE(over_limit.ok());
}

// Long inputs take another way where the processor allows it: stored sums must not depend on that.
TEST(HashTest, KnownSumsOfShortAndLongInputs) {
  EXPECT_EQ(hash64("foo"), 0xab6e5f64077e7d8aULL);
  EXPECT_EQ(hash64(std::string(1000, 'x')), 0xc0a4877b962cba82ULL);
}

}  // namespace
}  // namespace kindred
