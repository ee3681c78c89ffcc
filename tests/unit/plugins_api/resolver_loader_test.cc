#include <gtest/gtest.h>

#include <array>
#include <string>

#include "plugins/api/loader.h"

namespace kindred::plugins {
namespace {

std::string plugin_path(const std::string& name) {
  return std::string(KINDRED_TEST_PLUGIN_DIR) + "/resolver_" + name + ".so";
}

std::string refusal(const std::string& path) {
  const LoadedResolver loaded = load_resolver(path);
  EXPECT_EQ(loaded.status.code, StatusCode::kInvalidArgument);
  EXPECT_EQ(loaded.resolver, nullptr);
  const std::string start = "plugin " + path + ": ";
  EXPECT_EQ(loaded.status.message.substr(0, start.size()), start);
  return loaded.status.message.substr(start.size());
}

TEST(ResolverLoaderTest, RefusalsNameTheFileAndTheReason) {
  EXPECT_EQ(refusal(std::string(KINDRED_TEST_PLUGIN_DIR) + "/not_a_plugin.so"),
            "is no resolver plugin: it has no symbol kindred_resolver_plugin_entry");
  EXPECT_EQ(refusal(plugin_path("wrong_version")),
            "has resolver ABI version 999, this program needs 1");
  EXPECT_EQ(refusal(plugin_path("short_table")),
            "its table of functions has 16 bytes, ABI version 1 has at least 24");
  EXPECT_EQ(refusal(plugin_path("no_name")), "its resolver has no name");
  EXPECT_EQ(refusal(plugin_path("no_function")), "resolver 'pure-c' lacks the function resolve");
}

TEST(ResolverLoaderTest, AFileWithNeitherEngineNorResolverIsRefused) {
  Registry engines;
  ResolverRegistry resolvers;
  const std::string path = std::string(KINDRED_TEST_PLUGIN_DIR) + "/not_a_plugin.so";
  EXPECT_EQ(register_plugin(path, &engines, &resolvers).message,
            "plugin " + path +
                ": is no plugin: it has neither the symbol kindred_engine_plugin_entry nor "
                "kindred_resolver_plugin_entry");
}

TEST(ResolverLoaderTest, AResolverInCWorksThroughTheInterface) {
  Registry engines;
  ResolverRegistry resolvers;
  ASSERT_TRUE(register_plugin(plugin_path("pure_c"), &engines, &resolvers).ok());
  EXPECT_EQ(register_plugin(plugin_path("pure_c"), &engines, &resolvers).message,
            "plugin " + plugin_path("pure_c") + ": resolver 'pure-c' is registered already");
  const Resolver* resolver = resolvers.find("pure-c");
  ASSERT_NE(resolver, nullptr);
  const std::array<std::string_view, 2> values = {"one", "two"};
  std::string resolved;
  ASSERT_TRUE(resolver->resolve("key", values, &resolved).ok());
  EXPECT_EQ(resolved, "one");
  EXPECT_EQ(resolver->resolve("fail", values, &resolved).message, "asked to fail");
  EXPECT_EQ(resolver->resolve("silent", values, &resolved).message, "it told 0 values");
  EXPECT_EQ(resolver->resolve("twice", values, &resolved).message, "it told 2 values");
}

}  // namespace
}  // namespace kindred::plugins
