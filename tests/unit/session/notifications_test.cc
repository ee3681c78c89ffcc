#include <string>
#include <string_view>

#include "protocol/command/command_table.h"
#include "protocol/command/keyspace_events.h"
#include "server/session/notifications.h"
#include "tests/unit/session/harness.h"
#include "tests/unit/session/like_redis.h"

namespace kindred {
namespace {

constexpr std::string_view kChanges = R"(
SET k v
SET k v NX
SET k v XX
SET new v NX
SETNX new v
SETEX k 100 v
SET k 5 PX 100000
GETSET k 6
GET k
INCR k
DECRBY k 2
INCRBYFLOAT k 0.5
INCR k
APPEND k x
SETRANGE k 1 y
SETBIT k 1 1
BITFIELD k SET u8 0 200
MSET a 1 b 2
MSETNX a 1 c 2
MSETNX c 1
SET d 2
BITOP NOT n a
EXPIRE a 100
EXPIRE none 100
PERSIST a
PERSIST a
GETEX a EX 100
GETEX a PERSIST
GETEX a
EXPIRE a -1
COPY b copied
COPY b copied
GETDEL copied
GETDEL copied
DEL b c none
UNLINK d
)";

class LikeRedisNotificationsTest : public LikeRedisTest {};

TEST_F(LikeRedisNotificationsTest, ChangesArePublishedAsThere) {
  redis_->talk(connection_, line("CONFIG SET notify-keyspace-events KEA"));
  worker_.settings().notify_events = *parse_event_classes("KEA");
  Session& listener = worker_.connect();
  const int their_listener = redis_->connect();
  redis_->talk(their_listener, line("PSUBSCRIBE __key*__:*"));
  say(listener, "PSUBSCRIBE __key*__:*");
  for (std::string_view lines = kChanges; !lines.empty();) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view text = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (text.empty()) {
      continue;
    }
    compare_bytes(line(text), text);
    const std::string ours = say(listener, "PING");
    EXPECT_EQ(ours, redis_->talk(their_listener, line("PING"), count_replies(ours))) << text;
  }
}

class NotificationsTest : public OkTest {
 protected:
  void notify(std::string_view letters) {
    worker_.settings().notify_events = *parse_event_classes(letters);
    say(listener_, "PSUBSCRIBE __key*__:*");
  }
  /// What the listener has heard since, as channel and message, a line each.
  std::string heard() {
    std::string text;
    ReplyParser parser;
    parser.feed(sent(listener_));
    for (Reply reply; parser.next(reply) == ReplyStatus::kReply;) {
      text += reply.elements[2].text + " " + reply.elements[3].text + "\n";
    }
    return text;
  }

  Session& listener_ = worker_.connect();
};

TEST_F(NotificationsTest, NothingIsToldUnlessItIsAskedFor) {
  notify("");
  say(session_, "SET k v");
  notify("A");
  say(session_, "SET k v");
  EXPECT_EQ(sent(listener_), "") << "neither K nor E";
  notify("Eg");
  say(session_, "SET k v EX 100");
  EXPECT_EQ(heard(), "__keyevent@0__:expire k\n");
}

TEST_F(NotificationsTest, RenameTellsBothKeys) {
  notify("E$g");
  say(session_, "SET k v");
  say(session_, "RENAME k other");
  EXPECT_EQ(heard(),
            "__keyevent@0__:set k\n__keyevent@0__:rename_to other\n"
            "__keyevent@0__:rename_from k\n");
}

TEST_F(NotificationsTest, TheStoresOwnWritesAreTold) {
  notify("E$g");
  const std::string context = parsed(say(session_, "DPUT k \"\" v")).text;
  say(session_, "DDEL k " + context);
  EXPECT_EQ(heard(), "__keyevent@0__:dput k\n__keyevent@0__:ddel k\n");
}

TEST_F(NotificationsTest, StepsOfAWatchedTransactionAreTold) {
  notify("E$g");
  say(session_, "WATCH k");
  static_cast<void>(talk(session_, line("MULTI") + line("SET k 1") + line("SET k 2 NX") +
                                       line("INCR k") + line("EXEC")));
  EXPECT_EQ(heard(), "__keyevent@0__:set k\n__keyevent@0__:incrby k\n");
}

TEST(NotificationsOfUnknownOutcomesTest, AreNotMade) {
  Notifications notifications;
  Outcome unknown;
  unknown.code = OutcomeCode::kNoQuorumWrite;
  unknown.dot = {1, 1};
  Operation operation;
  operation.kind = OpKind::kSet;
  notifications.asked(*parse_event_classes("KEA"), 7, *find_command("set"), operation, 0);
  EXPECT_TRUE(notifications.any());
  EXPECT_TRUE(notifications.answered(7, unknown).empty());
  EXPECT_FALSE(notifications.any());
}

TEST(EventClasses, ArePrintedAsRedisDoes) {
  EXPECT_EQ(event_classes_text(*parse_event_classes("KEA")), "AKE");
  EXPECT_EQ(event_classes_text(*parse_event_classes("Ex$g")), "g$xE");
  EXPECT_EQ(event_classes_text(*parse_event_classes("g$lshzxetd")), "A");
  EXPECT_EQ(event_classes_text(*parse_event_classes("Knm")), "Kmn");
  EXPECT_EQ(event_classes_text(*parse_event_classes("")), "");
  EXPECT_EQ(parse_event_classes("KEy"), std::nullopt);
}

}  // namespace
}  // namespace kindred
