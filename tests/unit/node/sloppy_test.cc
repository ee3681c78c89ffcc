#include "tests/unit/node/node.h"

namespace kindred::node_test {
namespace {

ShardConfig sloppy_config(uint8_t read = 2, uint8_t write = 2) {
  ShardConfig config = Node::default_config();
  config.quorum.is_sloppy = true;
  config.quorum.read = read;
  config.quorum.write = write;
  return config;
}

const std::vector<NodeId> kOwners = {1, 2, 3};   // of which 1 is this node; 4 is the fallback
const std::vector<NodeId> kNotHere = {2, 3, 4};  // this node is the fallback

NodeId target_of(const Sent& sent) {
  return sent.as<Replicate>()->key.hint_for;
}

/// The one message that asks `holder` to keep a hint.
Sent hint_to(const std::vector<Sent>& sent, NodeId holder) {
  for (const Sent& one : sent) {
    if (one.to == holder && target_of(one) != 0) {
      return one;
    }
  }
  ADD_FAILURE() << "no hint for node " << holder;
  return {};
}

class Sloppy : public ::testing::Test {
 protected:
  Node node_{kOwners, sloppy_config()};
};

TEST_F(Sloppy, APrimaryThatIsDownGetsAHintThatCounts) {
  node_.shard().set_alive(3, false, node_.now);
  const ClientToken token = node_.submit(Node::set("v"));
  const auto writes = node_.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(writes[0].to, 2U);
  EXPECT_EQ(target_of(writes[0]), 0U);
  const Sent hint = hint_to(writes, 4);
  EXPECT_EQ(target_of(hint), 3U);
  EXPECT_EQ(text(node_.state_in(hint).siblings.at(0).value), "v") << "the whole state";
  EXPECT_FALSE(node_.replied(token));
  node_.ack(hint);
  ASSERT_TRUE(node_.replied(token));
  EXPECT_EQ(node_.outcome(token).code, OutcomeCode::kOk);
  EXPECT_FALSE(node_.outcome(token).strict);
  node_.ack(writes[0]);
  EXPECT_EQ(node_.shard().operations_in_flight(), 0U);
}

TEST(Strict, AHintIsKeptAndCountsForNothing) {
  Node node(kOwners);
  node.shard().set_alive(3, false, node.now);
  const ClientToken token = node.submit(Node::set("v"));
  const auto writes = node.ports.take<Replicate>();
  node.ack(hint_to(writes, 4));
  EXPECT_FALSE(node.replied(token));
  node.ack(writes[0]);
  ASSERT_TRUE(node.replied(token));
  EXPECT_TRUE(node.outcome(token).strict);
  node.shard().set_alive(2, false, node.now);
  const ClientToken alone = node.submit(Node::set("w"));
  EXPECT_EQ(node.outcome(alone).code, OutcomeCode::kNoReplicas);
}

TEST_F(Sloppy, AHintNeverCountsForPW) {
  node_.shard().set_alive(3, false, node_.now);
  Operation put = Node::operation(OpKind::kPut, "v");
  put.quorum.pw = 2;
  const ClientToken token = node_.submit(put);
  const auto writes = node_.ports.take<Replicate>();
  node_.ack(hint_to(writes, 4));
  EXPECT_FALSE(node_.replied(token));
  node_.ack(writes[0]);
  EXPECT_TRUE(node_.outcome(token).strict);
  put.quorum.pw = 3;
  EXPECT_EQ(node_.outcome(node_.submit(put)).code, OutcomeCode::kNoReplicas);
}

TEST_F(Sloppy, WhereNoFallbackIsLeftTheCoordinatorKeepsTheHintWhichAddsNothing) {
  node_.shard().set_alive(2, false, node_.now);
  node_.shard().set_alive(3, false, node_.now);
  const ClientToken token = node_.submit(Node::set("v"));
  const auto writes = node_.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(target_of(writes[0]), 2U);
  EXPECT_EQ(node_.ports.held("3<k"), node_.ports.held("k"));
  EXPECT_FALSE(node_.replied(token)) << "W=2, and this node is one";
  node_.ack(writes[0]);
  EXPECT_TRUE(node_.replied(token));
  EXPECT_EQ(node_.shard().hints().pending_count(), 1U);
}

TEST_F(Sloppy, TooFewNodesAreRefusedBeforeAnythingIsStored) {
  for (NodeId peer : {2, 3, 4}) {
    node_.shard().set_alive(peer, false, node_.now);
  }
  const ClientToken token = node_.submit(Node::set("v"));
  EXPECT_EQ(node_.outcome(token).code, OutcomeCode::kNoReplicas);
  EXPECT_EQ(node_.outcome(token).seen, 1);
  EXPECT_TRUE(node_.ports.stores.empty());
}

TEST_F(Sloppy, AnAnsweredWriteStaysUntilThePrimaryThatGoesDownHasAHint) {
  const ClientToken token = node_.submit(Node::set("v"));
  const auto writes = node_.ports.take<Replicate>();
  node_.ack(writes[0]);
  EXPECT_TRUE(node_.replied(token));
  EXPECT_TRUE(node_.outcome(token).strict);
  EXPECT_EQ(node_.shard().operations_in_flight(), 1U);
  node_.shard().set_alive(3, false, node_.now);
  const Sent hint = hint_to(node_.ports.take<Replicate>(), 4);
  EXPECT_EQ(target_of(hint), 3U);
  EXPECT_EQ(node_.state_in(hint), node_.ports.held("k"));
  node_.ack(hint);
  EXPECT_EQ(node_.shard().operations_in_flight(), 0U);
}

TEST_F(Sloppy, AnAnsweredWriteIsNotAnsweredAgainWhereTheListGetsTooShortForIt) {
  Operation put = Node::operation(OpKind::kPut, "v");
  put.quorum.w = 2;
  const ClientToken token = node_.submit(put);
  node_.ack(node_.ports.take<Replicate>()[0]);
  EXPECT_TRUE(node_.replied(token));
  node_.reown({1}, 2);
  EXPECT_EQ(node_.outcome(token).code, OutcomeCode::kOk);
  node_.pass_ms(2'500);
  EXPECT_EQ(node_.shard().operations_in_flight(), 0U);
}

TEST_F(Sloppy, AnAnsweredWriteEndsWithItsLastAck) {
  node_.submit(Node::set("v"));
  const auto writes = node_.ports.take<Replicate>();
  node_.ack(writes[0]);
  node_.ack(writes[1]);
  EXPECT_EQ(node_.shard().operations_in_flight(), 0U);
  EXPECT_EQ(node_.ports.unread_messages(), 0U);
}

TEST_F(Sloppy, APrimaryThatCanNotStoreGetsAHint) {
  const ClientToken token = node_.submit(Node::set("v"));
  const auto writes = node_.ports.take<Replicate>();
  node_.ack(writes[0], AckStatus::kFailed);
  const Sent hint = hint_to(node_.ports.take<Replicate>(), 4);
  EXPECT_EQ(target_of(hint), 2U);
  node_.ack(writes[1], AckStatus::kOverloaded);
  EXPECT_FALSE(node_.ports.held("3<k").never_written()) << "the only fallback has a part already";
  EXPECT_FALSE(node_.replied(token));
  node_.ack(hint);
  EXPECT_TRUE(node_.replied(token));
}

TEST_F(Sloppy, AFallbackThatRefusesLeavesTheHintHere) {
  node_.shard().set_alive(3, false, node_.now);
  const ClientToken token = node_.submit(Node::set("v"));
  const auto writes = node_.ports.take<Replicate>();
  node_.ack(hint_to(writes, 4), AckStatus::kFailed);
  EXPECT_FALSE(node_.ports.held("3<k").never_written());
  EXPECT_FALSE(node_.replied(token));
  node_.ack(writes[0]);
  EXPECT_TRUE(node_.replied(token));
  EXPECT_TRUE(node_.outcome(token).strict);
}

TEST_F(Sloppy, WhoIsSilentTillTheTimeIsOverGetsAHint) {
  const ClientToken token = node_.submit(Node::set("v"));
  node_.ack(node_.ports.take<Replicate>()[0]);
  EXPECT_TRUE(node_.replied(token));
  node_.pass_ms(1100);
  EXPECT_EQ(target_of(hint_to(node_.ports.take<Replicate>(), 4)), 3U);
  node_.pass_ms(1100);
  EXPECT_FALSE(node_.ports.held("3<k").never_written()) << "the fallback was silent too";
  EXPECT_EQ(node_.shard().operations_in_flight(), 0U);
}

TEST_F(Sloppy, AWriteThatFailsForTimeIsHintedToo) {
  const ClientToken token = node_.submit(Node::set("v"));
  node_.ports.take<Replicate>();
  node_.pass_ms(1100);
  EXPECT_EQ(node_.outcome(token).code, OutcomeCode::kNoQuorumWrite);
  EXPECT_EQ(target_of(hint_to(node_.ports.take<Replicate>(), 4)), 2U);
  EXPECT_FALSE(node_.ports.held("3<k").never_written());
}

TEST_F(Sloppy, AReStampHintsAgain) {
  node_.shard().set_alive(3, false, node_.now);
  const ClientToken token = node_.submit(Node::set("v"));
  const auto first = node_.ports.take<Replicate>();
  node_.ack(hint_to(first, 4), AckStatus::kStored, Dot{stamp_ms_from(node_.now, 5000), 99});
  EXPECT_FALSE(node_.replied(token));
  const auto second = node_.ports.take<Replicate>();
  ASSERT_EQ(second.size(), 2U);
  node_.ack(hint_to(second, 4));
  EXPECT_TRUE(node_.replied(token));
  EXPECT_GT(node_.outcome(token).dot.stamp, stamp_ms_from(node_.now, 5000));
}

// Reads

TEST_F(Sloppy, AFallbackWithAHintCountsForRAndOneWithoutBesideAPrimary) {
  node_.shard().set_alive(2, false, node_.now);
  node_.shard().set_alive(3, false, node_.now);
  const State hinted = register_state(Dot{stamp_ms_from(node_.now, 1), 77}, "h");
  const ClientToken token = node_.submit(Node::read());
  auto fetches = node_.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U);
  EXPECT_EQ(fetches[0].to, 4U);
  EXPECT_TRUE(fetches[0].as<Fetch>()->from_hints);
  node_.answer(fetches[0], hinted);
  fetches = node_.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U) << "the digest differs";
  EXPECT_TRUE(fetches[0].as<Fetch>()->from_hints);
  node_.answer(fetches[0], hinted);
  ASSERT_TRUE(node_.replied(token));
  EXPECT_EQ(text(node_.outcome(token).state.siblings.at(0).value), "h");
  EXPECT_FALSE(node_.outcome(token).strict);
  EXPECT_EQ(node_.ports.take<Replicate>().size(), 0U) << "fallbacks are not repaired";
  EXPECT_EQ(node_.ports.held("k"), hinted) << "this primary is";

  const ClientToken other = node_.submit(Node::read());
  FetchReply none;
  none.status = FetchStatus::kNoHint;
  none.id = node_.ports.take<Fetch>()[0].as<Fetch>()->id;
  node_.shard().receive(4, none, node_.now);
  EXPECT_EQ(node_.outcome(other).code, OutcomeCode::kOk);
}

TEST_F(Sloppy, FallbacksAreNotAskedWherePrimariesSuffice) {
  node_.shard().set_alive(3, false, node_.now);
  const ClientToken token = node_.submit(Node::read());
  const auto fetches = node_.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U);
  EXPECT_FALSE(fetches[0].as<Fetch>()->from_hints);
  node_.answer(fetches[0], State{});
  EXPECT_TRUE(node_.outcome(token).strict);
}

TEST_F(Sloppy, PRCountsPrimariesAlone) {
  node_.shard().set_alive(2, false, node_.now);
  node_.shard().set_alive(3, false, node_.now);
  Operation read = Node::read();
  read.quorum.pr = 2;
  EXPECT_EQ(node_.outcome(node_.submit(read)).code, OutcomeCode::kNoReplicas);
}

// A fallback

class Fallback : public ::testing::Test {
 protected:
  /// Keeps what another node asks to be kept.
  void keep(NodeId target, const State& state, MessageId id = 9) {
    Replicate hint;
    hint.id = id;
    hint.step = kStep;
    hint.key = Node::key("k");
    hint.key.hint_for = target;
    record_ = node_.ports.records.add(state);
    hint.record = record_;
    node_.shard().receive(4, hint, node_.now);
  }
  void all_down() {
    for (NodeId peer : {2, 3, 4}) {
      node_.shard().set_alive(peer, false, node_.now);
    }
  }
  Node node_{kNotHere, sloppy_config(1, 1)};
  std::string record_;
};

TEST_F(Fallback, KeepsAHintApartAndMergesTheNext) {
  const State one = put_state(Dot{5, 50}, "one");
  const State two = put_state(Dot{6, 60}, "two");
  keep(2, one);
  const auto acks = node_.ports.take<ReplicateAck>();
  ASSERT_EQ(acks.size(), 1U);
  EXPECT_EQ(acks[0].as<ReplicateAck>()->status, AckStatus::kStored);
  keep(2, two);
  EXPECT_EQ(node_.ports.held("2<k"), merge(one, two));
  EXPECT_TRUE(node_.ports.held("k").never_written());
  const HintBook& hints = node_.shard().hints();
  EXPECT_EQ(hints.counts().stored, 2U);
  EXPECT_EQ(hints.counts().superseded, 1U);
  EXPECT_EQ(hints.pending_count(), 1U);
  EXPECT_EQ(node_.shard().copies().at(kPartition).count.live(node_.now.cluster_ms), 0U);
}

TEST_F(Fallback, AnswersReadsFromItsHintsOrSaysThatItHasNone) {
  Fetch fetch;
  fetch.id = 3;
  fetch.step = kStep;
  fetch.key = Node::key("k");
  fetch.from_hints = true;
  node_.shard().receive(4, fetch, node_.now);
  EXPECT_EQ(node_.ports.take<FetchReply>().at(0).as<FetchReply>()->status, FetchStatus::kNoHint);
  const State one = put_state(Dot{5, 50}, "one");
  const State two = put_state(Dot{6, 60}, "two");
  keep(2, one);
  keep(3, two);
  node_.ports.load_status = LoadStatus::kPending;
  node_.shard().receive(4, fetch, node_.now);
  ASSERT_EQ(node_.ports.loads.size(), 2U);
  node_.shard().loaded(node_.ports.loads[0].token, LoadStatus::kLoaded, one, node_.now);
  EXPECT_TRUE(node_.ports.take<FetchReply>().empty());
  node_.shard().loaded(node_.ports.loads[1].token, LoadStatus::kLoaded, two, node_.now);
  const auto replies = node_.ports.take<FetchReply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].as<FetchReply>()->digest, digest(merge(one, two)));
}

TEST_F(Fallback, CoordinatesWhereNoPrimaryIsInReach) {
  all_down();
  const ClientToken token = node_.submit(Node::set("v"));
  ASSERT_TRUE(node_.replied(token));
  EXPECT_EQ(node_.outcome(token).code, OutcomeCode::kOk);
  EXPECT_FALSE(node_.outcome(token).strict);
  for (const char* hint : {"2<k", "3<k", "4<k"}) {
    EXPECT_EQ(text(node_.ports.held(hint).siblings.at(0).value), "v") << hint;
  }
  const ClientToken read = node_.submit(Node::read());
  EXPECT_EQ(text(node_.outcome(read).state.siblings.at(0).value), "v");
  EXPECT_EQ(node_.shard().operations_in_flight(), 0U);
}

TEST_F(Fallback, WithoutAHintKnowsNothingOfAKey) {
  all_down();
  const ClientToken token = node_.submit(Node::read());
  EXPECT_EQ(node_.outcome(token).code, OutcomeCode::kNoQuorumRead);
  EXPECT_EQ(node_.outcome(token).seen, 0) << "what it has to say doesn't count";
}

TEST(FallbackOfOneCopy, RunsReadModifyWritesOnItsHints) {
  Node node({2}, sloppy_config(1, 1));
  for (NodeId peer : {2, 3, 4}) {
    node.shard().set_alive(peer, false, node.now);
  }
  node.submit(Node::set("5"));
  const ClientToken token = node.submit(Node::modify(Modification::kIncrement, 3));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
  EXPECT_EQ(node.outcome(token).integer, 8);
}

TEST_F(Fallback, WritesWithAnActorThatLivesAsLongAsItsHint) {
  all_down();
  const ActorId first = node_.outcome(node_.submit(Node::set("a"))).dot.actor;
  EXPECT_EQ(node_.outcome(node_.submit(Node::set("b"))).dot.actor, first);
  node_.shard().set_alive(2, true, node_.now);
  node_.pass_ms(10);
  ASSERT_EQ(node_.ports.range_reads.size(), 1U);
  KeyRef hint = Node::key("k");
  hint.hint_for = 2;
  const std::string record = node_.ports.records.add(node_.ports.held("2<k"));
  const std::vector<RangeEntry> page = {{hint, record}};
  node_.shard().range_read(node_.ports.range_reads[0].token, true, page, true, node_.now);
  node_.ack(node_.ports.take<Replicate>().at(0));
  EXPECT_TRUE(node_.ports.held("2<k").never_written());
  all_down();
  EXPECT_NE(node_.outcome(node_.submit(Node::set("c"))).dot.actor, first);
}

TEST_F(Fallback, RunsARequestThatIsPassedOnToItAsOne) {
  PassOn pass_on;
  pass_on.id = 7;
  pass_on.step = kStep;
  const Operation set = Node::set("v");
  pass_on.operation = &set;
  node_.shard().receive(4, pass_on, node_.now);
  EXPECT_EQ(node_.ports.take<PassOnReply>().at(0).as<PassOnReply>()->status,
            PassOnStatus::kRefused);
  pass_on.as_fallback = true;
  node_.shard().receive(4, pass_on, node_.now);
  EXPECT_EQ(node_.ports.take<Replicate>().size(), 3U) << "it sees the primaries";
  EXPECT_EQ(node_.ports.take<PassOnReply>().at(0).as<PassOnReply>()->status, PassOnStatus::kDone);
}

/// What it keeps for a primary and that primary's own copy are one once the hint is delivered.
TEST_F(Fallback, CountsNoHintOfItsOwnThatIsStoredAfterItsTargetAcked) {
  PassOn pass_on;
  pass_on.id = 7;
  pass_on.step = kStep;
  pass_on.as_fallback = true;
  Operation put = Node::operation(OpKind::kPut, "v");
  put.quorum.w = 2;
  pass_on.operation = &put;
  node_.ports.store_status = StoreStatus::kPending;
  node_.shard().receive(4, pass_on, node_.now);
  const auto writes = node_.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 3U);
  ASSERT_EQ(writes[0].to, 2U) << "the first owner, for which it stands in";
  node_.ack(writes[0]);
  ASSERT_EQ(node_.ports.stores.size(), 1U);
  node_.shard().stored(node_.ports.stores[0].token, true, node_.now);
  EXPECT_TRUE(node_.ports.take<PassOnReply>().empty());
  node_.ack(writes[1]);
  const auto replies = node_.ports.take<PassOnReply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].as<PassOnReply>()->status, PassOnStatus::kDone);
}

/// Its own hint, not stored yet, is nothing that PW may still hope for.
TEST_F(Fallback, FailsAtOnceWherePrimariesCanNoLongerMeetPW) {
  PassOn pass_on;
  pass_on.id = 7;
  pass_on.step = kStep;
  pass_on.as_fallback = true;
  Operation put = Node::operation(OpKind::kPut, "v");
  put.quorum.pw = 1;
  pass_on.operation = &put;
  node_.ports.store_status = StoreStatus::kPending;
  node_.shard().receive(4, pass_on, node_.now);
  const auto writes = node_.ports.take<Replicate>();
  ASSERT_EQ(writes.size(), 3U);
  for (const Sent& write : writes) {
    EXPECT_TRUE(node_.ports.take<PassOnReply>().empty());
    node_.ack(write, AckStatus::kFailed);
  }
  const auto replies = node_.ports.take<PassOnReply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].as<PassOnReply>()->outcome->code, OutcomeCode::kNoQuorumWrite);
}

TEST(PassesOn, ToTheFirstHealthyFallbackWhereAllPrimariesRefuse) {
  Node node(kOwners, sloppy_config());
  node.install(CopyState::kWhole);
  node.shard().found_corrupt(Node::key("x"));  // this copy is filling now
  for (NodeId peer : {2, 3}) {
    node.shard().set_alive(peer, false, node.now);
  }
  node.submit(Node::set("v"));
  const auto passed = node.ports.take<PassOn>();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].to, 4U);
  EXPECT_TRUE(passed[0].as<PassOn>()->as_fallback);
}

}  // namespace
}  // namespace kindred::node_test
