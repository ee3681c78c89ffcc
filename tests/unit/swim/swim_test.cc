// One machine, its messages written by hand.

#include "replication/membership/swim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

namespace kindred {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr NodeId kSelf = 100;
constexpr uint64_t kMs = 1000;
constexpr uint64_t kPeriodMs = 500;

class OneSwim : public testing::Test {
 protected:
  OneSwim() {
    swim_.set_members(std::vector<NodeId>{1, 2, 3});
    tick();
  }

  void tick() { swim_.tick(now_us_, &effects_); }
  /// Lets time pass, step by step as the machine asks for it. Members of `answering` answer.
  void run_ms(uint64_t ms, const std::vector<NodeId>& answering) {
    const uint64_t end_us = now_us_ + ms * kMs;
    answer(answering);
    while (swim_.next_deadline_us() <= end_us) {
      now_us_ = std::max(now_us_, swim_.next_deadline_us());
      tick();
      answer(answering);
    }
    now_us_ = end_us;
  }
  /// Answers the questions sent so far, a millisecond later.
  void answer(const std::vector<NodeId>& answering) {
    const auto sends = std::exchange(effects_.sends, {});
    for (const SwimEffects::Send& send : sends) {
      sent_.push_back(send);
      if (send.message.kind == SwimKind::kPing && std::ranges::count(answering, send.to) > 0) {
        now_us_ += kMs;
        swim_.receive(send.to, ack(send.to, send.message.sequence), now_us_, &effects_);
      }
    }
  }
  static SwimMessage ack(NodeId subject, uint64_t sequence) {
    SwimMessage message;
    message.kind = SwimKind::kAck;
    message.sequence = sequence;
    message.subject = subject;
    message.incarnation = 1;
    return message;
  }
  static SwimMessage ping_with(std::vector<Rumour> rumours) {
    SwimMessage message;
    message.kind = SwimKind::kPing;
    message.incarnation = 1;
    message.rumours = std::move(rumours);
    return message;
  }
  void hear(NodeId from, std::vector<Rumour> rumours) {
    swim_.receive(from, ping_with(std::move(rumours)), now_us_, &effects_);
  }
  void all_up() {
    run_ms(2 * kPeriodMs, {1, 2, 3});
    ASSERT_EQ(swim_.up_count(), 4u);
    effects_.changes.clear();
    sent_.clear();
  }
  std::vector<SwimEffects::Send> sent(SwimKind kind) {
    std::vector<SwimEffects::Send> found;
    for (const auto* list : {&sent_, &effects_.sends}) {
      std::ranges::copy_if(*list, std::back_inserter(found), [kind](const SwimEffects::Send& send) {
        return send.message.kind == kind;
      });
    }
    return found;
  }
  SwimState word(NodeId member) { return swim_.find(member)->word.state; }

  uint64_t now_us_ = 5'000'000;
  Swim swim_{kSelf, SwimConfig{}, 7};
  SwimEffects effects_;
  std::vector<SwimEffects::Send> sent_;  // taken out of effects_
};

TEST_F(OneSwim, EverybodyIsDownUntilTheyAnswer) {
  EXPECT_EQ(swim_.up_count(), 1u);
  EXPECT_TRUE(swim_.is_up(kSelf));
  run_ms(3'000, {2});
  EXPECT_TRUE(swim_.is_up(2));
  EXPECT_EQ(swim_.up_count(), 2u);
  EXPECT_THAT(effects_.changes, SizeIs(1));
}

TEST_F(OneSwim, APingIsAnsweredByItsSequenceAndReturned) {
  SwimMessage ping = ping_with({});
  ping.sequence = 77;
  swim_.receive(1, ping, now_us_, &effects_);
  ASSERT_THAT(effects_.sends, SizeIs(2));
  EXPECT_EQ(effects_.sends[0].to, 1u);
  EXPECT_EQ(effects_.sends[0].message.kind, SwimKind::kAck);
  EXPECT_EQ(effects_.sends[0].message.sequence, 77u);
  EXPECT_EQ(effects_.sends[0].message.subject, kSelf);
  EXPECT_EQ(effects_.sends[1].message.kind, SwimKind::kPing);  // is the way there open, too?
}

TEST_F(OneSwim, AnswersToNoQuestionProveNothing) {
  run_ms(kPeriodMs, {});
  const auto pings = sent(SwimKind::kPing);
  ASSERT_THAT(pings, testing::Not(IsEmpty()));
  const NodeId asked = pings[0].to;
  const NodeId other = asked == 1 ? 2 : 1;
  swim_.receive(asked, ack(asked, 12345), now_us_, &effects_);
  swim_.receive(other, ack(other, pings[0].message.sequence), now_us_, &effects_);
  EXPECT_FALSE(swim_.is_up(asked));
  EXPECT_FALSE(swim_.is_up(other));
  swim_.receive(asked, ack(asked, pings[0].message.sequence), now_us_, &effects_);
  EXPECT_TRUE(swim_.is_up(asked));
}

TEST_F(OneSwim, SilenceIsDownWithinTwoSecondsAndOnce) {
  all_up();
  const uint64_t begin_us = now_us_;
  while (swim_.is_up(3)) {
    run_ms(10, {1, 2});
  }
  EXPECT_GE(now_us_ - begin_us, 1'000 * kMs);
  EXPECT_LE(now_us_ - begin_us, 1'800 * kMs);
  run_ms(10'000, {1, 2});
  ASSERT_THAT(effects_.changes, SizeIs(1));
  EXPECT_EQ(word(3), SwimState::kDead);
  EXPECT_EQ(swim_.metrics().suspicions, 1u);
  run_ms(kPeriodMs, {1, 2, 3});
  EXPECT_TRUE(swim_.is_up(3));
  EXPECT_THAT(effects_.changes, SizeIs(2));
}

TEST_F(OneSwim, ABrokenLinkIsDownAtOnceAndOldAnswersDontMendIt) {
  all_up();
  effects_.sends.clear();
  run_ms(kPeriodMs, {});
  const auto pings = sent(SwimKind::kPing);
  swim_.link_lost(1, now_us_, &effects_);
  EXPECT_FALSE(swim_.is_up(1));
  for (const SwimEffects::Send& ping : pings) {
    swim_.receive(ping.to, ack(ping.to, ping.message.sequence), now_us_, &effects_);
  }
  EXPECT_FALSE(swim_.is_up(1));
  EXPECT_THAT(sent(SwimKind::kPingRequest), SizeIs(testing::Ge(2u)));
}

TEST_F(OneSwim, WhomAHelperReachesIsNotAccused) {
  all_up();
  swim_.link_lost(1, now_us_, &effects_);
  const auto requests = sent(SwimKind::kPingRequest);
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].message.subject, 1u);
  EXPECT_NE(requests[0].to, requests[1].to);
  for (int period = 0; period < 10; ++period) {
    for (const auto& request : sent(SwimKind::kPingRequest)) {
      swim_.receive(request.to, ack(1, request.message.sequence), now_us_, &effects_);
    }
    run_ms(200, {2, 3});
  }
  EXPECT_FALSE(swim_.is_up(1));  // for this node it is: no link, no use
  EXPECT_EQ(word(1), SwimState::kAlive);
  EXPECT_EQ(swim_.metrics().suspicions, 0u);
}

TEST_F(OneSwim, HelpsByAskingAndPassesTheAnswerOn) {
  all_up();
  SwimMessage request;
  request.kind = SwimKind::kPingRequest;
  request.sequence = 99;
  request.subject = 3;
  request.incarnation = 1;
  effects_.sends.clear();
  swim_.receive(1, request, now_us_, &effects_);
  ASSERT_THAT(effects_.sends, SizeIs(1));
  ASSERT_EQ(effects_.sends[0].to, 3u);
  const uint64_t sequence = effects_.sends[0].message.sequence;
  effects_.sends.clear();
  swim_.receive(3, ack(3, sequence), now_us_ + kMs, &effects_);
  ASSERT_THAT(effects_.sends, SizeIs(1));
  EXPECT_EQ(effects_.sends[0].to, 1u);
  EXPECT_EQ(effects_.sends[0].message.kind, SwimKind::kAck);
  EXPECT_EQ(effects_.sends[0].message.sequence, 99u);
  EXPECT_EQ(effects_.sends[0].message.subject, 3u);
}

TEST_F(OneSwim, HelpIsBounded) {
  all_up();
  SwimMessage request;
  request.kind = SwimKind::kPingRequest;
  request.subject = 3;
  request.incarnation = 1;
  effects_.sends.clear();
  for (int i = 0; i < 1'000; ++i) {
    swim_.receive(1, request, now_us_, &effects_);
  }
  EXPECT_THAT(effects_.sends, SizeIs(64));
}

TEST_F(OneSwim, WhomNobodyAnswersAccusesNobody) {
  all_up();
  run_ms(20'000, {});
  EXPECT_EQ(swim_.up_count(), 1u);
  EXPECT_EQ(swim_.metrics().suspicions, 0u);
  EXPECT_EQ(word(1), SwimState::kAlive);
  run_ms(kPeriodMs + 100, {1, 2, 3});
  EXPECT_EQ(swim_.up_count(), 4u);
  EXPECT_THAT(effects_.changes, SizeIs(6));
}

TEST_F(OneSwim, ItsOwnPauseIsNobodysSilence) {
  all_up();
  now_us_ = swim_.next_deadline_us();
  tick();  // questions are under way
  const auto pings = std::exchange(effects_.sends, {});
  now_us_ += 40'000 * kMs;
  tick();
  EXPECT_THAT(effects_.changes, IsEmpty());
  for (const SwimEffects::Send& ping : pings) {
    if (ping.message.kind == SwimKind::kPing) {
      swim_.receive(ping.to, ack(ping.to, ping.message.sequence), now_us_, &effects_);
    }
  }
  run_ms(5'000, {1, 2, 3});
  EXPECT_THAT(effects_.changes, IsEmpty());
  EXPECT_EQ(swim_.metrics().suspicions, 0u);
}

TEST_F(OneSwim, AnAccusationIsRefutedByAHigherIncarnation) {
  EXPECT_EQ(swim_.incarnation(), 1u);
  hear(1, {{kSelf, 1, SwimState::kSuspect, 0}});
  EXPECT_EQ(swim_.incarnation(), 2u);
  EXPECT_EQ(effects_.sends.front().message.incarnation, 2u);
  EXPECT_THAT(effects_.sends.front().message.rumours,
              Contains(Rumour{kSelf, 2, SwimState::kAlive, 0}));
  hear(1, {{kSelf, 1, SwimState::kDead, 0}});  // old by now
  EXPECT_EQ(swim_.incarnation(), 2u);
  hear(1, {{kSelf, 7, SwimState::kDead, 0}});  // of the process before this one
  EXPECT_EQ(swim_.incarnation(), 8u);
  EXPECT_EQ(swim_.metrics().refutations, 2u);
  hear(1, {{kSelf, 9, SwimState::kAlive, 3}});  // likewise
  EXPECT_EQ(swim_.incarnation(), 10u);
}

TEST_F(OneSwim, JumpsOfIncarnationsAreBounded) {
  all_up();
  hear(1, {{2, 2 + Swim::kIncarnationJumpMax, SwimState::kDead, 0}});
  EXPECT_EQ(word(2), SwimState::kAlive);
  hear(1, {{kSelf, 2 + Swim::kIncarnationJumpMax, SwimState::kDead, 0}});
  EXPECT_EQ(swim_.incarnation(), 1u);
  EXPECT_EQ(swim_.metrics().rejected, 2u);
  hear(1, {{2, 1 + Swim::kIncarnationJumpMax, SwimState::kAlive, 0}});
  EXPECT_EQ(swim_.find(2)->word.incarnation, 1 + Swim::kIncarnationJumpMax);
}

TEST_F(OneSwim, MalformedMessagesChangeNothing) {
  all_up();
  const SwimMessage sane = ping_with({{2, 1, SwimState::kDead, 0}});
  std::vector<SwimMessage> malformed(6, sane);
  malformed[0].kind = static_cast<SwimKind>(0);
  malformed[1].kind = static_cast<SwimKind>(99);
  malformed[2].incarnation = 0;
  malformed[3].rumours[0].state = static_cast<SwimState>(4);
  malformed[4].rumours.resize(Swim::kRumoursMax + 1, malformed[4].rumours[0]);
  malformed[5].digests.resize(3);
  effects_.sends.clear();
  for (const SwimMessage& message : malformed) {
    swim_.receive(1, message, now_us_, &effects_);
  }
  swim_.receive(55, sane, now_us_, &effects_);  // no member
  EXPECT_THAT(effects_.sends, IsEmpty());
  EXPECT_EQ(word(2), SwimState::kAlive);
  EXPECT_EQ(swim_.metrics().rejected, 7u);
  hear(1, {{66, 1, SwimState::kDead, 0}});  // about no member
  EXPECT_EQ(swim_.metrics().rejected, 7u);
  EXPECT_EQ(swim_.find(66), nullptr);
}

TEST_F(OneSwim, OthersWordDoesNotStandAgainstAFreshLink) {
  all_up();
  hear(1, {{2, 1, SwimState::kDead, 0}});
  EXPECT_TRUE(swim_.is_up(2));
  // It is asked at once, and told what to refute.
  const auto pings = sent(SwimKind::kPing);
  ASSERT_THAT(pings, testing::Not(IsEmpty()));
  EXPECT_EQ(pings.back().to, 2u);
  EXPECT_THAT(pings.back().message.rumours, Contains(Rumour{2, 1, SwimState::kDead, 0}));
  run_ms(1'000, {1, 2, 3});
  EXPECT_THAT(effects_.changes, IsEmpty());
  hear(2, {{2, 2, SwimState::kAlive, 0}});
  EXPECT_EQ(word(2), SwimState::kAlive);
}

TEST_F(OneSwim, TheAccusedIsToldWheneverItIsAsked) {
  all_up();
  run_ms(60'000, {1, 2});
  sent_.clear();
  run_ms(2 * kPeriodMs, {1, 2});
  std::size_t asked = 0;
  for (const SwimEffects::Send& send : sent(SwimKind::kPing)) {
    const bool is_told =
        std::ranges::count(send.message.rumours, Rumour{3, 1, SwimState::kDead, 0}) == 1;
    EXPECT_EQ(is_told, send.to == 3);
    asked += send.to == 3 ? 1 : 0;
  }
  EXPECT_EQ(asked, 2u);
}

TEST_F(OneSwim, ASuspicionThatNobodyRefutesIsADeath) {
  swim_.set_members(std::vector<NodeId>{1, 2, 3, 9});
  all_up();
  hear(1, {{9, 1, SwimState::kAlive, 0}});
  EXPECT_TRUE(swim_.is_up(9));  // never asked: by hearsay
  hear(1, {{9, 1, SwimState::kSuspect, 0}});
  EXPECT_TRUE(swim_.is_up(9));
  hear(1, {{9, 2, SwimState::kAlive, 0}});  // refuted
  run_ms(400, {1, 2, 3});
  EXPECT_TRUE(swim_.is_up(9));
  hear(1, {{9, 2, SwimState::kSuspect, 0}});
  run_ms(3'000, {1, 2, 3});
  EXPECT_FALSE(swim_.is_up(9));
  EXPECT_EQ(word(9), SwimState::kDead);
}

TEST_F(OneSwim, WhoAnswersIsNotDeclaredDead) {
  all_up();
  hear(1, {{2, 1, SwimState::kSuspect, 0}});
  run_ms(10'000, {1, 2, 3});  // it answers, but its refutation never comes
  EXPECT_EQ(word(2), SwimState::kSuspect);
  EXPECT_TRUE(swim_.is_up(2));
  run_ms(5'000, {1, 3});
  EXPECT_EQ(word(2), SwimState::kDead);
  EXPECT_FALSE(swim_.is_up(2));
}

TEST_F(OneSwim, TheSuspectedIsAskedAtOnceAndAnOldAnswerDoesNotSaveIt) {
  all_up();
  while (swim_.find(2)->probed_us + 100 * kMs > now_us_) {
    run_ms(10, {1, 2, 3});
  }
  sent_.clear();
  hear(1, {{2, 1, SwimState::kSuspect, 0}});
  const auto pings = sent(SwimKind::kPing);
  ASSERT_THAT(pings, SizeIs(1));
  EXPECT_EQ(pings[0].to, 2u);
  run_ms(600, {1, 3});
  EXPECT_TRUE(swim_.is_up(2));
  run_ms(200, {1, 3});  // sooner than its silence alone would take
  EXPECT_FALSE(swim_.is_up(2));
}

TEST_F(OneSwim, AnAnswerFromLongAgoDoesNotStandAgainstOthersWord) {
  std::vector<NodeId> others(40);
  std::iota(others.begin(), others.end(), 1);
  swim_.set_members(others);
  run_ms(15 * kPeriodMs, others);
  hear(1, {{7, 1, SwimState::kSuspect, 0}});
  hear(1, {{7, 2, SwimState::kAlive, 0}});  // refuted, and answered many times since
  run_ms(20'000, others);
  while (swim_.find(7)->answered_us + 1'300 * kMs > now_us_) {
    run_ms(10, others);
  }
  ASSERT_TRUE(swim_.is_up(7));
  hear(1, {{7, 2, SwimState::kDead, 0}});
  EXPECT_FALSE(swim_.is_up(7));
}

TEST_F(OneSwim, WhoOwesAnAnswerIsAskedEachPeriod) {
  std::vector<NodeId> others(40);
  std::iota(others.begin(), others.end(), 1);
  swim_.set_members(others);
  run_ms(15 * kPeriodMs, others);
  ASSERT_EQ(swim_.up_count(), 41u);
  std::erase(others, NodeId{7});
  sent_.clear();
  const auto asked_seven = [](const SwimEffects::Send& send) {
    return send.to == 7 && send.message.kind == SwimKind::kPing;
  };
  while (std::ranges::none_of(sent_, asked_seven)) {
    run_ms(10, others);
  }
  run_ms(2 * kPeriodMs, others);
  EXPECT_EQ(std::ranges::count_if(sent_, asked_seven), 3);
}

TEST_F(OneSwim, FlagsSpreadUnderANewIncarnation) {
  all_up();
  swim_.set_flags(1);
  EXPECT_EQ(swim_.incarnation(), 2u);
  swim_.set_flags(1);
  EXPECT_EQ(swim_.incarnation(), 2u);
  hear(1, {});
  EXPECT_EQ(effects_.sends.front().message.flags, 1);
  SwimMessage flagged = ping_with({});
  flagged.incarnation = 2;
  flagged.flags = 5;
  swim_.receive(2, flagged, now_us_, &effects_);
  EXPECT_EQ(swim_.find(2)->word.flags, 5);
}

TEST_F(OneSwim, ANewProcessIsToldTheWordOfTheOneBefore) {
  all_up();
  hear(1, {{2, 9, SwimState::kAlive, 1}});
  run_ms(20'000, {1, 2, 3});  // by then it has been told as often as any word is
  effects_.sends.clear();
  hear(2, {});  // of incarnation 1
  ASSERT_EQ(effects_.sends.front().message.kind, SwimKind::kAck);
  EXPECT_THAT(effects_.sends.front().message.rumours, Contains(Rumour{2, 9, SwimState::kAlive, 1}));
  hear(1, {{kSelf, 9, SwimState::kAlive, 1}});
  EXPECT_EQ(swim_.incarnation(), 10u);
}

TEST_F(OneSwim, AMembersOwnFirstWordMayBeOfAnyIncarnation) {
  SwimMessage ping = ping_with({{2, 2 * Swim::kIncarnationJumpMax, SwimState::kAlive, 0}});
  ping.incarnation = 3 * Swim::kIncarnationJumpMax;
  swim_.receive(1, ping, now_us_, &effects_);
  EXPECT_EQ(swim_.find(1)->word.incarnation, 3 * Swim::kIncarnationJumpMax);
  EXPECT_EQ(swim_.find(2)->word.state, SwimState::kUnknown);
  ping.incarnation = Swim::kIncarnationMax + 1;
  swim_.receive(3, ping, now_us_, &effects_);
  EXPECT_EQ(swim_.find(3)->word.state, SwimState::kUnknown);
}

TEST_F(OneSwim, AnAnswersRoundTripHoldsThisNodesPause) {
  run_ms(kPeriodMs, {});
  const auto pings = sent(SwimKind::kPing);
  ASSERT_THAT(pings, testing::Not(IsEmpty()));
  const uint64_t begin_us = now_us_;
  now_us_ += 40'000 * kMs;
  swim_.receive(pings[0].to, ack(pings[0].to, pings[0].message.sequence), now_us_, &effects_);
  ASSERT_THAT(effects_.answers, SizeIs(1));
  EXPECT_EQ(effects_.answers[0].member, pings[0].to);
  EXPECT_GE(effects_.answers[0].round_trip_us, now_us_ - begin_us);
  EXPECT_LE(effects_.answers[0].round_trip_us, now_us_ - begin_us + kPeriodMs * kMs);
}

TEST_F(OneSwim, AnAnswerForANodeThatIsNoMemberAnyMoreGoesNowhere) {
  all_up();
  SwimMessage request;
  request.kind = SwimKind::kPingRequest;
  request.sequence = 5;
  request.subject = 2;
  request.incarnation = 1;
  swim_.receive(1, request, now_us_, &effects_);
  ASSERT_EQ(effects_.sends.back().message.kind, SwimKind::kPing);
  const uint64_t sequence = effects_.sends.back().message.sequence;
  swim_.set_members(std::vector<NodeId>{2, 3});
  effects_.sends.clear();
  swim_.receive(2, ack(2, sequence), now_us_, &effects_);
  EXPECT_THAT(effects_.answers, testing::Not(IsEmpty()));
  EXPECT_THAT(effects_.sends, IsEmpty());
}

TEST_F(OneSwim, AWordIsToldABoundedNumberOfTimes) {
  all_up();
  run_ms(20'000, {1, 2, 3});
  sent_.clear();
  hear(1, {{3, 2, SwimState::kAlive, 0}});
  std::size_t tellings = 0;
  run_ms(20'000, {1, 2, 3});
  for (const SwimEffects::Send& send : sent_) {
    tellings += std::ranges::count(send.message.rumours, NodeId{3}, &Rumour::node);
  }
  EXPECT_EQ(tellings, 6u);  // three for each doubling of three
}

class OneSwimExchange : public OneSwim {
 protected:
  void exchange(std::vector<Rumour> rumours) {
    SwimMessage message;
    message.kind = SwimKind::kExchange;
    message.incarnation = 1;
    message.buckets = UINT32_MAX;
    message.rumours = std::move(rumours);
    swim_.receive(1, message, now_us_, &effects_);
  }
  SwimMessage own_digest() {
    for (int steps = 0; steps < 100; ++steps) {
      now_us_ = swim_.next_deadline_us();
      tick();
      for (const auto& send : effects_.sends) {
        if (send.message.kind == SwimKind::kDigest) {
          return send.message;
        }
      }
      answer({1, 2, 3});
    }
    ADD_FAILURE() << "it compares with nobody";
    return {};
  }
};

TEST_F(OneSwimExchange, EqualDigestsEndIt) {
  all_up();
  SwimMessage digest = own_digest();
  EXPECT_THAT(digest.digests, SizeIs(Swim::kBuckets));
  digest.incarnation = 1;
  effects_.sends.clear();
  swim_.receive(1, digest, now_us_, &effects_);
  EXPECT_THAT(effects_.sends, IsEmpty());
  digest.digests[5] ^= 1;
  swim_.receive(1, digest, now_us_, &effects_);
  ASSERT_THAT(effects_.sends, SizeIs(1));
  EXPECT_EQ(effects_.sends[0].message.kind, SwimKind::kExchange);
  EXPECT_EQ(effects_.sends[0].message.buckets, 1u << 5);
}

TEST_F(OneSwimExchange, BothEndWithTheHigherWords) {
  all_up();
  effects_.sends.clear();
  exchange({{2, 4, SwimState::kAlive, 0}});
  EXPECT_EQ(swim_.find(2)->word.incarnation, 4u);
  ASSERT_EQ(effects_.sends.back().message.kind, SwimKind::kExchangeReply);
  EXPECT_THAT(effects_.sends.back().message.rumours,
              testing::UnorderedElementsAre(
                  Rumour{kSelf, 1, SwimState::kAlive, 0}, Rumour{1, 1, SwimState::kAlive, 0},
                  Rumour{2, 4, SwimState::kAlive, 0}, Rumour{3, 1, SwimState::kAlive, 0}));
}

TEST_F(OneSwimExchange, NeverTakesAMemberDown) {
  swim_.set_members(std::vector<NodeId>{1, 2, 3, 9});
  all_up();
  hear(1, {{9, 1, SwimState::kAlive, 0}});
  effects_.changes.clear();
  effects_.sends.clear();
  sent_.clear();
  exchange({{9, 1, SwimState::kDead, 0}, {2, 1, SwimState::kSuspect, 0}});
  EXPECT_THAT(effects_.changes, IsEmpty());
  EXPECT_EQ(word(9), SwimState::kAlive);
  const auto pings = sent(SwimKind::kPing);
  const auto to_nine = std::ranges::find(pings, NodeId{9}, &SwimEffects::Send::to);
  ASSERT_NE(to_nine, pings.end());
  EXPECT_THAT(to_nine->message.rumours, Contains(Rumour{9, 1, SwimState::kDead, 0}));
}

TEST_F(OneSwimExchange, ClearedGossipKeepsOpinionsAndIsLearntAnew) {
  all_up();
  run_ms(5'000, {1, 2});
  ASSERT_EQ(word(3), SwimState::kDead);
  effects_.changes.clear();
  swim_.clear_gossip();
  EXPECT_EQ(word(3), SwimState::kUnknown);
  EXPECT_TRUE(swim_.is_up(1));
  EXPECT_FALSE(swim_.is_up(3));
  exchange({{3, 6, SwimState::kDead, 0}, {2, 1, SwimState::kAlive, 0}});
  EXPECT_EQ(word(3), SwimState::kDead);
  EXPECT_EQ(word(2), SwimState::kAlive);
  EXPECT_THAT(effects_.changes, IsEmpty());
}

TEST_F(OneSwim, MembersThatStayKeepWhatIsKnownOfThem) {
  all_up();
  swim_.set_members(std::vector<NodeId>{2, 4});
  EXPECT_TRUE(swim_.is_up(2));
  EXPECT_FALSE(swim_.is_up(4));
  EXPECT_EQ(swim_.find(1), nullptr);
  run_ms(3'000, {2, 4});
  EXPECT_TRUE(swim_.is_up(4));
  swim_.set_members({});
  EXPECT_EQ(swim_.next_deadline_us(), Swim::kNever);
}

TEST_F(OneSwim, MessagesAreAsLargeAsCounted) {
  SwimMessage message;
  const std::size_t empty = encoded_bytes(message);
  message.rumours.resize(3);
  EXPECT_EQ(encoded_bytes(message), empty + 3 * 18);
  message.digests.resize(Swim::kBuckets);
  EXPECT_EQ(encoded_bytes(message), empty + 3 * 18 + 256);
}

}  // namespace
}  // namespace kindred
