#include <string>
#include <string_view>

#include "tests/unit/session/harness.h"
#include "tests/unit/session/like_redis.h"
#include "tests/unit/session/scripted_service.h"

namespace kindred {
namespace {

constexpr std::string_view kListening = R"(
SUBSCRIBE a b a
PSUBSCRIBE p*
SSUBSCRIBE s
GET k
SET k v
PUBLISH a m
MULTI
FOO
GET
PING
PING hello
UNSUBSCRIBE b none
UNSUBSCRIBE
UNSUBSCRIBE
PUNSUBSCRIBE x
PUNSUBSCRIBE
SUNSUBSCRIBE
SUNSUBSCRIBE
GET k
PING
PUBSUB CHANNELS
PUBSUB CHANNELS x*
PUBSUB CHANNELS a b
PUBSUB NUMSUB
PUBSUB NUMSUB a b
PUBSUB NUMPAT
PUBSUB SHARDCHANNELS
PUBSUB SHARDNUMSUB s
PUBSUB
PUBSUB bogus
PUBLISH a m
SPUBLISH a m
PUBLISH a
SUBSCRIBE
UNSUBSCRIBE
MULTI
SUBSCRIBE t
PING
EXEC
RESET
PING
CLIENT TRACKING bogus
CLIENT TRACKING OFF
CLIENT TRACKINGINFO
CLIENT GETREDIR
CLIENT CACHING YES
CLIENT UNBLOCK x
CLIENT UNBLOCK 99999
CLIENT UNBLOCK 99999 bogus
CLIENT NO-EVICT ON
CLIENT NO-EVICT maybe
CLIENT LIST TYPE pubsub
COMMAND GETKEYSANDFLAGS RENAME a b
COMMAND GETKEYSANDFLAGS PING
ROLE
MEMORY MALLOC-STATS x
)";

constexpr std::string_view kListeningInResp3 = R"(
SUBSCRIBE a
GET k
SET k v
PING
PSUBSCRIBE p*
UNSUBSCRIBE
PUNSUBSCRIBE
PUNSUBSCRIBE
CLIENT TRACKINGINFO
ROLE
)";

class LikeRedisPubsubTest : public LikeRedisTest {};

TEST_F(LikeRedisPubsubTest, Listening) {
  compare(kListening);
}

TEST_F(LikeRedisPubsubTest, Resp3) {
  talk(session_, line("HELLO 3"));
  redis_->talk(connection_, line("HELLO 3"));
  compare(kListeningInResp3);
}

class PubsubTest : public OkTest {
 protected:
  Session& other_ = worker_.connect();
};

TEST_F(PubsubTest, MessagesReachChannelsAndPatternsThatMatch) {
  say(session_, "SUBSCRIBE news");
  say(session_, "PSUBSCRIBE n*");
  say(session_, "SSUBSCRIBE news");
  EXPECT_EQ(say(other_, "PUBLISH news hi"), ":2\r\n");
  EXPECT_EQ(sent(session_),
            "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n"
            "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
  EXPECT_EQ(say(other_, "SPUBLISH news s"), ":1\r\n");
  EXPECT_EQ(sent(session_), "*3\r\n$8\r\nsmessage\r\n$4\r\nnews\r\n$1\r\ns\r\n");
  EXPECT_EQ(say(other_, "PUBLISH sports hi"), ":0\r\n");
  EXPECT_EQ(sent(session_), "");
}

TEST_F(PubsubTest, Resp3GetsPushesAndMayAskAllTheSame) {
  say(session_, "HELLO 3");
  EXPECT_EQ(say(session_, "SUBSCRIBE news"), ">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
  EXPECT_EQ(say(session_, "GET none"), "_\r\n");
  say(other_, "PUBLISH news hi");
  EXPECT_EQ(sent(session_), ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
}

TEST_F(PubsubTest, MessagesComeAlsoWhereRepliesAreOff) {
  say(session_, "HELLO 3");
  say(session_, "CLIENT REPLY OFF");
  EXPECT_EQ(say(session_, "SUBSCRIBE news"), ">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
  say(other_, "PUBLISH news hi");
  EXPECT_EQ(sent(session_), ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
  EXPECT_EQ(say(session_, "PING"), "");
}

TEST_F(PubsubTest, OneWhoPublishesToItselfGetsMessageAndReplyWhole) {
  say(session_, "HELLO 3");
  say(session_, "SUBSCRIBE news");
  EXPECT_EQ(say(session_, "PUBLISH news hi"),
            ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n:1\r\n");
}

TEST_F(PubsubTest, MessagesWaitForTheEndOfATransaction) {
  say(session_, "HELLO 3");
  say(session_, "SUBSCRIBE news");
  EXPECT_EQ(talk(session_, line("MULTI") + line("PUBLISH news hi") + line("PING") + line("EXEC")),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+PONG\r\n"
            ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
}

TEST_F(PubsubTest, WhoIsGoneOrResetListensNoMore) {
  say(session_, "SUBSCRIBE news");
  say(session_, "RESET");
  EXPECT_EQ(say(other_, "PUBLISH news hi"), ":0\r\n");
  say(session_, "PSUBSCRIBE *");
  EXPECT_EQ(say(other_, "PUBSUB NUMPAT"), ":1\r\n");
  worker_.hub().close(session_.id());
  EXPECT_EQ(say(other_, "PUBLISH news hi"), ":0\r\n");
  EXPECT_EQ(say(other_, "PUBSUB NUMPAT"), ":0\r\n");
}

TEST_F(PubsubTest, WhoDoesNotReadIsLetGo) {
  worker_.settings().pubsub_output_limit.hard_bytes = 1000;
  say(session_, "SUBSCRIBE news");
  const std::string message(600, 'x');
  EXPECT_EQ(talk(other_, request({"PUBLISH", "news", message})), ":1\r\n");
  EXPECT_FALSE(session_.killed());
  EXPECT_EQ(talk(other_, request({"PUBLISH", "news", message})), ":1\r\n");
  EXPECT_TRUE(session_.killed());
}

TEST_F(PubsubTest, ChannelsOfSeveralClientsAreToldOnce) {
  say(session_, "SUBSCRIBE a b");
  Session& third = worker_.connect();
  say(third, "SUBSCRIBE b");
  EXPECT_EQ(say(other_, "PUBSUB CHANNELS"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(say(other_, "PUBSUB NUMSUB b none"), "*4\r\n$1\r\nb\r\n:2\r\n$4\r\nnone\r\n:0\r\n");
}

TEST_F(PubsubTest, ListenersShowInClientList) {
  say(session_, "SUBSCRIBE a b");
  const std::string list = parsed(say(other_, "CLIENT LIST TYPE pubsub")).text;
  EXPECT_NE(list.find(" flags=P db=0 sub=2 psub=0 ssub=0 "), std::string::npos) << list;
  EXPECT_EQ(list.find('\n'), list.size() - 1);
}

TEST(PubsubSpread, EachMessageGoesToTheOtherNodesOnce) {
  Worker<ScriptedService> worker;
  Session& session = worker.connect();
  receive(session, line("PUBLISH news hi") + line("SPUBLISH news ho"));
  EXPECT_EQ(worker.service().spread_messages(), (std::vector<std::string>{"hi", "ho"}));
}

TEST_F(PubsubTest, MonitorShowsCommandsWithoutPasswords) {
  EXPECT_EQ(say(session_, "MONITOR"), "+OK\r\n");
  worker_.service().set_now_ms(1'700'000'000'123);
  say(other_, "SET k va\"l\n");
  EXPECT_EQ(sent(session_),
            "+1700000000.123000 [0 127.0.0.1:50000] \"SET\" \"k\" \"va\\\"l\\n\"\r\n");
  say(other_, "AUTH default geheim");
  say(other_, "HELLO 2 AUTH default geheim");
  say(other_, "CONFIG SET requirepass geheim");
  const std::string shown = sent(session_);
  EXPECT_EQ(shown.find("geheim"), std::string::npos) << shown;
  EXPECT_NE(shown.find("\"AUTH\" \"(redacted)\""), std::string::npos) << shown;
  EXPECT_EQ(shown.find("CONFIG"), std::string::npos) << "admin commands are not shown";
  say(other_, "MULTI");
  say(other_, "GET k");
  static_cast<void>(sent(session_));
  say(other_, "EXEC");
  const std::string transaction = sent(session_);
  EXPECT_LT(transaction.find("\"GET\""), transaction.find("\"exec\"")) << transaction;
  say(session_, "RESET");
  say(other_, "GET k");
  EXPECT_EQ(sent(session_), "");
}

}  // namespace
}  // namespace kindred
