#include "server/storage/saved_copies.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "plugins/lmdb/lmdb_engine.h"

namespace kindred {
namespace {

constexpr uint32_t kPartitions = 16;

class SavedCopiesTest : public testing::Test {
 protected:
  SavedCopiesTest() {
    std::string pattern = testing::TempDir() + "kindred-saved-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    plugins::OpenOptions options;
    options.dir = root_;
    plugins::OpenedEngine opened = plugins::lmdb::lmdb_engine_factory().open(options);
    EXPECT_TRUE(opened.status.ok()) << opened.status.text();
    engine_ = std::move(opened.engine);
  }
  ~SavedCopiesTest() override {
    engine_.reset();
    std::filesystem::remove_all(root_);
  }

  /// Every second copy, each with as many keys that have expired as its partition's number.
  void save(uint64_t id) {
    const plugins::Status status = save_copies(*engine_, {id, kPartitions, 3},
                                               [](uint16_t partition) -> std::optional<SavedCopy> {
                                                 if (partition % 2 != 0) {
                                                   return std::nullopt;
                                                 }
                                                 SavedCopy copy;
                                                 copy.keys = partition;
                                                 copy.leaves.resize(partition == 0 ? 0 : 64);
                                                 copy.count.written = partition;
                                                 copy.count.by_siblings[1] = partition;
                                                 copy.count.by_clock[1] = partition;
                                                 return copy;
                                               });
    EXPECT_TRUE(status.ok()) << status.text();
  }
  bool has_copy(const SaveMark& mark, uint16_t partition) {
    SavedCopy copy;
    return load_saved_copy(*engine_, mark, partition, &copy) && copy.keys == partition;
  }
  std::optional<SaveMark> take() {
    const TakenSave taken = take_save(*engine_);
    EXPECT_TRUE(taken.status.ok()) << taken.status.text();
    return taken.mark;
  }

  std::string root_;
  std::unique_ptr<plugins::Engine> engine_;
};

TEST_F(SavedCopiesTest, WhatWasSavedIsThereUntilItIsDropped) {
  EXPECT_FALSE(take());
  save(7);
  const std::optional<SaveMark> mark = take();
  ASSERT_TRUE(mark);
  EXPECT_EQ(*mark, (SaveMark{7, kPartitions, 3}));
  for (uint16_t partition = 0; partition < kPartitions; ++partition) {
    EXPECT_EQ(has_copy(*mark, partition), partition % 2 == 0) << partition;
  }
  ASSERT_TRUE(drop_saved_copies(*engine_).ok());
  EXPECT_FALSE(has_copy(*mark, 2));
}

// A crash after the start: what was written since is in the engine and not in what was saved.
TEST_F(SavedCopiesTest, AMarkServesOneStart) {
  save(7);
  EXPECT_TRUE(take());
  EXPECT_FALSE(take());
}

// Copies that an earlier save left behind are not believed under a later mark.
TEST_F(SavedCopiesTest, CopiesOfAnotherSaveAreNotTaken) {
  save(7);
  const std::optional<SaveMark> mark = take();
  ASSERT_TRUE(mark);
  SaveMark other = *mark;
  other.id = 8;
  EXPECT_TRUE(has_copy(*mark, 4));
  EXPECT_FALSE(has_copy(other, 4));
}

TEST_F(SavedCopiesTest, ADamagedMarkIsTakenAwayAndNotBelieved) {
  save(7);
  std::string bytes;
  ASSERT_TRUE(engine_->get(save_mark_key(), &bytes).ok());
  bytes[3] = static_cast<char>(bytes[3] ^ 1);
  plugins::WriteBatch batch;
  batch.put(save_mark_key(), bytes);
  ASSERT_TRUE(engine_->apply(batch, plugins::Durability::kAsync).ok());
  EXPECT_FALSE(take());
  EXPECT_TRUE(engine_->get(save_mark_key(), &bytes).not_found());
}

TEST_F(SavedCopiesTest, OnlyUnderTheSameRingSizeAndFlush) {
  ClusterDocument document;
  document.flush_stamp = 3;
  document.ring = Ring::make(2, 1, 1, {1, 1}).value();
  EXPECT_TRUE(fits({1, 2, 3}, document));
  EXPECT_FALSE(fits({1, 2, 4}, document));
  EXPECT_FALSE(fits({1, 4, 3}, document));
}

// Nobody else writes there, and what is taken away stays away.
TEST_F(SavedCopiesTest, OnlyWhereTheEngineSyncsAndIsTheNodesOwn) {
  EXPECT_TRUE(can_save_copies(engine_->capabilities()));
  plugins::Capabilities capabilities = engine_->capabilities();
  capabilities.can_sync = false;  // as redis, whose data others may write
  EXPECT_FALSE(can_save_copies(capabilities));
  capabilities = engine_->capabilities();
  capabilities.thread_bound = true;
  EXPECT_FALSE(can_save_copies(capabilities));
}

}  // namespace
}  // namespace kindred
