#include <gmock/gmock.h>

#include "server/session/outcome_text.h"
#include "tests/unit/session/harness.h"
#include "tests/unit/session/scripted_service.h"

// What outcomes that are not kOk say to clients.

namespace kindred {
namespace {

Outcome failure(OutcomeCode code, uint8_t needed, uint8_t seen) {
  Outcome outcome;
  outcome.code = code;
  outcome.needed = needed;
  outcome.seen = seen;
  return outcome;
}

class ErrorsTest : public testing::Test {
 protected:
  /// The reply to `text` when its first question has `outcome`.
  std::string reply_to(std::string_view text, const Outcome& outcome) {
    const size_t first = worker_.service().asked().size();
    receive(session_, line(text));
    EXPECT_GT(worker_.service().asked().size(), first);
    worker_.service().answer(first, outcome);
    return sent(session_);
  }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
};

TEST_F(ErrorsTest, AnUnmetPartOfAQuorumIsNamed) {
  Outcome outcome = failure(OutcomeCode::kNoQuorumWrite, 2, 1);
  outcome.unmet = QuorumPart::kPrimaries;
  EXPECT_EQ(reply_to("DPUT k \"\" v PW 1", outcome),
            "-NOQUORUM write PW=2 acked=1 within 1000 ms, it may still take effect\r\n");
  outcome.unmet = QuorumPart::kDurable;
  EXPECT_EQ(reply_to("DPUT k \"\" v DW 1", outcome),
            "-NOQUORUM write DW=2 acked=1 within 1000 ms, it may still take effect\r\n");
  outcome.code = OutcomeCode::kNoReplicas;
  EXPECT_EQ(reply_to("DPUT k \"\" v DW 1", outcome),
            "-NOREPLICAS write needs DW=2 replicas, up=1\r\n");
  outcome.code = OutcomeCode::kNoQuorumRead;
  outcome.unmet = QuorumPart::kPrimaries;
  EXPECT_EQ(reply_to("DGET k PR 1", outcome), "-NOQUORUM read PR=2 answered=1 within 1000 ms\r\n");
}

TEST_F(ErrorsTest, QuorumErrorsSayHowManyOfWhichWereNeededAndSeen) {
  EXPECT_EQ(reply_to("SET k v", failure(OutcomeCode::kNoReplicas, 2, 1)),
            "-NOREPLICAS write needs W=2 replicas, up=1\r\n");
  EXPECT_EQ(reply_to("GET k", failure(OutcomeCode::kNoReplicas, 2, 1)),
            "-NOREPLICAS read needs R=2 replicas, up=1\r\n");
  EXPECT_EQ(reply_to("SET k v", failure(OutcomeCode::kNoQuorumWrite, 2, 1)),
            "-NOQUORUM write W=2 acked=1 within 1000 ms, it may still take effect\r\n");
  EXPECT_EQ(reply_to("DPUT k \"\" v TIMEOUT 50", failure(OutcomeCode::kNoQuorumWrite, 1, 0)),
            "-NOQUORUM write W=1 acked=0 within 50 ms, it may still take effect\r\n");
  EXPECT_EQ(reply_to("INCR k", failure(OutcomeCode::kNoQuorumRead, 2, 1)),
            "-NOQUORUM read R=2 answered=1 within 1000 ms\r\n");
  EXPECT_EQ(reply_to("SET k v", failure(OutcomeCode::kOverloaded, 0, 0)),
            "-TRYAGAIN overloaded, nothing was applied\r\n");
}

TEST_F(ErrorsTest, EveryCodeHasAnErrorOfOneLineWithAPrefix) {
  for (int code = 1; code <= static_cast<int>(OutcomeCode::kConflict); ++code) {
    const std::string text =
        outcome_error(failure(static_cast<OutcomeCode>(code), 3, 1), true, 1000);
    EXPECT_THAT(text, testing::MatchesRegex("[A-Z]+ [^\r\n]+")) << code;
    EXPECT_NE(text, "ERR internal error") << code;
  }
}

TEST_F(ErrorsTest, AWriteOfManyKeysNeverClaimsThatNothingWasApplied) {
  receive(session_, line("MSET a 1 b 2"));
  worker_.service().answer(0);
  worker_.service().answer(1, failure(OutcomeCode::kNoReplicas, 2, 1));
  EXPECT_EQ(sent(session_),
            "-NOQUORUM write W=2 up=1 for some of the keys, others may have been written\r\n");
  receive(session_, line("MSET a 1 b 2"));
  worker_.service().answer(2, failure(OutcomeCode::kNoReplicas, 2, 1));
  worker_.service().answer(3, failure(OutcomeCode::kNoReplicas, 2, 1));
  EXPECT_EQ(sent(session_), "-NOREPLICAS write needs W=2 replicas, up=1\r\n");
}

TEST_F(ErrorsTest, AReadOfManyKeysFailsWithTheFirstError) {
  receive(session_, line("MGET a b"));
  worker_.service().answer(1, failure(OutcomeCode::kNoQuorumRead, 2, 1));
  worker_.service().answer_value(0, "v");
  EXPECT_EQ(sent(session_), "-NOQUORUM read R=2 answered=1 within 1000 ms\r\n");
}

TEST_F(ErrorsTest, ErrorsInsideDmgetStandInTheirPlace) {
  receive(session_, line("DMGET a b"));
  worker_.service().answer(0);
  worker_.service().answer(1, failure(OutcomeCode::kNoQuorumRead, 2, 1));
  EXPECT_EQ(sent(session_),
            "*2\r\n*2\r\n$0\r\n\r\n*0\r\n-NOQUORUM read R=2 answered=1 within 1000 ms\r\n");
}

TEST_F(ErrorsTest, AValueOfAnotherTypeIsNoString) {
  Outcome outcome;
  Sibling sibling;
  sibling.dot = {5, 1};
  sibling.type = 9;
  sibling.value = Value::copied("opaque");
  outcome.state.context.raise(1, 5);
  outcome.state.siblings.push_back(sibling);
  EXPECT_EQ(reply_to("GET k", outcome),
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
  EXPECT_EQ(reply_to("MGET k", outcome), "*1\r\n$-1\r\n");
  EXPECT_EQ(reply_to("EXISTS k", outcome), ":1\r\n");
  EXPECT_EQ(reply_to("TTL k", outcome), ":-1\r\n");
}

TEST_F(ErrorsTest, ErrorsAndCallsAreCounted) {
  reply_to("SET k v", failure(OutcomeCode::kNoReplicas, 2, 1));
  receive(session_, line("NOSUCH") + line("GET") + line("PING"));
  const SessionStats& stats = worker_.hub().stats();
  const auto of = [&](CommandId id) { return stats.commands[static_cast<size_t>(id)]; };
  EXPECT_EQ(of(CommandId::kSet).calls, 1U);
  EXPECT_EQ(of(CommandId::kSet).failed, 1U);
  EXPECT_EQ(of(CommandId::kGet).calls, 0U);
  EXPECT_EQ(of(CommandId::kGet).rejected, 1U);
  EXPECT_EQ(of(CommandId::kPing).calls, 1U);
  ASSERT_EQ(stats.errors.size(), 2U);
  EXPECT_EQ(stats.errors[0].prefix, "NOREPLICAS");
  EXPECT_EQ(stats.errors[0].count, 1U);
  EXPECT_EQ(stats.errors[1].prefix, "ERR");
  EXPECT_EQ(stats.errors[1].count, 2U);
  EXPECT_EQ(stats.error_replies, 3U);
}

}  // namespace
}  // namespace kindred
