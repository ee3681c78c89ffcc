#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/resp/parser_harness.h"

// The same bytes give the same requests and the same end however the network cuts them.

namespace kindred {
namespace {

using namespace std::string_literals;

std::vector<std::string> pipelines() {
  std::string long_value =
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300\r\n" + std::string(300, 'v') + "\r\n";
  std::string many_args = "*20\r\n";
  for (int i = 0; i < 20; ++i) {
    many_args += "$2\r\na" + std::string(1, static_cast<char>('a' + i)) + "\r\n";
  }
  return {
      "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n",
      "\r\n\n*0\r\n*-1\r\nset \"a\\x41b\" 'c d'\nget k\r\n",
      long_value + many_args + long_value,
      "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\n",
      "PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n",
      "PING\r\n*2\r\n$4\r\nPING\r\n$-1\r\n",
      "*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n",
      "PING \"a\r\nPING\r\n",
      "PING\r\nPOST / HTTP/1.1\r\nHost: x\r\n",
      "PING\r\nA\0B\r\nPING\r\n"s,
      "*0000000000000000000000000000000000000001\r\n",
      "*1\rX$4\rXPINGXX*1\r\n$4\r\nPING\r\n",
  };
}

Outcome parse_with(std::string_view bytes, const std::vector<size_t>& cuts,
                   const RequestLimits& limits, bool authenticated = true) {
  RequestParser parser(limits);
  parser.set_authenticated(authenticated);
  return parse_cut(parser, bytes, cuts);
}

std::vector<size_t> every_byte(size_t size) {
  std::vector<size_t> cuts(size);
  for (size_t i = 0; i < size; ++i) {
    cuts[i] = i + 1;
  }
  return cuts;
}

TEST(RequestParserFragmentation, EveryPairOfCuts) {
  const RequestLimits limits;
  for (const std::string& bytes : pipelines()) {
    const Outcome whole = parse_with(bytes, {}, limits);
    EXPECT_EQ(parse_with(bytes, every_byte(bytes.size()), limits), whole);
    const size_t step = bytes.size() > 200 ? 7 : 1;
    for (size_t first = 0; first < bytes.size(); ++first) {
      for (size_t second = first; second < bytes.size(); second += step) {
        ASSERT_EQ(parse_with(bytes, {first, second}, limits), whole)
            << "cut at " << first << " and " << second;
      }
    }
  }
}

TEST(RequestParserFragmentation, RandomCutsOfLongRequests) {
  const unsigned prng_seed = 20260101;
  std::mt19937 random(prng_seed);
  std::string bytes;
  for (const size_t size : {10U, 5000U, 70000U, 3U, 200000U}) {
    bytes += "*2\r\n$4\r\nECHO\r\n$" + std::to_string(size) + "\r\n" +
             std::string(size, static_cast<char>('a' + size % 26)) + "\r\n";
  }
  bytes += "ECHO " + std::string(60000, 'i') + "\r\n";
  const RequestLimits limits;
  const Outcome whole = parse_with(bytes, {}, limits);
  ASSERT_EQ(whole.requests.size(), 6U);
  for (int round = 0; round < 200; ++round) {
    std::vector<size_t> cuts(random() % 200);
    for (size_t& cut : cuts) {
      cut = random() % bytes.size();
    }
    std::sort(cuts.begin(), cuts.end());
    ASSERT_EQ(parse_with(bytes, cuts, limits), whole) << "prng_seed " << prng_seed;
  }
}

// A small query buffer limit and the limits before AUTH meet every other way for a request to end.
TEST(RequestParserFragmentation, LimitsDoNotDependOnCuts) {
  for (size_t limit = 1; limit < 40; ++limit) {
    RequestLimits limits;
    limits.query_buffer_limit = limit;
    for (const std::string& bytes : pipelines()) {
      for (const bool authenticated : {true, false}) {
        const Outcome whole = parse_with(bytes, {}, limits, authenticated);
        ASSERT_EQ(parse_with(bytes, every_byte(bytes.size()), limits, authenticated), whole)
            << bytes << " limit " << limit;
        for (size_t cut = 1; cut < bytes.size(); ++cut) {
          ASSERT_EQ(parse_with(bytes, {cut}, limits, authenticated), whole)
              << bytes << " limit " << limit << " cut " << cut;
        }
      }
    }
  }
}

}  // namespace
}  // namespace kindred
