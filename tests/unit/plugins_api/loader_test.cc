#include "plugins/api/loader.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace kindred::plugins {
namespace {

std::string plugin_path(const std::string& name) {
  return std::string(KINDRED_TEST_PLUGIN_DIR) + "/" + name + ".so";
}

// The refusal without the path, which must be in it.
std::string refusal(const std::string& name) {
  const LoadedPlugin loaded = load_plugin(plugin_path(name));
  EXPECT_EQ(loaded.status.code, StatusCode::kInvalidArgument);
  EXPECT_FALSE(loaded.factory.open);
  const std::string start = "plugin " + plugin_path(name) + ": ";
  EXPECT_EQ(loaded.status.message.substr(0, start.size()), start);
  return loaded.status.message.substr(start.size());
}

TEST(LoaderTest, RefusalsNameTheFileAndTheReason) {
  EXPECT_EQ(refusal("no_such_file").substr(0, 16), "can't be loaded:");
  EXPECT_EQ(refusal("not_a_plugin"),
            "is no engine plugin: it has no symbol kindred_engine_plugin_entry");
  EXPECT_EQ(refusal("wrong_version"), "has engine ABI version 999, this program needs 1");
  EXPECT_EQ(refusal("short_table").substr(0, 38), "its table of functions has 16 bytes, A");
  EXPECT_EQ(refusal("no_name"), "its engine has no name");
  EXPECT_EQ(refusal("missing_scan"), "engine 'pure-c' lacks the function scan");
  EXPECT_EQ(refusal("missing_try_get"), "engine 'pure-c' lacks the function try_get");
}

TEST(LoaderTest, AFileThatIsNoSharedObjectIsRefused) {
  const std::string path = testing::TempDir() + "/kindred-text.so";
  std::ofstream(path) << "not a shared object";
  const LoadedPlugin loaded = load_plugin(path);
  EXPECT_NE(loaded.status.message.find(path), std::string::npos) << loaded.status.message;
  EXPECT_FALSE(loaded.status.ok());
}

class PureCPluginTest : public testing::Test {
 protected:
  OpenedEngine open(std::vector<std::pair<std::string, std::string>> settings = {}) {
    Registry registry;
    ResolverRegistry resolvers;
    const Status status = register_plugin(plugin_path("pure_c"), &registry, &resolvers);
    EXPECT_TRUE(status.ok()) << status.text();
    OpenOptions options;
    options.settings = std::move(settings);
    // The registry goes; engines it opened stay.
    return registry.open("pure-c", options);
  }
};

TEST_F(PureCPluginTest, AnEngineInCWorksThroughTheInterface) {
  const OpenedEngine opened = open();
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  Engine& engine = *opened.engine;
  // Unknown capability bits are ignored.
  EXPECT_EQ(engine.capabilities(), (Capabilities{.try_get = true}));
  WriteBatch batch;
  batch.put("key", "value");
  ASSERT_TRUE(engine.apply(batch, Durability::kNone).ok());
  EXPECT_EQ(engine.apply(batch, Durability::kGroup).code, StatusCode::kNotSupported);
  std::string value;
  ASSERT_TRUE(engine.get("key", &value).ok());
  EXPECT_EQ(value, "value");
  EXPECT_EQ(engine.checkpoint("/nowhere").code, StatusCode::kNotSupported);
  EXPECT_EQ(engine.stats().records, 1u);
  const std::vector<std::string_view> keys = {"key", "other"};
  std::vector<Lookup> results(2);
  engine.multi_get(keys, results);
  EXPECT_EQ(results[0].value, "value");
  EXPECT_TRUE(results[1].status.not_found());
}

TEST_F(PureCPluginTest, EachPinIsReleasedOnce) {
  const OpenedEngine opened = open();
  Engine& engine = *opened.engine;
  WriteBatch batch;
  batch.put("key", "value");
  ASSERT_TRUE(engine.apply(batch, Durability::kNone).ok());
  const auto pins = [&] { return engine.stats().others.at(0).second; };
  {
    PinnedValue first;
    PinnedValue second;
    ASSERT_EQ(engine.try_get("key", &first), TryGet::kFound);
    ASSERT_EQ(engine.try_get("key", &second), TryGet::kFound);
    EXPECT_EQ(pins(), 2u);
    EXPECT_EQ(first.view(), "value");
    ASSERT_EQ(engine.try_get("key", &first), TryGet::kFound);
    EXPECT_EQ(pins(), 2u);
    EXPECT_EQ(engine.try_get("other", &first), TryGet::kNotFound);
    EXPECT_EQ(pins(), 1u);
  }
  EXPECT_EQ(pins(), 0u);
}

TEST_F(PureCPluginTest, ErrorsCrossWithTheirMessages) {
  const OpenedEngine full = open({{"fail", std::string(1000, 'x')}});
  EXPECT_EQ(full.status.code, StatusCode::kNoSpace);
  EXPECT_EQ(full.status.message, std::string(507, 'x'));
  EXPECT_EQ(open({{"nothing", ""}}).status.message, "plugin engine 'pure-c' opened nothing");
  const OpenedEngine opened = open();
  std::string value;
  EXPECT_EQ(opened.engine->get("odd", &value).text(), "I/O error: plugin status 4711: odd key");
}

TEST_F(PureCPluginTest, APluginLoadsTwiceButRegistersOnce) {
  Registry registry;
  ResolverRegistry resolvers;
  ASSERT_TRUE(register_plugin(plugin_path("pure_c"), &registry, &resolvers).ok());
  EXPECT_EQ(register_plugin(plugin_path("pure_c"), &registry, &resolvers).message,
            "plugin " + plugin_path("pure_c") + ": engine 'pure-c' is registered already");
}

}  // namespace
}  // namespace kindred::plugins
