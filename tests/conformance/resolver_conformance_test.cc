// What every resolver owes the store, on random inputs: docs/plugins.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "plugins/api/loader.h"
#include "plugins/resolvers/builtin.h"

namespace kindred::plugins {
namespace {

constexpr int kRounds = 3000;

// With KINDRED_CONFORMANCE_SO in the environment: that shared object's resolver alone.
const ResolverRegistry& resolver_registry() {
  static const ResolverRegistry kRegistry = [] {
    ResolverRegistry registry;
    if (const char* path = std::getenv("KINDRED_CONFORMANCE_SO"); path != nullptr) {
      Registry engines;
      const Status status = register_plugin(path, &engines, &registry);
      EXPECT_TRUE(status.ok()) << status.text();
    } else {
      EXPECT_TRUE(resolvers::register_builtin_resolvers(&registry).ok());
    }
    return registry;
  }();
  return kRegistry;
}

std::vector<std::string> resolver_names() {
  std::vector<std::string> names;
  for (const std::string& name : resolver_registry().names()) {
    if (resolver_registry().find(name) != nullptr) {
      names.push_back(name);
    }
  }
  return names;
}

using Values = std::vector<std::string>;

class ResolverConformance : public testing::TestWithParam<std::string> {
 protected:
  std::string resolve(const Values& values) const {
    std::string resolved = "left from before";
    const std::vector<std::string_view> views(values.begin(), values.end());
    const Status status = resolver_->resolve("a key", views, &resolved);
    EXPECT_TRUE(status.ok()) << status.text();
    return resolved;
  }

  size_t below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

  // Numbers, arrays, lines and any bytes: few different ones, so that values share parts.
  std::string any_value() {
    switch (below(5)) {
      case 0:
        return std::to_string(static_cast<int>(below(7)) - 3) + (below(4) == 0 ? ".50" : "");
      case 1:
        return any_array();
      case 2: {
        std::string lines;
        for (size_t i = below(4); i > 0; --i) {
          lines += std::string(1, static_cast<char>('a' + below(4))) + "\n";
        }
        return below(2) == 0 ? lines : lines + "end";
      }
      case 3: {
        std::string bytes(below(6), '\0');
        std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(below(256)); });
        return bytes;
      }
      default:
        return std::string(below(3), 'x');
    }
  }

  std::string any_array() {
    static constexpr const char* kElements[] = {"1",
                                                "1.0",
                                                "\"a\"",
                                                "\"\\u0061\"",
                                                "{\"x\":1, \"y\":[2]}",
                                                "{\"y\":[ 2],\"x\":1}",
                                                "null",
                                                "12345678901234567890123",
                                                "[]"};
    std::string text = "[";
    for (size_t i = below(4); i > 0; --i) {
      text += (text.size() > 1 ? ", " : "") + std::string(kElements[below(std::size(kElements))]);
    }
    return text + "]";
  }

  Values any_values() {
    const bool arrays = below(3) == 0;
    Values values(2 + below(4));
    std::generate(values.begin(), values.end(), [&] { return arrays ? any_array() : any_value(); });
    return values;
  }

  std::mt19937 random_{20071014};
  const Resolver* resolver_ = resolver_registry().find(GetParam());
};

TEST_P(ResolverConformance, TheSameValuesGiveTheSame) {
  for (int i = 0; i < kRounds; ++i) {
    const Values values = any_values();
    ASSERT_EQ(resolve(values), resolve(values));
  }
}

TEST_P(ResolverConformance, OrderAndRepetitionDontMatter) {
  for (int i = 0; i < kRounds; ++i) {
    Values values = any_values();
    const std::string resolved = resolve(values);
    values.push_back(values[below(values.size())]);
    std::shuffle(values.begin(), values.end(), random_);
    ASSERT_EQ(resolve(values), resolved);
  }
}

// What a read-modify-write stores may meet again what it was made of.
TEST_P(ResolverConformance, AResultAmongWhatItWasMadeOfIsTheResult) {
  for (int i = 0; i < kRounds; ++i) {
    const Values values = any_values();
    const std::string resolved = resolve(values);
    ASSERT_EQ(resolve({resolved, resolved}), resolved);
    Values beside = {resolved};
    std::sample(values.begin(), values.end(), std::back_inserter(beside), 1 + below(values.size()),
                random_);
    ASSERT_EQ(resolve(beside), resolved);
  }
}

INSTANTIATE_TEST_SUITE_P(Resolvers, ResolverConformance, testing::ValuesIn(resolver_names()),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace kindred::plugins
