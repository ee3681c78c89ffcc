#include "tests/unit/session/harness.h"
#include "tests/unit/session/scripted_service.h"

// MULTI and EXEC on a node that answers late. What they reply is compared with Redis elsewhere.

namespace kindred {
namespace {

class TransactionTest : public testing::Test {
 protected:
  size_t asked() { return worker_.service().asked().size(); }
  void answer(size_t index) {
    worker_.service().answer(index);
    worker_.hub().resume();
  }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
};

TEST_F(TransactionTest, QueuedCommandsRunOneAfterAnother) {
  receive(session_, line("MULTI") + line("SET a 1") + line("SET b 2") + line("PING") +
                        line("EXEC") + line("SET c 3"));
  EXPECT_EQ(sent(session_), "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n");
  EXPECT_EQ(asked(), 1U);
  answer(0);
  EXPECT_EQ(asked(), 2U);
  answer(1);
  ASSERT_EQ(asked(), 3U) << "what follows EXEC begins when it is through";
  EXPECT_EQ(worker_.service().asked()[2].key, "c");
  answer(2);
  EXPECT_EQ(sent(session_), "+OK\r\n+OK\r\n+PONG\r\n+OK\r\n");
}

TEST_F(TransactionTest, ExecWaitsForWhatCameBeforeIt) {
  receive(session_, line("SET a 0") + line("MULTI") + line("SET a 1") + line("EXEC"));
  EXPECT_EQ(asked(), 1U);
  EXPECT_EQ(session_.output(), "");
  answer(0);
  EXPECT_EQ(asked(), 2U);
  answer(1);
  EXPECT_EQ(sent(session_), "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
}

TEST_F(TransactionTest, ArgumentsOutliveTheRead) {
  receive(session_, line("MULTI") + line("SET a first"));
  receive(session_, line("SET b second"));
  receive(session_, line("EXEC"));
  answer(0);
  answer(1);
  EXPECT_EQ(worker_.service().asked()[0].value, "first");
  EXPECT_EQ(worker_.service().asked()[1].value, "second");
}

TEST_F(TransactionTest, AClosedSessionStopsInTheMiddle) {
  receive(session_, line("MULTI") + line("SET a 1") + line("SET b 2") + line("EXEC"));
  worker_.hub().close(session_.id());
  worker_.service().answer(0);
  worker_.hub().resume();
  EXPECT_EQ(asked(), 1U);
}

TEST_F(TransactionTest, AQueueIsNoLargerThanTheBufferItCameThrough) {
  worker_.settings().request_limits.query_buffer_limit = 4096;
  receive(session_, line("MULTI"));
  const std::string big(1000, 'x');
  std::string said;
  for (int i = 0; i < 8; ++i) {
    receive(session_, request({"SET", "k", big}));
    said += sent(session_);
    EXPECT_LE(session_.transaction().queued_bytes(), 4096U);
  }
  EXPECT_NE(said.find("-OOM command not allowed when the transaction's queue > "
                      "'client-query-buffer-limit'.\r\n"),
            std::string::npos)
      << said;
  EXPECT_EQ(session_.transaction().queued_bytes(), 0U) << "what will never run is not kept";
  receive(session_, line("EXEC"));
  EXPECT_EQ(sent(session_), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(asked(), 0U);
  receive(session_, line("PING"));
  EXPECT_EQ(sent(session_), "+PONG\r\n");
}

TEST_F(TransactionTest, ABrokenQueueKeepsNoMore) {
  receive(session_, line("MULTI") + line("NOSUCH") + line("SET a 1"));
  EXPECT_EQ(session_.transaction().size(), 0U);
  receive(session_, line("EXEC"));
  EXPECT_TRUE(std::string(session_.output())
                  .ends_with("-EXECABORT Transaction discarded because of previous errors.\r\n"));
}

}  // namespace
}  // namespace kindred
