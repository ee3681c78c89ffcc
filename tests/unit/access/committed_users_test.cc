// A node's own users under those of the cluster.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/access/users.h"

namespace kindred {
namespace {

Users users_of(const std::vector<std::string>& lines) {
  Users users;
  std::string text;
  for (const std::string& line : lines) {
    text += "user " + line + "\n";
  }
  EXPECT_EQ(load_users(text, "file", &users), "");
  return users;
}

std::string rules_of(const Users& users, std::string_view name) {
  const auto user = users.find(name);
  return user == nullptr ? "none" : user->rules_text();
}

TEST(CommittedUsers, ComeBeforeANodesOwn) {
  const Users own = users_of({"app on nopass ~own:* +get", "mine on nopass +ping"});
  const Users all = with_committed(own, {{"app", "on nopass ~other:* +set"}, {"new", "off"}});
  EXPECT_NE(rules_of(all, "app").find("~other:*"), std::string::npos);
  EXPECT_EQ(rules_of(all, "mine"), rules_of(own, "mine"));
  EXPECT_FALSE(all.find("new")->is_enabled());
}

TEST(CommittedUsers, OneThatIsGoneIsGoneThoughTheFileHasIt) {
  const Users all = with_committed(users_of({"app on nopass +get"}), {{"app", ""}, {"nobody", ""}});
  EXPECT_EQ(rules_of(all, "app"), "none");
  EXPECT_EQ(all.names(), std::vector<std::string>{"default"});
}

TEST(CommittedUsers, TheDefaultUserStays) {
  const Users all = with_committed(Users(), {{"default", ""}});
  EXPECT_NE(all.find("default"), nullptr);
}

TEST(CommittedUsers, RulesThatAreNotKnownHereAllowNothing) {
  const Users all = with_committed(users_of({"app on nopass ~* +@all"}),
                                   {{"app", "on nopass ~* +@all !rule-of-a-later-version"}});
  ASSERT_NE(all.find("app"), nullptr);
  EXPECT_FALSE(all.find("app")->is_enabled());
}

TEST(CommittedUsers, AreListedAsTheyWereMade) {
  Users users;
  const std::vector<std::string_view> rules = {"on", "nopass", "resetchannels", "&foo", "+@all"};
  ASSERT_EQ(set_user(users, "app", rules), "");
  std::vector<CommittedUser> committed;
  ASSERT_TRUE(commit_users(users, std::vector<std::string>{"app"}, &committed));
  EXPECT_EQ(rules_of(with_committed(Users(), committed), "app"),
            "on nopass resetchannels &foo +@all");
}

TEST(CommittedUsers, WhatIsCommittedMakesTheSameUser) {
  const Users users = users_of({"app on >secret ~a* %R~b* &c -@all +get +config|get (~d +set)"});
  std::vector<CommittedUser> committed = {{"aaa", "off"}, {"zzz", ""}};
  const std::vector<std::string> names = {"app", "zzz", "missing"};
  ASSERT_TRUE(commit_users(users, names, &committed));
  ASSERT_EQ(committed.size(), 4U);
  EXPECT_EQ(committed[0].name, "aaa");
  EXPECT_EQ(committed[1].name, "app");
  EXPECT_EQ(committed[2], (CommittedUser{"missing", ""}));
  EXPECT_EQ(committed[1].rules.find("secret"), std::string::npos) << "a digest of it";
  const Users elsewhere = with_committed(Users(), committed);
  EXPECT_EQ(*elsewhere.find("app"), *users.find("app"));
}

TEST(CommittedUsers, TooMuchIsRefusedWhole) {
  Users users;
  const std::string long_name(300, 'n');
  users.put(User(long_name));
  std::vector<CommittedUser> committed = {{"aaa", "off"}};
  const std::vector<CommittedUser> before = committed;
  const std::vector<std::string> names = {"default", long_name};
  EXPECT_FALSE(commit_users(users, names, &committed));
  EXPECT_EQ(committed, before);
}

}  // namespace
}  // namespace kindred
