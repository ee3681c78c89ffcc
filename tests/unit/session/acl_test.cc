#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <string_view>

#include "tests/unit/session/harness.h"
#include "tests/unit/session/redis_process.h"

// Users and what they may do. A redis-server, where there is one, gets the same lines, and must
// answer the same.

namespace kindred {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Command rules are listed as they were given, as Redis does from 7.2 on; 7.0 works out others that
// mean the same, so what it lists is compared only where it is the same.
// Lines of an operator; those that begin with "bob:" are another connection's.
constexpr std::string_view kScript = R"(
ACL LIST
ACL WHOAMI
ACL USERS
ACL CAT
ACL CAT nocat
ACL CAT string more
ACL GENPASS 0
ACL GENPASS 5000
ACL GENPASS x
ACL GENPASS 1 2
ACL FOO
ACL
ACL SETUSER u
ACL GETUSER u
ACL LIST
ACL SETUSER u +get
ACL LIST
ACL SETUSER u +GET
ACL LIST
ACL SETUSER u -set +set|x
ACL SETUSER u -@all +@string -get
ACL LIST
ACL GETUSER u
ACL SETUSER u +@all -config +config|get
ACL LIST
ACL SETUSER u -config
ACL LIST
ACL SETUSER u +config|get -@admin +@admin
ACL SETUSER u +select|0
ACL SETUSER u -@all +select|0 +select|1
ACL LIST
ACL SETUSER u +select
ACL LIST
ACL SETUSER u +@all -debug
ACL SETUSER u +HSET -script +debug|object +eval
ACL SETUSER u -@all
ACL SETUSER u +config|get|foo
ACL SETUSER u +nocmd
ACL SETUSER u -nocmd
ACL SETUSER u -get|x
ACL SETUSER u +@nocat
ACL SETUSER u +config|nosub
ACL SETUSER u +
ACL SETUSER u +get|
ACL SETUSER u foo
ACL SETUSER u ""
ACL SETUSER u %R~a %W~b ~c %RW~d &ch (+get ~x) (+set %R~y)
ACL LIST
ACL GETUSER u
ACL SETUSER u %W~a %r~b %w~c
ACL LIST
ACL SETUSER u clearselectors
ACL LIST
ACL SETUSER u (
ACL SETUSER u (+get
ACL SETUSER u (+get ~k)
ACL SETUSER u (~*  +@all allchannels)
ACL SETUSER u (bogus)
ACL SETUSER u ()
ACL LIST
ACL SETUSER u clearselectors %X~a
ACL SETUSER u %~a
ACL SETUSER u %RR~a
ACL SETUSER u >abc #123
ACL LIST
ACL SETUSER u <nopass
ACL SETUSER u !123
ACL SETUSER u >abc
ACL SETUSER u <abc
ACL LIST
ACL SETUSER u #ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
ACL SETUSER u !ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
ACL SETUSER u #BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD
ACL SETUSER u allkeys ~foo
ACL SETUSER u &x allchannels &foo
ACL SETUSER u resetchannels &x &x &y
ACL LIST
ACL SETUSER u on >abc nopass
ACL LIST
ACL SETUSER u >abc >def >abc
ACL GETUSER u
ACL SETUSER u sanitize-payload
ACL SETUSER u skip-sanitize-payload
ACL LIST
ACL SETUSER u resetpass
ACL LIST
ACL SETUSER u reset
ACL LIST
ACL DELUSER default
ACL DELUSER u default
ACL USERS
ACL DELUSER u nobody u
ACL USERS
ACL GETUSER nobody
ACL DRYRUN nobody get a
ACL DRYRUN default get a
ACL DRYRUN default get a b
ACL DRYRUN default nocmd
ACL DRYRUN default config bogus
ACL SAVE
ACL LOAD
ACL LOG x
ACL LOG reset
ACL LOG 1 2
AUTH default any
AUTH default any more
ACL SETUSER bob on >pw ~a* %R~ro* %W~wo* resetchannels &news* +@string +@transaction -getdel (+mget ~b*) (+del %W~ro*) +exists
ACL DRYRUN bob PUBLISH news1 x
ACL DRYRUN bob PUBLISH other x
ACL DRYRUN bob SUBSCRIBE news1 other
ACL SETUSER bob +subscribe +psubscribe +publish +spublish
ACL DRYRUN bob PUBLISH news1 x
ACL DRYRUN bob PUBLISH other x
ACL DRYRUN bob SPUBLISH other x
ACL DRYRUN bob SUBSCRIBE news1 other
ACL DRYRUN bob PSUBSCRIBE news1
ACL DRYRUN bob PSUBSCRIBE news*
ACL SETUSER bob -publish -spublish
ACL DRYRUN bob GET a
ACL DRYRUN bob GET x
ACL DRYRUN bob MGET a b
ACL DRYRUN bob CONFIG GET x
ACL DRYRUN bob PING
bob: AUTH bob bad
bob: AUTH nobody pw
bob: AUTH bob pw
bob: ACL WHOAMI
bob: PING
bob: GET x
bob: GET a1
bob: SET a1 1
bob: SET ro1 2
bob: GET ro1
bob: SET wo1 2
bob: GET wo1
bob: SET wo1 3 GET
bob: SET a1 1 GET
bob: SET ro1 1 GET
bob: GETEX ro1
bob: GETSET wo1 1
bob: INCR wo1
bob: INCR a2
bob: APPEND wo1 x
bob: STRLEN wo1
bob: STRLEN ro1
bob: EXISTS wo1
bob: EXISTS zz
bob: DEL ro1
bob: DEL wo1
bob: GETDEL a1
bob: MGET b1 b2
bob: MGET a1 a2
bob: MGET a1 b1
bob: MGET b1 c
bob: MSET a1 1 a2 2
bob: MSET a1 1 zz 2
bob: CONFIG GET save
bob: CONFIG BOGUS
bob: FOO
bob: GET
bob: MULTI
bob: GET x
bob: GET a1
bob: EXEC
bob: MULTI
bob: GET a1
bob: SET a1 5
ACL SETUSER bob -set resetkeys ~a1
bob: EXEC
bob: MULTI
bob: GET a1
bob: SETRANGE a1 0 x
ACL SETUSER bob resetkeys ~zz
bob: EXEC
ACL SETUSER bob off
bob: GET zz
bob: AUTH bob pw
bob: RESET
bob: PING
ACL SETUSER bob on resetpass nopass
bob: AUTH bob whatever
bob: ACL WHOAMI
bob: HELLO 3 AUTH nobody x
bob: AUTH default x
bob: PING
ACL SETUSER default -ping
bob: PING
PING
ACL SETUSER default +@all
PING
)";

class AclTest : public OkTest {};

TEST_F(AclTest, CommandRulesAreListedAsGiven) {
  const auto commands = [&](std::string_view rules) {
    EXPECT_EQ(say(session_, "ACL SETUSER u reset " + std::string(rules)), "+OK\r\n");
    return parsed(say(session_, "ACL GETUSER u")).elements[5].text;
  };
  EXPECT_EQ(commands("+get -@string +@all"), "+@all");
  EXPECT_EQ(commands("+get +@read -set"), "-@all +get +@read -set");
  EXPECT_EQ(commands("+get -get +GET"), "-@all +get");
  EXPECT_EQ(commands("+@all -config +config|get"), "+@all -config +config|get");
  EXPECT_EQ(commands("+config|get +config|set -config"), "-@all -config");
  EXPECT_EQ(commands("+select|0 +select|1 +select|0"), "-@all +select|1 +select|0");
  EXPECT_EQ(commands("+select|0 +select"), "-@all +select");
}

// As in a file of users that comes from a Redis.
TEST_F(AclTest, RulesOnRedissCommandsThatAreNotThereAreKept) {
  EXPECT_EQ(say(session_, "ACL SETUSER u reset +@all -debug -script|flush +HSET"), "+OK\r\n");
  EXPECT_EQ(parsed(say(session_, "ACL GETUSER u")).elements[5].text,
            "+@all -debug -script|flush +hset");
  EXPECT_THAT(say(session_, "ACL DRYRUN u GET k"), HasSubstr("no permissions to access the"));
  EXPECT_EQ(say(session_, "ACL SETUSER u ~k -debug|x -nocmd"),
            "-ERR Error in ACL SETUSER modifier '-nocmd': Unknown command or category name in "
            "ACL\r\n");
}

TEST_F(AclTest, AnswersAreRediss) {
  const std::unique_ptr<RedisProcess> redis = RedisProcess::start();
  if (redis == nullptr) {
    GTEST_SKIP() << "no redis-server here";
  }
  const int operator_there = redis->connect();
  const int bob_there = redis->connect();
  Session& bob = worker_.connect();
  std::string_view script = kScript;
  size_t compared = 0;
  for (size_t end = 0; !script.empty(); script.remove_prefix(end + 1)) {
    end = script.find('\n');
    std::string_view text = script.substr(0, end);
    if (text.empty()) {
      continue;
    }
    const bool is_bob = text.starts_with("bob: ");
    text.remove_prefix(is_bob ? 5 : 0);
    const std::string there = redis->talk(is_bob ? bob_there : operator_there, line(text));
    EXPECT_EQ(say(is_bob ? bob : session_, text), there) << text;
    ++compared;
  }
  EXPECT_GT(compared, 150U);
}

TEST_F(AclTest, TheLogTellsWhatWasRefusedToWhom) {
  say(session_, "ACL SETUSER bob on >pw ~a* +get +multi");
  Session& bob = worker_.connect();
  say(bob, "AUTH bob wrong");
  say(bob, "AUTH bob pw");
  say(bob, "SET a 1");
  say(bob, "SET a 2");
  say(bob, "MULTI");
  say(bob, "GET b");
  const Reply log = parsed(say(session_, "ACL LOG"));
  ASSERT_EQ(log.elements.size(), 3U);
  const auto texts = [&](size_t entry) {
    std::string joined;
    for (size_t i = 2; i < 10; ++i) {
      joined += log.elements[entry].elements[i].text + " ";
    }
    return joined;
  };
  EXPECT_EQ(texts(0), "reason key context multi object b username bob ");
  EXPECT_EQ(texts(1), "reason command context toplevel object set username bob ");
  EXPECT_EQ(texts(2), "reason auth context toplevel object AUTH username bob ");
  EXPECT_EQ(log.elements[1].elements[1].integer, 2) << "equal refusals are one entry";
  EXPECT_THAT(log.elements[1].elements[13].text, HasSubstr("user=bob"));
  EXPECT_EQ(say(session_, "ACL LOG 1").substr(0, 4), "*1\r\n");
  EXPECT_EQ(say(session_, "ACL LOG RESET"), "+OK\r\n");
  EXPECT_EQ(say(session_, "ACL LOG"), "*0\r\n");
}

TEST_F(AclTest, ADeletedUsersConnectionsEnd) {
  say(session_, "ACL SETUSER bob on nopass +@all ~*");
  Session& bob = worker_.connect();
  say(bob, "AUTH bob x");
  EXPECT_THAT(parsed(say(session_, "CLIENT LIST")).text, HasSubstr("user=bob"));
  EXPECT_EQ(say(session_, "ACL DELUSER bob"), ":1\r\n");
  EXPECT_TRUE(bob.wants_close());
  EXPECT_FALSE(session_.wants_close());
}

TEST_F(AclTest, WhoDeletesItsOwnUserHearsTheAnswer) {
  say(session_, "ACL SETUSER bob on >x ~* &* +@all");
  Session& bob = worker_.connect();
  Session& other = worker_.connect();
  say(bob, "AUTH bob x");
  say(other, "AUTH bob x");
  EXPECT_EQ(talk(bob, line("ACL DELUSER bob") + line("PING")), ":1\r\n") << "and no more";
  EXPECT_TRUE(bob.wants_close());
  EXPECT_TRUE(other.killed());
  EXPECT_FALSE(bob.killed());
}

TEST_F(AclTest, TheLogIsAsLongAsItMayBe) {
  say(session_, "ACL SETUSER bob on nopass +acl +get");
  say(session_, "AUTH bob x");
  AccessLog& log = worker_.hub().access_log();
  for (const std::string_view key : {"a", "b", "c"}) {
    say(session_, "GET " + std::string(key));
  }
  EXPECT_EQ(log.entries(10).size(), 3U);
  log.set_entries_max(2);
  EXPECT_EQ(log.entries(10).size(), 2U);
  say(session_, "GET d");
  ASSERT_EQ(log.entries(10).size(), 2U);
  EXPECT_EQ(log.entries(10)[0].object, "d");
  log.set_entries_max(0);
  say(session_, "GET e");
  EXPECT_TRUE(log.entries(10).empty());
}

TEST_F(AclTest, PatternsThatWouldCloseASelectorAreRefused) {
  EXPECT_THAT(talk(session_, request({"ACL", "SETUSER", "u", "(~a) ~b)"})), StartsWith("-ERR"));
  EXPECT_THAT(say(session_, "ACL SETUSER u (~a))"), StartsWith("-ERR"));
  EXPECT_EQ(say(session_, "ACL SETUSER u ~a)"), "+OK\r\n");
}

TEST_F(AclTest, AUserIsRefusedWhatIsOverItsLimits) {
  say(session_, "ACL SETUSER bob on nopass +@all ~* ratelimit:3");
  EXPECT_THAT(say(session_, "ACL LIST"), HasSubstr("user bob on nopass ratelimit:3 ~* "));
  Session& bob = worker_.connect();
  Session& again = worker_.connect();
  say(bob, "AUTH bob x");
  say(again, "AUTH bob x");
  say(bob, "SET k v");
  say(again, "GET k");
  EXPECT_EQ(say(bob, "GET k"), "$1\r\nv\r\n");
  EXPECT_EQ(say(again, "GET k"),
            "-TRYAGAIN user 'bob' is over its limit of 3 requests a second at this node; nothing "
            "was done\r\n");
  EXPECT_EQ(say(session_, "GET k"), "$1\r\nv\r\n") << "others are not concerned";
  OkService& service = worker_.service();
  service.set_now_ms(service.cluster_now_ms() + 400);
  EXPECT_EQ(say(bob, "GET k"), "$1\r\nv\r\n") << "one more after a third of a second";
  EXPECT_THAT(say(bob, "GET k"), StartsWith("-TRYAGAIN"));
  say(session_, "ACL SETUSER bob -set");
  EXPECT_THAT(say(bob, "GET k"), StartsWith("-TRYAGAIN")) << "new rules do not begin anew";
  say(session_, "ACL SETUSER bob ratelimit:0");
  EXPECT_EQ(say(bob, "GET k"), "$1\r\nv\r\n");
}

TEST_F(AclTest, LongRepliesCountForTheLimitOfBytes) {
  say(session_, "SET k " + std::string(3000, 'x'));
  say(session_, "ACL SETUSER bob on nopass +@all ~* bytelimit:1000");
  Session& bob = worker_.connect();
  say(bob, "AUTH bob x");
  EXPECT_GT(say(bob, "GET k").size(), 3000U);
  EXPECT_THAT(say(bob, "PING"),
              StartsWith("-TRYAGAIN user 'bob' is over its limit of 1000 bytes a second"));
  OkService& service = worker_.service();
  service.set_now_ms(service.cluster_now_ms() + 1900);
  EXPECT_THAT(say(bob, "PING"), StartsWith("-TRYAGAIN"));
  service.set_now_ms(service.cluster_now_ms() + 300);
  EXPECT_EQ(say(bob, "PING"), "+PONG\r\n");
}

TEST_F(AclTest, ATransactionThatWasQueuedIsRunWhole) {
  say(session_, "ACL SETUSER bob on nopass +@all ~* ratelimit:3");
  Session& bob = worker_.connect();
  say(bob, "AUTH bob x");
  EXPECT_EQ(talk(bob, line("MULTI") + line("SET a 1") + line("SET b 1") + line("EXEC")),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n");
  EXPECT_THAT(say(bob, "MULTI"), StartsWith("-TRYAGAIN"));
}

TEST_F(AclTest, LimitsAreToldAndKept) {
  EXPECT_THAT(say(session_, "ACL SETUSER bob ratelimit:x"),
              HasSubstr("A limit must be a number of 0 to 1000000000000"));
  EXPECT_THAT(say(session_, "ACL SETUSER bob bytelimit:-1"), StartsWith("-ERR"));
  say(session_, "ACL SETUSER bob ratelimit:5 bytelimit:6");
  const Reply bob = parsed(say(session_, "ACL GETUSER bob"));
  ASSERT_EQ(bob.elements.size(), 14U);
  EXPECT_EQ(bob.elements[13].text, "ratelimit:5 bytelimit:6");
  Users users;
  ASSERT_EQ(load_users(file_text(worker_.hub().users()), "f", &users), "");
  EXPECT_EQ(users.find("bob")->limits(), (RateLimits{5, 6}));
  say(session_, "ACL SETUSER bob reset");
  EXPECT_TRUE(worker_.hub().users().find("bob")->limits().none());
}

TEST_F(AclTest, WhoMayNoLongerListenIsCutOff) {
  say(session_, "ACL SETUSER bob on nopass +@all ~* resetchannels &news &other");
  Session& bob = worker_.connect();
  say(bob, "AUTH bob x");
  EXPECT_THAT(say(bob, "SUBSCRIBE news"), HasSubstr("subscribe"));
  say(session_, "ACL SETUSER bob resetchannels &news");
  EXPECT_FALSE(bob.wants_close());
  say(session_, "ACL SETUSER bob resetchannels &other");
  EXPECT_TRUE(bob.wants_close());
}

TEST_F(AclTest, ClientsAreKilledByUser) {
  say(session_, "ACL SETUSER bob on nopass +@all ~*");
  Session& bob = worker_.connect();
  say(bob, "AUTH bob x");
  EXPECT_EQ(say(session_, "CLIENT KILL USER nobody"), "-ERR No such user 'nobody'\r\n");
  EXPECT_EQ(say(session_, "CLIENT KILL USER bob"), ":1\r\n");
  EXPECT_TRUE(bob.wants_close());
}

TEST_F(AclTest, GeneratedPasswordsAreRandomAndAsLongAsAsked) {
  const std::string first = parsed(say(session_, "ACL GENPASS")).text;
  const std::string second = parsed(say(session_, "ACL GENPASS")).text;
  EXPECT_EQ(first.size(), 64U);
  EXPECT_NE(first, second);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(parsed(say(session_, "ACL GENPASS 5")).text.size(), 2U);
}

TEST_F(AclTest, CategoriesHoldTheCommandsOfTheStore) {
  const std::string strings = say(session_, "ACL CAT string");
  const std::string dangerous = say(session_, "ACL CAT dangerous");
  for (const std::string_view name : {"dget", "dput", "dmget"}) {
    EXPECT_THAT(strings, HasSubstr("\r\n" + std::string(name) + "\r\n"));
  }
  EXPECT_THAT(dangerous, HasSubstr("\r\nring|remove\r\n"));
  EXPECT_THAT(dangerous, HasSubstr("\r\nacl|setuser\r\n"));
  say(session_, "ACL SETUSER app on nopass ~app:* +@all -@dangerous");
  Session& app = worker_.connect();
  say(app, "AUTH app x");
  EXPECT_THAT(say(app, "DPUT app:1 \"\" v"), StartsWith("$"));
  EXPECT_THAT(say(app, "DPUT other \"\" v"), StartsWith("-NOPERM"));
  EXPECT_THAT(say(app, "DMGET app:1 other"), StartsWith("-NOPERM"));
  EXPECT_THAT(say(app, "RING STATUS"), StartsWith("-NOPERM"));
  EXPECT_THAT(say(app, "FLUSHALL"), StartsWith("-NOPERM"));
}

TEST_F(AclTest, AWrongPasswordHoldsTheConnectionBackForLongerEachTime) {
  worker_.settings().login_delay_ms = 100;
  worker_.set_password("secret");
  Session& session = worker_.connect();
  receive(session, line("AUTH wrong"));
  EXPECT_EQ(sent(session), "");
  EXPECT_FALSE(session.wants_read());
  EXPECT_EQ(worker_.hub().held_for_ms(), 100U);
  const uint64_t start_ms = worker_.service().mono_ms();
  worker_.service().set_now_ms(start_ms + 99);
  worker_.hub().end_holds();
  EXPECT_EQ(sent(session), "");
  worker_.service().set_now_ms(start_ms + 100);
  worker_.hub().end_holds();
  worker_.hub().resume();
  EXPECT_THAT(sent(session), StartsWith("-WRONGPASS"));
  EXPECT_EQ(worker_.hub().held_for_ms(), 0U);
  receive(session, line("AUTH wrong") + line("AUTH secret"));
  EXPECT_EQ(worker_.hub().held_for_ms(), 200U);
  worker_.service().set_now_ms(start_ms + 300);
  worker_.hub().end_holds();
  worker_.hub().resume();
  EXPECT_THAT(sent(session), HasSubstr("\r\n+OK\r\n"));
}

}  // namespace
}  // namespace kindred
