#include "server/node/backup_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace kindred {
namespace {

namespace fs = std::filesystem;

/// Its checkpoint is one file, or a failure.
class FakeEngine final : public plugins::Engine {
 public:
  explicit FakeEngine(plugins::Status status = {}) : status_(std::move(status)) {}
  plugins::Capabilities capabilities() const override { return {.checkpoint = true}; }
  plugins::Status get(std::string_view, std::string*) override { return {}; }
  plugins::Status apply(const plugins::WriteBatch&, plugins::Durability) override { return {}; }
  plugins::Status scan(std::string_view, std::string_view, plugins::ScanVisitor) override {
    return {};
  }
  plugins::Status erase(std::string_view, std::string_view) override { return {}; }
  plugins::EngineStats stats() override { return {}; }
  plugins::Status checkpoint(const std::string& dir) override {
    fs::create_directory(dir);
    std::ofstream(dir + "/records") << "all of them";
    return status_;
  }

 private:
  plugins::Status status_;
};

std::string content(const std::string& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class BackupFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "kindred-backup-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    std::string error;
    directory_ = NodeDirectory::open(base_ + "/node", &error);
    ASSERT_NE(directory_, nullptr) << error;
    engines_.push_back(std::make_unique<FakeEngine>());
  }
  void TearDown() override { fs::remove_all(base_); }

  std::string back_up(const std::string& name) {
    return write_backup(base_ + "/node/backups/" + name, "fake", engines_, "the record");
  }

  std::string base_;
  std::unique_ptr<NodeDirectory> directory_;
  std::vector<std::unique_ptr<plugins::Engine>> engines_;
};

TEST_F(BackupFilesTest, WhatWasBackedUpIsRestoredOnce) {
  EXPECT_EQ(back_up("monday"), "");
  EXPECT_EQ(back_up("monday"), "there is a backup '" + base_ + "/node/backups/monday' already");
  const std::string backup = base_ + "/node/backups/monday";
  const std::string fresh = base_ + "/fresh";
  EXPECT_EQ(restore_backup(backup, fresh, "fake"), "");
  EXPECT_EQ(content(fresh + "/data-fake/records"), "all of them");
  EXPECT_EQ(content(fresh + "/node"), "the record");
  EXPECT_FALSE(fs::exists(fresh + "/boot"));
  std::ofstream(fresh + "/node") << "a later record";
  EXPECT_EQ(restore_backup(backup, fresh, "fake"), "") << "a later start says it again";
  EXPECT_EQ(content(fresh + "/node"), "a later record");
}

TEST_F(BackupFilesTest, ARestoreThatWasCutShortIsDoneAgain) {
  EXPECT_EQ(back_up("monday"), "");
  const std::string fresh = base_ + "/fresh";
  fs::create_directories(fresh + "/data-fake");
  std::ofstream(fresh + "/data-fake/half") << "of it";
  std::ofstream(fresh + "/node") << "half";
  std::ofstream(fresh + "/restoring") << "x";
  EXPECT_EQ(restore_backup(base_ + "/node/backups/monday", fresh, "fake"), "");
  EXPECT_FALSE(fs::exists(fresh + "/data-fake/half"));
  EXPECT_EQ(content(fresh + "/node"), "the record");
  EXPECT_FALSE(fs::exists(fresh + "/restoring"));
}

TEST_F(BackupFilesTest, ADirectoryInUseIsLeftAlone) {
  EXPECT_EQ(back_up("monday"), "");
  std::ofstream(base_ + "/node/node") << "mine";
  const std::string error = restore_backup(base_ + "/node/backups/monday", base_ + "/node", "fake");
  EXPECT_NE(error.find("holds a node's data already"), std::string::npos) << error;
  EXPECT_EQ(content(base_ + "/node/node"), "mine");
}

TEST_F(BackupFilesTest, WhatIsNoBackupOfTheEngineIsRefused) {
  EXPECT_EQ(back_up("monday"), "");
  const std::string backup = base_ + "/node/backups/monday";
  EXPECT_NE(restore_backup(backup, base_ + "/fresh", "other").find("another storage engine"),
            std::string::npos);
  EXPECT_NE(restore_backup(base_, base_ + "/fresh", "fake").find("is no backup"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(base_ + "/fresh/node"));
}

TEST_F(BackupFilesTest, AFailureLeavesNothing) {
  engines_.push_back(
      std::make_unique<FakeEngine>(plugins::Status(plugins::StatusCode::kNoSpace, "full")));
  EXPECT_EQ(back_up("monday"), "no space: full");
  EXPECT_TRUE(fs::is_empty(base_ + "/node/backups"));
}

TEST_F(BackupFilesTest, OnlyTheOneThatIsKeptStays) {
  EXPECT_EQ(back_up("monday"), "");
  EXPECT_EQ(back_up("tuesday"), "");
  fs::create_directory(base_ + "/node/backups/cut-short.part");
  EXPECT_EQ(remove_other_backups(base_ + "/node/backups/tuesday"), "");
  EXPECT_FALSE(fs::exists(base_ + "/node/backups/monday"));
  EXPECT_FALSE(fs::exists(base_ + "/node/backups/cut-short.part"));
  EXPECT_EQ(restore_backup(base_ + "/node/backups/tuesday", base_ + "/fresh", "fake"), "");
  EXPECT_NE(remove_other_backups(base_ + "/nowhere/at all"), "");
}

}  // namespace
}  // namespace kindred
