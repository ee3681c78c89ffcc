#include "server/storage/salvage.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "plugins/rocksdb/rocksdb_engine.h"
#include "protocol/record/key.h"
#include "replication/ring/slot.h"

namespace kindred {
namespace {

constexpr uint32_t kPartitions = 16;

class SalvageTest : public testing::Test {
 protected:
  SalvageTest() {
    std::string pattern = testing::TempDir() + "kindred-salvage-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    EXPECT_TRUE(
        registry_.register_engine("rocksdb", plugins::rocks::rocksdb_engine_factory()).ok());
    options_.dir = root_ + "/engine";
  }
  ~SalvageTest() override { std::filesystem::remove_all(root_); }

  std::string root_;
  plugins::Registry registry_;
  plugins::OpenOptions options_;
};

std::string stored_name(const KeyRef& key) {
  std::string stored;
  encode_stored_key(key, &stored);
  return stored;
}

// All kinds of records: a copy whose round mark is left behind is taken for older than it is, and
// emptied of what was salvaged.
TEST_F(SalvageTest, RecordsHintsAndRoundMarksAreKept) {
  const KeyRef record = make_key("key", kPartitions);
  KeyRef hint = record;
  hint.hint_for = 7;
  const KeyRef mark = KeyRef::round_mark(record.partition, kPartitions);
  const std::vector<std::string> names = {stored_name(record), stored_name(hint),
                                          stored_name(mark)};
  {
    plugins::OpenedEngine opened = registry_.open("rocksdb", options_);
    ASSERT_TRUE(opened.status.ok()) << opened.status.text();
    plugins::WriteBatch batch;
    for (const std::string& name : names) {
      batch.put(name, "of " + name);
    }
    ASSERT_TRUE(opened.engine->apply(batch, plugins::Durability::kGroup).ok());
    ASSERT_TRUE(opened.engine->close().ok());
  }
  const Salvage salvage = salvage_engine(registry_, "rocksdb", options_);
  ASSERT_EQ(salvage.error, "");
  EXPECT_EQ(salvage.records, names.size());
  EXPECT_EQ(salvage.ranges_lost, 0U);
  EXPECT_TRUE(std::filesystem::exists(salvage.aside));
  plugins::OpenedEngine opened = registry_.open("rocksdb", options_);
  ASSERT_TRUE(opened.status.ok()) << opened.status.text();
  for (const std::string& name : names) {
    std::string value;
    EXPECT_TRUE(opened.engine->get(name, &value).ok());
    EXPECT_EQ(value, "of " + name);
  }
  EXPECT_TRUE(opened.engine->close().ok());
}

}  // namespace
}  // namespace kindred
