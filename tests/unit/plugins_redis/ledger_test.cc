#include "plugins/redis/ledger.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace kindred::plugins::redis {
namespace {

class LedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/kindred-ledger-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST_F(LedgerTest, RemembersWhatItWasTold) {
  std::string owner;
  {
    std::unique_ptr<Ledger> ledger;
    ASSERT_TRUE(Ledger::open(dir_, &ledger).ok());
    owner = ledger->owner();
    EXPECT_EQ(owner.size(), 16u);
    EXPECT_FALSE(ledger->claimed());
    EXPECT_EQ(ledger->run(), "-");
    ASSERT_TRUE(ledger->set_claimed().ok());
    ASSERT_TRUE(ledger->set_acknowledged(18'000'000'000'000'000'000u).ok());
    ASSERT_TRUE(ledger->set_connection(std::string(40, 'a'), 77).ok());
    ASSERT_TRUE(ledger->set_connection("short", 78).ok());
  }
  std::unique_ptr<Ledger> ledger;
  ASSERT_TRUE(Ledger::open(dir_, &ledger).ok());
  EXPECT_EQ(ledger->owner(), owner);
  EXPECT_TRUE(ledger->claimed());
  EXPECT_EQ(ledger->acknowledged(), 18'000'000'000'000'000'000u);
  EXPECT_EQ(ledger->run(), "short");
  EXPECT_EQ(ledger->client(), 78u);
}

TEST_F(LedgerTest, HasOneOpener) {
  std::unique_ptr<Ledger> first;
  ASSERT_TRUE(Ledger::open(dir_, &first).ok());
  std::unique_ptr<Ledger> second;
  const Status status = Ledger::open(dir_, &second);
  EXPECT_EQ(status.code, StatusCode::kIoError);
  EXPECT_NE(status.message.find("LEDGER"), std::string::npos);
  EXPECT_EQ(second, nullptr);
}

TEST_F(LedgerTest, AnotherFileIsNoLedger) {
  std::ofstream(dir_ + "/LEDGER") << "kindred-redis 1 owner 12";
  std::unique_ptr<Ledger> ledger;
  EXPECT_EQ(Ledger::open(dir_, &ledger).code, StatusCode::kCorruption);
}

}  // namespace
}  // namespace kindred::plugins::redis
