#include <string>
#include <string_view>

#include "server/session/stats.h"
#include "tests/unit/session/harness.h"
#include "tests/unit/session/like_redis.h"
#include "tests/unit/session/scripted_service.h"

// SLOWLOG, LATENCY, CLIENT PAUSE and SAVE.

namespace kindred {
namespace {

constexpr std::string_view kLikeRedis = R"(
SLOWLOG
SLOWLOG bogus
SLOWLOG GET x
SLOWLOG GET -2
SLOWLOG GET 1 2
SLOWLOG LEN x
SLOWLOG RESET
SLOWLOG GET
SLOWLOG LEN
LATENCY LATEST
LATENCY HISTORY command
LATENCY RESET
LATENCY RESET command
LATENCY GRAPH command
LATENCY HISTOGRAM nosuch
LATENCY
LATENCY bogus
LATENCY HISTORY
CLIENT PAUSE
CLIENT PAUSE x
CLIENT PAUSE -1
CLIENT PAUSE 10 bogus
CLIENT UNPAUSE
CLIENT UNPAUSE x
SAVE x
BGSAVE bogus
BGSAVE schedule now
LASTSAVE x
MULTI
SAVE
EXEC
)";

class LikeRedisDiagnosisTest : public LikeRedisTest {};

TEST_F(LikeRedisDiagnosisTest, SaysTheSame) {
  compare(kLikeRedis);
}

TEST(RecentRateTest, TellsOfTheLastSpan) {
  RecentRate rate;
  rate.sample(100, 5'000);
  EXPECT_EQ(rate.per_s(), 0U) << "nothing to compare with";
  rate.sample(600, 5'500);
  EXPECT_EQ(rate.per_s(), 0U);
  rate.sample(2'100, 6'000);
  EXPECT_EQ(rate.per_s(), 2'000U);
  rate.sample(2'200, 8'000);
  EXPECT_EQ(rate.per_s(), 50U);
  rate.sample(3, 9'000);
  EXPECT_EQ(rate.per_s(), 0U) << "the counters were reset";
  rate.sample(13, 10'000);
  EXPECT_EQ(rate.per_s(), 10U);
}

TEST(SaveTest, AnswersAsRedisDoes) {
  Worker<ScriptedService> worker;
  Session& session = worker.connect();
  receive(session, line("SAVE") + line("BGSAVE") + line("BGSAVE SCHEDULE") + line("LASTSAVE"));
  std::vector<std::pair<ClientToken, bool>>& saves = worker.service().saves();
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(saves.size(), i + 1);
    EXPECT_EQ(saves[i].second, i > 0) << "in the background";
    worker.service().client().status_done(saves[i].first,
                                          i == 2 ? "ERR Background save already in progress" : "");
    worker.hub().resume();
  }
  EXPECT_EQ(sent(session),
            "+OK\r\n+Background saving started\r\n-ERR Background save already in "
            "progress\r\n:1700000000\r\n");
}

class SlowlogTest : public testing::Test {
 protected:
  void answer_after(uint64_t ms) {
    now_ms_ += ms;
    worker_.service().set_now_ms(now_ms_);
    worker_.service().answer_value(worker_.service().asked().size() - 1, "v");
  }
  const std::deque<SlowCommand>& slow() { return worker_.hub().slow_log().commands(); }

  uint64_t now_ms_ = 1'700'000'000'000;
  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
};

TEST_F(SlowlogTest, KeepsWhatTookLongAndNothingElse) {
  session_.info().name = "me";
  receive(session_, line("GET fast"));
  answer_after(9);
  receive(session_, line("GET slow"));
  answer_after(10);
  ASSERT_EQ(slow().size(), 1U);
  EXPECT_EQ(slow()[0].args, (std::vector<std::string>{"GET", "slow"}));
  EXPECT_EQ(slow()[0].took_us, 10'000U);
  EXPECT_EQ(slow()[0].client_address, "127.0.0.1:50000");
  EXPECT_EQ(slow()[0].client_name, "me");
}

TEST_F(SlowlogTest, TheOldestGoFirst) {
  worker_.settings().slow_log_length_max = 2;
  for (const std::string_view text : {"GET a", "GET b", "GET c"}) {
    receive(session_, line(text));
    answer_after(20);
  }
  ASSERT_EQ(slow().size(), 2U);
  EXPECT_EQ(slow()[0].args[1], "c");
  EXPECT_EQ(slow()[1].args[1], "b");
  EXPECT_EQ(slow()[0].id, 2U);
}

TEST_F(SlowlogTest, NoneIsKeptBelowZeroAndEveryOneAtZero) {
  worker_.settings().slow_log_us = -1;
  receive(session_, line("GET a"));
  answer_after(1000);
  EXPECT_TRUE(slow().empty());
  worker_.settings().slow_log_us = 0;
  say(session_, "PING");
  ASSERT_EQ(slow().size(), 1U);
  EXPECT_EQ(slow()[0].args[0], "PING");
}

TEST_F(SlowlogTest, LongOnesAreCutAndSecretsHidden) {
  worker_.settings().slow_log_us = 0;
  std::vector<std::string> many(40, "x");
  many[0] = "ECHO";
  many[1] = std::string(200, 'y');
  static_cast<void>(talk(session_, request({"ECHO", many[1]})));
  EXPECT_EQ(slow()[0].args[1], std::string(128, 'y') + "... (72 more bytes)");
  many[0] = "COMMAND";
  many[1] = "INFO";
  static_cast<void>(talk(session_, request(many)));
  EXPECT_EQ(slow()[0].args.size(), 32U);
  EXPECT_EQ(slow()[0].args[31], "... (9 more arguments)");
  say(session_, "AUTH geheim");
  EXPECT_EQ(slow()[0].args, (std::vector<std::string>{"AUTH", "(redacted)"}));
}

class OkDiagnosisTest : public OkTest {};

TEST_F(OkDiagnosisTest, SlowlogShowsItsEntries) {
  worker_.settings().slow_log_us = 0;
  say(session_, "SET k v");
  const Reply log = parsed(say(session_, "SLOWLOG GET 1"));
  ASSERT_EQ(log.elements.size(), 1U);
  ASSERT_EQ(log.elements[0].elements.size(), 6U);
  EXPECT_EQ(log.elements[0].elements[3].elements[0].text, "SET");
  EXPECT_EQ(say(session_, "SLOWLOG LEN"), ":2\r\n");
  EXPECT_EQ(parsed(say(session_, "SLOWLOG GET -1")).elements.size(), 3U);
  say(session_, "SLOWLOG RESET");
  EXPECT_EQ(parsed(say(session_, "SLOWLOG GET")).elements.size(), 1U) << "the reset itself";
}

TEST_F(OkDiagnosisTest, HistogramCountsCalls) {
  say(session_, "HELLO 3");
  say(session_, "SET k v");
  say(session_, "SET k v");
  EXPECT_EQ(
      say(session_, "LATENCY HISTOGRAM set get"),
      "%1\r\n$3\r\nset\r\n%2\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n%1\r\n:1\r\n:2\r\n");
}

TEST(LatencyHistogram, CountsUpToBounds) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.bound_of(500), 0U);
  for (const uint64_t us : {0, 1, 2, 3, 4, 1000}) {
    histogram.note(us);
  }
  EXPECT_EQ(histogram.sum_us(), 1010U);
  histogram.note(UINT64_MAX);
  EXPECT_EQ(histogram.count(), 7U);
  EXPECT_EQ(histogram.bound_of(500), 4U);
  uint64_t up_to_4 = 0;
  uint64_t up_to_1024 = 0;
  histogram.for_each_bound([&](uint64_t bound, uint64_t count) {
    up_to_4 = bound == 4 ? count : up_to_4;
    up_to_1024 = bound == 1024 ? count : up_to_1024;
  });
  EXPECT_EQ(up_to_4, 5U);
  EXPECT_EQ(up_to_1024, 6U);
}

TEST_F(OkDiagnosisTest, KeysLookedForAreCounted) {
  struct Case {
    const char* command;
    uint64_t hits;
    uint64_t misses;
  };
  say(session_, "SET k v");
  // As Redis 7.0 counts them.
  for (const Case& asked : std::initializer_list<Case>{{"SET k v", 0, 0},
                                                       {"GET k", 1, 0},
                                                       {"GET none", 0, 1},
                                                       {"MGET k none k", 2, 1},
                                                       {"EXISTS k none", 1, 1},
                                                       {"TTL none", 0, 1},
                                                       {"STRLEN k", 1, 0},
                                                       {"GETEX k", 1, 0},
                                                       {"GETEX none", 0, 1},
                                                       {"GETEX k EX 9", 1, 0},
                                                       {"GETSET k w", 1, 0},
                                                       {"INCR n", 0, 0},
                                                       {"DEL none", 0, 0},
                                                       {"PING", 0, 0},
                                                       {"GETDEL k", 1, 0},
                                                       {"GETDEL k", 0, 1}}) {
    const SessionStats before = worker_.hub().stats();
    say(session_, asked.command);
    const SessionStats& now = worker_.hub().stats();
    EXPECT_EQ(now.keyspace_hits - before.keyspace_hits, asked.hits) << asked.command;
    EXPECT_EQ(now.keyspace_misses - before.keyspace_misses, asked.misses) << asked.command;
  }
}

TEST_F(OkDiagnosisTest, RewritingTheLogAnswersAsInRedis) {
  EXPECT_EQ(say(session_, "BGREWRITEAOF"), "+Background append only file rewriting started\r\n");
}

class PauseTest : public OkTest {
 protected:
  Session& other_ = worker_.connect();
};

TEST_F(PauseTest, HoldsEverythingBackUntilItEnds) {
  EXPECT_EQ(say(session_, "CLIENT PAUSE 100"), "+OK\r\n");
  EXPECT_EQ(worker_.service().pause_ends_ms(), worker_.service().cluster_now_ms() + 100);
  EXPECT_EQ(say(other_, "PING"), "");
  EXPECT_FALSE(other_.wants_read());
  worker_.hub().end_pause();
  worker_.hub().resume();
  EXPECT_EQ(sent(other_), "+PONG\r\n");
  EXPECT_TRUE(other_.wants_read());
}

TEST_F(PauseTest, WritesAloneCanBeHeldBack) {
  say(session_, "SET k v");
  EXPECT_EQ(say(session_, "CLIENT PAUSE 100 WRITE"), "+OK\r\n");
  EXPECT_EQ(say(other_, "GET k"), "$1\r\nv\r\n");
  EXPECT_EQ(talk(other_, line("MULTI") + line("SET k w") + line("EXEC")), "+OK\r\n");
  EXPECT_EQ(say(session_, "CLIENT UNPAUSE"), "+OK\r\n");
  worker_.hub().resume();
  EXPECT_EQ(sent(other_), "+QUEUED\r\n*1\r\n+OK\r\n");
}

TEST_F(PauseTest, ALaterPauseDoesNotShortenIt) {
  say(session_, "CLIENT PAUSE 1000 WRITE");
  say(other_, "CLIENT PAUSE 10 WRITE");
  EXPECT_EQ(worker_.service().pause_ends_ms(), worker_.service().cluster_now_ms() + 1000);
}

}  // namespace
}  // namespace kindred
