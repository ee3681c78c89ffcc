#include "protocol/resp/writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

namespace kindred {
namespace {

template <typename Write>
std::string written(RespVersion version, Write write) {
  ReplyWriter writer(version);
  write(writer);
  return std::string(writer.view());
}

template <typename Write>
void expect_written(Write write, std::string_view resp2, std::string_view resp3) {
  EXPECT_EQ(written(RespVersion::kResp2, write), resp2);
  EXPECT_EQ(written(RespVersion::kResp3, write), resp3);
}

template <typename Write>
void expect_same(Write write, std::string_view bytes) {
  expect_written(write, bytes, bytes);
}

TEST(ReplyWriter, WritesWhatBothVersionsShare) {
  expect_same([](ReplyWriter& w) { w.ok(); }, "+OK\r\n");
  expect_same([](ReplyWriter& w) { w.simple_string("PONG"); }, "+PONG\r\n");
  expect_same([](ReplyWriter& w) { w.error("ERR a\r\nb"); }, "-ERR a  b\r\n");
  expect_same([](ReplyWriter& w) { w.integer(INT64_MIN); }, ":-9223372036854775808\r\n");
  expect_same([](ReplyWriter& w) { w.bulk("va\r\nl"); }, "$5\r\nva\r\nl\r\n");
  expect_same([](ReplyWriter& w) { w.bulk(""); }, "$0\r\n\r\n");
  expect_same([](ReplyWriter& w) { w.bulk_integer(-12); }, "$3\r\n-12\r\n");
  expect_same([](ReplyWriter& w) { w.array(3000000000); }, "*3000000000\r\n");
  expect_same([](ReplyWriter& w) { w.raw(":1\r\n"); }, ":1\r\n");
}

TEST(ReplyWriter, GivesResp2ClientsTheOldShapes) {
  expect_written([](ReplyWriter& w) { w.null(); }, "$-1\r\n", "_\r\n");
  expect_written([](ReplyWriter& w) { w.null_array(); }, "*-1\r\n", "_\r\n");
  expect_written([](ReplyWriter& w) { w.boolean(true); }, ":1\r\n", "#t\r\n");
  expect_written([](ReplyWriter& w) { w.boolean(false); }, ":0\r\n", "#f\r\n");
  expect_written([](ReplyWriter& w) { w.map(7); }, "*14\r\n", "%7\r\n");
  expect_written([](ReplyWriter& w) { w.set(2); }, "*2\r\n", "~2\r\n");
  expect_written([](ReplyWriter& w) { w.push(2); }, "*2\r\n", ">2\r\n");
  expect_written([](ReplyWriter& w) { w.number(1.5); }, "$3\r\n1.5\r\n", ",1.5\r\n");
  expect_written([](ReplyWriter& w) { w.number(-INFINITY); }, "$4\r\n-inf\r\n", ",-inf\r\n");
  expect_written([](ReplyWriter& w) { w.verbatim("txt", "a\nb"); }, "$3\r\na\nb\r\n",
                 "=7\r\ntxt:a\nb\r\n");
}

TEST(ReplyWriter, SwitchesVersionBetweenReplies) {
  ReplyWriter writer;
  writer.null();
  writer.set_version(RespVersion::kResp3);
  writer.null();
  EXPECT_EQ(writer.view(), "$-1\r\n_\r\n");
}

TEST(ReplyWriter, GathersRepliesInOneBuffer) {
  ReplyWriter writer;
  std::string expected;
  for (int i = 0; i < 10000; ++i) {
    writer.bulk("value");
    expected += "$5\r\nvalue\r\n";
  }
  EXPECT_EQ(writer.view(), expected);
  writer.buffer().truncate(11);
  EXPECT_EQ(writer.view(), "$5\r\nvalue\r\n");
  ReplyBuffer sent;
  std::swap(sent, writer.buffer());
  EXPECT_EQ(writer.size(), 0U);
  EXPECT_EQ(sent.size(), 11U);
  sent.reset(1024);
  EXPECT_EQ(sent.capacity_bytes(), 0U);
}

}  // namespace
}  // namespace kindred
