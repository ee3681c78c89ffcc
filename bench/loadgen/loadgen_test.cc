#include <gtest/gtest.h>

#include "bench/loadgen/histogram.h"
#include "bench/loadgen/options.h"
#include "bench/loadgen/reply_counter.h"

namespace kindred::bench {
namespace {

TEST(HistogramTest, QuantilesAreWithinTheBucketsWidth) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 1'000'000; ++value) {
    histogram.record(value);
  }
  EXPECT_EQ(histogram.total(), 1'000'000u);
  for (const double share : {0.001, 0.5, 0.99, 0.999, 1.0}) {
    const double exact = share * 1e6;
    const auto read = static_cast<double>(histogram.quantile(share));
    EXPECT_GE(read, exact);
    EXPECT_LE(read, exact * 1.017);
  }
}

TEST(HistogramTest, TakesEveryValue) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0u);
  histogram.record(0);
  EXPECT_EQ(histogram.quantile(1), 0u);
  histogram.record(UINT64_MAX, 9);
  EXPECT_EQ(histogram.total(), 10u);
  EXPECT_EQ(histogram.quantile(0.5), UINT64_MAX);
}

TEST(ReplyCounterTest, CountsTheSameHoweverTheStreamIsCut) {
  const std::string stream =
      "+OK\r\n$5\r\na\r\nb\n\r\n$-1\r\n:12\r\n$0\r\n\r\n-NOQUORUM write\r\n+OK\r\n";
  for (size_t first = 0; first <= stream.size(); ++first) {
    for (size_t second = first; second <= stream.size(); ++second) {
      const std::string_view view(stream);
      ReplyCounter counter;
      uint64_t replies = counter.feed(view.substr(0, first));
      replies += counter.feed(view.substr(first, second - first));
      replies += counter.feed(view.substr(second));
      ASSERT_EQ(replies, 7u) << first << " " << second;
      ASSERT_EQ(counter.errors(), 1u);
      ASSERT_EQ(counter.first_error(), "-NOQUORUM write");
    }
  }
}

TEST(OptionsTest, ReadsWhatItIsGiven) {
  Options options;
  EXPECT_EQ(parse_options({"--ports", "7001,7002", "--pipeline", "16", "--command", "get",
                           "--seconds", "0.5", "--wait", "1"},
                          &options),
            "");
  EXPECT_EQ(options.ports, (std::vector<uint16_t>{7001, 7002}));
  EXPECT_EQ(options.pipeline, 16u);
  EXPECT_EQ(options.command, Command::kGet);
  EXPECT_DOUBLE_EQ(options.seconds, 0.5);
  EXPECT_EQ(options.wait_replicas, 1u);
}

TEST(OptionsTest, ReadsWhoHasWhichSlots) {
  Options options;
  ASSERT_EQ(
      parse_options({"--ports", "7001", "--seconds", "1", "--slots", "0-99:7001,100-16383:7002"},
                    &options),
      "");
  ASSERT_EQ(options.slots.size(), 2U);
  EXPECT_EQ(options.slots[1].first, 100);
  EXPECT_EQ(options.slots[1].last, 16383);
  EXPECT_EQ(options.slots[1].port, 7002);
  for (const char* wrong : {"", "5:7001", "9-5:7001", "0-5", "0-70000:1"}) {
    Options refused;
    EXPECT_NE(parse_options({"--ports", "7001", "--seconds", "1", "--slots", wrong}, &refused), "")
        << wrong;
  }
}

TEST(OptionsTest, SaysWhatIsWrong) {
  const auto problem = [](const std::vector<std::string_view>& arguments) {
    Options options;
    return parse_options(arguments, &options);
  };
  EXPECT_EQ(problem({"--ports"}), "--ports needs a value");
  EXPECT_EQ(problem({"--ports", "70000"}), "--ports 70000 is not understood");
  EXPECT_EQ(problem({"--requests", "1"}), "--ports is needed");
  EXPECT_EQ(problem({"--ports", "1"}), "--requests, --seconds or --fill is needed");
  EXPECT_EQ(problem({"--colour", "red"}), "--colour red is not understood");
}

}  // namespace
}  // namespace kindred::bench
