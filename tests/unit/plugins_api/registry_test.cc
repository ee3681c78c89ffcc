#include "plugins/api/registry.h"

#include <gtest/gtest.h>

#include "plugins/decorators/null_engine.h"
#include "plugins/memory/memory_engine.h"

namespace kindred::plugins {
namespace {

TEST(RegistryTest, AnUnknownNameListsTheKnownOnes) {
  Registry registry;
  ASSERT_TRUE(registry.register_engine("memory", memory::memory_engine_factory()).ok());
  ASSERT_TRUE(registry.register_engine("also-memory", memory::memory_engine_factory()).ok());
  const OpenedEngine opened = registry.open("lmdb", {});
  EXPECT_EQ(opened.engine, nullptr);
  EXPECT_EQ(opened.status.text(),
            "invalid argument: unknown engine 'lmdb'; known: also-memory memory");
  EXPECT_EQ(registry.names(), (std::vector<std::string>{"also-memory", "memory"}));
  EXPECT_EQ(registry.find("lmdb"), nullptr);
  EXPECT_TRUE(registry.find("memory")->capabilities.thread_bound);
}

TEST(RegistryTest, NamesAreCheckedAndTakenOnce) {
  Registry registry;
  EXPECT_FALSE(registry.register_engine("", memory::memory_engine_factory()).ok());
  EXPECT_FALSE(registry.register_engine("My Engine", memory::memory_engine_factory()).ok());
  EXPECT_FALSE(registry.register_engine("empty", {}).ok());
  EXPECT_TRUE(registry.register_engine("memory", memory::memory_engine_factory()).ok());
  EXPECT_EQ(registry.register_engine("memory", memory::memory_engine_factory()).message,
            "engine 'memory' is registered already");
}

TEST(RegistryTest, AnEngineThatKeepsNothingNeedsNoDirectory) {
  Registry registry;
  ASSERT_TRUE(registry.register_engine("memory", memory::memory_engine_factory()).ok());
  const OpenedEngine opened = registry.open("memory", {});
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  EXPECT_NE(opened.engine, nullptr);
}

}  // namespace
}  // namespace kindred::plugins
