#include "replication/mutation/transaction.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/mutation/keys.h"

namespace kindred {
namespace {

using namespace mutation_test;
using Effect = Mutation::Effect;

Operation read_step() {
  return Operation{};
}

Operation set_step(std::string_view value) {
  Operation step;
  step.kind = OpKind::kSet;
  step.value = Value::copied(value);
  return step;
}

Mutation run_steps(const State& state, std::vector<Operation> steps, const State& seen) {
  TransactionProgram program;
  program.keys.push_back({KeyRef{}, true, witness(seen, kNowMs)});
  for (Operation& step : steps) {
    program.steps.push_back({0, std::move(step)});
  }
  const std::string bytes = encode_program(program);
  return run(modification(Modification::kTransaction, bytes), state);
}

std::vector<Outcome> outcomes_of(const Mutation& mutation) {
  std::vector<Outcome> outcomes;
  EXPECT_TRUE(decode_step_outcomes(mutation.outcome.value.bytes(), &outcomes));
  return outcomes;
}

TEST(Witness, ChangesWithEveryWriteThatIsSeen) {
  const State state = live("v");
  State rewritten = state;
  add(rewritten, {11, 1}, "v");
  State deleted;
  apply_register(deleted, {12, 1}, nullptr);
  EXPECT_EQ(witness(state, kNowMs), witness(live("v"), kNowMs));
  EXPECT_NE(witness(state, kNowMs), witness(rewritten, kNowMs));
  EXPECT_NE(witness(missing(), kNowMs), witness(state, kNowMs));
  EXPECT_NE(witness(missing(), kNowMs), witness(deleted, kNowMs)) << "made and deleted in between";
}

TEST(Witness, ChangesWhereAValueExpires) {
  const State state = live("v", kExpiresMs);
  EXPECT_NE(witness(state, kNowMs), witness(state, kExpiresMs));
  EXPECT_EQ(witness(expired("v"), kNowMs), witness(expired("v"), kNowMs + 1));
}

TEST(Transaction, DoesNothingWhereTheKeyHasMoved) {
  const Mutation result = run_steps(live("new"), {set_step("mine")}, missing());
  EXPECT_EQ(result.effect, Effect::kNothing);
  EXPECT_FALSE(result.outcome.applied);
  EXPECT_EQ(result.outcome.code, OutcomeCode::kOk);
}

TEST(Transaction, StepsSeeWhatTheOnesBeforeThemLeft) {
  const State state = live("5", kExpiresMs);
  const Mutation result = run_steps(state,
                                    {modification(Modification::kIncrement, {}, 3), read_step(),
                                     modification(Modification::kAppend, "!"), read_step()},
                                    state);
  EXPECT_EQ(result.effect, Effect::kRegister);
  EXPECT_EQ(result.value.bytes(), "8!");
  EXPECT_EQ(result.expire_at_ms, kExpiresMs);
  const std::vector<Outcome> outcomes = outcomes_of(result);
  ASSERT_EQ(outcomes.size(), 4U);
  EXPECT_EQ(outcomes[0].integer, 8);
  EXPECT_EQ(outcomes[1].state.siblings[0].value.bytes(), "8");
  EXPECT_EQ(outcomes[1].state.siblings[0].expire_at_ms, kExpiresMs);
  EXPECT_EQ(outcomes[2].integer, 2);
  EXPECT_EQ(outcomes[3].state.siblings[0].value.bytes(), "8!");
}

TEST(Transaction, AStepThatFailsLeavesTheOthers) {
  const State state = live("text");
  const Mutation result =
      run_steps(state, {modification(Modification::kIncrement, {}, 1), set_step("9")}, state);
  EXPECT_EQ(result.value.bytes(), "9");
  EXPECT_EQ(result.expire_at_ms, 0U);
  const std::vector<Outcome> outcomes = outcomes_of(result);
  EXPECT_EQ(outcomes[0].code, OutcomeCode::kNotAnInteger);
  EXPECT_EQ(outcomes[1].code, OutcomeCode::kOk);
}

TEST(Transaction, ReadsAloneWriteNothing) {
  const State state = siblings();
  const Mutation result = run_steps(state, {read_step()}, state);
  EXPECT_EQ(result.effect, Effect::kNothing);
  EXPECT_TRUE(result.outcome.applied);
  EXPECT_EQ(outcomes_of(result)[0].state.siblings[0].value.bytes(), "9");
}

TEST(Transaction, WhatEndsInADeleteIsOne) {
  const State state = live("v");
  const Mutation result =
      run_steps(state, {set_step("w"), modification(Modification::kDelete)}, state);
  EXPECT_EQ(result.effect, Effect::kDelete);
  EXPECT_EQ(outcomes_of(result)[1].integer, 1);
}

TEST(Transaction, ExpiryIsKeptAndSet) {
  const State state = live("v");
  Operation expire = modification(Modification::kExpire);
  expire.expire_at_ms = kExpiresMs;
  const Mutation result = run_steps(state, {expire}, state);
  EXPECT_EQ(result.effect, Effect::kRegister);
  EXPECT_EQ(result.value.bytes(), "v");
  EXPECT_EQ(result.expire_at_ms, kExpiresMs);
}

/// Two keys, of which the first is watched.
TransactionProgram on_two_keys(const State& seen) {
  TransactionProgram program;
  program.keys.push_back({KeyRef{"a", 1, 2, 0}, true, witness(seen, kNowMs)});
  program.keys.push_back({KeyRef{"b", 3, 4, 0}, false, 0});
  program.steps.push_back({1, set_step("other")});
  program.steps.push_back({0, modification(Modification::kIncrement, {}, 1)});
  program.steps.push_back({1, modification(Modification::kAppend, "!")});
  return program;
}

TEST(Transaction, EachKeyHasAWriteOfItsOwn) {
  const State a = live("5");
  const State b = live("old");
  const TransactionInput inputs[] = {{&a, winner(a, kNowMs)}, {&b, winner(b, kNowMs)}};
  const TransactionResult result = run_program(on_two_keys(a), inputs, kNowMs, MutationLimits{});
  EXPECT_TRUE(result.outcome.applied);
  ASSERT_EQ(result.writes.size(), 2U);
  EXPECT_EQ(result.writes[0].value.bytes(), "6");
  EXPECT_EQ(result.writes[1].value.bytes(), "other!");
  std::vector<Outcome> outcomes;
  ASSERT_TRUE(decode_step_outcomes(result.outcome.value.bytes(), &outcomes));
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[1].integer, 6);
  EXPECT_EQ(outcomes[2].integer, 6) << "the length";
}

TEST(Transaction, OnlyWatchedKeysCanHaveMoved) {
  const State a = live("5");
  const State moved = live("7");
  const State b = missing();
  const TransactionInput inputs[] = {{&a, winner(a, kNowMs)}, {&b, nullptr}};
  EXPECT_TRUE(run_program(on_two_keys(a), inputs, kNowMs, MutationLimits{}).outcome.applied);
  State later = a;
  add(later, {11, 1}, "6");
  const TransactionInput changed[] = {{&later, winner(later, kNowMs)}, {&b, nullptr}};
  const TransactionResult result = run_program(on_two_keys(a), changed, kNowMs, MutationLimits{});
  EXPECT_FALSE(result.outcome.applied);
  EXPECT_EQ(result.writes[0].effect, Effect::kNothing);
  EXPECT_EQ(result.writes[1].effect, Effect::kNothing) << "of a key that is not watched too";
}

TEST(Transaction, ProgramsThatCameDamagedDoNothing) {
  TransactionProgram program = on_two_keys(live("5"));
  TransactionProgram read;
  const std::string whole = encode_program(program);
  ASSERT_TRUE(decode_program(whole, &read));
  ASSERT_EQ(read.keys.size(), 2U);
  EXPECT_TRUE(read.keys[0].is_watched);
  EXPECT_EQ(read.keys[0].expected, program.keys[0].expected);
  EXPECT_EQ(read.keys[1].ref.key, "b");
  EXPECT_EQ(read.keys[1].ref.hash, 3U);
  EXPECT_EQ(read.keys[1].ref.slot, 4U);
  ASSERT_EQ(read.steps.size(), 3U);
  EXPECT_EQ(read.steps[2].key, 1U);
  EXPECT_EQ(read.steps[2].operation.value.bytes(), "!");
  program.steps.resize(1);
  const std::string one_step = encode_program(program);
  program.steps.clear();
  const size_t without_steps = encode_program(program).size();
  for (size_t size = 0; size < one_step.size(); ++size) {
    const bool decodes = decode_program(std::string_view(one_step).substr(0, size), &read);
    EXPECT_EQ(decodes, size == without_steps) << size;
  }
  for (const OpKind kind : {OpKind::kPut, OpKind::kSpread, static_cast<OpKind>(0)}) {
    program.steps.assign(1, {0, set_step("v")});
    program.steps[0].operation.kind = kind;
    EXPECT_FALSE(decode_program(encode_program(program), &read));
  }
  program.steps[0].operation = modification(Modification::kTransaction);
  EXPECT_FALSE(decode_program(encode_program(program), &read)) << "none within another";
  program.steps.assign(1, {2, set_step("v")});
  EXPECT_FALSE(decode_program(encode_program(program), &read)) << "no such key";
  program.keys.clear();
  EXPECT_FALSE(decode_program(encode_program(program), &read)) << "no key at all";
  const Mutation result = run(modification(Modification::kTransaction, "short"), live("v"));
  EXPECT_EQ(result.effect, Effect::kNothing);
  EXPECT_NE(result.outcome.code, OutcomeCode::kOk);
}

}  // namespace
}  // namespace kindred
