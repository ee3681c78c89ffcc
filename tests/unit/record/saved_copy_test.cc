#include "protocol/record/saved_copy.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/record/random_state.h"

namespace kindred {
namespace {

using testing_record::hex;

constexpr uint64_t kId = 0x1122334455667788;

SavedCopy small_copy() {
  SavedCopy copy;
  copy.keys = 3;
  copy.leaves.assign(64, 0);
  copy.leaves[1] = 0xabcdef;
  copy.count.by_siblings = {1, 2, 0, 0, 0, 0, 0};
  copy.count.by_clock = {0, 2, 1, 0, 0, 0, 0};
  copy.count.live = 2;
  copy.count.written = 3;
  copy.count.expiring = 2;
  copy.count.passed_tick = 300;
  copy.count.dying = {{301, 1}, {500, 1}};
  return copy;
}

TEST(SavedCopy, ComesBackAsItWas) {
  for (const SavedCopy& copy : {small_copy(), SavedCopy()}) {
    std::string bytes;
    encode_saved_copy(kId, 9, copy, &bytes);
    SavedCopy read;
    ASSERT_TRUE(decode_saved_copy(bytes, kId, 9, &read));
    EXPECT_EQ(read, copy);
    EXPECT_FALSE(decode_saved_copy(bytes, kId + 1, 9, &read)) << "of another save";
    EXPECT_FALSE(decode_saved_copy(bytes, kId, 8, &read)) << "of another partition";
  }
}

TEST(SavedCopy, GoldenBytes) {
  std::string bytes;
  SavedCopy copy;
  encode_saved_copy(kId, 0x0102, copy, &bytes);
  EXPECT_EQ(hex(bytes),
            "0188776655443322110201000000000000000000000000000000000000000000003cc56c61f9bda076");
  encode_save_mark({kId, 256, 5}, &bytes);
  EXPECT_EQ(hex(bytes), "0188776655443322110001000005000000000000000345211354aff340");
  EXPECT_EQ(hex(save_mark_key()), "04");
  EXPECT_EQ(hex(saved_copy_key(0x0102)), "040102");
}

TEST(SavedCopy, AnyDamageIsNoticed) {
  std::string sound;
  encode_saved_copy(kId, 9, small_copy(), &sound);
  std::string mark;
  encode_save_mark({kId, 256, 5}, &mark);
  SavedCopy copy;
  SaveMark read;
  ASSERT_TRUE(decode_save_mark(mark, &read));
  EXPECT_EQ(read, (SaveMark{kId, 256, 5}));
  for (size_t i = 0; i < sound.size(); ++i) {
    std::string damaged = sound;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    EXPECT_FALSE(decode_saved_copy(damaged, kId, 9, &copy)) << i;
    EXPECT_FALSE(decode_saved_copy(sound.substr(0, i), kId, 9, &copy)) << i;
  }
  for (size_t i = 0; i < mark.size(); ++i) {
    std::string damaged = mark;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    EXPECT_FALSE(decode_save_mark(damaged, &read)) << i;
    EXPECT_FALSE(decode_save_mark(mark.substr(0, i), &read)) << i;
  }
}

// A checksum that holds says that it is as it was written, not that it was right.
TEST(SavedCopy, NumbersThatContradictEachOtherAreRefused) {
  const auto is_taken = [](void (*change)(SavedCopy&)) {
    SavedCopy copy = small_copy();
    change(copy);
    std::string bytes;
    encode_saved_copy(kId, 9, copy, &bytes);
    SavedCopy read;
    return decode_saved_copy(bytes, kId, 9, &read);
  };
  EXPECT_TRUE(is_taken([](SavedCopy&) {}));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { ++copy.keys; }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { copy.leaves.clear(); }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { copy.leaves.resize(32); }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { copy.count.live = 4; }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { copy.count.live = 1; }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { copy.count.crowded = 4; }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { ++copy.count.by_clock[3]; }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { --copy.count.by_siblings[1]; }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { copy.count.dying[0].first = 300; }));
  EXPECT_FALSE(is_taken([](SavedCopy& copy) { copy.count.dying.pop_back(); }));
}

}  // namespace
}  // namespace kindred
