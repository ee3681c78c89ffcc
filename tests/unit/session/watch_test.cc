#include <string>
#include <string_view>

#include "replication/mutation/transaction.h"
#include "tests/unit/session/harness.h"
#include "tests/unit/session/like_redis.h"
#include "tests/unit/session/scripted_service.h"

namespace kindred {
namespace {

// Each line by the one connection; lines that begin with '>' by another one.
constexpr std::string_view kWatched = R"(
SET k 1
WATCH k
MULTI
SET k 2
INCR k
GET k
STRLEN k
APPEND k 0
SETBIT k 0 1
GETRANGE k 0 1
EXPIRE k 100
TTL k
PERSIST k
SET k text NX
SET k 5 GET
INCRBY k x
INCR k extra
EXEC
GET k
WATCH k
MULTI
SET k 2
INCR k
GET k
STRLEN k
APPEND k 0
EXPIRE k 100
TTL k
PERSIST k
SET k text NX
SET k 5 GET
INCRBY k x
SETRANGE k 1 abc
INCR k
EXISTS k
TYPE k
PING
ECHO x
CLIENT GETNAME
EXEC
GET k
WATCH k
>SET k other
MULTI
SET k mine
EXEC
GET k
MULTI
SET k mine
EXEC
GET k
WATCH k none
UNWATCH
>SET k other
MULTI
GET k
EXEC
WATCH none
MULTI
SET none 1
DEL none
GET none
EXEC
WATCH none
>SET none 1
>DEL none
MULTI
PING
EXEC
WATCH k
>SET k again
MULTI
PING
EXEC
WATCH k
MULTI
PING
EXEC
WATCH k
>APPEND k x
DISCARD
MULTI
DISCARD
MULTI
GET k
EXEC
WATCH k
>SET k v
MULTI
FOO
EXEC
MULTI
GET k
EXEC
WATCH k k
MULTI
WATCH k
GET k
EXEC
WATCH
UNWATCH x
UNWATCH
WATCH k
>EXPIRE k 100
MULTI
GET k
EXEC
MULTI
UNWATCH
GET k
EXEC
WATCH k
MULTI
EXEC
SET {t}a 1
SET {t}b 2
WATCH {t}a {t}b
MULTI
INCR {t}a
INCRBY {t}b 10
SET {t}c new
GET {t}a
DEL {t}b
GET {t}b
INCR {t}b
EXEC
GET {t}a
GET {t}b
GET {t}c
WATCH {t}a {t}b
>SET {t}b other
MULTI
SET {t}a mine
EXEC
GET {t}a
WATCH {t}a
>SET {t}b another
MULTI
INCR {t}a
INCR {t}b
GET {t}b
EXEC
GET {t}a
WATCH {t}a {t}b
MULTI
MSET {t}a 5 {t}d 6
MGET {t}a {t}b {t}d {t}none
EXISTS {t}a {t}a {t}none
INCR {t}d
DEL {t}a {t}b {t}none
MGET {t}a {t}d
TOUCH {t}d {t}none
UNLINK {t}d {t}d
EXEC
MGET {t}a {t}b {t}c {t}d
WATCH {t}a
MULTI
MSET {t}c 1 {t}d
DEL {t}c {t}d
EXEC
WATCH {t}a
>MSET {t}a 1 {t}b 2
MULTI
DEL {t}a {t}b
EXEC
MGET {t}a {t}b
)";

class LikeRedisWatchTest : public LikeRedisTest {};

TEST_F(LikeRedisWatchTest, Watched) {
  Session& other = worker_.connect();
  const int their_other = redis_->connect();
  for (size_t begin = 0; begin < kWatched.size();) {
    const size_t end = std::min(kWatched.find('\n', begin), kWatched.size());
    const std::string_view text = kWatched.substr(begin, end - begin);
    begin = end + 1;
    worker_.service().set_now_ms(wall_clock_ms());
    if (text.starts_with('>')) {
      const std::string bytes = line(text.substr(1));
      EXPECT_EQ(talk(other, bytes), redis_->talk(their_other, bytes)) << text;
    } else if (!text.empty()) {
      compare_bytes(line(text), text);
    }
  }
}

TEST_F(LikeRedisWatchTest, AKeyThatExpiresHasMoved) {
  uint64_t now_ms = 1'700'000'000'000;
  worker_.service().set_now_ms(now_ms);
  say(session_, "SET k v PX 50");
  say(session_, "WATCH k");
  worker_.service().set_now_ms(now_ms + 100);
  EXPECT_EQ(talk(session_, line("MULTI") + line("GET k") + line("EXEC")),
            "+OK\r\n+QUEUED\r\n*-1\r\n");
}

class WatchTest : public testing::Test {
 protected:
  std::vector<ScriptedService::Asked>& asked() { return worker_.service().asked(); }
  /// WATCH k, answered; the session goes on.
  void watch(std::string_view text) {
    receive(session_, line(text));
    while (answered_ < asked().size()) {
      worker_.service().answer_value(answered_++, "5");
    }
    worker_.hub().resume();
    EXPECT_EQ(sent(session_), "+OK\r\n");
  }
  void answer(Outcome outcome) { worker_.service().answer(asked().size() - 1, std::move(outcome)); }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
  size_t answered_ = 0;
};

TEST_F(WatchTest, TheQueueIsOneOperation) {
  watch("WATCH k");
  receive(session_, line("MULTI") + line("INCR k") + line("GET k") + line("EXEC"));
  ASSERT_EQ(asked().size(), 2U);
  EXPECT_EQ(asked()[1].key, "k");
  EXPECT_EQ(asked()[1].operation.modification, Modification::kTransaction);
  EXPECT_EQ(sent(session_), "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
  answer(Outcome{});  // the key has moved
  EXPECT_EQ(sent(session_), "*-1\r\n");
  worker_.hub().resume();
  receive(session_, line("PING"));
  EXPECT_EQ(sent(session_), "+PONG\r\n");
}

TEST_F(WatchTest, AnUnknownOutcomeIsTheWholeTransactions) {
  watch("WATCH k");
  receive(session_, line("MULTI") + line("INCR k") + line("EXEC"));
  static_cast<void>(sent(session_));
  Outcome outcome;
  outcome.code = OutcomeCode::kNoQuorumWrite;
  outcome.needed = 2;
  outcome.seen = 1;
  answer(std::move(outcome));
  EXPECT_TRUE(sent(session_).starts_with("-NOQUORUM write W=2 acked=1"));
  worker_.hub().resume();
  receive(session_, line("PING"));
  EXPECT_EQ(sent(session_), "+PONG\r\n");
}

TEST_F(WatchTest, WhatIsNotOfOnePartitionIsRefusedWhole) {
  for (const std::string_view queued : {"SET other 1", "MSET k 1 other 2", "RENAME k other",
                                        "FLUSHALL", "BITCOUNT k", "DPUT k \"\" v"}) {
    watch("WATCH k");
    const size_t before = asked().size();
    receive(session_, line("MULTI") + line("SET k 1") + line(queued) + line("EXEC"));
    const std::string said = sent(session_);
    EXPECT_NE(said.find("-EXECABORT Transaction discarded"), std::string::npos) << queued << said;
    EXPECT_EQ(asked().size(), before) << queued;
    receive(session_, line("PING"));
    EXPECT_EQ(sent(session_), "+PONG\r\n") << queued;
  }
  watch("WATCH k other");
  receive(session_, line("MULTI") + line("SET k 1") + line("EXEC"));
  EXPECT_NE(sent(session_).find("-EXECABORT"), std::string::npos);
}

TEST_F(WatchTest, KeysOfOnePartitionAreOneOperation) {
  watch("WATCH {t}a {t}b");
  receive(session_,
          line("MULTI") + line("SET {t}c 1") + line("INCR {t}b") + line("GET {t}a") + line("EXEC"));
  ASSERT_EQ(asked().size(), 3U);
  EXPECT_EQ(asked()[2].operation.modification, Modification::kTransaction);
  EXPECT_EQ(asked()[2].key, "{t}b") << "written last";
  TransactionProgram program;
  ASSERT_TRUE(decode_program(asked()[2].value, &program));
  ASSERT_EQ(program.keys.size(), 3U);
  ASSERT_EQ(program.steps.size(), 3U);
  for (const TransactionProgram::Key& key : program.keys) {
    EXPECT_EQ(key.is_watched, key.ref.key != "{t}c") << key.ref.key;
  }
  EXPECT_EQ(program.keys[program.steps[0].key].ref.key, "{t}c");
  EXPECT_EQ(program.keys[program.steps[1].key].ref.key, "{t}b");
}

TEST_F(WatchTest, OneRequestMayUseManyKeysButNotAnyNumber) {
  watch("WATCH {t}0");
  std::string queue = line("MULTI");
  for (size_t i = 0; i < TransactionProgram::kKeysMax; ++i) {
    queue += line("SET {t}" + std::to_string(i + 1) + " v");
  }
  receive(session_, queue + line("EXEC"));
  EXPECT_NE(sent(session_).find("at most 256 keys"), std::string::npos);
}

}  // namespace
}  // namespace kindred
