#include <gtest/gtest.h>

#include "tests/unit/session/harness.h"
#include "tests/unit/session/scripted_service.h"

// What KEYSPACE asks the node for, and how its mistakes are told.

namespace kindred {
namespace {

class KeyspaceCommandsTest : public testing::Test {
 protected:
  auto& requests() { return worker_.service().keyspace_requests(); }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
};

TEST_F(KeyspaceCommandsTest, SetAsksForARowAndAnswersOk) {
  receive(session_, line("KEYSPACE SET cart:* r 1 RESOLVER Union REGISTERS off TTL 60000"));
  ASSERT_EQ(requests().size(), 1U);
  EXPECT_EQ(requests()[0].second.kind, KeyspaceRequest::kSet);
  EXPECT_EQ(requests()[0].second.keyspace, (Keyspace{"cart:*", 0, 1, 0, false, "union", 60'000}));
  worker_.service().client().number_done(requests()[0].first, 1);
  EXPECT_EQ(sent(session_), "+OK\r\n");
}

TEST_F(KeyspaceCommandsTest, DelAnswersHowManyThereWere) {
  receive(session_, line("KEYSPACE DEL a* b"));
  ASSERT_EQ(requests().size(), 1U);
  EXPECT_EQ(requests()[0].second.kind, KeyspaceRequest::kDelete);
  EXPECT_EQ(requests()[0].second.patterns, (std::vector<std::string>{"a*", "b"}));
  worker_.service().client().number_done(requests()[0].first, 1);
  EXPECT_EQ(sent(session_), ":1\r\n");
}

TEST_F(KeyspaceCommandsTest, WhatTheNodeRefusesIsToldInItsWords) {
  receive(session_, line("KEYSPACE SET a* RESOLVER other"));
  worker_.service().client().status_done(requests()[0].first, "ERR no such resolver");
  EXPECT_EQ(sent(session_), "-ERR no such resolver\r\n");
}

TEST_F(KeyspaceCommandsTest, MistakesAreToldBeforeAnybodyIsAsked) {
  EXPECT_EQ(say(session_, "KEYSPACE SET a*b"),
            "-ERR the pattern has a '*' that is not its last character\r\n");
  EXPECT_EQ(say(session_, "KEYSPACE SET a* W 2"),
            "-ERR w must be a number from 1 to N=1, not '2'\r\n");
  EXPECT_EQ(say(session_, "KEYSPACE SET a* N 65"),
            "-ERR n must be a number from 1 to 64, not '65'\r\n");
  EXPECT_EQ(say(session_, "KEYSPACE SET"),
            "-ERR wrong number of arguments for 'keyspace|set' command\r\n");
  EXPECT_EQ(say(session_, "KEYSPACE NOSUCH"),
            "-ERR unknown subcommand 'NOSUCH'. Try KEYSPACE HELP.\r\n");
  EXPECT_TRUE(requests().empty());
}

TEST_F(KeyspaceCommandsTest, NoKeyspaceIsNothing) {
  EXPECT_EQ(say(session_, "KEYSPACE LIST"), "*0\r\n");
  EXPECT_EQ(say(session_, "KEYSPACE GET a*"), "$-1\r\n");
}

}  // namespace
}  // namespace kindred
