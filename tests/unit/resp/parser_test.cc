#include "protocol/resp/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/resp/parser_harness.h"

namespace kindred {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::string_literals;

std::string multibulk(const std::vector<std::string>& args) {
  std::string bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    bytes += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return bytes;
}

// Expects that `bytes` are refused with that protocol error.
void expect_error(std::string_view bytes, std::string_view text, const RequestLimits& limits = {},
                  bool authenticated = true) {
  const Outcome outcome = parse(bytes, limits, authenticated);
  EXPECT_EQ(outcome.status, ParseStatus::kError);
  EXPECT_EQ(outcome.error, "ERR Protocol error: " + std::string(text));
}

void expect_waiting(std::string_view bytes) {
  const Outcome outcome = parse(bytes);
  EXPECT_EQ(outcome.status, ParseStatus::kNeedMore);
  EXPECT_THAT(outcome.requests, IsEmpty());
}

TEST(RequestParser, ReadsAPipelineOutOfOneRead) {
  const Outcome outcome =
      parse(multibulk({"SET", "key", "value"}) + "PING\r\n" + multibulk({"GET", "key"}));
  EXPECT_EQ(outcome.status, ParseStatus::kNeedMore);
  EXPECT_THAT(outcome.requests, ElementsAre(ElementsAre("SET", "key", "value"), ElementsAre("PING"),
                                            ElementsAre("GET", "key")));
}

TEST(RequestParser, TakesArgumentsOfAnyBytesAndOfNone) {
  const Outcome outcome = parse(multibulk({"SET", "a\r\n\0*$"s, ""}));
  EXPECT_THAT(outcome.requests, ElementsAre(ElementsAre("SET", "a\r\n\0*$"s, "")));
}

TEST(RequestParser, GivesViewsOfTheReceiveBuffer) {
  const RequestLimits limits;
  RequestParser parser(limits);
  const std::string bytes = multibulk({"SET", "key", "value"}) + multibulk({"GET", "other"});
  const auto room = parser.writable(bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  parser.commit(bytes.size());
  Request first;
  ASSERT_EQ(parser.next(first), ParseStatus::kRequest);
  const std::string_view value = first.args[2];
  Request second;
  ASSERT_EQ(parser.next(second), ParseStatus::kRequest);
  EXPECT_EQ(value.data(), room.data() + bytes.find("value"));
  EXPECT_EQ(value, "value");
  EXPECT_EQ(parser.buffered_bytes(), 0U);
}

TEST(RequestParser, IgnoresEmptyRequests) {
  const Outcome outcome = parse("\r\n\n  \r\n*0\r\n*-1\r\n*-2147483649\r\nPING\n");
  EXPECT_THAT(outcome.requests, ElementsAre(ElementsAre("PING")));
}

TEST(RequestParser, SkipsTheTwoBytesBehindABulkUnread) {
  EXPECT_THAT(parse("*1\r\n$1\r\nabc*1\r\n$4\r\nPING\r\n").requests,
              ElementsAre(ElementsAre("a"), ElementsAre("PING")));
}

TEST(RequestParser, RefusesBadMultibulkLengths) {
  for (const char* line : {"*x", "*", "*01", "*+1", "* 1", "*1 ", "*-", "*-0", "*2147483648",
                           "*9223372036854775808", "*99999999999999999999999"}) {
    SCOPED_TRACE(line);
    expect_error(line + "\r\n"s, "invalid multibulk length");
  }
  expect_waiting("*2147483647\r\n");
}

TEST(RequestParser, RefusesBadBulkLengths) {
  for (const char* line : {"$x", "$", "$-1", "$01", "$ 1", "$536870913", "$9223372036854775807",
                           "$9223372036854775808"}) {
    SCOPED_TRACE(line);
    expect_error("*1\r\n"s + line + "\r\n", "invalid bulk length");
  }
  expect_waiting("*1\r\n$536870912\r\n");
}

TEST(RequestParser, ObeysProtoMaxBulkLenAsItChanges) {
  RequestLimits limits;
  limits.proto_max_bulk_len = 4;
  RequestParser parser(limits);
  Outcome outcome = parse_cut(parser, multibulk({"ECHO", "1234"}), {});
  EXPECT_THAT(outcome.requests, SizeIs(1));
  limits.proto_max_bulk_len = 3;
  outcome = parse_cut(parser, "*1\r\n$4\r\n", {});
  EXPECT_EQ(outcome.error, "ERR Protocol error: invalid bulk length");
}

TEST(RequestParser, RefusesAnythingButABulkAsArgument) {
  expect_error("*1\r\nfoo\r\n", "expected '$', got 'f'");
  expect_error("*2\r\n$1\r\na\r\n:1\r\n", "expected '$', got ':'");
  expect_error("*1\r\n\r\n", "expected '$', got '\r'");
}

TEST(RequestParser, RefusesHeadersWithoutAnEnd) {
  const std::string digits(64 * 1024, '1');
  expect_error("*" + digits, "too big mbulk count string");
  expect_error("*1\r\n$" + digits, "too big bulk count string");
  expect_waiting(digits);
  expect_waiting("*" + digits.substr(1));
  expect_waiting("*1\r\n$" + digits.substr(1));
}

TEST(RequestParser, RefusesLongInlineRequests) {
  const std::string line(64 * 1024, 'a');
  expect_error(line + "a", "too big inline request");
  expect_error(line + "a\r\nPING\r\n", "too big inline request");
  EXPECT_THAT(parse(line + "\n").requests, SizeIs(1));
}

TEST(RequestParser, ANulHidesTheEndOfAnInlineRequest) {
  expect_waiting("PING\0\r\nPING\r\n"s);
  expect_error("PING\0\r\n"s + std::string(64 * 1024, '\n'), "too big inline request");
}

TEST(RequestParser, SplitsInlineRequestsAsRedisDoes) {
  const Outcome outcome =
      parse("  SET\t\"a b\"   'c\\'d' \"\\x41\\n\\r\\t\\b\\a\\\"\\q\\xZ\" x\"y\" '\\n' \"\"\r\n");
  EXPECT_THAT(outcome.requests,
              ElementsAre(ElementsAre("SET", "a b", "c'd", "A\n\r\t\b\a\"qxZ", "xy", "\\n", "")));
}

TEST(RequestParser, RefusesUnbalancedQuotes) {
  for (const char* line :
       {"GET \"a", "GET 'a", "GET \"a\"b", "GET 'a'b", "GET \"a\\", "GET \"", "GET '\\'"}) {
    SCOPED_TRACE(line);
    expect_error(line + "\r\n"s, "unbalanced quotes in request");
  }
}

TEST(RequestParser, LimitsClientsBeforeAuthentication) {
  const RequestLimits limits;
  expect_error("*11\r\n", "unauthenticated multibulk length", limits, false);
  expect_error("*10\r\n$16385\r\n", "unauthenticated bulk length", limits, false);
  EXPECT_THAT(parse(multibulk({"AUTH", std::string(16384, 'p')}), limits, false).requests,
              SizeIs(1));
}

TEST(RequestParser, TheLimitsGoWithAuthenticationInTheMiddleOfAPipeline) {
  const RequestLimits limits;
  RequestParser parser(limits);
  parser.set_authenticated(false);
  receive(parser, multibulk({"AUTH", "secret"}) + multibulk({"SET", "k", std::string(20000, 'v')}));
  Request request;
  ASSERT_EQ(parser.next(request), ParseStatus::kRequest);
  parser.set_authenticated(true);
  ASSERT_EQ(parser.next(request), ParseStatus::kRequest);
  EXPECT_EQ(request.args[2].size(), 20000U);
}

TEST(RequestParser, ClosesOnRequestsOverTheQueryBufferLimit) {
  RequestLimits limits;
  limits.query_buffer_limit = 100;
  const std::string fits = multibulk({"SET", "key", std::string(70, 'v')});
  ASSERT_LE(fits.size(), 100U);
  EXPECT_THAT(parse(fits + fits + fits, limits).requests, SizeIs(3));
  const Outcome outcome = parse(fits + multibulk({"SET", "key", std::string(80, 'v')}), limits);
  EXPECT_THAT(outcome.requests, SizeIs(1));
  EXPECT_EQ(outcome.status, ParseStatus::kCloseSilently);
}

TEST(RequestParser, ClosesOnHttp) {
  for (const std::string& bytes : {"POST / HTTP/1.1\r\n"s, "post x\r\n"s, "Host: example.org\r\n"s,
                                   multibulk({"Post", "x"}), multibulk({"HOST:"})}) {
    SCOPED_TRACE(bytes);
    const Outcome outcome = parse("PING\r\n" + bytes + "PING\r\n");
    EXPECT_EQ(outcome.status, ParseStatus::kCloseSilently);
    EXPECT_THAT(outcome.requests, SizeIs(1));
  }
}

TEST(RequestParser, RequestsBeforeAnErrorAreStillGiven) {
  const Outcome outcome = parse("PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n");
  EXPECT_THAT(outcome.requests, SizeIs(2));
  EXPECT_EQ(outcome.status, ParseStatus::kError);
}

TEST(RequestParser, StaysFailed) {
  const RequestLimits limits;
  RequestParser parser(limits);
  EXPECT_EQ(parse_cut(parser, "*x\r\n", {}).status, ParseStatus::kError);
  const Outcome outcome = parse_cut(parser, "PING\r\n", {});
  EXPECT_EQ(outcome.status, ParseStatus::kError);
  EXPECT_THAT(outcome.requests, IsEmpty());
}

TEST(RequestParser, AnAnnouncedBulkIsNotAllocatedBeforeItArrives) {
  const RequestLimits limits;
  RequestParser parser(limits);
  const size_t size = size_t{32} * 1024 * 1024;
  receive(parser, "*2\r\n$4\r\nECHO\r\n$" + std::to_string(size) + "\r\n");
  size_t received = parser.buffered_bytes();
  size_t relocations = 0;
  size_t sent = 0;
  Request request;
  const char* last_start = nullptr;
  while (parser.next(request) == ParseStatus::kNeedMore) {
    const auto room = parser.writable(16 * 1024);
    ASSERT_LE(parser.capacity_bytes(),
              received + std::max<size_t>(64 * 1024, 2 * received) + 16 * 1024 + 1024);
    const char* start = room.data() - received;
    relocations += start == last_start ? 0 : 1;
    last_start = start;
    const size_t piece = std::min({room.size(), size_t{10000}, size + 2 - sent});
    std::memset(room.data(), 'x', piece);
    parser.commit(piece);
    received += piece;
    sent += piece;
  }
  ASSERT_EQ(request.args.size(), 2U);
  EXPECT_EQ(request.args[1].size(), size);
  EXPECT_LT(relocations, 10U);
}

TEST(RequestParser, ManyEmptyArgumentsAnnouncedCostNothingBeforeTheyArrive) {
  const RequestLimits limits;
  RequestParser parser(limits);
  receive(parser, "*2147483647\r\n$0\r\n\r\n");
  Request request;
  EXPECT_EQ(parser.next(request), ParseStatus::kNeedMore);
  EXPECT_LT(parser.capacity_bytes(), 4096U);
}

TEST(RequestParser, FreesAnIdleBuffer) {
  const RequestLimits limits;
  RequestParser parser(limits);
  receive(parser, multibulk({"ECHO", std::string(1 << 20, 'x')}));
  Request request;
  ASSERT_EQ(parser.next(request), ParseStatus::kRequest);
  receive(parser, "*1\r\n$4");
  EXPECT_EQ(parser.next(request), ParseStatus::kNeedMore);
  parser.shrink_idle();
  EXPECT_GT(parser.capacity_bytes(), 0U) << "bytes are buffered";
  receive(parser, "\r\nPING\r\n");
  ASSERT_EQ(parser.next(request), ParseStatus::kRequest);
  EXPECT_THAT(request.args, ElementsAre("PING"));
  parser.shrink_idle(2 << 20);
  EXPECT_GT(parser.capacity_bytes(), 0U) << "less than what is to be retained";
  parser.shrink_idle();
  EXPECT_EQ(parser.capacity_bytes(), 0U);
  EXPECT_THAT(parse_cut(parser, "PING\r\n", {}).requests, SizeIs(1));
}

}  // namespace
}  // namespace kindred
