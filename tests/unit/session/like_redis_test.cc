#include <string>
#include <string_view>

#include "tests/unit/session/like_redis.h"

// What a client sees must be what Redis says, byte for byte. Both sides get the same lines; where
// no redis-server is installed there is nothing to compare with.

namespace kindred {
namespace {

constexpr std::string_view kStrings = R"(
GET none
SET k v
GET k
get k
SET k "" EX 100
GET k
TTL k
SET k v2 KEEPTTL
TTL k
SET k v3
TTL k
SET k v NX
SET new v NX
SET none v XX
SET k v4 XX
GET k
SET k v5 GET
SET k2 v5 GET
SET k v6 NX GET
SET fresh v6 NX GET
GET k
SET nope v XX GET
SET k v XX GET EX 10
SET k v NX XX
SET k v EX
SET k v EX abc
SET k v EX 0
SET k v EX -1
SET k v PX 0
SET k v EX 9223372036854775807
SET k v PX 9223372036854775807
SET k v EXAT 9223372036854775807
SET k v PXAT 0
SET k v EX 10 PX 10
SET k v EX 10 EX 20
SET k v EX 10 KEEPTTL
SET k v KEEPTTL EX 10
SET k v bogus
SET k v GET GET
SET k
SET
SET k v PXAT 99999999999999
PEXPIRETIME k
EXPIRETIME k
SET k v EXAT 99999999999
PEXPIRETIME k
SETEX s 100 v
TTL s
SETEX s 0 v
SETEX s -5 v
SETEX s x v
SETEX s 9223372036854775807 v
PSETEX s 100000 v
TTL s
PSETEX s 0 v
SETNX k other
SETNX nx one
GET nx
GETSET k g1
GETSET gs g2
TTL k
GETDEL gs
GETDEL gs
GETEX k
GETEX k EX 100
TTL k
GETEX k PERSIST
TTL k
GETEX k EX 0
GETEX k EX 10 PERSIST
GETEX k NX
GETEX none EX 10
GETEX k PXAT 99999999999999
PEXPIRETIME k
GETEX k EXAT 1
GET k
APPEND a 123
APPEND a 45
GET a
STRLEN a
STRLEN none
GETRANGE a 0 -1
GETRANGE a -3 -1
GETRANGE a 1 2
GETRANGE a 4 2
GETRANGE a -1 -3
GETRANGE a 0 100
GETRANGE a 100 200
GETRANGE a -100 2
GETRANGE none 0 -1
GETRANGE a x 1
GETRANGE a 1 x
SUBSTR a 1 3
SETRANGE a 2 XY
GET a
SETRANGE a 7 Z
GET a
SETRANGE a -1 Z
SETRANGE a x Z
SETRANGE none 5 ""
EXISTS none
SETRANGE a 1 ""
SETRANGE a 536870912 Z
SETRANGE a 9223372036854775807 Z
INCR n
INCR n
INCRBY n 10
DECR n
DECRBY n 3
DECRBY n -3
GET n
INCRBY n abc
INCRBY n 1.5
INCRBY n 9223372036854775807
DECRBY n -9223372036854775808
SET n 9223372036854775807
INCR n
SET n -9223372036854775808
DECR n
SET n abc
INCR n
SET n 012
INCR n
SET n ""
INCR n
SET f 10.50
INCRBYFLOAT f 0.1
INCRBYFLOAT f 5.0e3
INCRBYFLOAT f -5200
INCRBYFLOAT f abc
INCRBYFLOAT f inf
INCRBYFLOAT f nan
SET f abc
INCRBYFLOAT f 1
INCRBYFLOAT newf 3.0
INCRBYFLOAT newf 1e-5
MSET m1 a m2 b m3 c
MSET m1 a m2
MSET m1
MGET m1 none m3 m1
MGET
MGET m2
)";

constexpr std::string_view kKeys = R"(
SET a 1
SET b 2
SET c 3
EXISTS a
EXISTS a a none b
EXISTS
TOUCH a b none
DEL a none b
DEL a
DEL
UNLINK c none
UNLINK c
TYPE c
SET c 3
TYPE c
TTL c
PTTL c
TTL none
PTTL none
EXPIRETIME c
PEXPIRETIME none
EXPIRE c 100
TTL c
EXPIRE c 200 NX
EXPIRE c 200 XX
TTL c
EXPIRE c 100 GT
EXPIRE c 300 GT
EXPIRE c 400 LT
EXPIRE c 250 LT
TTL c
EXPIRE c 100 NX XX
EXPIRE c 100 NX GT
EXPIRE c 100 GT LT
EXPIRE c 100 XX GT
EXPIRE c 100 foo
EXPIRE c abc
EXPIRE c 9223372036854775807
EXPIRE c -9223372036854775808
EXPIRE c 9223372036854770
PEXPIRE c 9223372036854770000
PEXPIRE none 10
PEXPIRE c 100000
TTL c
PEXPIREAT c 99999999999999
PEXPIRETIME c
EXPIREAT c 99999999999
EXPIRETIME c
PERSIST c
PERSIST c
PERSIST none
EXPIRE c 10 GT
EXPIRE c 10 LT
PERSIST c
EXPIRE c -1
EXISTS c
EXPIRE c 10
SET c 3
EXPIREAT c 1
GET c
SET c 3
PEXPIRE c 0
GET c
SET c 4
PEXPIREAT c 0 XX
GET c
PEXPIREAT c -100
GET c
DBSIZE
SET x 1
DBSIZE
KEYS *
KEYS y*
KEYS
RANDOMKEY
SCAN 0
SCAN 0 COUNT 10 MATCH *
SCAN 0 MATCH nope*
SCAN 0 TYPE string
SCAN 0 TYPE hash
SCAN abc
SCAN -x
SCAN 0 COUNT 0
SCAN 0 COUNT abc
SCAN 0 COUNT
SCAN 0 bogus 1
SCAN
FLUSHALL
DBSIZE
SET y 1
FLUSHDB ASYNC
DBSIZE
FLUSHALL SYNC
FLUSHALL bogus
FLUSHALL SYNC ASYNC
RANDOMKEY
WAIT 0 0
WAIT x 0
WAIT 0 x
WAIT 0 -1
)";

constexpr std::string_view kConnection = R"(
PING
PING hello
PING a b
ECHO hi
ECHO
SELECT 0
SELECT 99999
SELECT -1
SELECT abc
SELECT 99999999999
AUTH x
AUTH default x
AUTH nobody x
AUTH a b c
HELLO 4
HELLO 1
HELLO abc
HELLO 2 AUTH
HELLO 2 AUTH nobody x
HELLO 2 SETNAME
HELLO 2 bogus
CLIENT GETNAME
CLIENT SETNAME conn
CLIENT GETNAME
CLIENT SETNAME a\nb
CLIENT SETNAME ""
CLIENT GETNAME
CLIENT
CLIENT bogus
CLIENT SETNAME
CLIENT REPLY maybe
CLIENT REPLY SKIP
PING
PING
CLIENT REPLY ON
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID 99999
CLIENT KILL ID 0
CLIENT KILL ID abc
CLIENT KILL TYPE bogus
CLIENT KILL SKIPME maybe
CLIENT KILL ADDR 1.2.3.4:5 LADDR 1.2.3.4:5
CLIENT KILL USER nobody
CLIENT KILL ADDR
CLIENT KILL TYPE replica
CLIENT LIST TYPE bogus
CLIENT LIST TYPE replica
CLIENT LIST ID abc
CLIENT LIST ID 99999
CLIENT LIST ID
CLIENT LIST bogus
CONFIG
CONFIG bogus
CONFIG GET
CONFIG GET no-such-directive
CONFIG SET
CONFIG SET a
CONFIG SET a b c
CONFIG RESETSTAT
COMMAND bogus
COMMAND INFO nothing-there
COMMAND GETKEYS GET k
COMMAND GETKEYS MSET a 1 b 2
COMMAND GETKEYS PING
COMMAND GETKEYS bogus x
COMMAND GETKEYS GET
MEMORY bogus
MEMORY USAGE none
MEMORY USAGE none SAMPLES
MEMORY USAGE none SAMPLES x
TIME extra
SELECT 99999999999
FOO
FOO bar baz
foo a\nb
READONLY extra
)";

constexpr std::string_view kTransactions = R"(
MULTI
SET t 1
INCR t
GET t
EXEC
EXEC
DISCARD
MULTI
MULTI
SET t 5
DISCARD
GET t
MULTI
EXEC
MULTI
SET t
GET t
EXEC
GET t
MULTI
FOO
EXEC
MULTI
SET t abc
INCR t
GET t
MGET t none
DEL t none
EXEC
MULTI
EXEC extra
EXEC
MULTI
PING
ECHO x
SELECT 0
CLIENT GETNAME
EXEC
MULTI
SET t 1 EX 0
SETEX t 0 v
EXEC
MULTI extra
DISCARD extra
MULTI
SHUTDOWN NOSAVE
EXEC
MULTI
SCAN 0
DBSIZE
EXEC
MULTI
RESET
GET t
)";

constexpr std::string_view kResp3 = R"(
GET none
SET k v
GET k
SET k v NX
SET k v GET
GETSET none2 v
GETDEL none3
MGET k none
SCAN 0 MATCH none*
CONFIG GET no-such-directive
COMMAND INFO nothing-there
CLIENT GETNAME
EXEC
MULTI
GET none
EXEC
INCRBYFLOAT f 1.5
TTL k
MEMORY USAGE none
)";

TEST_F(LikeRedisTest, Strings) {
  compare(kStrings);
}
TEST_F(LikeRedisTest, Keys) {
  compare(kKeys);
}
TEST_F(LikeRedisTest, Connection) {
  compare(kConnection);
}
TEST_F(LikeRedisTest, Transactions) {
  compare(kTransactions);
}

TEST_F(LikeRedisTest, Resp3) {
  talk(session_, line("HELLO 3"));
  redis_->talk(connection_, line("HELLO 3"));
  compare(kResp3);
}

TEST_F(LikeRedisTest, PasswordGate) {
  redis_->talk(connection_, line("CONFIG SET requirepass secret"));
  const int other = redis_->connect();
  ASSERT_GE(other, 0);
  worker_.set_password("secret");
  Session& session = worker_.connect();
  for (const std::string_view text :
       {"GET k", "FOO", "GET", "CLIENT bogus", "HELLO 2", "HELLO 4", "HELLO 2 AUTH default bad",
        "AUTH bad", "AUTH nobody secret", "MULTI", "QUITE", "RESET"}) {
    EXPECT_EQ(talk(session, line(text)), redis_->talk(other, line(text))) << text;
  }
  EXPECT_EQ(talk(session, line("AUTH secret")), "+OK\r\n");
  EXPECT_EQ(talk(session, line("GET k")), "$-1\r\n");
  redis_->talk(connection_, line("CONFIG SET requirepass \"\""));
}

TEST_F(LikeRedisTest, PipelinesAndInlineCommands) {
  compare_bytes("PING\r\n\r\nSET k 'a b'\r\nGET k\nGET \"k\"\r\n", "inline");
  compare_bytes(line("SET p 1") + line("INCR p") + line("GET p") + line("APPEND p 0") +
                    line("MGET p k") + line("DEL p") + line("EXISTS p"),
                "pipeline");
  compare_bytes("*0\r\n*-1\r\n" + line("PING"), "empty requests");
}

}  // namespace
}  // namespace kindred
