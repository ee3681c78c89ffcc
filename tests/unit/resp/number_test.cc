#include "protocol/resp/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>

namespace kindred {
namespace {

TEST(Number, ReadsCanonicalIntegersOnly) {
  EXPECT_EQ(parse_int64("0"), 0);
  EXPECT_EQ(parse_int64("-1"), -1);
  EXPECT_EQ(parse_int64("10"), 10);
  EXPECT_EQ(parse_int64("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_int64("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "1e3", "0x1", "a",
                           "9223372036854775808", "-9223372036854775809", "18446744073709551616",
                           "100000000000000000000"}) {
    EXPECT_EQ(parse_int64(text), std::nullopt) << text;
  }
}

TEST(Number, ReadsFloats) {
  EXPECT_EQ(parse_double("3.5"), 3.5);
  EXPECT_EQ(parse_double("+1e3"), 1000);
  EXPECT_EQ(parse_double("0x1p3"), 8);
  EXPECT_EQ(parse_double("-inf"), -INFINITY);
  EXPECT_EQ(parse_long_double("0.1"), 0.1L);
  EXPECT_EQ(parse_long_double("inf"), static_cast<long double>(INFINITY));
  for (const char* text : {"", " 1", "1 ", "nan", "-nan", "1e400", "1e-400", "1.2.3", "a"}) {
    EXPECT_EQ(parse_double(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_long_double("nan"), std::nullopt);
  EXPECT_EQ(parse_long_double("1e5000"), std::nullopt);
  EXPECT_EQ(parse_double(std::string_view("1\0", 2)), std::nullopt);
  EXPECT_EQ(parse_double(std::string(5 * 1024, '1')), std::nullopt);
}

TEST(Number, PrintsFloatsAsRedisDoes) {
  EXPECT_EQ(format_long_double(3.0L), "3");
  EXPECT_EQ(format_long_double(10.5L + 0.1L), "10.6");
  EXPECT_EQ(format_long_double(5.0e3L), "5000");
  EXPECT_EQ(format_long_double(-0.0L), "0");
  EXPECT_EQ(format_long_double(100.0L), "100");
  EXPECT_EQ(format_long_double(-INFINITY), "-inf");
  EXPECT_EQ(format_double(3.0), "3");
  EXPECT_EQ(format_double(3.1), "3.1000000000000001");
  EXPECT_EQ(format_double(INFINITY), "inf");
}

}  // namespace
}  // namespace kindred
