#include "plugins/memory/memory_engine.h"

#include <gtest/gtest.h>

#include <string>

namespace kindred::plugins::memory {
namespace {

Status put(Engine* engine, std::string_view key, std::string_view value) {
  WriteBatch batch;
  batch.put(key, value);
  return engine->apply(batch, Durability::kNone);
}

TEST(MemoryEngineTest, AFullEngineRefusesPutsWholeAndTakesDeletes) {
  OpenedEngine opened = open_memory_engine({.settings = {{"memory-bytes-max", "10000"}}});
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  Engine& engine = *opened.engine;
  ASSERT_TRUE(put(&engine, "a", std::string(5000, 'a')).ok());
  WriteBatch two;
  two.put("b", "small");
  two.put("c", std::string(9000, 'c'));
  EXPECT_EQ(engine.apply(two, Durability::kNone).code, StatusCode::kNoSpace);
  std::string value;
  EXPECT_TRUE(engine.get("b", &value).not_found());

  WriteBatch deletes;
  deletes.remove("a");
  EXPECT_TRUE(engine.apply(deletes, Durability::kNone).ok());
  EXPECT_TRUE(engine.apply(two, Durability::kNone).ok());
}

TEST(MemoryEngineTest, SettingsAreChecked) {
  EXPECT_EQ(open_memory_engine({.settings = {{"memory-bytes-max", "much"}}}).status.text(),
            "invalid argument: engine setting 'memory-bytes-max' must be a number from 0 to "
            "9223372036854775807, not 'much'");
  EXPECT_EQ(open_memory_engine({.settings = {{"memry", "1"}}}).status.text(),
            "invalid argument: unknown engine setting 'memry'");
}

TEST(MemoryEngineTest, StatsFollowPutsOverwritesAndRemovals) {
  OpenedEngine opened = open_memory_engine({});
  Engine& engine = *opened.engine;
  ASSERT_TRUE(put(&engine, "key", "12345").ok());
  ASSERT_TRUE(put(&engine, "key", "123").ok());
  ASSERT_TRUE(put(&engine, "other", std::string(1000, 'x')).ok());
  EXPECT_EQ(engine.stats().records, 2u);
  EXPECT_EQ(engine.stats().data_bytes, 3u + 3 + 5 + 1000);
  EXPECT_GT(engine.stats().memory_bytes, 1011u);
  ASSERT_TRUE(engine.erase("k", "l").ok());
  EXPECT_EQ(engine.stats().records, 1u);
  EXPECT_EQ(engine.stats().data_bytes, 1005u);
}

}  // namespace
}  // namespace kindred::plugins::memory
