#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plugins/resolvers/builtin.h"

namespace kindred::plugins::resolvers {
namespace {

using namespace std::string_literals;

std::string resolve(const std::string& name, const std::vector<std::string_view>& values) {
  ResolverRegistry registry;
  EXPECT_TRUE(register_builtin_resolvers(&registry).ok());
  std::string resolved;
  EXPECT_TRUE(registry.find(name)->resolve("key", values, &resolved).ok());
  return resolved;
}

TEST(UnionTest, ArraysBecomeOneOfAllTheirElements) {
  EXPECT_EQ(resolve("union", {R"(["milk","tea"])", R"(["tea", "bread"])"}),
            R"(["bread","milk","tea"])");
  EXPECT_EQ(resolve("union", {"[]", "[]"}), "[]");
  EXPECT_EQ(resolve("union", {"[[1,2],[1]]", "[[1, 2]]"}), "[[1,2],[1]]");
}

TEST(UnionTest, AnElementIsOneHoweverItIsWritten) {
  EXPECT_EQ(resolve("union", {R"([{"a":1,"b":[ ]}])", R"([{"b":[],"a":1}, "\u0041"])", R"(["A"])"}),
            R"(["A",{"a":1,"b":[]}])");
}

TEST(UnionTest, NumbersKeepTheirDigits) {
  EXPECT_EQ(resolve("union", {"[12345678901234567890123]", "[12345678901234567890124,0.10]"}),
            "[0.10,12345678901234567890123,12345678901234567890124]");
}

TEST(UnionTest, AnEmptyValueAddsNothing) {
  EXPECT_EQ(resolve("union", {"", "[1]"}), "[1]");
  EXPECT_EQ(resolve("union", {"", "a\n"}), "a\n");
  EXPECT_EQ(resolve("union", {"", ""}), "");
}

TEST(UnionTest, AllElseIsASetOfLines) {
  EXPECT_EQ(resolve("union", {"b\na\n", "c\na\n"}), "a\nb\nc\n");
  EXPECT_EQ(resolve("union", {"b", "a"}), "a\nb");
  EXPECT_EQ(resolve("union", {"[1]", "{\"a\":1}"}), "[1]\n{\"a\":1}");
  EXPECT_EQ(resolve("union", {"[1", "\xff\0x"s}), "[1\n\xff\0x"s);
}

TEST(UnionTest, AnArrayThatIsNestedTooDeepIsALine) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(resolve("union", {nested(64), "[]"}), nested(64));
  EXPECT_EQ(resolve("union", {nested(65), "[]"}), nested(65) + "\n[]");
  EXPECT_EQ(resolve("union", {nested(1'000'000), "[]"}), nested(1'000'000) + "\n[]");
}

TEST(ExtremeTest, NumbersAreComparedByValue) {
  EXPECT_EQ(resolve("max", {"9", "10"}), "10");
  EXPECT_EQ(resolve("min", {"9", "10"}), "9");
  EXPECT_EQ(resolve("max", {"-1.5", "-2e1"}), "-1.5");
  EXPECT_EQ(resolve("max", {"9223372036854775807", "9223372036854775806"}), "9223372036854775807");
  EXPECT_EQ(resolve("max", {"1", "1.0"}), "1.0");
  EXPECT_EQ(resolve("min", {"1", "1.0"}), "1");
}

TEST(ExtremeTest, OtherValuesCountOnlyAmongThemselves) {
  EXPECT_EQ(resolve("max", {"zebra", "3"}), "3");
  EXPECT_EQ(resolve("min", {"", "3", "inf", "nan", "0x1"}), "3");
  EXPECT_EQ(resolve("max", {"ant", "bee"}), "bee");
  EXPECT_EQ(resolve("min", {"ant", "bee"}), "ant");
}

TEST(ResolverRegistryTest, NamesAreCheckedAndTakenOnce) {
  ResolverRegistry registry;
  ASSERT_TRUE(register_builtin_resolvers(&registry).ok());
  EXPECT_EQ(registry.names(), (std::vector<std::string>{"lww", "max", "min", "siblings", "union"}));
  const std::shared_ptr<const Resolver> any(registry.find("max"), [](const Resolver*) {});
  for (const char* name : {"lww", "siblings", "max", "", "My Own"}) {
    EXPECT_FALSE(registry.register_resolver(name, any).ok()) << name;
  }
  EXPECT_FALSE(registry.register_resolver("none", nullptr).ok());
  EXPECT_TRUE(registry.register_resolver("my-own", any).ok());
  EXPECT_TRUE(registry.knows("siblings"));
  EXPECT_EQ(registry.find("siblings"), nullptr);
  EXPECT_FALSE(registry.knows("their-own"));
}

}  // namespace
}  // namespace kindred::plugins::resolvers
