// Results that redis-server 7.0.15 gives for the same commands.
#include <gtest/gtest.h>

#include "tests/unit/mutation/keys.h"

namespace kindred {
namespace {

using namespace mutation_test;
using Effect = Mutation::Effect;

struct FloatCase {
  const char* before;
  const char* by;
  const char* after;
};

TEST(IncrementByFloat, WritesNumbersAsRedisDoes) {
  const FloatCase cases[] = {
      {"10.5", "0.1", "10.6"},
      {"5.0e3", "200", "5200"},
      {"0", "-0", "0"},
      {"1", "-1", "0"},
      {"3.0", "1", "4"},
      {"0.1", "0.2", "0.3"},
      {"-0.0", "0", "0"},
      {"0x10", "1", "17"},
      {"1.5", "+1", "2.5"},
      {"-1.5", "0.25", "-1.25"},
      {"17179869184", "1.5", "17179869185.5"},
      {"1e-20", "0", "0"},
      {"99999999999999999999", "1", "100000000000000000000"},
      {"1", "0.00000000000000001", "1.00000000000000001"},
      {"12345678901234567890123456789", "0.5", "12345678901234567890421678080"},
      {"1e300", "1",
       "10000000000000000000089973240795591938705239442732907479382600823212656465961809"
       "35755849152083750497190350372508614274835903592556184672983913096260520748646287"
       "32713564184365329408425510760601678972665293237003055138294762099454029477278188"
       "9620606179267611627097410650567187386105690089424915104006144"},
  };
  for (const FloatCase& one : cases) {
    const Mutation result =
        run(modification(Modification::kIncrementByFloat, one.by), live(one.before, kExpiresMs));
    EXPECT_EQ(result.effect, Effect::kRegister) << one.before;
    EXPECT_EQ(result.value.bytes(), one.after) << one.before << " + " << one.by;
    EXPECT_EQ(result.outcome.value.bytes(), result.value.bytes());
    EXPECT_TRUE(result.outcome.has_value);
    EXPECT_EQ(result.expire_at_ms, kExpiresMs);
  }
  EXPECT_EQ(run(modification(Modification::kIncrementByFloat, "2.50"), missing()).value.bytes(),
            "2.5");
  EXPECT_EQ(run(modification(Modification::kIncrementByFloat, "1"), expired("8")).value.bytes(),
            "1");
}

TEST(IncrementByFloat, RefusesWhatRedisRefuses) {
  const FloatCase no_floats[] = {{"1 ", "1", ""},  {" 1", "1", ""},     {"", "1", ""},
                                 {"1", "", ""},    {"1", "nan", ""},    {"1", "1e5000", ""},
                                 {"abc", "1", ""}, {"1", "1e-5000", ""}};
  for (const FloatCase& one : no_floats) {
    const Mutation result =
        run(modification(Modification::kIncrementByFloat, one.by), live(one.before));
    EXPECT_EQ(result.outcome.code, OutcomeCode::kNotAFloat) << one.before << " + " << one.by;
    EXPECT_EQ(result.effect, Effect::kNothing);
  }
  const FloatCase too_large[] = {{"1", "inf", ""}, {"-inf", "1", ""}, {"1e4932", "1e4932", ""}};
  for (const FloatCase& one : too_large) {
    EXPECT_EQ(
        run(modification(Modification::kIncrementByFloat, one.by), live(one.before)).outcome.code,
        OutcomeCode::kNanOrInfinity)
        << one.before << " + " << one.by;
  }
}

TEST(IncrementByFloat, RefusesBytesBehindAZero) {
  const std::string_view text("1\0002", 3);
  EXPECT_EQ(run(modification(Modification::kIncrementByFloat, "1"), live(text)).outcome.code,
            OutcomeCode::kNotAFloat);
}

TEST(Increment, AddsToDecimalIntegers) {
  struct Case {
    const char* before;
    int64_t by;
    int64_t after;
  };
  const Case cases[] = {{"10", 1, 11},
                        {"0", -1, -1},
                        {"-1", 1, 0},
                        {"-9223372036854775808", 1, -9223372036854775807},
                        {"9223372036854775806", 1, 9223372036854775807}};
  for (const Case& one : cases) {
    const Mutation result =
        run(modification(Modification::kIncrement, "", one.by), live(one.before, kExpiresMs));
    EXPECT_EQ(result.effect, Effect::kRegister);
    EXPECT_EQ(result.outcome.integer, one.after);
    EXPECT_EQ(result.value.bytes(), std::to_string(one.after));
    EXPECT_EQ(result.expire_at_ms, kExpiresMs) << "the time to live stays";
  }
  EXPECT_EQ(run(modification(Modification::kIncrement, "", 3), missing()).outcome.integer, 3);
  EXPECT_EQ(run(modification(Modification::kIncrement, "", 3), expired("7")).outcome.integer, 3);
  EXPECT_EQ(run(modification(Modification::kIncrement, "", 3), expired("7")).expire_at_ms, 0U);
  EXPECT_EQ(run(modification(Modification::kIncrement, "", 1), siblings()).outcome.integer, 10);
}

TEST(Increment, RefusesWhatRedisRefuses) {
  for (const char* before : {"-0", "00", "01", "+1", " 1", "1 ", "", "9223372036854775808",
                             "-9223372036854775809", "1.0", "abc", "0x1", "-"}) {
    const Mutation result = run(modification(Modification::kIncrement, "", 1), live(before));
    EXPECT_EQ(result.outcome.code, OutcomeCode::kNotAnInteger) << "'" << before << "'";
    EXPECT_EQ(result.effect, Effect::kNothing);
  }
  EXPECT_EQ(
      run(modification(Modification::kIncrement, "", 1), live("9223372036854775807")).outcome.code,
      OutcomeCode::kOverflow);
  EXPECT_EQ(run(modification(Modification::kIncrement, "", -1), live("-9223372036854775808"))
                .outcome.code,
            OutcomeCode::kOverflow);
}

}  // namespace
}  // namespace kindred
