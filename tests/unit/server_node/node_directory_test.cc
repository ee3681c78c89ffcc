#include "server/node/node_directory.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace kindred {
namespace {

class NodeDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "kindred-node-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  std::string base_;
};

TEST_F(NodeDirectoryTest, FilesAreReplacedWhole) {
  std::string error;
  const auto directory = NodeDirectory::open(base_ + "/d", &error);
  ASSERT_NE(directory, nullptr) << error;
  EXPECT_FALSE(directory->read("file", &error).has_value());
  EXPECT_EQ(error, "");
  EXPECT_EQ(directory->write("file", "one"), "");
  EXPECT_EQ(directory->write("file", std::string("two\0three", 9)), "");
  EXPECT_EQ(directory->read("file", &error), std::string("two\0three", 9));
  EXPECT_FALSE(std::filesystem::exists(directory->path_of("file.new")));
}

TEST_F(NodeDirectoryTest, OneProcessADirectory) {
  std::string error;
  auto first = NodeDirectory::open(base_ + "/d", &error);
  ASSERT_NE(first, nullptr) << error;
  EXPECT_EQ(NodeDirectory::open(base_ + "/d", &error), nullptr);
  EXPECT_EQ(error, "the directory '" + base_ + "/d' is in use by another kindred-server");
  first.reset();
  EXPECT_NE(NodeDirectory::open(base_ + "/d", &error), nullptr);
}

TEST_F(NodeDirectoryTest, AMissingParentIsAnError) {
  std::string error;
  EXPECT_EQ(NodeDirectory::open(base_ + "/no/d", &error), nullptr);
  EXPECT_EQ(error, "can't make the directory '" + base_ + "/no/d': No such file or directory");
}

}  // namespace
}  // namespace kindred
