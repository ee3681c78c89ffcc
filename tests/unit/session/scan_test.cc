#include <gmock/gmock.h>

#include <set>

#include "tests/unit/session/harness.h"
#include "tests/unit/session/scripted_service.h"

// Walks over the whole store.

namespace kindred {
namespace {

class ScanTest : public OkTest {
 protected:
  void fill(int keys) {
    for (int i = 0; i < keys; ++i) {
      talk(session_, request({"SET", "key:" + std::to_string(i), "v"}));
    }
  }
};

TEST_F(ScanTest, EveryKeyComesOnceHoweverSmallTheSteps) {
  fill(500);
  std::set<std::string> seen;
  std::string cursor = "0";
  size_t steps = 0;
  do {
    const Reply reply = parsed(talk(session_, request({"SCAN", cursor, "COUNT", "7"})));
    cursor = reply.elements[0].text;
    EXPECT_LT(std::stoull(cursor), uint64_t{1} << 53);
    for (const Reply& key : reply.elements[1].elements) {
      EXPECT_TRUE(seen.insert(key.text).second) << key.text;
    }
    ASSERT_LT(++steps, 500U);
  } while (cursor != "0");
  EXPECT_EQ(seen.size(), 500U);
}

TEST_F(ScanTest, PatternsAndTypesFilterWhatWasSeen) {
  fill(120);
  const Reply matched = parsed(say(session_, "SCAN 0 COUNT 1000 MATCH key:1?"));
  EXPECT_EQ(matched.elements[1].elements.size(), 10U);
  EXPECT_EQ(parsed(say(session_, "SCAN 0 COUNT 1000 TYPE hash")).elements[1].elements.size(), 0U);
  EXPECT_EQ(parsed(say(session_, "SCAN 0 COUNT 1000 TYPE STRING")).elements[1].elements.size(),
            120U);
  EXPECT_EQ(parsed(say(session_, "KEYS key:1*")).elements.size(), 31U);
}

TEST_F(ScanTest, ARandomKeyIsFoundFromAnyPlace) {
  say(session_, "SET only v");
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(say(session_, "RANDOMKEY"), "$4\r\nonly\r\n");
  }
}

TEST_F(ScanTest, ACursorBeyondTheEndIsTheEnd) {
  fill(3);
  EXPECT_EQ(say(session_, "SCAN 9007199254740992"), "*2\r\n$1\r\n0\r\n*0\r\n");
}

TEST(ScanPagesTest, PagesAreAskedForUntilCountIsReached) {
  Worker<ScriptedService> worker;
  Session& session = worker.connect();
  receive(session, line("SCAN 0 COUNT 3"));
  const auto page = [](uint64_t cursor, std::vector<std::string> keys) {
    ScanPage result;
    result.ok = true;
    result.cursor = cursor;
    for (std::string& key : keys) {
      result.keys.push_back({std::move(key), kTypeString});
    }
    return result;
  };
  ASSERT_EQ(worker.service().scans().size(), 1U);
  worker.hub().scan_done(worker.service().scans()[0].first, page(100, {"a"}));
  ASSERT_EQ(worker.service().scans().size(), 2U);
  EXPECT_EQ(worker.service().scans()[1].second.cursor, 100U);
  worker.hub().scan_done(worker.service().scans()[1].first, page(200, {}));
  ASSERT_EQ(worker.service().scans().size(), 3U);
  worker.hub().scan_done(worker.service().scans()[2].first, page(300, {"b", "c"}));
  EXPECT_EQ(worker.service().scans().size(), 3U);
  EXPECT_EQ(sent(session), "*2\r\n$3\r\n300\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
}

TEST(ScanPagesTest, APageThatFailsIsTheReply) {
  Worker<ScriptedService> worker;
  Session& session = worker.connect();
  receive(session, line("KEYS *"));
  ScanPage failed;
  failed.no_replicas = true;
  failed.needed = 2;
  failed.seen = 1;
  worker.hub().scan_done(worker.service().scans()[0].first, std::move(failed));
  EXPECT_EQ(sent(session), "-NOREPLICAS read needs R=2 replicas, up=1\r\n");
}

}  // namespace
}  // namespace kindred
