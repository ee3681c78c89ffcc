#include <memory>
#include <string>

#include "tests/unit/session/harness.h"
#include "tests/unit/session/scripted_service.h"

// What commands on several keys ask of the node, one step after another.

namespace kindred {
namespace {

class MovesTest : public testing::Test {
 protected:
  void ask(std::string_view text) { receive(session_, line(text)); }
  std::vector<ScriptedService::Asked>& asked() { return worker_.service().asked(); }
  void answer_failed(size_t index, OutcomeCode code) {
    Outcome outcome;
    outcome.code = code;
    outcome.needed = 2;
    worker_.service().answer(index, std::move(outcome));
  }
  void answer_applied(size_t index, bool applied, Dot dot) {
    Outcome outcome;
    outcome.applied = applied;
    outcome.dot = dot;
    worker_.service().answer(index, std::move(outcome));
  }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
};

TEST_F(MovesTest, RenameWritesTheNewKeyAndRemovesWhatItRead) {
  ask("RENAME a b");
  ASSERT_EQ(asked().size(), 1U);
  EXPECT_EQ(asked()[0].key, "a");
  EXPECT_TRUE(asked()[0].operation.has_flag(op_flag::kWantState));
  worker_.service().answer_value(0, "v");
  ASSERT_EQ(asked().size(), 2U);
  EXPECT_EQ(asked()[1].key, "b");
  EXPECT_EQ(asked()[1].value, "v");
  EXPECT_EQ(asked()[1].operation.kind, OpKind::kSet);
  worker_.service().answer(1);
  ASSERT_EQ(asked().size(), 3U);
  EXPECT_EQ(asked()[2].key, "a");
  EXPECT_EQ(asked()[2].operation.kind, OpKind::kRemove);
  EXPECT_FALSE(asked()[2].operation.context.covered.empty());
  EXPECT_EQ(sent(session_), "");
  worker_.service().answer(2);
  EXPECT_EQ(sent(session_), "+OK\r\n");
}

TEST_F(MovesTest, RenameThatMissesItsRemovalIsOfUnknownOutcome) {
  ask("RENAME a b");
  worker_.service().answer_value(0, "v");
  worker_.service().answer(1);
  answer_failed(2, OutcomeCode::kNoReplicas);
  EXPECT_TRUE(sent(session_).starts_with("-NOQUORUM write "));
}

TEST_F(MovesTest, RenameThatCannotWriteAppliedNothing) {
  ask("RENAME a b");
  worker_.service().answer_value(0, "v");
  answer_failed(1, OutcomeCode::kNoReplicas);
  EXPECT_TRUE(sent(session_).starts_with("-NOREPLICAS write needs "));
}

TEST_F(MovesTest, NothingElseOfTheConnectionRunsBetweenTheSteps) {
  ask("RENAME a b");
  session_.process();
  const std::string rest = line("GET b");
  worker_.service().answer_value(0, "v");
  worker_.service().answer(1);
  EXPECT_FALSE(session_.wants_read());
  worker_.service().answer(2);
  worker_.hub().resume();
  receive(session_, rest);
  EXPECT_EQ(asked().size(), 4U);
}

TEST_F(MovesTest, MsetnxTakesBackWhatItSetWhereAKeyTurnsUp) {
  ask("MSETNX a 1 b 2");
  ASSERT_EQ(asked().size(), 2U);
  worker_.service().answer(0);
  worker_.service().answer(1);
  ASSERT_EQ(asked().size(), 4U);
  EXPECT_TRUE(asked()[2].operation.has_flag(op_flag::kIfAbsent));
  const Dot dot{stamp_at_ms(5), 7};
  answer_applied(2, true, dot);
  answer_applied(3, false, {});
  ASSERT_EQ(asked().size(), 5U);
  EXPECT_EQ(asked()[4].key, asked()[2].key);
  EXPECT_EQ(asked()[4].operation.kind, OpKind::kRemove);
  EXPECT_TRUE(asked()[4].operation.context.covered.covers(dot));
  worker_.service().answer(4);
  EXPECT_EQ(sent(session_), ":0\r\n");
}

TEST_F(MovesTest, MsetnxOfWhichAWriteFailedIsOfUnknownOutcome) {
  ask("MSETNX a 1 b 2");
  worker_.service().answer(0);
  worker_.service().answer(1);
  answer_applied(2, true, {stamp_at_ms(5), 7});
  answer_failed(3, OutcomeCode::kNoReplicas);
  EXPECT_TRUE(sent(session_).starts_with("-NOQUORUM write "));
}

TEST_F(MovesTest, BitopReadsItsSourcesSideBySide) {
  ask("BITOP OR to a b");
  ASSERT_EQ(asked().size(), 2U);
  worker_.service().answer_value(1, "\x0f");
  EXPECT_EQ(asked().size(), 2U);
  worker_.service().answer_value(0, "\xf0\x01");
  ASSERT_EQ(asked().size(), 3U);
  EXPECT_EQ(asked()[2].key, "to");
  EXPECT_EQ(asked()[2].value, "\xff\x01");
  worker_.service().answer(2);
  EXPECT_EQ(sent(session_), ":2\r\n");
}

class OkMovesTest : public OkTest {};

TEST_F(OkMovesTest, RestoreMakesWhatDumpToldAgain) {
  say(session_, "SET a some-value");
  const Reply dump = parsed(say(session_, "DUMP a"));
  EXPECT_EQ(talk(session_, request({"RESTORE", "b", "0", dump.text})), "+OK\r\n");
  EXPECT_EQ(say(session_, "GET b"), "$10\r\nsome-value\r\n");
  EXPECT_EQ(talk(session_, request({"RESTORE", "b", "0", dump.text})),
            "-BUSYKEY Target key name already exists.\r\n");
  EXPECT_EQ(talk(session_, request({"RESTORE", "b", "5000", dump.text, "REPLACE"})), "+OK\r\n");
  EXPECT_EQ(say(session_, "TTL b"), ":5\r\n");
}

TEST_F(OkMovesTest, RestoreTakesNoAlteredPayload) {
  say(session_, "SET a some-value");
  const std::string whole = parsed(say(session_, "DUMP a")).text;
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string altered = whole;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_EQ(talk(session_, request({"RESTORE", "b", "0", altered})),
              "-ERR DUMP payload version or checksum are wrong\r\n");
    EXPECT_EQ(talk(session_, request({"RESTORE", "b", "0", whole.substr(0, i)})),
              "-ERR DUMP payload version or checksum are wrong\r\n");
  }
}

TEST_F(OkMovesTest, TypesThatAreNotThereYetAreNamed) {
  EXPECT_EQ(say(session_, "LPUSH l 1"),
            "-ERR unknown command 'LPUSH': lists are not there yet\r\n");
  EXPECT_EQ(say(session_, "zadd z 1 m"),
            "-ERR unknown command 'zadd': sorted sets are not there yet\r\n");
  EXPECT_EQ(say(session_, "EVAL x 0"),
            "-ERR unknown command 'EVAL': scripts and functions are not there yet\r\n");
  EXPECT_EQ(say(session_, "FUNCTION LOAD x"),
            "-ERR unknown command 'FUNCTION': scripts and functions are not there yet\r\n");
}

TEST_F(OkMovesTest, LcsRefusesWhatWouldHoldUpTheNode) {
  say(session_, "SETRANGE a 9999 x");
  say(session_, "SETRANGE b 9999 x");
  EXPECT_EQ(say(session_, "LCS a b LEN"), "-ERR String too long for LCS\r\n");
}

}  // namespace
}  // namespace kindred
