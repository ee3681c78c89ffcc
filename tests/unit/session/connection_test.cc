#include <gmock/gmock.h>

#include "tests/unit/session/harness.h"

// What a connection knows of itself: version, name, password, silence, end.

namespace kindred {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ConnectionTest : public OkTest {};

TEST_F(ConnectionTest, HelloTellsWhatClientsLookFor) {
  EXPECT_EQ(say(session_, "HELLO"),
            "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n"
            "$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$7\r\ncluster\r\n"
            "$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
  const std::string three = say(session_, "HELLO 3 SETNAME me");
  EXPECT_THAT(three, StartsWith("%7\r\n"));
  EXPECT_THAT(three, HasSubstr("proto\r\n:3\r\n"));
  EXPECT_EQ(say(session_, "CLIENT GETNAME"), "$2\r\nme\r\n");
  EXPECT_EQ(say(session_, "GET none"), "_\r\n");
}

TEST_F(ConnectionTest, ResetForgetsAll) {
  say(session_, "HELLO 3 SETNAME me");
  say(session_, "MULTI");
  EXPECT_EQ(say(session_, "RESET"), "+RESET\r\n");
  EXPECT_EQ(say(session_, "CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(say(session_, "EXEC"), "-ERR EXEC without MULTI\r\n");
}

TEST_F(ConnectionTest, QuitClosesWhenItsReplyIsSent) {
  EXPECT_EQ(talk(session_, line("QUIT") + line("SET k v")), "+OK\r\n");
  EXPECT_TRUE(session_.wants_close());
  EXPECT_EQ(session_.close_reason(), "");
  EXPECT_EQ(say(worker_.connect(), "GET k"), "$-1\r\n");
}

TEST_F(ConnectionTest, SilenceLastsUntilReplyOn) {
  EXPECT_EQ(talk(session_, line("CLIENT REPLY OFF") + line("SET k v") + line("MGET k") +
                               line("NOSUCH") + line("CLIENT REPLY ON") + line("GET k")),
            "+OK\r\n$1\r\nv\r\n");
  EXPECT_EQ(talk(session_, line("CLIENT REPLY SKIP") + line("SET k w") + line("GET k")),
            "$1\r\nw\r\n");
  EXPECT_EQ(talk(session_, line("MULTI") + line("GET k") + line("CLIENT REPLY SKIP") +
                               line("PING") + line("EXEC")),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n$1\r\nw\r\n");
}

TEST_F(ConnectionTest, APasswordGatesAllButTheWaysIn) {
  worker_.set_password("secret");
  Session& session = worker_.connect();
  EXPECT_EQ(talk(session, line("GET k") + line("AUTH secre") + line("AUTH secret") + line("PING")),
            "-NOAUTH Authentication required.\r\n"
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n+PONG\r\n");
  Session& other = worker_.connect();
  EXPECT_THAT(say(other, "HELLO 3 AUTH default secret"), StartsWith("%7\r\n"));
}

TEST_F(ConnectionTest, BeforeAuthRequestsAreSmall) {
  worker_.set_password("secret");
  Session& session = worker_.connect();
  EXPECT_EQ(talk(session, "*11\r\n"), "-ERR Protocol error: unauthenticated multibulk length\r\n");
  EXPECT_TRUE(session.wants_close());
}

TEST_F(ConnectionTest, TheListNamesEveryConnectionWithRedissFields) {
  worker_.connect();
  worker_.service().set_now_ms(1'700'000'007'000);
  const std::string list = parsed(say(session_, "CLIENT LIST")).text;
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 2);
  EXPECT_THAT(list, StartsWith("id=1 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 fd=9 name= "));
  EXPECT_THAT(list, HasSubstr(" age=7 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf="));
  EXPECT_THAT(list, HasSubstr(" events=r cmd=client|list user=default redir=-1 resp=2\n"));
  const std::string info = parsed(say(session_, "CLIENT INFO")).text;
  EXPECT_THAT(info, StartsWith("id=1 "));
  EXPECT_THAT(parsed(say(session_, "CLIENT LIST ID 2")).text, StartsWith("id=2 "));
  say(session_, "HELLO 3");
  EXPECT_THAT(say(session_, "CLIENT INFO"), StartsWith("="));
}

TEST_F(ConnectionTest, KillEndsOthersAtOnceAndItselfAfterTheReply) {
  Session& other = worker_.connect();
  EXPECT_EQ(say(session_, "CLIENT KILL ID 2"), ":1\r\n");
  EXPECT_TRUE(other.wants_close());
  EXPECT_FALSE(session_.wants_close());
  EXPECT_EQ(say(session_, "CLIENT KILL ADDR 127.0.0.1:50000 SKIPME no ID 1"), ":1\r\n");
  EXPECT_TRUE(session_.wants_close());
}

TEST_F(ConnectionTest, BeforeTheClusterIsFoundedKeysAreLoading) {
  worker_.service().set_ready(false);
  const std::string loading = "-LOADING Kindred is founding or joining a cluster\r\n";
  EXPECT_EQ(say(session_, "GET k"), loading);
  EXPECT_EQ(say(session_, "DBSIZE"), loading);
  EXPECT_EQ(say(session_, "DPUT k \"\" v"), loading);
  EXPECT_EQ(say(session_, "PING"), "+PONG\r\n");
  EXPECT_THAT(say(session_, "INFO"), HasSubstr("loading:1"));
  worker_.service().set_ready(true);
  EXPECT_EQ(say(session_, "GET k"), "$-1\r\n");
}

TEST_F(ConnectionTest, ConfigIsTheServices) {
  worker_.service().directives() = {{"save", ""}, {"appendonly", "no"}};
  EXPECT_EQ(say(session_, "CONFIG GET s* appendonly"),
            "*4\r\n$4\r\nsave\r\n$0\r\n\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
  EXPECT_EQ(say(session_, "CONFIG SET appendonly yes"), "+OK\r\n");
  EXPECT_EQ(say(session_, "CONFIG GET appendonly"), "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n");
  EXPECT_THAT(say(session_, "CONFIG SET nope 1"), StartsWith("-ERR "));
}

TEST_F(ConnectionTest, InfoIsVerbatimInResp3) {
  EXPECT_THAT(say(session_, "INFO server"), StartsWith("$"));
  say(session_, "HELLO 3");
  EXPECT_THAT(say(session_, "INFO server"), HasSubstr("\r\ntxt:# server"));
}

TEST_F(ConnectionTest, TimeAndShutdown) {
  EXPECT_EQ(say(session_, "TIME"), "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
  for (const char* wrong : {"SHUTDOWN bogus", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN NOSAVE ABORT"}) {
    EXPECT_EQ(say(session_, wrong), "-ERR syntax error\r\n") << wrong;
  }
  EXPECT_EQ(say(session_, "SHUTDOWN ABORT"), "-ERR No shutdown in progress.\r\n");
  EXPECT_FALSE(worker_.service().stopped());
  EXPECT_EQ(say(session_, "SHUTDOWN NOSAVE"), "");
  EXPECT_TRUE(worker_.service().stopped());
}

TEST_F(ConnectionTest, IdleMemoryIsGivenBack) {
  talk(session_, request({"SET", "k", std::string(1 << 20, 'x')}));
  talk(session_, request({"GET", "k"}));
  session_.shrink_idle();
  EXPECT_LT(session_.memory_bytes(), 16U * 1024);
  EXPECT_EQ(say(session_, "PING"), "+PONG\r\n");
}

}  // namespace
}  // namespace kindred
