#include "replication/mutation/bitfield.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/mutation/keys.h"

namespace kindred {
namespace {

using namespace mutation_test;

BitfieldOp set_bit(uint64_t offset) {
  BitfieldOp op;
  op.kind = BitfieldOp::Kind::kSet;
  op.offset_bits = offset;
  op.value = 1;
  return op;
}

TEST(Bitfield, GrowsTheStringAndKeepsTheExpiry) {
  const std::string program = encode_bitfield(std::vector{set_bit(17)});
  const Mutation result =
      run(modification(Modification::kBitfield, program), live("a", kExpiresMs));
  EXPECT_EQ(result.effect, Mutation::Effect::kRegister);
  EXPECT_EQ(result.value.bytes(), std::string_view("a\0\x40", 3));
  EXPECT_EQ(result.expire_at_ms, kExpiresMs);
  std::vector<BitfieldResult> results;
  ASSERT_TRUE(decode_results(result.outcome.value.bytes(), &results));
  EXPECT_EQ(results, std::vector<BitfieldResult>{0});
}

TEST(Bitfield, RefusesWhatWouldBeTooLong) {
  const std::string program = encode_bitfield(std::vector{set_bit(80)});
  EXPECT_EQ(run(modification(Modification::kBitfield, program), missing(), 10).outcome.code,
            OutcomeCode::kTooLong);
  EXPECT_EQ(run(modification(Modification::kBitfield, program), missing(), 11).outcome.code,
            OutcomeCode::kOk);
}

TEST(Bitfield, RefusesTypesThatItDoesNotKnow) {
  const std::string program = encode_bitfield(std::vector{set_bit(1)});
  EXPECT_EQ(run(modification(Modification::kBitfield, program), of_unknown_type()).outcome.code,
            OutcomeCode::kWrongType);
}

TEST(Bitfield, ProgramsThatCameDamagedDoNothing) {
  const std::string program = encode_bitfield(std::vector{set_bit(1)});
  std::vector<BitfieldOp> ops;
  ASSERT_TRUE(decode_bitfield(program, &ops));
  EXPECT_EQ(ops, std::vector{set_bit(1)});
  for (size_t size = 1; size < program.size(); ++size) {
    EXPECT_FALSE(decode_bitfield(std::string_view(program).substr(0, size), &ops));
  }
  struct Damage {
    size_t at;
    char byte;
  };
  for (const Damage damage : {Damage{0, 3}, Damage{1, 3}, Damage{2, 2}, Damage{3, 0}, Damage{3, 64},
                              Damage{3, 65}, Damage{11, 1}}) {
    std::string damaged = program;
    damaged[damage.at] = damage.byte;
    EXPECT_FALSE(decode_bitfield(damaged, &ops)) << damage.at;
    const Mutation result = run(modification(Modification::kBitfield, damaged), live("a"));
    EXPECT_EQ(result.effect, Mutation::Effect::kNothing);
    EXPECT_NE(result.outcome.code, OutcomeCode::kOk);
  }
}

TEST(Bitfield, ResultsOfRefusedOverflowsAreNothing) {
  const std::vector<BitfieldResult> results = {1, std::nullopt, -5};
  std::vector<BitfieldResult> decoded;
  ASSERT_TRUE(decode_results(encode_results(results), &decoded));
  EXPECT_EQ(decoded, results);
  EXPECT_FALSE(decode_results("abc", &decoded));
}

}  // namespace
}  // namespace kindred
