#include "protocol/record/record.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/record/key.h"
#include "protocol/record/state_bytes.h"
#include "replication/causal/write.h"
#include "tests/unit/record/random_state.h"

namespace kindred {
namespace {

using testing_record::hex;
using testing_record::RandomStates;

const KeyRef kKey = make_key("cart:17", 256);
constexpr Stamp kStamp = stamp_at_ms(1'700'000'000'000) + 5;

std::string encode(const State& state) {
  std::string record;
  encode_record(kKey, state, &record);
  return record;
}

NewVersion version_of(const Dot& dot, std::string_view value) {
  NewVersion version;
  version.dot = dot;
  version.value = Value::copied(value);
  return version;
}

State register_state(std::string_view value) {
  State state;
  const NewVersion version = version_of({kStamp, 0x1122334455667788}, value);
  apply_register(state, version.dot, &version);
  return state;
}

bool loads(const std::string& state_bytes) {
  State state;
  return load_state(state_bytes, &state);
}

// The bytes of a state, for tests that spoil them: format, shape, then what the shape says.
std::string state_bytes(const State& state) {
  return encode(state).substr(kRecordChecksumBytes);
}

TEST(RecordTest, ANeverWrittenStateIsTheEmptyRecord) {
  EXPECT_EQ(encode(State{}), "");
  State state = register_state("something");
  ASSERT_TRUE(decode_record(kKey, "", &state));
  EXPECT_EQ(state, State{});
}

TEST(RecordTest, APlainSetCostsTwentyThreeBytes) {
  EXPECT_EQ(encode(register_state(std::string(100, 'v'))).size(), 123U);
}

TEST(RecordTest, GoldenBytes) {
  EXPECT_EQ(hex(encode(register_state("hi"))),
            "f8244b470151887766554433221105000068e5cf8b01016869");
  State state = register_state("hi");
  ClientContext context;
  context.covered.add_dot({kStamp + 1, 9});
  NewVersion version = version_of({kStamp + 2, 3}, "there");
  version.expire_at_ms = 1'700'000'001'000;
  version.type = 7;
  apply_put(state, context, version.dot, &version);
  version = version_of({kStamp + 3, 3}, "");
  apply_put(state, ClientContext{}, version.dot, &version);
  EXPECT_EQ(hex(encode(state)),
            "2bd8c15201ba0000030000000000000008000068e5cf8b01887766554433221105000068e5cf8b01"
            "06000068e5cf8b01090000000000000002110268690e07000068e5cf8b0107e86be5cf8b01000005"
            "746865726500");
}

TEST(RecordTest, RandomStatesComeBackAndEqualStatesAreEqualBytes) {
  RandomStates random(7);
  State decoded;  // used again, as by a shard
  std::string record;
  for (int i = 0; i < 5000; ++i) {
    const State a = random.next();
    const State b = random.next();
    const State merged = merge(a, b);
    encode_record(kKey, merged, &record);
    EXPECT_EQ(record, encode(merge(b, a)));
    ASSERT_TRUE(decode_record(kKey, record, &decoded)) << "state " << i;
    ASSERT_EQ(decoded, merged) << "state " << i;
    EXPECT_EQ(encode(decoded), record);
  }
}

TEST(RecordTest, ManyEntriesDotsAndSiblingsComeBack) {
  RandomStates random(8);
  for (const uint64_t actor_count : {6, 7, 8, 14, 15, 16, 17, 150}) {
    State state;
    for (uint64_t i = 0; i < actor_count; ++i) {
      ClientContext context;
      context.covered.add_dot({kStamp + random.below(1000), 5000 + i});
      const NewVersion version = version_of({kStamp + random.below(1000), 1 + i}, random.bytes(i));
      apply_put(state, context, version.dot, &version);
      context.covered.clear();
      const NewVersion another = version_of({kStamp + 1000 + i, 1 + i / 2}, random.bytes(i));
      apply_put(state, context, another.dot, &another);
    }
    const std::string record = encode(state);
    State decoded;
    ASSERT_TRUE(decode_record(kKey, record, &decoded));
    EXPECT_EQ(decoded, state);
  }
}

TEST(RecordTest, AFloorOutsideTheContextComesBack) {
  State state = register_state("x");
  state.floor = {kStamp + 1, 77};
  state.siblings[0].is_register = false;
  State decoded;
  const std::string record = encode(state);
  ASSERT_TRUE(decode_record(kKey, record, &decoded));
  EXPECT_EQ(decoded, state);
}

TEST(RecordTest, EveryFlippedBitAndEveryCutIsRefused) {
  RandomStates random(9);
  for (int i = 0; i < 200; ++i) {
    const std::string record = encode(random.next());
    State decoded;
    for (size_t length = 1; length < record.size(); ++length) {
      EXPECT_FALSE(decode_record(kKey, std::string_view(record).substr(0, length), &decoded));
    }
    if (record.size() > 500) {
      continue;
    }
    for (size_t bit = 0; bit < record.size() * 8; ++bit) {
      std::string flipped = record;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(decode_record(kKey, flipped, &decoded)) << "bit " << bit;
    }
  }
}

TEST(RecordTest, ARecordIsBoundToItsKey) {
  State decoded;
  EXPECT_FALSE(decode_record(make_key("cart:18", 256), encode(register_state("x")), &decoded));
}

TEST(RecordTest, RegistersOfUpToSixEntriesAndMoreComeBackAlike) {
  for (uint64_t entries = 1; entries <= 8; ++entries) {
    for (uint64_t writer = 1; writer <= entries; ++writer) {
      State state;
      for (uint64_t actor = 1; actor <= entries; ++actor) {
        state.context.raise(actor, kStamp);
      }
      const NewVersion version = version_of({kStamp + 1, writer}, "value");
      apply_register(state, version.dot, &version);
      State decoded = register_state("what a state held before goes");
      const std::string bytes = state_bytes(state);  // The decoded state's value is a view of it.
      ASSERT_TRUE(load_state(bytes, &decoded)) << entries << " entries";
      EXPECT_EQ(decoded, state) << entries << " entries, written by " << writer;
    }
  }
}

TEST(RecordTest, SpoiledRegistersAreRefused) {
  State state;
  state.context.raise(5, kStamp);
  const NewVersion version = version_of({kStamp + 1, 9}, "v");
  apply_register(state, version.dot, &version);
  const std::string good = state_bytes(state);
  ASSERT_TRUE(loads(good));
  constexpr size_t kFirstEntry = 2;
  constexpr size_t kSecondEntry = kFirstEntry + 16;
  constexpr size_t kHead = kSecondEntry + 16;

  std::string unsorted = good;
  unsorted[kFirstEntry] = 10;
  EXPECT_FALSE(loads(unsorted));
  std::string no_actor = good;
  no_actor[kFirstEntry] = 0;
  EXPECT_FALSE(loads(no_actor));
  std::string no_stamp = good;
  no_stamp.replace(kFirstEntry + 8, 8, std::string(8, '\0'));
  EXPECT_FALSE(loads(no_stamp));
  std::string beyond = good;
  beyond[kHead] = static_cast<char>(beyond[kHead] + (1 << 4));
  EXPECT_FALSE(loads(beyond));
  EXPECT_FALSE(loads(good.substr(0, kHead)));
}

TEST(RecordTest, LongerRecordsAreRefused) {
  State state = register_state("x");
  apply_register(state, {kStamp + 9, 4}, nullptr);
  const std::string tombstone = state_bytes(state);
  EXPECT_TRUE(loads(tombstone));
  EXPECT_FALSE(loads(tombstone + '\0'));
}

// What the checksum does not tell: bytes that were well summed but that no encoder writes.

TEST(StateBytesTest, SpoiltStatesNeverLoadAsAnotherEncodingOfAState) {
  RandomStates random(10);
  uint64_t loaded = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string record = encode(random.next());
    if (record.empty() || record.size() > 300) {
      continue;
    }
    const std::string bytes = record.substr(kRecordChecksumBytes);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string spoilt = bytes;
      spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ (1 << (bit % 8)));
      State state;
      if (load_state(spoilt, &state)) {
        ++loaded;
        ASSERT_EQ(state_bytes(state), spoilt);
      }
    }
  }
  EXPECT_GT(loaded, 1000U);  // flips inside actors, stamps and values are other states
}

TEST(StateBytesTest, UnknownFormatsAndEmptyContextsAreRefused) {
  std::string bytes = state_bytes(register_state("x"));
  bytes[0] = 2;
  EXPECT_FALSE(loads(bytes));
  EXPECT_FALSE(loads(std::string("\x01\x00", 2)));
  EXPECT_FALSE(loads(""));
}

TEST(StateBytesTest, AnnouncedCountsAboveTheInputAreRefusedAtOnce) {
  EXPECT_FALSE(loads(std::string("\x01\x07\xff\xff\xff\xff\x0f", 7)));
  EXPECT_FALSE(loads(std::string("\x01\x08\xff\xff\xff\xff\x0f", 7)));
  EXPECT_FALSE(loads(std::string("\x01\x31\xff\xff\xff\xff\x0f", 7) + std::string(16, '\x01')));
  EXPECT_FALSE(loads(std::string("\x01\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12)));
}

TEST(StateBytesTest, UnsortedDuplicateAndZeroActorsAreRefused) {
  const auto two_entries = [](uint8_t first, uint8_t second) {
    std::string bytes("\x01\x02", 2);
    for (const uint8_t actor : {first, second}) {
      bytes += static_cast<char>(actor);
      bytes += std::string(7, '\0') + '\x05' + std::string(7, '\0');
    }
    return bytes;
  };
  EXPECT_TRUE(loads(two_entries(1, 2)));
  EXPECT_FALSE(loads(two_entries(2, 1)));
  EXPECT_FALSE(loads(two_entries(2, 2)));
  EXPECT_FALSE(loads(two_entries(0, 2)));
}

TEST(StateBytesTest, ARegisterUnderTheFloorIsRefused) {
  State state = register_state("x");
  const Dot later{kStamp + 1, 5};
  state.context.raise(later.actor, later.stamp);
  state.floor = later;
  EXPECT_FALSE(loads(state_bytes(state)));
  state.siblings[0].is_register = false;
  EXPECT_TRUE(loads(state_bytes(state)));
}

TEST(StateBytesTest, DotsCoveredByTheVectorAreRefused) {
  std::string bytes("\x01\x09\x00", 3);  // one entry, one single dot
  bytes += '\x03' + std::string(7, '\0') + '\x05' + std::string(7, '\0');
  std::string dot = '\x06' + std::string(7, '\0') + '\x03' + std::string(7, '\0');
  EXPECT_TRUE(loads(bytes + dot));
  dot[0] = '\x05';
  EXPECT_FALSE(loads(bytes + dot));
}

TEST(StateBytesTest, UnsortedSiblingsAreRefused) {
  State state;
  for (const ActorId actor : {1, 2}) {
    const NewVersion version = version_of({kStamp, actor}, "v");
    apply_put(state, ClientContext{}, version.dot, &version);
  }
  EXPECT_TRUE(loads(state_bytes(state)));
  std::swap(state.siblings[0], state.siblings[1]);
  EXPECT_FALSE(loads(state_bytes(state)));
  state.siblings[0] = state.siblings[1];
  EXPECT_FALSE(loads(state_bytes(state)));
}

TEST(StateBytesDeathTest, ASiblingOutsideTheContextEndsTheProcess) {
  State state = register_state("x");
  state.siblings[0].dot.stamp += 1;
  EXPECT_DEATH((void)encode(state), "context covers every sibling");
}

}  // namespace
}  // namespace kindred
