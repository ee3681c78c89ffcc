#include <gmock/gmock.h>

#include "server/session/token.h"
#include "tests/unit/session/harness.h"
#include "tests/unit/session/scripted_service.h"

// How commands of a connection overlap, wait, and are answered in order.

namespace kindred {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class FlowTest : public testing::Test {
 protected:
  ScriptedService& service() { return worker_.service(); }
  size_t asked() { return service().asked().size(); }
  void resume() { worker_.hub().resume(); }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
};

TEST(TokenTest, PartsComeBackAndTheTopByteIsFree) {
  const TokenParts parts{{kSessionsMax - 1, 0xffff}, kSlotsMax - 1, kPartsMax - 1};
  const ClientToken token = parts.pack();
  EXPECT_EQ(token >> 56, 0U);
  const TokenParts back = TokenParts::unpack(token);
  EXPECT_EQ(back.session, parts.session);
  EXPECT_EQ(back.slot, parts.slot);
  EXPECT_EQ(back.part, parts.part);
}

TEST_F(FlowTest, RepliesLeaveInTheOrderOfCommands) {
  receive(session_, line("GET a") + line("SET b 2") + line("GET c") + line("PING"));
  ASSERT_EQ(asked(), 3U);
  EXPECT_EQ(service().asked()[1].value, "2");
  service().answer_value(2, "third");
  service().answer(1);
  EXPECT_EQ(sent(session_), "");
  service().answer_value(0, "first");
  EXPECT_EQ(sent(session_), "$5\r\nfirst\r\n+OK\r\n$5\r\nthird\r\n+PONG\r\n");
  EXPECT_EQ(session_.in_flight(), 0U);
}

TEST_F(FlowTest, OperationsOfAllSessionsTogetherAreBounded) {
  worker_.settings().operations_max = 2;
  Session& other = worker_.connect();
  Session& third = worker_.connect();
  receive(session_, line("GET a") + line("GET b") + line("GET c"));
  receive(other, line("PING") + line("GET d"));
  receive(third, line("GET e"));
  ASSERT_EQ(asked(), 2U);
  EXPECT_EQ(sent(other), "+PONG\r\n");  // asks for nothing
  EXPECT_FALSE(other.wants_read());
  service().answer_value(0, "a");
  service().answer_value(1, "b");
  resume();
  EXPECT_EQ(asked(), 4U);
  service().answer_value(2, "2");
  service().answer_value(3, "3");
  resume();
  ASSERT_EQ(asked(), 5U);
  service().answer_value(4, "4");
  resume();
  EXPECT_EQ(sent(session_).size() + sent(other).size() + sent(third).size(),
            5 * std::string_view("$1\r\na\r\n").size());
  EXPECT_TRUE(session_.wants_read() && other.wants_read() && third.wants_read());
}

TEST_F(FlowTest, ASessionThatLeavesWhileItWaitsForRoomIsInNobodysWay) {
  worker_.settings().operations_max = 1;
  Session& other = worker_.connect();
  Session& third = worker_.connect();
  receive(session_, line("GET a"));
  receive(other, line("GET b"));
  receive(third, line("GET c"));
  worker_.hub().close(other.id());
  service().answer_value(0, "a");
  resume();
  ASSERT_EQ(asked(), 2U);
  EXPECT_EQ(service().asked()[1].key, "c");
}

TEST_F(FlowTest, AnyOrderOfAnswersGivesTheSameReplies) {
  std::vector<size_t> order = {0, 1, 2, 3, 4};
  size_t base = 0;
  do {
    receive(session_,
            line("GET a") + line("GET b") + line("GET c") + line("GET d") + line("GET e"));
    for (const size_t index : order) {
      service().answer_value(base + index, std::string(1, static_cast<char>('0' + index)));
    }
    EXPECT_EQ(sent(session_), "$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
    base += order.size();
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(FlowTest, ModificationsOfAKeyOverlapEachOtherButNotPlainCommands) {
  receive(session_, line("INCR n") + line("INCR n") + line("GET n") + line("GET m"));
  EXPECT_EQ(asked(), 2U) << "GET n waits for both, and what follows it waits too";
  EXPECT_FALSE(session_.wants_read());
  service().answer(0);
  resume();
  EXPECT_EQ(asked(), 2U);
  service().answer(1);
  resume();
  EXPECT_EQ(asked(), 4U);
  EXPECT_TRUE(session_.wants_read());
}

TEST_F(FlowTest, AModificationWaitsForPlainCommandsOnItsKeyOnly) {
  receive(session_, line("SET n 1") + line("INCR m") + line("INCR n"));
  EXPECT_EQ(asked(), 2U);
  service().answer(0);
  resume();
  ASSERT_EQ(asked(), 3U);
  EXPECT_EQ(service().asked()[2].key, "n");
}

TEST_F(FlowTest, CommandsOnManyKeysWaitForEachOfTheirKeys) {
  receive(session_, line("SET b 1") + line("DEL a b c"));
  EXPECT_EQ(asked(), 1U);
  service().answer(0);
  resume();
  ASSERT_EQ(asked(), 4U);
  Outcome deleted;
  deleted.integer = 1;
  service().answer(3, deleted);
  service().answer(1, deleted);
  service().answer(2);
  EXPECT_EQ(sent(session_), "+OK\r\n:2\r\n");
}

TEST_F(FlowTest, CommandsOnEverythingWaitForAll) {
  receive(session_, line("SET a 1") + line("DBSIZE") + line("GET a"));
  EXPECT_EQ(asked(), 1U);
  EXPECT_THAT(service().other_tokens(), IsEmpty());
  service().answer(0);
  resume();
  ASSERT_EQ(service().other_tokens().size(), 1U);
  EXPECT_EQ(asked(), 2U) << "what comes after may begin";
  worker_.hub().number_done(service().other_tokens()[0], 7);
  service().answer(1);
  EXPECT_EQ(sent(session_), "+OK\r\n:7\r\n$-1\r\n");
}

TEST_F(FlowTest, ManyKeysGoInRoundsAndHoldTheirArguments) {
  const size_t keys = kPartsMax * 2 + 10;
  std::vector<std::string> args = {"MGET"};
  for (size_t i = 0; i < keys; ++i) {
    args.push_back("key:" + std::to_string(i));
  }
  receive(session_, request(args));
  EXPECT_EQ(asked(), kPartsMax);
  EXPECT_FALSE(session_.wants_read()) << "the arguments lie in the receive buffer";
  for (size_t answered = 0; answered < keys; ++answered) {
    ASSERT_LT(answered, asked());
    service().answer_value(answered, std::to_string(answered));
  }
  resume();
  EXPECT_TRUE(session_.wants_read());
  const Reply reply = parsed(sent(session_));
  ASSERT_EQ(reply.elements.size(), keys);
  EXPECT_EQ(reply.elements[keys - 1].text, std::to_string(keys - 1));
}

TEST_F(FlowTest, RequestsInFlightAreBounded) {
  worker_.settings().in_flight_max = 8;
  std::string pipeline;
  for (int i = 0; i < 20; ++i) {
    pipeline += line("GET key:" + std::to_string(i));
  }
  receive(session_, pipeline);
  EXPECT_EQ(asked(), 8U);
  EXPECT_FALSE(session_.wants_read());
  for (size_t i = 0; i < 20; ++i) {
    ASSERT_LT(i, asked());
    service().answer_value(i, "v");
    resume();
  }
  EXPECT_TRUE(session_.wants_read());
  EXPECT_EQ(sent(session_).size(), 20 * std::string_view("$1\r\nv\r\n").size());
}

TEST_F(FlowTest, OutputThatIsNotTakenStopsExecutionUntilItIs) {
  worker_.settings().output_backlog_bytes = 1000;
  const std::string value(600, 'x');
  receive(session_, line("GET a"));
  service().answer_value(0, value);
  std::string pipeline;
  for (int i = 0; i < 10; ++i) {
    pipeline += line("GET a");
  }
  receive(session_, pipeline);
  EXPECT_LE(asked(), 2U) << "no more is asked than the backlog has room for";
  EXPECT_FALSE(session_.wants_read());
  for (size_t answered = 1; answered < 11; ++answered) {
    ASSERT_LT(answered, asked());
    service().answer_value(answered, value);
    sent(session_);
    resume();
  }
  EXPECT_TRUE(session_.wants_read());
}

/// As many requests of a pipeline as the session takes now; the rest stays in it.
void feed(Session& session, std::string* pipeline) {
  while (!pipeline->empty() && session.wants_read()) {
    const std::span<char> room = session.writable(64);
    const size_t size = std::min(room.size(), pipeline->size());
    std::memcpy(room.data(), pipeline->data(), size);
    session.commit(size);
    pipeline->erase(0, size);
    session.process();
  }
}

std::string pipeline_of(size_t count, const std::string& request) {
  std::string pipeline;
  for (size_t i = 0; i < count; ++i) {
    pipeline += line(request.substr(0, 4) + std::to_string(i) + request.substr(4));
  }
  return pipeline;
}

TEST_F(FlowTest, LongAnswersAreAskedForByTheMeasureOfTheLastOnes) {
  std::string pipeline = pipeline_of(100, "GET ");
  feed(session_, &pipeline);
  EXPECT_EQ(asked(), worker_.settings().long_replies_first);
  const std::string large(2'000'000, 'x');
  size_t answered = 0;
  while (answered < asked()) {
    service().answer_value(answered++, large);
    resume();
  }
  EXPECT_EQ(answered, worker_.settings().long_replies_first) << "nothing was taken yet";
  sent(session_);
  resume();
  EXPECT_EQ(asked(), answered + 1);
  for (; answered < asked(); ++answered) {
    service().answer_value(answered, "small");
    sent(session_);
    resume();
    feed(session_, &pipeline);
  }
  EXPECT_EQ(answered, 100U);
  EXPECT_TRUE(session_.wants_read());
}

TEST_F(FlowTest, ShortAnswersOpenTheWayForMore) {
  std::string pipeline = pipeline_of(300, "GET ");
  feed(session_, &pipeline);
  for (size_t answered = 0; answered < 150; ++answered) {
    service().answer_value(answered, "v");
    resume();
    feed(session_, &pipeline);
  }
  EXPECT_EQ(asked(), 150U + worker_.settings().long_replies_max);
  Session& writer = worker_.connect();
  std::string writes = pipeline_of(300, "SET  v");
  feed(writer, &writes);
  EXPECT_EQ(asked(), 450U + worker_.settings().long_replies_max) << "of writes they are short";
}

TEST_F(FlowTest, AClientAboveTheSoftLimitIsCutOffWhenItsTimeIsOver) {
  worker_.settings().output_limit = {0, 100, 2};
  uint64_t now_ms = 1'000'000;
  service().set_now_ms(now_ms);
  receive(session_, line("GET a"));
  service().answer_value(0, std::string(200, 'x'));
  EXPECT_TRUE(worker_.hub().any_over_soft_limit());
  service().set_now_ms(now_ms + 2000);
  worker_.hub().check_output_limits();
  EXPECT_FALSE(session_.killed());
  service().set_now_ms(now_ms + 2001);
  worker_.hub().check_output_limits();
  EXPECT_TRUE(session_.killed());
  EXPECT_FALSE(worker_.hub().any_over_soft_limit());
}

TEST_F(FlowTest, TheSoftLimitsTimeBeginsAnewOnceTheOutputWasTaken) {
  worker_.settings().output_limit = {0, 100, 2};
  service().set_now_ms(1'000'000);
  receive(session_, line("GET a"));
  service().answer_value(0, std::string(200, 'x'));
  sent(session_);
  service().set_now_ms(1'010'000);
  worker_.hub().check_output_limits();
  EXPECT_FALSE(worker_.hub().any_over_soft_limit());
  receive(session_, line("GET a"));
  service().answer_value(1, std::string(200, 'x'));
  worker_.hub().check_output_limits();
  EXPECT_FALSE(session_.killed());
}

TEST_F(FlowTest, AClientThatTakesNothingIsCutOffAtTheOutputLimit) {
  worker_.settings().output_limit.hard_bytes = 100;
  receive(session_, line("GET a"));
  service().answer_value(0, std::string(200, 'x'));
  EXPECT_TRUE(session_.wants_close());
  EXPECT_TRUE(session_.killed());
  EXPECT_EQ(session_.output(), "");
  EXPECT_THAT(std::string(session_.close_reason()), HasSubstr("output buffer"));
}

TEST_F(FlowTest, AnswersToAClosedSessionAreDropped) {
  receive(session_, line("GET a") + line("GET b") + line("DEL c d"));
  const SessionId old_id = session_.id();
  worker_.hub().close(old_id);
  EXPECT_EQ(worker_.hub().find(old_id), nullptr);
  EXPECT_EQ(worker_.hub().session_count(), 0U);
  Session& other = worker_.connect();
  EXPECT_NE(other.id().index, old_id.index) << "the place is taken until all is answered";
  for (size_t i = 0; i < 4; ++i) {
    service().answer_value(i, "late");
  }
  EXPECT_EQ(other.output(), "");
  Session& third = worker_.connect();
  EXPECT_EQ(third.id().index, old_id.index);
  EXPECT_NE(third.id().generation, old_id.generation);
  EXPECT_EQ(worker_.hub().find(old_id), nullptr);
}

TEST_F(FlowTest, ChangedSessionsAreToldOnce) {
  std::vector<SessionId> changed;
  worker_.hub().take_changed(&changed);
  receive(session_, line("PING") + line("GET a"));
  worker_.hub().take_changed(&changed);
  EXPECT_THAT(changed, testing::ElementsAre(session_.id()));
  worker_.hub().take_changed(&changed);
  EXPECT_THAT(changed, IsEmpty());
  service().answer_value(0, "v");
  worker_.hub().take_changed(&changed);
  EXPECT_THAT(changed, testing::ElementsAre(session_.id()));
}

TEST_F(FlowTest, KeysOfAPipelineAreFetchedAhead) {
  receive(session_, line("GET a"));
  EXPECT_EQ(service().prefetches(), 0U);
  receive(session_, line("GET a") + line("SET b 1") + line("PING") + line("MGET c d"));
  EXPECT_EQ(service().prefetches(), 3U);
}

TEST_F(FlowTest, ProtocolErrorsComeAfterTheRepliesBeforeThem) {
  receive(session_, line("GET a") + "*1\r\nxyz\r\n");
  EXPECT_EQ(session_.output(), "");
  EXPECT_FALSE(session_.wants_close());
  service().answer_value(0, "v");
  EXPECT_EQ(session_.output(), "$1\r\nv\r\n-ERR Protocol error: expected '$', got 'x'\r\n");
  EXPECT_FALSE(session_.wants_close());
  sent(session_);
  EXPECT_TRUE(session_.wants_close());
}

TEST_F(FlowTest, ACrossProtocolRequestIsClosedWithoutAWord) {
  receive(session_, "POST / HTTP/1.1\r\n");
  EXPECT_EQ(session_.output(), "");
  EXPECT_TRUE(session_.wants_close());
  EXPECT_NE(session_.close_reason(), "");
}

TEST_F(FlowTest, EveryCutOfAPipelineGivesTheSameBytes) {
  Worker<OkService> worker;
  const std::string pipeline = line("SET k value") + line("GET k") + line("INCR n") +
                               line("MGET k n none") + "PING\r\n" + line("DEL k n");
  const std::string whole = talk(worker.connect(), pipeline);
  for (size_t cut = 1; cut < pipeline.size(); ++cut) {
    Session& session = worker.connect();
    std::string bytes = talk(session, std::string_view(pipeline).substr(0, cut));
    bytes += talk(session, std::string_view(pipeline).substr(cut));
    ASSERT_EQ(bytes, whole) << "cut at " << cut;
  }
}

TEST_F(FlowTest, WaitCountsTheCopiesOfTheLastWrittenKey) {
  EXPECT_EQ(talk(session_, line("WAIT 1 100")), ":0\r\n") << "nothing written yet";
  receive(session_, line("SET k v") + line("WAIT 2 100"));
  service().answer(0);
  resume();
  ASSERT_EQ(asked(), 2U);
  EXPECT_EQ(service().asked()[1].operation.kind, OpKind::kSpread);
  EXPECT_EQ(service().asked()[1].key, "k");
  EXPECT_EQ(service().asked()[1].operation.integer, 2);
  EXPECT_EQ(service().asked()[1].operation.quorum.timeout_ms, 100U);
  Outcome spread;
  spread.integer = 2;
  service().answer(1, spread);
  EXPECT_EQ(sent(session_), "+OK\r\n:2\r\n");
}

TEST_F(FlowTest, WaitWithoutLimitAsksInRounds) {
  receive(session_, line("SET k v") + line("WAIT 2 0"));
  service().answer(0);
  resume();
  Outcome one;
  one.integer = 1;
  service().set_now_ms(service().cluster_now_ms() + 1000);
  service().answer(1, one);
  ASSERT_EQ(asked(), 3U) << "the round took its time, so another may bring more";
  service().answer(2, one);
  EXPECT_EQ(asked(), 3U) << "it ended at once: nobody is left to wait for";
  EXPECT_EQ(sent(session_), "+OK\r\n:1\r\n");
}

}  // namespace
}  // namespace kindred
