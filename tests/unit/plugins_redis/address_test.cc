#include "plugins/redis/address.h"

#include <gtest/gtest.h>

namespace kindred::plugins::redis {
namespace {

TEST(RedisAddress, EveryPartOfAUrl) {
  const auto whole = parse_address("redis://user:p:ss@example.org:7000/3");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->user, "user");
  EXPECT_EQ(whole->password, "p:ss");
  EXPECT_EQ(whole->host, "example.org");
  EXPECT_EQ(whole->port, 7000);
  EXPECT_EQ(whole->database, 3u);
  EXPECT_EQ(whole->text(), "redis at example.org:7000") << "no password in messages";

  const auto bare = parse_address("redis://10.0.0.1");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->port, 6379);
  EXPECT_EQ(bare->database, 0u);
  EXPECT_TRUE(bare->user.empty() && bare->password.empty());

  const auto ipv6 = parse_address("redis://:secret@[::1]:6380/");
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(ipv6->host, "::1");
  EXPECT_EQ(ipv6->port, 6380);
  EXPECT_EQ(ipv6->password, "secret");
  EXPECT_EQ(ipv6->text(), "redis at [::1]:6380");

  const auto unix_socket = parse_address("unix://:secret@/run/redis.sock?db=2");
  ASSERT_TRUE(unix_socket);
  EXPECT_EQ(unix_socket->unix_path, "/run/redis.sock");
  EXPECT_EQ(unix_socket->database, 2u);
  EXPECT_EQ(unix_socket->password, "secret");
}

TEST(RedisAddress, WhatIsNoUrlIsRefused) {
  for (const char* url :
       {"", "localhost", "rediss://localhost", "redis://", "redis://:6379", "redis://host:port",
        "redis://host:70000", "redis://host/x", "redis://[::1", "redis://[::1]6379",
        "unix://relative", "unix:///", "unix:///socket?db=", "unix:///socket?db=x"}) {
    EXPECT_FALSE(parse_address(url)) << url;
  }
}

}  // namespace
}  // namespace kindred::plugins::redis
