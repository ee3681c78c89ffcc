// What is the redis engine's own: a server that hangs, dies, forgets, is full or another's.
#include "plugins/redis/redis_engine.h"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugins/api/engine.h"
#include "tests/harness/redis_server.h"

namespace kindred::plugins::redis {
namespace {

using std::chrono::steady_clock;
using testing_support::RedisServer;

class RedisEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/kindred-redis-engine-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  OpenedEngine open(const RedisServer& server, const std::string& dir = "data",
                    std::vector<std::pair<std::string, std::string>> settings = {}) const {
    OpenOptions options;
    options.dir = root_ + "/" + dir;
    std::filesystem::create_directories(options.dir);
    options.settings = std::move(settings);
    options.settings.emplace_back("url", server.url());
    return open_redis_engine(options);
  }

  static std::string get(Engine& engine, const std::string& key) {
    std::string value;
    const Status status = engine.get(key, &value);
    return status.ok() ? value : "<" + status.text() + ">";
  }

  static Status put(Engine& engine, const std::string& key, const std::string& value) {
    return engine.put(key, value, Durability::kAsync);
  }

  static std::string info(const RedisServer& server, const char* section) {
    return ask(server, "INFO " + std::string(section));
  }

  static std::string ask(const RedisServer& server, const std::string& command) {
    redisContext* const context = ::redisConnectUnix((server.dir() + "/socket").c_str());
    auto* const reply = static_cast<redisReply*>(::redisCommand(context, command.c_str()));
    const std::string text = reply == nullptr ? "" : std::string(reply->str, reply->len);
    ::freeReplyObject(reply);
    ::redisFree(context);
    return text;
  }

  std::string root_;
};

TEST_F(RedisEngineTest, AServerThatComesBackWithItsDataIsUsedAgain) {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  const OpenedEngine opened = open(server);
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  Engine& engine = *opened.engine;
  ASSERT_TRUE(put(engine, "key", "value").ok());
  server.kill();
  std::string found;
  std::thread reader([&] { found = get(engine, "key"); });
  server.start();
  reader.join();
  EXPECT_EQ(found, "value") << "a read waits for the server, and is asked again";
  EXPECT_TRUE(put(engine, "key", "value 2").ok());
  EXPECT_EQ(get(engine, "key"), "value 2");
}

TEST_F(RedisEngineTest, AServerThatForgotWhatItAcknowledgedIsRefusedForGood) {
  RedisServer server;
  {
    const OpenedEngine opened = open(server);
    ASSERT_TRUE(opened.status.ok()) << opened.status.text();
    ASSERT_TRUE(put(*opened.engine, "key", "value").ok());
    server.kill();
    server.start();
    std::string value;
    EXPECT_EQ(opened.engine->get("key", &value).code, StatusCode::kCorruption);
    EXPECT_EQ(put(*opened.engine, "key", "value").code, StatusCode::kCorruption);
    EXPECT_TRUE(opened.engine->close().ok());
  }
  const OpenedEngine again = open(server);
  EXPECT_EQ(again.status.code, StatusCode::kCorruption);
  EXPECT_NE(again.status.message.find("1 was acknowledged"), std::string::npos)
      << again.status.message;
  const OpenedEngine anew = open(server, "another-directory");
  EXPECT_TRUE(anew.status.ok()) << anew.status.text();
}

TEST_F(RedisEngineTest, AServerThatWentBackToASnapshotIsRefused) {
  RedisServer server;
  const OpenedEngine opened = open(server);
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  ASSERT_TRUE(put(*opened.engine, "old", "value").ok());
  ASSERT_EQ(ask(server, "SAVE"), "OK");
  server.kill();
  server.start();
  EXPECT_EQ(get(*opened.engine, "old"), "value") << "all that was acknowledged is there";
  ASSERT_TRUE(put(*opened.engine, "new", "value").ok());
  server.kill();
  server.start();
  std::string value;
  EXPECT_EQ(opened.engine->get("old", &value).code, StatusCode::kCorruption);
}

TEST_F(RedisEngineTest, AHangingServerIsGivenUpInTimeAndItsConnectionKilledBeforeTheNextIsUsed) {
  RedisServer server;
  const OpenedEngine opened = open(server, "data", {{"timeout-ms", "400"}});
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  Engine& engine = *opened.engine;
  ASSERT_TRUE(put(engine, "key", "first").ok());
  server.pause();
  const auto before = steady_clock::now();
  const Status status = put(engine, "key", "late");
  EXPECT_EQ(status.code, StatusCode::kIoError) << status.text();
  EXPECT_LT(steady_clock::now() - before, std::chrono::seconds(20));
  server.resume();
  std::string now;
  while (now != "second") {
    if (put(engine, "key", "second").ok()) {
      now = get(engine, "key");
    }
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(get(engine, "key"), "second");
  }
  EXPECT_NE(info(server, "commandstats").find("cmdstat_client|kill:calls=1,"), std::string::npos);
}

TEST_F(RedisEngineTest, AnAbsentServerIsNamedInTime) {
  std::string url;
  {
    const RedisServer server;
    url = server.url();
  }
  OpenOptions options;
  options.dir = root_;
  options.settings = {{"url", url}, {"timeout-ms", "100"}};
  const OpenedEngine opened = open_redis_engine(options);
  EXPECT_EQ(opened.status.code, StatusCode::kIoError);
  EXPECT_NE(opened.status.message.find("is not to be reached: No such file"), std::string::npos)
      << opened.status.message;
}

TEST_F(RedisEngineTest, AFullServerRefusesWholeBatches) {
  const RedisServer server({"--maxmemory", "8mb", "--maxmemory-policy", "noeviction"});
  const OpenedEngine opened = open(server);
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  Engine& engine = *opened.engine;
  Status status;
  int stored = 0;
  for (; status.ok() && stored < 1000; stored += status.ok() ? 1 : 0) {
    WriteBatch batch;
    batch.put("key" + std::to_string(stored), std::string(50'000, 'v'));
    batch.put("twin" + std::to_string(stored), "t");
    status = engine.apply(batch, Durability::kAsync);
  }
  EXPECT_EQ(status.code, StatusCode::kNoSpace) << status.text();
  EXPECT_EQ(get(engine, "twin" + std::to_string(stored)), "<not found>");
  EXPECT_EQ(get(engine, "twin0"), "t");
}

TEST_F(RedisEngineTest, DirectoriesShareAServerButNoPrefix) {
  const RedisServer server;
  const OpenedEngine one = open(server, "one");
  const OpenedEngine two = open(server, "two");
  ASSERT_TRUE(one.status.ok() && two.status.ok()) << one.status.text() << two.status.text();
  ASSERT_TRUE(put(*one.engine, "key", "of one").ok());
  EXPECT_EQ(get(*two.engine, "key"), "<not found>");
  const OpenedEngine three = open(server, "three", {{"prefix", "shared:"}});
  EXPECT_TRUE(three.status.ok()) << three.status.text();
  const OpenedEngine four = open(server, "four", {{"prefix", "shared:"}});
  EXPECT_EQ(four.status.code, StatusCode::kInvalidArgument) << four.status.text();
  EXPECT_NE(four.status.message.find("'shared:'"), std::string::npos);
}

TEST_F(RedisEngineTest, AWrongPasswordIsNamedAndNotTold) {
  const RedisServer server({"--requirepass", "right"});
  std::string url = server.url();
  const auto with = [&](const std::string& password) {
    OpenOptions options;
    options.dir = root_;
    options.settings = {{"url", "unix://:" + password + "@" + url.substr(7)},
                        {"timeout-ms", "1000"}};
    return open_redis_engine(options);
  };
  const OpenedEngine wrong = with("wrong-one");
  EXPECT_FALSE(wrong.status.ok());
  EXPECT_NE(wrong.status.message.find("WRONGPASS"), std::string::npos) << wrong.status.message;
  EXPECT_EQ(wrong.status.message.find("wrong-one"), std::string::npos) << wrong.status.message;
  const OpenedEngine right = with("right");
  EXPECT_TRUE(right.status.ok()) << right.status.text();
}

TEST_F(RedisEngineTest, MalformedSettingsAreNamed) {
  const RedisServer server;
  EXPECT_NE(open(server, "data", {{"timeout-ms", "0"}}).status.message.find("timeout-ms"),
            std::string::npos);
  OpenOptions options;
  options.dir = root_;
  options.settings = {{"url", "http://localhost"}};
  const OpenedEngine opened = open_redis_engine(options);
  EXPECT_EQ(opened.status.code, StatusCode::kInvalidArgument);
  EXPECT_NE(opened.status.message.find("redis://"), std::string::npos) << opened.status.message;
}

}  // namespace
}  // namespace kindred::plugins::redis
