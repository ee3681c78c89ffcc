#include "server/node/boot.h"

#include <gtest/gtest.h>

namespace kindred {
namespace {

BootSituation situation(bool clean, std::string machine_before, DurabilityDirective durability) {
  BootSituation situation;
  situation.has_record = true;
  situation.before = {clean, std::move(machine_before), durability, "rocksdb"};
  situation.engine = "rocksdb";
  situation.machine_boot_id = "now";
  situation.engine_persistent = true;
  situation.engine_had_data = true;
  return situation;
}

using enum DurabilityDirective;

TEST(Boot, ACleanStopLosesNothing) {
  for (const auto durability : {kNone, kAsync, kGroup}) {
    EXPECT_FALSE(copies_need_filling(situation(true, "now", durability)));
    EXPECT_FALSE(copies_need_filling(situation(true, "before", durability)));
  }
}

TEST(Boot, AKilledProcessKeepsWhatItHandedToTheSystem) {
  EXPECT_TRUE(copies_need_filling(situation(false, "now", kNone)));
  EXPECT_FALSE(copies_need_filling(situation(false, "now", kAsync)));
  EXPECT_FALSE(copies_need_filling(situation(false, "now", kGroup)));
}

TEST(Boot, ACrashOfTheMachineKeepsWhatWasSynced) {
  EXPECT_TRUE(copies_need_filling(situation(false, "before", kNone)));
  EXPECT_TRUE(copies_need_filling(situation(false, "before", kAsync)));
  EXPECT_FALSE(copies_need_filling(situation(false, "before", kGroup)));
}

TEST(Boot, AMachineThatDoesNotTellMayHaveCrashed) {
  BootSituation unknown = situation(false, "", kAsync);
  unknown.machine_boot_id = "";
  EXPECT_TRUE(copies_need_filling(unknown));
}

TEST(Boot, WithoutDataOrWordOfItCopiesAreFilled) {
  BootSituation volatile_engine = situation(true, "now", kGroup);
  volatile_engine.engine_persistent = false;
  EXPECT_TRUE(copies_need_filling(volatile_engine));
  BootSituation other_engine = situation(true, "now", kGroup);
  other_engine.engine_had_data = false;
  EXPECT_TRUE(copies_need_filling(other_engine));
  BootSituation no_record = situation(true, "now", kGroup);
  no_record.has_record = false;
  EXPECT_TRUE(copies_need_filling(no_record));
}

TEST(Boot, ARunOnAnotherEngineLeavesThisOneBehind) {
  BootSituation back_again = situation(true, "now", kGroup);
  back_again.before.engine = "memory";
  EXPECT_TRUE(copies_need_filling(back_again));
}

TEST(Boot, AnEngineKeepsAsMuchOfTheDurabilityAsItCan) {
  const plugins::Capabilities memory = {};
  const plugins::Capabilities remote = {.persistent = true};
  const plugins::Capabilities disk = {.persistent = true, .can_sync = true};
  for (const auto durability : {kNone, kAsync, kGroup}) {
    EXPECT_EQ(effective_durability(durability, memory), kNone);
    EXPECT_EQ(effective_durability(durability, disk), durability);
  }
  EXPECT_EQ(effective_durability(kNone, remote), kNone);
  EXPECT_EQ(effective_durability(kAsync, remote), kAsync);
  EXPECT_EQ(effective_durability(kGroup, remote), kAsync);
}

TEST(Boot, RecordsSurviveTheirText) {
  for (const bool clean : {false, true}) {
    for (const auto durability : {kNone, kAsync, kGroup}) {
      const BootRecord record{clean, "d7-43", durability, "rocksdb"};
      BootRecord read;
      ASSERT_TRUE(decode_boot_record(encode_boot_record(record), &read));
      EXPECT_EQ(read, record);
    }
  }
}

TEST(Boot, DamagedTextsAreRefused) {
  const std::string text = encode_boot_record({true, "d7-43", kGroup, "rocksdb"});
  BootRecord read;
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(decode_boot_record(text.substr(0, size), &read)) << size;
  }
  EXPECT_FALSE(decode_boot_record(text + "x", &read));
}

}  // namespace
}  // namespace kindred
