#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "tests/unit/session/harness.h"
#include "tests/unit/session/redis_process.h"

namespace kindred {

inline uint64_t wall_clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

/// What a client sees must be what Redis says, byte for byte: both sides get the same lines.
class LikeRedisTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { redis_ = RedisProcess::start(); }
  static void TearDownTestSuite() { redis_.reset(); }

  void SetUp() override {
    if (redis_ == nullptr) {
      GTEST_SKIP() << "no redis-server here";
    }
    connection_ = redis_->connect();
    ASSERT_GE(connection_, 0);
    redis_->talk(connection_, line("FLUSHALL"));
  }

  void compare(std::string_view lines) {
    size_t compared = 0;
    for (size_t begin = 0; begin < lines.size();) {
      const size_t end = std::min(lines.find('\n', begin), lines.size());
      const std::string_view text = lines.substr(begin, end - begin);
      begin = end + 1;
      if (!text.empty()) {
        compare_bytes(line(unescaped(text)), text);
        ++compared;
      }
    }
    EXPECT_GT(compared, 0U);
  }

  void compare_bytes(const std::string& bytes, std::string_view name) {
    worker_.service().set_now_ms(wall_clock_ms());
    const std::string ours = talk(session_, bytes);
    const std::string theirs = redis_->talk(connection_, bytes, count_replies(ours));
    EXPECT_EQ(ours, theirs) << name;
  }

  static size_t count_replies(std::string_view bytes) {
    ReplyParser parser;
    parser.feed(bytes);
    Reply reply;
    size_t count = 0;
    while (parser.next(reply) == ReplyStatus::kReply) {
      ++count;
    }
    return count;
  }

  static std::string unescaped(std::string_view text) {
    std::string result(text);
    for (size_t at = result.find("\\n"); at != std::string::npos; at = result.find("\\n")) {
      result.replace(at, 2, "\n");
    }
    return result;
  }

  static inline std::unique_ptr<RedisProcess> redis_;
  int connection_ = -1;
  Worker<OkService> worker_;
  Session& session_ = worker_.connect();
};

}  // namespace kindred
