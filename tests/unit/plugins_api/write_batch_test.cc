#include "plugins/api/write_batch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kindred::plugins {
namespace {

using Kind = WriteBatch::Kind;

TEST(WriteBatchTest, OperationsComeBackInOrder) {
  WriteBatch batch;
  batch.put("a", std::string(1000, 'x'));
  batch.remove("b");
  batch.put("a", "");
  ASSERT_EQ(batch.size(), 3u);
  EXPECT_EQ(batch.payload_bytes(), 1003u);
  std::vector<std::string> seen;
  for (const WriteBatch::Operation operation : batch) {
    seen.push_back((operation.kind == Kind::kPut ? "put " : "remove ") +
                   std::string(operation.key) + " " + std::to_string(operation.value.size()));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"put a 1000", "remove b 0", "put a 0"}));
}

TEST(WriteBatchTest, TheCallersBuffersAreFreeAtOnce) {
  WriteBatch batch;
  std::string key = "key";
  std::string value = "value";
  batch.put(key, value);
  key = "xxx";
  value = "xxxxx";
  EXPECT_EQ(batch[0].key, "key");
  EXPECT_EQ(batch[0].value, "value");
}

TEST(WriteBatchTest, AnEmptyKeyMarksTheBatchUntilItIsCleared) {
  WriteBatch batch;
  batch.put("a", "1");
  EXPECT_TRUE(batch.well_formed());
  batch.remove("");
  EXPECT_FALSE(batch.well_formed());
  batch.clear();
  EXPECT_TRUE(batch.well_formed());
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.payload_bytes(), 0u);
}

}  // namespace
}  // namespace kindred::plugins
