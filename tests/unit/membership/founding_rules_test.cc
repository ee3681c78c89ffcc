#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "replication/membership/founding.h"

namespace kindred::membership_test {
namespace {

using testing::HasSubstr;

Address address_of(uint64_t node) {
  return {"127.0.0.1", static_cast<uint16_t>(17000 + node)};
}

/// The node with id `node` in its first directory.
Member member(uint64_t node) {
  Member listed;
  listed.id = node;
  listed.directory = 100 + node;
  listed.client_address = {"127.0.0.1", 7000};
  listed.peer_address = address_of(node);
  return listed;
}

Promise promise_to(uint64_t node) {
  return {node, 100 + node, address_of(node)};
}

/// Node 5 of the nodes 3, 5 and 8, which name each other.
class FoundingRules : public testing::Test {
 protected:
  static constexpr uint64_t kNowUs = 10'000'000;

  static std::vector<Address> all() { return {address_of(3), address_of(5), address_of(8)}; }

  static Hello hello(const Member& from, const Promise& promise) {
    return {{from.id, from.directory, 0}, true, from.peer_address, from, all(), promise};
  }
  void hears(uint64_t node, const Promise& promise = {}) {
    founding_.heard(address_of(node), hello(member(node), promise), kNowUs);
  }
  template <typename Wanted>
  Wanted decides(const Promise& own = {}) {
    founding_.watch(own);
    const FoundingDecision decision = founding_.decide(own, kNowUs);
    EXPECT_TRUE(std::holds_alternative<Wanted>(decision)) << decision.index();
    const Wanted* wanted = std::get_if<Wanted>(&decision);
    return wanted ? *wanted : Wanted{};
  }

  Founding founding_{member(5), all()};
};

TEST_F(FoundingRules, NothingHappensBeforeAllAreHeard) {
  hears(3);
  EXPECT_EQ(decides<FoundingWait>().reason, "no answer yet from 127.0.0.1:17008");
  hears(8);
  founding_.lost(address_of(3));
  EXPECT_EQ(decides<FoundingWait>().reason, "no answer yet from 127.0.0.1:17003");
}

TEST_F(FoundingRules, WhatWasHeardLongAgoDoesNotCount) {
  hears(3);
  hears(8);
  const FoundingDecision decision = founding_.decide({}, kNowUs + Founding::kFreshUsMax + 1);
  EXPECT_TRUE(std::holds_alternative<FoundingWait>(decision));
}

TEST_F(FoundingRules, TheLowestIsPromised) {
  hears(3);
  hears(8);
  EXPECT_EQ(decides<FoundingPromise>().promise, promise_to(3));
}

TEST_F(FoundingRules, TheLowestThatPromisedNobodyIsPromised) {
  hears(3, promise_to(1));
  hears(8);
  EXPECT_THAT(decides<FoundingWait>().reason, HasSubstr("the promise of node 0000000000000003"));
}

TEST_F(FoundingRules, FoundsWithThePromisesOfAllInThisDirectory) {
  hears(3, promise_to(5));
  hears(8, {5, 999, address_of(5)});
  EXPECT_THAT(decides<FoundingWait>().reason, HasSubstr("the promise of node 0000000000000008"));
  hears(8, promise_to(5));
  EXPECT_EQ(decides<FoundingReady>().members.size(), 3u);
}

TEST_F(FoundingRules, WhoPromisedNeverFounds) {
  hears(3, promise_to(5));
  hears(8, promise_to(5));
  decides<FoundingWait>(promise_to(3));
}

TEST_F(FoundingRules, PromiseIsKeptWhileItsNodeMayFound) {
  hears(3);
  hears(8);
  EXPECT_THAT(decides<FoundingWait>(promise_to(8)).reason, HasSubstr("founds the cluster as soon"));
}

TEST_F(FoundingRules, PromiseMovesOnceItsNodePromisedAnother) {
  hears(3);
  hears(8, promise_to(3));
  EXPECT_EQ(decides<FoundingPromise>(promise_to(8)).promise, promise_to(3));
}

TEST_F(FoundingRules, PromiseMovesOnceItsDirectoryIsGone) {
  hears(3);
  hears(8);
  Promise gone = promise_to(8);
  gone.node = 2;
  gone.directory = 102;  // was at the address where node 8 is now
  EXPECT_EQ(decides<FoundingPromise>(gone).promise, promise_to(3));
}

TEST_F(FoundingRules, PromiseStaysWhileItsNodeIsSilent) {
  hears(3);
  hears(8);
  EXPECT_THAT(decides<FoundingWait>(promise_to(1)).reason,
              HasSubstr("127.0.0.1:17001, which does not answer"));
}

TEST_F(FoundingRules, ClusterInSightStopsFounding) {
  hears(3, promise_to(5));
  hears(8, promise_to(5));
  Hello member_of_one = hello(member(8), {});
  member_of_one.sender.cluster = 77;
  founding_.heard(address_of(8), member_of_one, kNowUs);
  EXPECT_THAT(decides<FoundingWait>().reason, HasSubstr("is in cluster 000000000000004d"));
}

TEST_F(FoundingRules, WhereAllAreBoundTheLowestStartsAnew) {
  hears(6);
  founding_ = Founding(member(5), {address_of(8)});
  Hello bound = hello(member(8), promise_to(5));
  bound.seeds = {};
  founding_.heard(address_of(8), bound, kNowUs);
  decides<FoundingRenewal>(Promise{8, 555, address_of(8)});

  founding_ = Founding(member(9), {address_of(8)});
  founding_.heard(address_of(8), bound, kNowUs);
  EXPECT_THAT(decides<FoundingWait>(Promise{8, 555, address_of(8)}).reason,
              HasSubstr("is to start anew"));
}

TEST_F(FoundingRules, WordsOfALostDirectoryAreVoid) {
  hears(3);
  hears(8);
  Member renewed = member(8);
  renewed.id = 4;
  renewed.directory = 400;
  founding_.heard(address_of(8), hello(renewed, {}), kNowUs);
  EXPECT_TRUE(founding_.is_superseded(108));
  hears(8);
  EXPECT_TRUE(founding_.is_node_of_closure(4, kNowUs));
  EXPECT_FALSE(founding_.is_node_of_closure(8, kNowUs));
}

TEST_F(FoundingRules, TwoNodesAtOneAddressAreAMistake) {
  hears(3, promise_to(5));
  Member twin = member(8);
  twin.peer_address = address_of(3);
  founding_.heard(address_of(8), hello(twin, promise_to(5)), kNowUs);
  EXPECT_THAT(decides<FoundingWait>().reason, HasSubstr("two nodes announce themselves as"));
}

}  // namespace
}  // namespace kindred::membership_test
