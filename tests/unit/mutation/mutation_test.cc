#include "replication/mutation/mutation.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/mutation/keys.h"

namespace kindred {
namespace {

using namespace mutation_test;
using Effect = Mutation::Effect;

Operation with_flags(Operation operation, unsigned flags) {
  operation.flags = static_cast<uint16_t>(flags);
  return operation;
}

TEST(Winner, IsTheHighestDotAlive) {
  EXPECT_EQ(winner(missing(), kNowMs), nullptr);
  EXPECT_EQ(winner(expired("x"), kNowMs), nullptr);
  const State state = siblings();
  ASSERT_NE(winner(state, kNowMs), nullptr);
  EXPECT_EQ(winner(state, kNowMs)->value.bytes(), "9");
  EXPECT_EQ(winner(state, kNowMs - 10)->value.bytes(), "100");
}

TEST(Set, IfAbsentAndIfPresent) {
  struct Case {
    unsigned flags;
    State before;
    bool applied;
  };
  const Case cases[] = {
      {op_flag::kIfAbsent, missing(), true},      {op_flag::kIfAbsent, live("o"), false},
      {op_flag::kIfAbsent, expired("o"), true},   {op_flag::kIfAbsent, siblings(), false},
      {op_flag::kIfPresent, missing(), false},    {op_flag::kIfPresent, live("o"), true},
      {op_flag::kIfPresent, expired("o"), false}, {op_flag::kIfPresent, siblings(), true},
  };
  for (const Case& one : cases) {
    const Mutation result =
        run(with_flags(modification(Modification::kSet, "new"), one.flags), one.before);
    EXPECT_EQ(result.outcome.applied, one.applied);
    EXPECT_EQ(result.effect, one.applied ? Effect::kRegister : Effect::kNothing);
    EXPECT_FALSE(result.outcome.has_value);
  }
}

TEST(Set, ReturnsTheOldValueAlsoWhereItIsRefused) {
  const unsigned refused = op_flag::kIfAbsent | op_flag::kReturnOld;
  Mutation result = run(with_flags(modification(Modification::kSet, "new"), refused), live("old"));
  EXPECT_EQ(result.effect, Effect::kNothing);
  EXPECT_EQ(result.outcome.value.bytes(), "old");
  EXPECT_TRUE(result.outcome.has_value);
  EXPECT_TRUE(result.outcome.value.is_owned());
  result = run(with_flags(modification(Modification::kSet, "new"), refused), missing());
  EXPECT_EQ(result.effect, Effect::kRegister);
  EXPECT_FALSE(result.outcome.has_value);
  result =
      run(with_flags(modification(Modification::kSet, "new"), op_flag::kReturnOld), siblings());
  EXPECT_EQ(result.outcome.value.bytes(), "9");
  EXPECT_EQ(result.value.bytes(), "new");
}

TEST(Set, KeepsOrReplacesTheExpiry) {
  Operation keep = with_flags(modification(Modification::kSet, "new"), op_flag::kKeepExpiry);
  EXPECT_EQ(run(keep, live("o", kExpiresMs)).expire_at_ms, kExpiresMs);
  EXPECT_EQ(run(keep, missing()).expire_at_ms, 0U);
  Operation plain = with_flags(modification(Modification::kSet, "new"), op_flag::kReturnOld);
  EXPECT_EQ(run(plain, live("o", kExpiresMs)).expire_at_ms, 0U);
  plain.expire_at_ms = kNowMs + 5;
  EXPECT_EQ(run(plain, live("o")).expire_at_ms, kNowMs + 5);
}

TEST(Set, WithAPastExpiryDeletes) {
  Operation past = with_flags(modification(Modification::kSet, "new"), op_flag::kReturnOld);
  past.expire_at_ms = kNowMs;
  Mutation result = run(past, live("old"));
  EXPECT_EQ(result.effect, Effect::kDelete);
  EXPECT_TRUE(result.outcome.applied);
  EXPECT_EQ(result.outcome.value.bytes(), "old");
  result = run(past, missing());
  EXPECT_EQ(result.effect, Effect::kNothing);
  EXPECT_TRUE(result.outcome.applied) << "Redis answers OK";
}

TEST(Set, ReplacesAnyTypeUnlessItsValueIsAskedFor) {
  EXPECT_EQ(run(modification(Modification::kSet, "new"), of_unknown_type()).effect,
            Effect::kRegister);
  EXPECT_EQ(run(with_flags(modification(Modification::kSet, "new"), op_flag::kReturnOld),
                of_unknown_type())
                .outcome.code,
            OutcomeCode::kWrongType);
}

TEST(Delete, CountsWhatWasAlive) {
  for (const State& gone : {missing(), expired("x")}) {
    const Mutation result = run(modification(Modification::kDelete), gone);
    EXPECT_EQ(result.effect, Effect::kNothing);
    EXPECT_EQ(result.outcome.integer, 0);
    EXPECT_FALSE(result.outcome.applied);
  }
  for (const State& held : {live("x"), siblings(), of_unknown_type()}) {
    const Mutation result = run(modification(Modification::kDelete), held);
    EXPECT_EQ(result.effect, Effect::kDelete);
    EXPECT_EQ(result.outcome.integer, 1);
    EXPECT_TRUE(result.outcome.applied);
    EXPECT_FALSE(result.outcome.has_value);
  }
}

TEST(GetDelete, ReturnsTheWinner) {
  EXPECT_FALSE(run(modification(Modification::kGetDelete), missing()).outcome.has_value);
  const Mutation result = run(modification(Modification::kGetDelete), siblings());
  EXPECT_EQ(result.effect, Effect::kDelete);
  EXPECT_EQ(result.outcome.value.bytes(), "9");
  EXPECT_EQ(run(modification(Modification::kGetDelete), of_unknown_type()).outcome.code,
            OutcomeCode::kWrongType);
}

TEST(Append, JoinsAndKeepsTheExpiry) {
  const Mutation result = run(modification(Modification::kAppend, "!"), live("hey", kExpiresMs));
  EXPECT_EQ(result.effect, Effect::kRegister);
  EXPECT_EQ(result.value.bytes(), "hey!");
  EXPECT_EQ(result.outcome.integer, 4);
  EXPECT_EQ(result.expire_at_ms, kExpiresMs);
  EXPECT_EQ(run(modification(Modification::kAppend, "!"), missing()).value.bytes(), "!");
  EXPECT_EQ(run(modification(Modification::kAppend, "!"), expired("x")).value.bytes(), "!");
  EXPECT_EQ(run(modification(Modification::kAppend, "!"), siblings()).value.bytes(), "9!");
}

TEST(Append, StopsAtTheLimit) {
  EXPECT_EQ(run(modification(Modification::kAppend, "cd"), live("ab"), 4).outcome.integer, 4);
  EXPECT_EQ(run(modification(Modification::kAppend, "cd"), live("ab"), 3).outcome.code,
            OutcomeCode::kTooLong);
}

TEST(SetRange, PatchesAndPads) {
  Mutation result = run(modification(Modification::kSetRange, "XY", 1), live("hello", kExpiresMs));
  EXPECT_EQ(result.value.bytes(), "hXYlo");
  EXPECT_EQ(result.outcome.integer, 5);
  EXPECT_EQ(result.expire_at_ms, kExpiresMs);
  result = run(modification(Modification::kSetRange, "z", 7), live("hXYlo"));
  EXPECT_EQ(result.value.bytes(), std::string_view("hXYlo\0\0z", 8));
  EXPECT_EQ(result.outcome.integer, 8);
  result = run(modification(Modification::kSetRange, "ab", 2), missing());
  EXPECT_EQ(result.value.bytes(), std::string_view("\0\0ab", 4));
  EXPECT_EQ(run(modification(Modification::kSetRange, "0", 1), siblings()).value.bytes(), "90");
}

TEST(SetRange, OfNothingWritesNothing) {
  Mutation result = run(modification(Modification::kSetRange, "", 10), live("hello"));
  EXPECT_EQ(result.effect, Effect::kNothing);
  EXPECT_EQ(result.outcome.integer, 5);
  result = run(modification(Modification::kSetRange, "", 5), missing());
  EXPECT_EQ(result.effect, Effect::kNothing);
  EXPECT_EQ(result.outcome.integer, 0);
  EXPECT_EQ(run(modification(Modification::kSetRange, "", 536870912), live("x")).outcome.code,
            OutcomeCode::kOk);
}

TEST(SetRange, RefusesBadOffsets) {
  EXPECT_EQ(run(modification(Modification::kSetRange, "a", -1), live("x")).outcome.code,
            OutcomeCode::kBadOffset);
  EXPECT_EQ(run(modification(Modification::kSetRange, "", -1), missing()).outcome.code,
            OutcomeCode::kBadOffset);
  EXPECT_EQ(run(modification(Modification::kSetRange, "ab", 536870911), live("x")).outcome.code,
            OutcomeCode::kTooLong);
  EXPECT_EQ(run(modification(Modification::kSetRange, "a", INT64_MAX), missing()).outcome.code,
            OutcomeCode::kTooLong);
}

struct ExpireCase {
  unsigned flags;
  uint64_t before_ms;  // 0: none
  uint64_t wanted_ms;
  bool applied;
};

TEST(Expire, HonoursItsConditions) {
  const uint64_t sooner = kExpiresMs - 50'000;
  const uint64_t later = kExpiresMs + 100'000;
  const ExpireCase cases[] = {
      {0, 0, later, true},
      {0, kExpiresMs, sooner, true},
      {op_flag::kExpireIfLater, 0, later, false},
      {op_flag::kExpireIfEarlier, 0, later, true},
      {op_flag::kExpireIfNone, 0, later, true},
      {op_flag::kExpireIfAny, 0, later, false},
      {op_flag::kExpireIfLater, kExpiresMs, sooner, false},
      {op_flag::kExpireIfLater, kExpiresMs, kExpiresMs, false},
      {op_flag::kExpireIfLater, kExpiresMs, later, true},
      {op_flag::kExpireIfEarlier, kExpiresMs, sooner, true},
      {op_flag::kExpireIfEarlier, kExpiresMs, kExpiresMs, false},
      {op_flag::kExpireIfEarlier, kExpiresMs, later, false},
      {op_flag::kExpireIfNone, kExpiresMs, later, false},
      {op_flag::kExpireIfAny, kExpiresMs, sooner, true},
      {op_flag::kExpireIfLater | op_flag::kExpireIfAny, 0, later, false},
  };
  for (const ExpireCase& one : cases) {
    Operation expire = with_flags(modification(Modification::kExpire), one.flags);
    expire.expire_at_ms = one.wanted_ms;
    const Mutation result = run(expire, live("v", one.before_ms));
    EXPECT_EQ(result.outcome.applied, one.applied) << "flags " << one.flags;
    EXPECT_EQ(result.outcome.integer, one.applied ? 1 : 0);
    EXPECT_EQ(result.effect, one.applied ? Effect::kKeepSiblings : Effect::kNothing);
    if (one.applied) {
      EXPECT_EQ(result.expire_at_ms, one.wanted_ms);
    }
  }
}

TEST(Expire, InThePastDeletesWhereItsConditionHolds) {
  Operation past = modification(Modification::kExpire);
  past.expire_at_ms = 1;
  EXPECT_EQ(run(past, live("v")).effect, Effect::kDelete);
  EXPECT_EQ(run(past, live("v")).outcome.integer, 1);
  EXPECT_EQ(run(with_flags(past, op_flag::kExpireIfLater), live("v", kExpiresMs)).effect,
            Effect::kNothing);
  EXPECT_EQ(run(with_flags(past, op_flag::kExpireIfEarlier), live("v", kExpiresMs)).effect,
            Effect::kDelete);
}

TEST(Expire, KeepsSiblingsAndIgnoresMissingKeys) {
  Operation expire = modification(Modification::kExpire);
  expire.expire_at_ms = kExpiresMs;
  EXPECT_EQ(run(expire, siblings()).effect, Effect::kKeepSiblings);
  EXPECT_EQ(run(expire, of_unknown_type()).effect, Effect::kKeepSiblings);
  for (const State& gone : {missing(), expired("x")}) {
    EXPECT_EQ(run(expire, gone).effect, Effect::kNothing);
    EXPECT_EQ(run(expire, gone).outcome.integer, 0);
  }
  expire.flags = op_flag::kReturnOld;  // GETEX
  EXPECT_EQ(run(expire, live("v")).outcome.value.bytes(), "v");
  EXPECT_FALSE(run(expire, missing()).outcome.has_value);
  EXPECT_EQ(run(expire, of_unknown_type()).outcome.code, OutcomeCode::kWrongType);
}

TEST(Persist, TakesTheExpiryAway) {
  const Mutation result = run(modification(Modification::kPersist), live("v", kExpiresMs));
  EXPECT_EQ(result.effect, Effect::kKeepSiblings);
  EXPECT_EQ(result.expire_at_ms, 0U);
  EXPECT_EQ(result.outcome.integer, 1);
  EXPECT_EQ(run(modification(Modification::kPersist), live("v")).effect, Effect::kNothing);
  EXPECT_EQ(run(modification(Modification::kPersist), missing()).outcome.integer, 0);
}

TEST(OtherTypes, AreNotReadAsStrings) {
  for (Modification what : {Modification::kAppend, Modification::kSetRange,
                            Modification::kIncrement, Modification::kIncrementByFloat}) {
    EXPECT_EQ(run(modification(what, "1", 1), of_unknown_type()).outcome.code,
              OutcomeCode::kWrongType);
  }
}

}  // namespace
}  // namespace kindred
