#include <gtest/gtest.h>

#include "tests/unit/membership/samples.h"
#include "tests/unit/membership/world.h"

namespace kindred::membership_test {
namespace {

class LivenessOfThree : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      world_.add({0, 1, 2});
    }
    for (std::size_t node = 0; node < 3; ++node) {
      world_.start(node);
    }
    ASSERT_TRUE(world_.run_until([&] { return world_.all_see_each_other({0, 1, 2}); }, 5'000));
    world_.run_ms(2'000);
  }

  bool sees(std::size_t node, std::size_t other) {
    return world_.driver(node).alive[world_.driver(other).self];
  }
  /// How long until `node` sees `other` as `is_up`.
  uint64_t ms_until(std::size_t node, std::size_t other, bool is_up) {
    const uint64_t begin_ms = world_.now_ms();
    EXPECT_TRUE(world_.run_until([&] { return sees(node, other) == is_up; }, 10'000));
    return world_.now_ms() - begin_ms;
  }

  World world_{21};
};

TEST_F(LivenessOfThree, BrokenLinkIsDownAtOnceAndUpSoonAfterTheReturn) {
  world_.crash(2);
  EXPECT_LE(ms_until(0, 2, false), 10u);
  EXPECT_TRUE(sees(0, 1));
  EXPECT_EQ(world_.machine(0).members_up(), 2u);
  world_.run_ms(5'000);
  world_.start(2);
  EXPECT_LE(ms_until(0, 2, true), 100u);
  EXPECT_LE(ms_until(2, 0, true), 100u);
}

TEST_F(LivenessOfThree, HangIsSeenWithinThreeSeconds) {
  world_.hang(2, true);
  const uint64_t seen_ms = ms_until(0, 2, false);
  EXPECT_GE(seen_ms, 1'000u);
  EXPECT_LE(seen_ms, 2'100u);
  EXPECT_NE(world_.machine(0).others()[0].ping_sent_ms + world_.machine(0).others()[1].ping_sent_ms,
            0u);
  world_.hang(2, false);
  EXPECT_LE(ms_until(0, 2, true), 1'000u);
}

TEST_F(LivenessOfThree, CutIsSeenOnBothSidesAndOnlyThere) {
  world_.cut(0, 2, true);
  EXPECT_LE(ms_until(0, 2, false), 2'100u);
  EXPECT_LE(ms_until(2, 0, false), 1'000u);
  EXPECT_TRUE(sees(1, 0));
  EXPECT_TRUE(sees(1, 2));
  world_.cut(0, 2, false);
  EXPECT_LE(ms_until(0, 2, true), 1'000u);
}

TEST_F(LivenessOfThree, LostProbeHereAndThereIsNoDeath) {
  world_.set_loss(0.05);
  world_.run_ms(60'000);
  world_.set_loss(0);
  world_.run_ms(1'000);
  EXPECT_TRUE(world_.all_see_each_other({0, 1, 2}));
}

TEST_F(LivenessOfThree, IdleNodeWakesForARoundAndItsPeersProbesOnly) {
  const uint64_t steps = world_.driver(0).steps;
  const uint64_t messages = world_.driver(0).messages_sent;
  world_.run_ms(10'000);
  // Two rounds a second: one tick, two probes received, two replies; and a digest now and then.
  EXPECT_LE(world_.driver(0).steps - steps, 120u);
  EXPECT_LE(world_.driver(0).messages_sent - messages, 95u);
}

TEST_F(LivenessOfThree, OldAnswersDoNotRaiseTheDead) {
  const NodeId other = world_.driver(2).self;
  world_.crash(2);
  ms_until(0, 2, false);
  Gossip stale;
  stale.sender = {other, 1, world_.machine(0).document()->cluster_id};
  stale.message.kind = SwimKind::kAck;
  stale.message.subject = other;
  stale.message.incarnation = 1;
  for (uint64_t sequence = 0; sequence < 100; ++sequence) {
    stale.message.sequence = sequence;
    world_.inject(0, World::address(2), stale);
  }
  EXPECT_FALSE(sees(0, 2));
}

TEST_F(LivenessOfThree, WholenessIsTold) {
  world_.step(2, [](Membership& machine, LocalTime now) { machine.set_whole(true, now); });
  world_.run_ms(1'000);
  for (const MemberView& view : world_.machine(0).others()) {
    EXPECT_EQ(view.is_whole, view.id == world_.driver(2).self);
    EXPECT_NE(view.pong_received_ms, 0u);
  }
}

TEST_F(LivenessOfThree, ARestartedNodesOldFlagsAreGoneWithinARound) {
  world_.step(2, [](Membership& machine, LocalTime now) { machine.set_whole(true, now); });
  world_.run_ms(1'000);
  world_.restart(2);
  world_.run_ms(1'000);
  for (const MemberView& view : world_.machine(0).others()) {
    EXPECT_FALSE(view.is_whole);
  }
}

TEST_F(LivenessOfThree, ClearingGossipTakesNobodyDown) {
  world_.step(0, [](Membership& machine, LocalTime) { machine.clear_gossip(); });
  EXPECT_TRUE(world_.all_see_each_other({0, 1, 2}));
  world_.run_ms(5'000);
  EXPECT_TRUE(world_.all_see_each_other({0, 1, 2}));
  for (const MemberView& view : world_.machine(0).others()) {
    EXPECT_EQ(view.word.state, SwimState::kAlive);
  }
}

class LivenessAlone : public testing::Test {
 protected:
  LivenessAlone() { liveness_.set_members(*sample_document(), 1, 7); }

  /// Asks member 2, which answers at once by its own clock; the answer is read so much later.
  void ask_and_answer(uint64_t read_later_ms) {
    SwimEffects effects;
    liveness_.look_at(2, now_, &effects);
    ASSERT_EQ(effects.sends.size(), 1u);
    Gossip answer;
    answer.sender = {2, 1002, 77};
    answer.unix_ms = now_.unix_ms + kAheadMs;
    answer.message.kind = SwimKind::kAck;
    answer.message.sequence = effects.sends[0].message.sequence;
    answer.message.subject = 2;
    answer.message.incarnation = 1;
    now_.mono_us += read_later_ms * 1000;
    now_.unix_ms += read_later_ms;
    liveness_.receive(answer, now_, &effects);
  }

  bool is_up() const { return liveness_.find(2)->is_up; }

  static constexpr uint64_t kAheadMs = 300;
  LocalTime now_{5'000'000, 1'700'000'000'000};
  Liveness liveness_;
};

TEST_F(LivenessAlone, WhoWasJustTakenInIsUpUntilTheFirstQuestionStaysUnanswered) {
  SwimEffects effects;
  EXPECT_FALSE(is_up());
  liveness_.expect(2, now_, &effects);
  EXPECT_TRUE(is_up());
  ASSERT_EQ(effects.changes.size(), 1u);
  for (int ms = 0; ms < 4'000 && is_up(); ms += 10) {
    now_.mono_us += 10'000;
    now_.unix_ms += 10;
    liveness_.tick(now_, &effects);
  }
  EXPECT_FALSE(is_up());
  liveness_.expect(2, now_, &effects);
  EXPECT_FALSE(is_up()) << "it is known by now";
}

TEST_F(LivenessAlone, WhoWasJustTakenInIsDownOnceItsLinkBreaks) {
  SwimEffects effects;
  liveness_.expect(2, now_, &effects);
  liveness_.link_lost(2, now_, &effects);
  EXPECT_FALSE(is_up());
}

TEST_F(LivenessAlone, AnAnswerTellsItsSendersClock) {
  ask_and_answer(2);
  EXPECT_EQ(liveness_.up_count(), 2u);
  EXPECT_EQ(liveness_.clock_differences_ms(), std::vector<int64_t>{kAheadMs - 1});
}

TEST_F(LivenessAlone, AnAnswerThatThisNodeSleptThroughTellsNoClock) {
  ask_and_answer(40'000);
  EXPECT_EQ(liveness_.up_count(), 2u);
  EXPECT_TRUE(liveness_.clock_differences_ms().empty());
}

}  // namespace
}  // namespace kindred::membership_test
