#include "plugins/api/identity.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace kindred::plugins {
namespace {

class IdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/kindred-identity-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void write(const std::string& name, const std::string& content) {
    std::ofstream(dir_ + "/" + name, std::ios::binary) << content;
  }

  std::string dir_;
  const Identity memory_{"memory", 2, 5};
};

TEST_F(IdentityTest, ANewDirectoryIsClaimedWithAReadableFile) {
  const std::string dir = dir_ + "/deep/down";
  ASSERT_TRUE(claim_directory(dir, memory_).ok());
  std::ifstream file(dir + "/ENGINE");
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(content, "kindred-engine 1\nengine memory\nengine-format 2\nhost-layout 5\n");
  EXPECT_FALSE(std::filesystem::exists(dir + "/ENGINE.new"));
  EXPECT_TRUE(claim_directory(dir, memory_).ok());
}

TEST_F(IdentityTest, AMismatchSaysWhatWasFoundAndExpected) {
  ASSERT_TRUE(claim_directory(dir_, memory_).ok());
  EXPECT_EQ(claim_directory(dir_, {"rocksdb", 1, 5}).text(),
            "invalid argument: " + dir_ +
                " holds engine 'memory' format 2 host layout 5, expected engine 'rocksdb' "
                "format 1 host layout 5");
  EXPECT_FALSE(claim_directory(dir_, {"memory", 3, 5}).ok());
  EXPECT_FALSE(claim_directory(dir_, {"memory", 2, 6}).ok());
}

TEST_F(IdentityTest, AnInterruptedClaimIsTakenUpAgain) {
  write("ENGINE.new", "kindred-eng");
  EXPECT_TRUE(claim_directory(dir_, memory_).ok());
  Identity found;
  ASSERT_TRUE(read_identity(dir_, &found).ok());
  EXPECT_EQ(found, memory_);
}

TEST_F(IdentityTest, FilesWithoutAnIdentityAreLeftAlone) {
  write("dump.rdb", "REDIS");
  EXPECT_EQ(claim_directory(dir_, memory_).code, StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/ENGINE"));
}

TEST_F(IdentityTest, AMalformedFileIsCorruption) {
  for (const std::string& content :
       {std::string(), std::string("kindred-engine 2\nengine a\nengine-format 1\nhost-layout 1\n"),
        std::string("kindred-engine 1\nengine a\nengine-format x\nhost-layout 1\n"),
        std::string("kindred-engine 1\nengine a\n"), std::string(100000, 'x')}) {
    write("ENGINE", content);
    EXPECT_EQ(claim_directory(dir_, memory_).code, StatusCode::kCorruption)
        << content.substr(0, 60);
  }
}

TEST_F(IdentityTest, CopyingGivesACheckpointItsIdentity) {
  ASSERT_TRUE(claim_directory(dir_ + "/from", memory_).ok());
  std::filesystem::create_directory(dir_ + "/to");
  ASSERT_TRUE(copy_identity(dir_ + "/from", dir_ + "/to").ok());
  EXPECT_TRUE(claim_directory(dir_ + "/to", memory_).ok());
  EXPECT_TRUE(copy_identity(dir_ + "/nowhere", dir_ + "/to").ok());
}

}  // namespace
}  // namespace kindred::plugins
