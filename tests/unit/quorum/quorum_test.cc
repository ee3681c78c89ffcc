#include "replication/quorum/quorum.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kindred {
namespace {

Ack ack_of(NodeId node, bool is_primary = true, Durability durability = Durability::kMemory) {
  Ack ack;
  ack.node = node;
  ack.is_primary = is_primary;
  ack.durability = durability;
  return ack;
}

TEST(AckSet, TakesOneAckANode) {
  AckSet acks;
  EXPECT_TRUE(acks.add(ack_of(1)));
  EXPECT_FALSE(acks.add(ack_of(1, true, Durability::kSynced)));
  EXPECT_TRUE(acks.add(ack_of(2)));
  EXPECT_EQ(acks.size(), 2U);
  EXPECT_TRUE(acks.contains(2));
  EXPECT_FALSE(acks.contains(3));
  EXPECT_EQ(acks.all()[0].durability, Durability::kMemory) << "the first one stays";
  acks.clear();
  EXPECT_EQ(acks.size(), 0U);
}

TEST(Shortfall, NamesTheFirstPartThatIsNotMet) {
  AckSet acks;
  QuorumRule rule;
  rule.needed = 2;
  rule.primary = 3;
  rule.durable = 1;
  ASSERT_TRUE(acks.add(ack_of(1)));
  EXPECT_EQ(shortfall(acks, rule).part, QuorumPart::kCopies);
  ASSERT_TRUE(acks.add(ack_of(2, false)));
  const Shortfall primaries = shortfall(acks, rule);
  EXPECT_EQ(primaries.part, QuorumPart::kPrimaries);
  EXPECT_EQ(primaries.needed, 3);
  EXPECT_EQ(primaries.seen, 1);
  rule.primary = 1;
  EXPECT_EQ(shortfall(acks, rule).part, QuorumPart::kDurable);
  EXPECT_EQ(shortfall(acks, rule).seen, 0);
}

TEST(Shortfall, OfNodesInReach) {
  QuorumRule rule;
  rule.needed = 1;
  rule.durable = 3;
  EXPECT_EQ(shortfall(2, 2, rule).part, QuorumPart::kDurable);
  EXPECT_EQ(shortfall(2, 2, rule).needed, 3);
  EXPECT_EQ(shortfall(0, 0, rule).part, QuorumPart::kCopies);
}

struct JudgeCase {
  const char* name;
  std::vector<Ack> acks;
  QuorumRule rule;  // needed, durable, primary
  size_t outstanding;
  Verdict verdict;
};

class Judge : public ::testing::TestWithParam<JudgeCase> {};

TEST_P(Judge, LooksAtTheSetOfAcks) {
  const JudgeCase& one = GetParam();
  AckSet acks;
  for (const Ack& ack : one.acks) {
    ASSERT_TRUE(acks.add(ack));
  }
  EXPECT_EQ(judge(acks, one.rule, Outstanding{one.outstanding, 0}), one.verdict);
}

const Ack kOne = ack_of(1);
const Ack kTwo = ack_of(2);
const Ack kSyncedTwo = ack_of(2, true, Durability::kSynced);
const Ack kLoggedThree = ack_of(3, true, Durability::kLogged);
const Ack kFallback = ack_of(9, false);

INSTANTIATE_TEST_SUITE_P(
    Table, Judge,
    ::testing::Values(
        JudgeCase{"none_yet", {}, {2, 0, 0}, 3, Verdict::kPending},
        JudgeCase{"none_left", {}, {1, 0, 0}, 0, Verdict::kImpossible},
        JudgeCase{"met", {kOne, kTwo}, {2, 0, 0}, 1, Verdict::kMet},
        JudgeCase{"met_with_none_left", {kOne, kTwo}, {2, 0, 0}, 0, Verdict::kMet},
        JudgeCase{"one_short", {kOne}, {2, 0, 0}, 1, Verdict::kPending},
        JudgeCase{"one_short_for_good", {kOne}, {2, 0, 0}, 0, Verdict::kImpossible},
        JudgeCase{"two_short", {kOne}, {3, 0, 0}, 1, Verdict::kImpossible},
        JudgeCase{"not_synced", {kOne, kTwo}, {2, 1, 0}, 1, Verdict::kPending},
        JudgeCase{"logged_is_not_synced", {kOne, kLoggedThree}, {2, 1, 0}, 0, Verdict::kImpossible},
        JudgeCase{"synced", {kOne, kSyncedTwo}, {2, 1, 0}, 0, Verdict::kMet},
        JudgeCase{"fallback_counts_for_w", {kOne, kFallback}, {2, 0, 1}, 0, Verdict::kMet},
        JudgeCase{"fallback_is_no_primary", {kOne, kFallback}, {2, 0, 2}, 1, Verdict::kPending},
        JudgeCase{"no_primary_left", {kOne, kFallback}, {2, 0, 2}, 0, Verdict::kImpossible}),
    [](const auto& one) { return std::string(one.param.name); });

Ack on_move(NodeId node, bool is_old, bool is_new, Durability durability = Durability::kMemory) {
  Ack ack = ack_of(node, true, durability);
  ack.is_old_owner = is_old;
  ack.is_new_owner = is_new;
  return ack;
}

TEST(JudgeBoth, EachListMeetsItsOwnRule) {
  AckSet acks;
  const QuorumRule two{2, 0, 0};
  EXPECT_EQ(judge_both(acks, two, two, {{3, 0}, {3, 0}}), Verdict::kPending);
  acks.add(on_move(1, true, false));
  acks.add(on_move(2, true, true));
  EXPECT_EQ(judge_both(acks, two, two, {{1, 0}, {1, 0}}), Verdict::kPending);
  EXPECT_EQ(judge_both(acks, two, two, {{1, 0}, {0, 0}}), Verdict::kImpossible);
  EXPECT_EQ(judge_both(acks, two, {1, 0, 0}, {{0, 0}, {0, 0}}), Verdict::kMet) << "a list of one";
  acks.add(on_move(4, false, true, Durability::kSynced));
  EXPECT_EQ(judge_both(acks, two, two, {{0, 0}, {0, 0}}), Verdict::kMet);
  const QuorumRule synced{2, 1, 0};
  EXPECT_EQ(judge_both(acks, synced, two, {{1, 0}, {0, 0}}), Verdict::kPending)
      << "none of the old is synced";
}

constexpr QuorumDefaults kDefaults{2, 2, 0};

TEST(ResolveQuorum, TakesTheConfiguredNumbers) {
  const ResolvedQuorum quorum = resolve_quorum({}, kDefaults, 3, 3);
  EXPECT_EQ(quorum.error, RuleError::kNone);
  EXPECT_EQ(quorum.read.needed, 2);
  EXPECT_EQ(quorum.write.needed, 2);
  EXPECT_EQ(quorum.write.durable, 0);
  EXPECT_EQ(quorum.read.primary, 0);
  EXPECT_EQ(quorum.write.primary, 0);
  EXPECT_EQ(quorum.modify_read, 2);
}

TEST(ResolveQuorum, CapsConfiguredNumbersAtTheMembers) {
  const ResolvedQuorum alone = resolve_quorum({}, {2, 2, 3}, 3, 1);
  EXPECT_EQ(alone.read.needed, 1);
  EXPECT_EQ(alone.write.needed, 1);
  EXPECT_EQ(alone.write.durable, 1);
  EXPECT_EQ(alone.modify_read, 1);
  const ResolvedQuorum two = resolve_quorum({}, {3, 3, 0}, 3, 2);
  EXPECT_EQ(two.read.needed, 2);
  EXPECT_EQ(two.write.needed, 2);
}

TEST(ResolveQuorum, NeverGoesBelowOne) {
  const ResolvedQuorum quorum = resolve_quorum({}, {0, 0, 0}, 3, 3);
  EXPECT_EQ(quorum.read.needed, 1);
  EXPECT_EQ(quorum.write.needed, 1);
}

TEST(ResolveQuorum, TakesNumbersOfTheCommandUncapped) {
  QuorumSpec spec;
  spec.r = 3;
  spec.w = 1;
  spec.dw = 1;
  spec.pr = 2;
  spec.pw = 1;
  const ResolvedQuorum quorum = resolve_quorum(spec, kDefaults, 3, 3);
  EXPECT_EQ(quorum.error, RuleError::kNone);
  EXPECT_EQ(quorum.read.needed, 3);
  EXPECT_EQ(quorum.read.primary, 2);
  EXPECT_EQ(quorum.write.needed, 1);
  EXPECT_EQ(quorum.write.durable, 1);
  EXPECT_EQ(quorum.write.primary, 1);
}

TEST(ResolveQuorum, RefusesWhatCannotBe) {
  for (uint8_t QuorumSpec::*member :
       {&QuorumSpec::r, &QuorumSpec::w, &QuorumSpec::dw, &QuorumSpec::pr, &QuorumSpec::pw}) {
    QuorumSpec spec;
    spec.*member = 3;
    EXPECT_EQ(resolve_quorum(spec, kDefaults, 3, 3).error, RuleError::kNone);
    const ResolvedQuorum few = resolve_quorum(spec, kDefaults, 3, 2);
    EXPECT_EQ(few.error, RuleError::kAboveMembers);
    EXPECT_EQ(few.refused, 3);
    spec.*member = 4;
    const ResolvedQuorum large = resolve_quorum(spec, kDefaults, 3, 3);
    EXPECT_EQ(large.error, RuleError::kAboveReplicas);
    EXPECT_EQ(large.refused, 4);
  }
}

// Whatever R and W are, a read before a write meets every write quorum of the same W.
TEST(ResolveQuorum, AModifyReadsWhatWritesReach) {
  for (uint8_t copies = 1; copies <= 7; ++copies) {
    for (uint8_t read = 1; read <= copies; ++read) {
      for (uint8_t write = 1; write <= copies; ++write) {
        const ResolvedQuorum quorum = resolve_quorum({}, {read, write, 0}, 7, copies);
        EXPECT_GT(quorum.modify_read + write, copies);
        EXPECT_GE(quorum.modify_read, read);
        EXPECT_LE(quorum.modify_read, copies);
      }
    }
  }
}

// What was written before it met the configured W, not its own.
TEST(ResolveQuorum, AModifyWithALargerWriteQuorumReadsNoFewer) {
  QuorumSpec spec;
  spec.w = 3;
  EXPECT_EQ(resolve_quorum(spec, {1, 2, 0}, 3, 3).modify_read, 2);
  spec.w = 1;
  EXPECT_EQ(resolve_quorum(spec, {1, 2, 0}, 3, 3).modify_read, 3) << "its own kind come before it";
}

// Of the old list 1, 2, 3 only 1 has it; 3's hint is no primary's word.
TEST(StrictlyMet, BetweenTwoListsIsMetInEach) {
  const auto ack_of = [](NodeId node, bool is_primary, bool is_old, bool is_new) {
    Ack ack;
    ack.node = node;
    ack.is_primary = is_primary;
    ack.is_old_owner = is_old;
    ack.is_new_owner = is_new;
    return ack;
  };
  AckSet acks;
  acks.add(ack_of(1, true, true, true));
  acks.add(ack_of(4, true, false, true));
  acks.add(ack_of(9, false, true, true));
  QuorumRule two;
  two.needed = 2;
  EXPECT_EQ(judge_both(acks, two, two, {}), Verdict::kMet);
  EXPECT_FALSE(are_strictly_met(acks, two, two));
  acks.add(ack_of(2, true, true, false));
  EXPECT_TRUE(are_strictly_met(acks, two, two));
}

struct SourcesCase {
  uint8_t write;
  uint8_t replicas;
  uint8_t copies;
  uint8_t sources;
};

TEST(FillSources, MeetEveryWriteQuorumThatTheLostMemoryWasPartOf) {
  const SourcesCase cases[] = {{2, 3, 3, 2}, {3, 3, 3, 1}, {1, 3, 3, 2}, {2, 3, 1, 0},
                               {2, 3, 2, 1}, {1, 2, 2, 1}, {3, 5, 5, 3}, {0, 3, 3, 2}};
  for (const SourcesCase& one : cases) {
    EXPECT_EQ(fill_sources_needed({2, one.write, 0}, one.replicas, one.copies, true), one.sources)
        << "W=" << int{one.write} << " of " << int{one.copies};
  }
  EXPECT_EQ(fill_sources_needed({2, 2, 0}, 3, 3, false), 2);
  EXPECT_EQ(fill_sources_needed({2, 1, 0}, 3, 3, false), 3) << "any one may hold a write alone";
  EXPECT_EQ(fill_sources_needed({2, 2, 0}, 3, 1, false), 1);
}

// W=2 of three met a write at the removed member and one of the two that are left.
TEST(FillSources, ListThatLostAMemberIsReadAsItWas) {
  EXPECT_EQ(fill_sources_needed({2, 2, 0}, 3, 2, false), 2);
  EXPECT_EQ(resolve_quorum({}, {1, 2, 0}, 3, 2).modify_read, 2);
}

}  // namespace
}  // namespace kindred
