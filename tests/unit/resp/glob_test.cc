#include "protocol/resp/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace kindred {
namespace {

struct Case {
  const char* pattern;
  const char* text;
  bool matches;
};

TEST(Glob, MatchesAsKeysDoes) {
  const Case cases[] = {
      {"*", "anything", true},
      {"*", "", true},
      {"", "", true},
      {"", "a", false},
      {"h?llo", "hello", true},
      {"h?llo", "hllo", false},
      {"h*llo", "hllo", true},
      {"h*llo", "heeeello", true},
      {"h*llo", "hell", false},
      {"h[ae]llo", "hallo", true},
      {"h[ae]llo", "hillo", false},
      {"h[^e]llo", "hallo", true},
      {"h[^e]llo", "hello", false},
      {"h[a-b]llo", "hbllo", true},
      {"h[b-a]llo", "hallo", true},
      {"h[a-b]llo", "hcllo", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"a\\", "a\\", true},
      {"[\\]]", "]", true},
      {"[]", "]", false},
      {"[^]", "a", true},
      {"[abc", "b", true},
      {"[abc", "d", false},
      {"[a-", "-", true},
      {"[a-", "a", true},
      {"a*b*c", "aXbXbXc", true},
      {"a*b*c", "aXbXbX", false},
      {"*a", "aaa", true},
      {"**a**", "bab", true},
      {"?*", "", false},
      {"*[0-9]", "key7", true},
      {"*\\?", "what?", true},
      {"user:*:name", "user::name", true},
      {"H", "h", false},
      {"a**", "a", true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(glob_match(c.pattern, c.text), c.matches) << c.pattern << " on " << c.text;
  }
}

TEST(Glob, CanIgnoreCase) {
  EXPECT_TRUE(glob_match("HeL*", "hElLo", GlobCase::kInsensitive));
  EXPECT_TRUE(glob_match("[A-C]", "b", GlobCase::kInsensitive));
  EXPECT_TRUE(glob_match("[a-c]", "B", GlobCase::kInsensitive));
  EXPECT_FALSE(glob_match("[A-C]", "b"));
}

TEST(Glob, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) {
    pattern += "*a";
  }
  EXPECT_FALSE(glob_match(pattern + "b", std::string(10000, 'a')));
  EXPECT_TRUE(glob_match(pattern, std::string(10000, 'a')));
}

}  // namespace
}  // namespace kindred
