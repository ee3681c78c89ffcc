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

class SlowScanTest : public testing::Test {
 protected:
  static constexpr uint64_t kStartMs = 1'700'000'000'000;

  /// Answers the last page after `ms`, and goes on at `cursor`.
  void answer_after(uint64_t ms, uint64_t cursor) {
    now_ms_ += ms;
    worker_.service().set_now_ms(now_ms_);
    ScanPage page;
    page.ok = true;
    page.cursor = cursor;
    worker_.service().client().scan_done(worker_.service().scans().back().first, std::move(page));
  }
  uint32_t asked_timeout_ms() { return worker_.service().scans().back().second.timeout_ms; }
  size_t asked() { return worker_.service().scans().size(); }

  Worker<ScriptedService> worker_;
  Session& session_ = worker_.connect();
  uint64_t now_ms_ = kStartMs;
};

TEST_F(SlowScanTest, AScanTakesNoLongerThanARequest) {
  receive(session_, line("SCAN 0 COUNT 1000"));
  EXPECT_EQ(asked_timeout_ms(), 1000U);
  answer_after(300, 100);
  EXPECT_EQ(asked_timeout_ms(), 700U);
  answer_after(300, 200);
  EXPECT_EQ(asked(), 2U) << "what it has is told, with a cursor to go on from";
  EXPECT_EQ(sent(session_), "*2\r\n$3\r\n200\r\n*0\r\n");
}

TEST_F(SlowScanTest, KeysWorksForLongButWaitsNoLongerThanARequest) {
  receive(session_, line("KEYS *"));
  for (uint64_t page = 1; page <= 50; ++page) {
    answer_after(200, page);
    EXPECT_EQ(asked_timeout_ms(), 1000U) << "ten seconds of work cost no patience";
  }
  answer_after(900, 100);
  EXPECT_EQ(asked_timeout_ms(), 600U);
  answer_after(600, 200);
  EXPECT_EQ(asked_timeout_ms(), 250U) << "the next page may only be worked on";
  answer_after(10, 0);
  EXPECT_EQ(sent(session_), "*0\r\n");
}

}  // namespace
}  // namespace kindred
