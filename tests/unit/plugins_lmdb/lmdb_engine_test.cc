// What is LMDB's own: its map's growth and end, its settings, damage.
#include "plugins/lmdb/lmdb_engine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugins/api/engine.h"

namespace kindred::plugins::lmdb {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

class LmdbEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/kindred-lmdb-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  OpenedEngine open(Settings settings) const {
    OpenOptions options;
    options.dir = dir_;
    options.settings = std::move(settings);
    return open_lmdb_engine(options);
  }

  static Status put(Engine* engine, const std::string& key, const std::string& value) {
    return engine->put(key, value, Durability::kAsync);
  }

  std::string dir_;
};

TEST_F(LmdbEngineTest, AFullFileRefusesWholeBatchesAndTakesWritesAgainOnceThereIsRoom) {
  const OpenedEngine opened =
      open({{"map-bytes", "1048576"}, {"file-bytes-max", "4194304"}, {"sync-commits", "no"}});
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  Engine& engine = *opened.engine;
  const std::string value(100'000, 'v');
  int stored = 0;
  Status status;
  for (; status.ok() && stored < 100; stored += status.ok() ? 1 : 0) {
    WriteBatch batch;
    batch.put("key" + std::to_string(stored), value);
    batch.put("twin" + std::to_string(stored), value);
    status = engine.apply(batch, Durability::kGroup);
  }
  EXPECT_EQ(status.code, StatusCode::kNoSpace) << status.text();
  EXPECT_NE(status.message.find("file-bytes-max"), std::string::npos) << status.message;
  EXPECT_GT(stored, 10);
  std::string found;
  EXPECT_TRUE(engine.get("key" + std::to_string(stored), &found).not_found());
  EXPECT_TRUE(engine.get("twin" + std::to_string(stored), &found).not_found());
  EXPECT_TRUE(engine.get("key0", &found).ok());

  ASSERT_TRUE(engine.erase("key", "kez").ok());
  EXPECT_TRUE(put(&engine, "key", value).ok());
}

TEST_F(LmdbEngineTest, TheMapGrowsWhileOthersReadAndScan) {
  const OpenedEngine opened = open({{"map-bytes", "1048576"}, {"sync-commits", "no"}});
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  Engine& engine = *opened.engine;
  const std::string value(10'000, 'v');
  ASSERT_TRUE(put(&engine, "always", value).ok());
  std::atomic<bool> written{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      do {
        std::string found;
        wrong += engine.get("always", &found).ok() && found == value ? 0 : 1;
        std::string last;
        wrong += engine.scan({}, {},
                             [&](std::string_view key, std::string_view at) {
                               wrong += last < key && at == value ? 0 : 1;
                               last = key;
                               return true;
                             })
                         .ok()
                     ? 0
                     : 1;
      } while (!written);
    });
  }
  for (int i = 0; i < 1500; ++i) {
    wrong += put(&engine, "key" + std::to_string(i), value).ok() ? 0 : 1;
  }
  written = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(engine.stats().disk_bytes, 15'000'000u);
}

TEST_F(LmdbEngineTest, AFileLargerThanTheMapAskedForOpens) {
  {
    const OpenedEngine opened = open({{"sync-commits", "no"}});
    ASSERT_TRUE(put(opened.engine.get(), "big", std::string(8 << 20, 'b')).ok());
    ASSERT_TRUE(opened.engine->close().ok());
  }
  const OpenedEngine opened = open({{"map-bytes", "1048576"}});
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  EXPECT_TRUE(put(opened.engine.get(), "more", std::string(8 << 20, 'b')).ok());
  std::string found;
  EXPECT_TRUE(opened.engine->get("big", &found).ok());
  EXPECT_EQ(found.size(), std::size_t{8} << 20);
}

TEST_F(LmdbEngineTest, AFileOfAnotherKindIsCorruption) {
  std::ofstream(dir_ + "/data.mdb") << std::string(8192, 'x');
  const OpenedEngine opened = open({});
  EXPECT_EQ(opened.status.code, StatusCode::kCorruption) << opened.status.text();
  EXPECT_NE(opened.status.message.find(dir_), std::string::npos);
}

TEST_F(LmdbEngineTest, MalformedSettingsAreNamed) {
  for (const auto& [name, value] :
       Settings{{"map-bytes", "1"}, {"file-bytes-max", "many"}, {"sync-commits", "perhaps"}}) {
    const OpenedEngine opened = open({{name, value}});
    EXPECT_EQ(opened.status.code, StatusCode::kInvalidArgument);
    EXPECT_NE(opened.status.message.find(name), std::string::npos) << opened.status.message;
  }
}

}  // namespace
}  // namespace kindred::plugins::lmdb
