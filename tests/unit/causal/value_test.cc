#include "replication/causal/value.h"

#include <gtest/gtest.h>

#include <string>

#include "replication/causal/state.h"

namespace kindred {
namespace {

TEST(Value, BorrowedIsAViewUntilItIsOwned) {
  std::string buffer = "bytes";
  Value value = Value::borrowed(buffer);
  EXPECT_FALSE(value.is_owned());
  EXPECT_EQ(value.bytes().data(), buffer.data());
  value.own();
  EXPECT_TRUE(value.is_owned());
  buffer = "other";
  EXPECT_EQ(value.bytes(), "bytes");
}

TEST(Value, CopiesOfAnOwnedValueShareItsBlock) {
  Value first = Value::copied("bytes");
  const Value second = first;
  EXPECT_EQ(first.bytes().data(), second.bytes().data());
  first = Value{};
  EXPECT_EQ(second.bytes(), "bytes") << "the block lives as long as one of them";
  Value third = second;
  third.own();
  EXPECT_EQ(third.bytes().data(), second.bytes().data()) << "owned already: nothing to copy";
}

TEST(Value, ASharedSliceKeepsTheWholeBlock) {
  boost::intrusive_ptr<ByteBlock> block = ByteBlock::make(6);
  std::memcpy(block->data(), "abcdef", 6);
  const Value value = Value::shared(block, std::string_view(block->data() + 2, 3));
  block.reset();
  EXPECT_TRUE(value.is_owned());
  EXPECT_EQ(value.bytes(), "cde");
}

TEST(Value, EmptyNeedsNoOwner) {
  EXPECT_TRUE(Value{}.is_owned());
  EXPECT_TRUE(Value::copied("").is_owned());
  EXPECT_TRUE(Value::borrowed("").is_owned());
  EXPECT_EQ(Value::copied(""), Value{});
}

TEST(Value, EqualByBytes) {
  EXPECT_EQ(Value::copied("x"), Value::borrowed("x"));
  EXPECT_FALSE(Value::copied("x") == Value::copied("y"));
}

TEST(Value, AStateOwnsAllItsValues) {
  std::string buffer = "ab";
  State state;
  for (size_t i = 0; i < 2; ++i) {
    Sibling sibling;
    sibling.dot = {i + 1, 1};
    sibling.value = Value::borrowed(std::string_view(buffer).substr(i, 1));
    state.siblings.push_back(sibling);
  }
  state.own();
  buffer = "xy";
  EXPECT_EQ(state.siblings[0].value.bytes(), "a");
  EXPECT_EQ(state.siblings[1].value.bytes(), "b");
}

}  // namespace
}  // namespace kindred
