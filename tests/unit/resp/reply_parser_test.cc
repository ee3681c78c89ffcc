#include "protocol/resp/reply_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace kindred {
namespace {

using namespace std::string_literals;

const char kEverything[] =
    "%2\r\n+ok\r\n*3\r\n:1\r\n$-1\r\n$3\r\na\r\n\r\n$1\r\nb\r\n~2\r\n#t\r\n,1.5\r\n"
    "-ERR no\r\n_\r\n*-1\r\n*0\r\n=7\r\ntxt:a\nb\r\n(123\r\n>1\r\n+x\r\n";

std::vector<Reply> read_all(std::string_view bytes, size_t piece) {
  ReplyParser parser;
  std::vector<Reply> replies;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    parser.feed(bytes.substr(at, piece));
    Reply reply;
    while (parser.next(reply) == ReplyStatus::kReply) {
      replies.push_back(std::move(reply));
    }
  }
  return replies;
}

TEST(ReplyParser, ReadsEveryTypeHoweverItIsCut) {
  const std::string bytes = kEverything;
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    const std::vector<Reply> replies = read_all(bytes, piece);
    ASSERT_EQ(replies.size(), 8U) << "pieces of " << piece;
    const Reply* inner = replies[0].find("ok");
    ASSERT_NE(inner, nullptr);
    ASSERT_EQ(inner->elements.size(), 3U);
    EXPECT_EQ(inner->elements[0].integer, 1);
    EXPECT_TRUE(inner->elements[1].is_null());
    EXPECT_EQ(inner->elements[2].text, "a\r\n");
    const Reply* set = replies[0].find("b");
    ASSERT_NE(set, nullptr);
    EXPECT_EQ(set->type, ReplyType::kSet);
    EXPECT_EQ(set->elements[0].integer, 1);
    EXPECT_EQ(set->elements[1].number, 1.5);
    EXPECT_EQ(replies[0].find("c"), nullptr);
    EXPECT_TRUE(replies[1].is_error());
    EXPECT_EQ(replies[1].text, "ERR no");
    EXPECT_TRUE(replies[2].is_null());
    EXPECT_EQ(replies[3].type, ReplyType::kNullArray);
    EXPECT_EQ(replies[4].type, ReplyType::kArray);
    EXPECT_EQ(replies[5].text, "a\nb");
    EXPECT_EQ(replies[6].text, "123");
    EXPECT_EQ(replies[7].type, ReplyType::kPush);
  }
}

TEST(ReplyParser, RefusesWhatIsNotResp) {
  for (const std::string& bytes :
       {"x\r\n"s, "\r\n"s, ":a\r\n"s, "$-2\r\n"s, "$1\r\nabc"s, "*-2\r\n"s, "%-1\r\n"s, "#x\r\n"s,
        ",x\r\n"s, "=1\r\na\r\n"s, "*99999999999\r\n"s}) {
    ReplyParser parser;
    parser.feed(bytes);
    Reply reply;
    EXPECT_EQ(parser.next(reply), ReplyStatus::kError) << bytes;
    parser.feed("+OK\r\n");
    EXPECT_EQ(parser.next(reply), ReplyStatus::kError) << bytes;
  }
}

TEST(ReplyParser, BoundsDepth) {
  ReplyParser parser;
  for (int i = 0; i < 100; ++i) {
    parser.feed("*1\r\n");
  }
  Reply reply;
  EXPECT_EQ(parser.next(reply), ReplyStatus::kError);
}

}  // namespace
}  // namespace kindred
