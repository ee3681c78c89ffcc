#include "server/admin/http_request.h"

#include <gtest/gtest.h>

namespace kindred {
namespace {

using Progress = HttpRequestParser::Progress;

Progress progress_of(std::string_view bytes) {
  HttpRequestParser parser;
  HttpRequest request;
  parser.feed(bytes);
  return parser.next(&request);
}

TEST(HttpRequestParser, ReadsAHeadByteByByte) {
  HttpRequestParser parser;
  HttpRequest request;
  const std::string_view bytes =
      "GET /metrics?a=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Basic x\r\n\r\n";
  for (const char& byte : bytes.substr(0, bytes.size() - 1)) {
    parser.feed({&byte, 1});
    ASSERT_EQ(parser.next(&request), Progress::kMore);
  }
  parser.feed("\n");
  ASSERT_EQ(parser.next(&request), Progress::kRequest);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/metrics");
  EXPECT_EQ(request.authorization, "Basic x");
  EXPECT_TRUE(request.keeps_alive);
  EXPECT_FALSE(request.has_body);
}

TEST(HttpRequestParser, ReadsRequestsOneAfterAnother) {
  HttpRequestParser parser;
  HttpRequest request;
  parser.feed("GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\nConnection: close\r\n\r\nGE");
  ASSERT_EQ(parser.next(&request), Progress::kRequest);
  EXPECT_EQ(request.path, "/a");
  ASSERT_EQ(parser.next(&request), Progress::kRequest);
  EXPECT_EQ(request.path, "/b");
  EXPECT_EQ(request.method, "HEAD");
  EXPECT_FALSE(request.keeps_alive);
  EXPECT_EQ(parser.next(&request), Progress::kMore);
}

TEST(HttpRequestParser, OldClientsConnectionsEnd) {
  HttpRequestParser parser;
  HttpRequest request;
  parser.feed("GET / HTTP/1.0\r\n\r\n");
  ASSERT_EQ(parser.next(&request), Progress::kRequest);
  EXPECT_FALSE(request.keeps_alive);
}

TEST(HttpRequestParser, TellsOfABody) {
  for (const std::string_view header :
       {"Content-Length: 1", "Content-Length: 99999999999", "Transfer-Encoding: chunked"}) {
    HttpRequestParser parser;
    HttpRequest request;
    parser.feed("POST / HTTP/1.1\r\n" + std::string(header) + "\r\n\r\n");
    ASSERT_EQ(parser.next(&request), Progress::kRequest) << header;
    EXPECT_TRUE(request.has_body) << header;
  }
}

TEST(HttpRequestParser, HeadsAreBounded) {
  const auto head = [](size_t bytes) {
    const std::string start = "GET / HTTP/1.1\r\nA: ";
    return start + std::string(bytes - start.size() - 4, 'a') + "\r\n\r\n";
  };
  EXPECT_EQ(progress_of(head(HttpRequestParser::kHeadBytesMax)), Progress::kRequest);
  EXPECT_EQ(progress_of(head(HttpRequestParser::kHeadBytesMax + 1)), Progress::kTooLarge);
  EXPECT_EQ(progress_of("GET /" + std::string(20'000, 'a')), Progress::kTooLarge);
  std::string many = "GET / HTTP/1.1\r\n";
  while (many.size() < 20'000) {
    many += "A: b\r\n";
  }
  EXPECT_EQ(progress_of(many), Progress::kTooLarge);
}

TEST(HttpRequestParser, RefusesWhatIsNoRequest) {
  using namespace std::string_view_literals;
  for (const std::string_view bytes :
       {"\0\0\0\0\r\n\r\n"sv, "GET\r\n\r\n"sv, "GET / HTTP/9.9\r\n\r\n"sv, "PING\r\n\r\n"sv,
        "*1\r\n$4\r\nPING\r\n\r\n"sv, "GET / HTTP/1.1\r\nno colon\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nA\0: b\r\n\r\n"sv, "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"sv,
        "GET / HTTP/1.1\nHost: a\r\n\r\n"sv}) {
    EXPECT_EQ(progress_of(bytes), Progress::kMalformed) << bytes;
  }
}

TEST(BasicCredentials, AreReadStrictly) {
  const auto found = basic_credentials("basic YWxpY2U6cGE6c3M=");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, "alice");
  EXPECT_EQ(found->password, "pa:ss");
  for (const std::string_view header :
       {"", "Basic", "Basic ", "Basic YWxp", "Bearer YWxpY2U6cGE6c3M=", "Basic YWxpY2U6cGE6c3M",
        "Basic ????", "Basic ====", "Basic YWxpY2U6cGE6c3M=x"}) {
    EXPECT_FALSE(basic_credentials(header)) << header;
  }
}

}  // namespace
}  // namespace kindred
