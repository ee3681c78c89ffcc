#include <gtest/gtest.h>

#include <set>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

TEST(Read, ASingleNodeAnswersWithinTheStep) {
  Node node({1});
  const ClientToken missing = node.submit(Node::read());
  EXPECT_TRUE(node.outcome(missing).state.never_written());
  node.ports.hold("k", some_state(node));
  const ClientToken token = node.submit(Node::read());
  EXPECT_EQ(node.outcome(token).state, some_state(node));
  EXPECT_EQ(node.outcome(token).epoch, 1U);
}

TEST(Read, AsksForDigestsAndAnswersWhenTheyAgree) {
  Node node;
  node.ports.hold("k", some_state(node));
  const ClientToken token = node.submit(Node::read());
  const std::vector<Sent> fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U) << "R=2: this copy and one more";
  EXPECT_FALSE(fetches[0].as<Fetch>()->whole_state);
  node.answer(fetches[0], some_state(node));
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).state, some_state(node));
  EXPECT_EQ(node.ports.unread_messages(), 0U);
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(Read, ADifferenceIsFetchedMergedAndRepairedAfterTheAnswer) {
  Node node;
  const State mine = put_state({stamp_ms_from(node.now, -5), 9}, "mine");
  const State theirs = put_state({stamp_ms_from(node.now, -4), 8}, "theirs");
  node.ports.hold("k", mine);
  const ClientToken token = node.submit(Node::read());
  node.answer(node.ports.take<Fetch>()[0], theirs);
  EXPECT_FALSE(node.replied(token));
  node.answer(node.ports.take<Fetch>()[0], theirs);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).state, merge(mine, theirs));
  const std::vector<Sent> repairs = node.ports.take<Replicate>();
  ASSERT_EQ(repairs.size(), 1U);
  EXPECT_TRUE(repairs[0].as<Replicate>()->is_repair);
  EXPECT_EQ(repairs[0].replies_before, 1U) << "never before the answer";
  EXPECT_EQ(node.state_in(repairs[0]), merge(mine, theirs));
  EXPECT_EQ(node.ports.held("k"), merge(mine, theirs)) << "this copy is repaired too";
  EXPECT_EQ(node.shard().metrics().read_repairs, 2U);
}

TEST(Read, RepairsOnlyWhoLacksSomething) {
  Node node;
  node.ports.hold("k", State{});
  node.submit(Node::read());
  node.answer(node.ports.take<Fetch>()[0], some_state(node));
  node.answer(node.ports.take<Fetch>()[0], some_state(node));
  EXPECT_TRUE(node.ports.take<Replicate>().empty());
  EXPECT_EQ(node.ports.held("k"), some_state(node));
}

/// Submits a read that finds `theirs` at another node.
ClientToken read_beside(Node& node, const State& theirs) {
  const ClientToken token = node.submit(Node::read());
  node.answer(node.ports.take<Fetch>()[0], theirs);
  node.answer(node.ports.take<Fetch>()[0], theirs);
  return token;
}

TEST(Read, RepairsWhoMissedADelete) {
  Node node;
  const State old = some_state(node);
  State deleted = old;
  apply_register(deleted, {stamp_ms_from(node.now, -1), 9}, nullptr);
  node.ports.hold("k", deleted);
  const ClientToken token = read_beside(node, old);
  EXPECT_TRUE(node.outcome(token).state.siblings.empty());
  const std::vector<Sent> repairs = node.ports.take<Replicate>();
  ASSERT_EQ(repairs.size(), 1U);
  EXPECT_TRUE(node.state_in(repairs[0]).siblings.empty());
  EXPECT_FALSE(node.state_in(repairs[0]).never_written()) << "the tombstone goes there";
}

TEST(Read, RepairsExpiriesAlsoWhereTheyArePast) {
  for (const int64_t expires_ms : {5000, -1}) {
    Node node;
    const State old = some_state(node);
    State expiring = old;
    NewVersion version;
    version.dot = {stamp_ms_from(node.now, -3), 9};
    version.value = Value::copied("v");
    version.expire_at_ms =
        static_cast<uint64_t>(static_cast<int64_t>(node.now.cluster_ms) + expires_ms);
    apply_register(expiring, version.dot, &version);
    node.ports.hold("k", old);
    read_beside(node, expiring);
    EXPECT_TRUE(node.ports.take<Replicate>().empty());
    EXPECT_EQ(node.ports.held("k"), expiring) << "with its time, dead or not";
    EXPECT_EQ(node.shard().metrics().read_repairs, 1U);
  }
}

TEST(Read, ManyReadsOfOneKeyRepairItOnce) {
  Node node;
  node.ports.hold("k", some_state(node));
  for (int i = 0; i < 50; ++i) {
    read_beside(node, State{});
  }
  const std::vector<Sent> repairs = node.ports.take<Replicate>();
  ASSERT_FALSE(repairs.empty());
  std::set<NodeId> nodes;
  for (const Sent& repair : repairs) {
    EXPECT_TRUE(nodes.insert(repair.to).second) << "node " << repair.to << " got it twice";
  }
  EXPECT_EQ(node.shard().metrics().read_repairs, repairs.size());
  EXPECT_EQ(node.shard().metrics().read_repairs_left, 50 - repairs.size());
  node.pass_ms(250);  // it may have been lost
  read_beside(node, State{});
  EXPECT_EQ(node.ports.take<Replicate>().size(), 1U);
}

TEST(Read, RepairsOnlyAsMuchAsTheBudgetAllows) {
  ShardConfig config = Node::default_config();
  config.background_bytes_per_s = 10'000;
  Node node({1, 2, 3}, config);
  size_t answered = 0;
  size_t repaired = 0;
  for (int i = 0; i < 1000; ++i) {
    node.ports.hold("k", register_state({stamp_ms_from(node.now, i), 9}, "v"));
    answered += node.replied(read_beside(node, State{})) ? 1 : 0;
    repaired += node.ports.take<Replicate>().size();
    node.pass_ms(5);
  }
  EXPECT_EQ(answered, 1000U) << "reads don't wait for it";
  // Five seconds of 10,000 bytes, at 128 and a record each.
  EXPECT_GE(repaired, 200U);
  EXPECT_LE(repaired, 430U);
  EXPECT_EQ(node.shard().metrics().read_repairs_left, 1000 - repaired);
}

TEST(Read, AsksTheNextWhenOneFailsOrFills) {
  Node node;
  const ClientToken token = node.submit(Node::read());
  const std::vector<Sent> first = node.ports.take<Fetch>();
  node.answer(first[0], State{}, FetchStatus::kFilling);
  EXPECT_FALSE(node.replied(token)) << "a filling copy does not count";
  const std::vector<Sent> second = node.ports.take<Fetch>();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(second[0].to, first[0].to);
  node.answer(second[0], State{}, FetchStatus::kFailed);
  ASSERT_TRUE(node.replied(token));
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumRead);
  EXPECT_EQ(node.outcome(token).needed, 2);
  EXPECT_EQ(node.outcome(token).seen, 1);
}

TEST(Read, APeerThatGoesDownIsReplaced) {
  Node node;
  const ClientToken token = node.submit(Node::read());
  const NodeId asked = node.ports.take<Fetch>()[0].to;
  node.shard().set_alive(asked, false, node.now);
  const std::vector<Sent> next = node.ports.take<Fetch>();
  ASSERT_EQ(next.size(), 1U);
  node.answer(next[0], State{});
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kOk);
}

TEST(Read, RefusesAtOnceWhenTooFewAreUp) {
  Node node;
  node.shard().set_alive(2, false, node.now);
  node.shard().set_alive(3, false, node.now);
  const ClientToken token = node.submit(Node::read());
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoReplicas);
  EXPECT_EQ(node.outcome(node.submit(Node::read(1))).code, OutcomeCode::kOk);
}

TEST(Read, TimesOutByTicksAlone) {
  Node node;
  const ClientToken token = node.submit(Node::read());
  node.pass_ms(995);
  EXPECT_FALSE(node.replied(token));
  node.pass_ms(10);
  EXPECT_EQ(node.outcome(token).code, OutcomeCode::kNoQuorumRead);
  EXPECT_FALSE(node.shard().needs_tick());
}

TEST(Read, ADamagedAnswerIsNotBelieved) {
  Node node;
  const ClientToken token = node.submit(Node::read());
  const std::vector<Sent> fetches = node.ports.take<Fetch>();
  FetchReply reply;
  reply.id = fetches[0].as<Fetch>()->id;
  reply.has_record = true;
  reply.record = "damaged";
  node.shard().receive(fetches[0].to, reply, node.now);
  EXPECT_FALSE(node.replied(token));
  EXPECT_EQ(node.shard().metrics().damaged_records_received, 1U);
  EXPECT_EQ(node.ports.take<Fetch>().size(), 1U) << "another is asked";
}

TEST(Read, ASlowOneIsHedgedWithinItsAllowance) {
  Node node;
  for (int i = 0; i < 40; ++i) {  // earns two
    node.submit(Node::read());
    node.answer(node.ports.take<Fetch>()[0], State{});
  }
  std::vector<ClientToken> slow;
  for (int i = 0; i < 5; ++i) {
    slow.push_back(node.submit(Node::read()));
  }
  EXPECT_EQ(node.ports.take<Fetch>().size(), 5U);
  node.pass_ms(50);
  const std::vector<Sent> hedges = node.ports.take<Fetch>();
  EXPECT_EQ(hedges.size(), 2U);
  EXPECT_EQ(node.shard().metrics().hedged_reads, 2U);
  node.answer(hedges[0], State{});
  EXPECT_TRUE(node.replied(slow[0]) || node.replied(slow[1]) || node.replied(slow[2]) ||
              node.replied(slow[3]) || node.replied(slow[4]));
}

TEST(Read, ASilentReplicaIsReplacedBeyondThatAndAskedLastFromThenOn) {
  Node node;
  for (int i = 0; i < 400; ++i) {  // its allowance is full
    node.submit(Node::read());
    node.answer(node.ports.take<Fetch>().at(0), State{});
  }
  std::vector<ClientToken> tokens;
  for (int i = 0; i < 20; ++i) {
    tokens.push_back(node.submit(Node::read()));
  }
  const std::vector<Sent> asked = node.ports.take<Fetch>();
  ASSERT_EQ(asked.size(), tokens.size());
  node.pass_ms(SilentPeers::kPatienceUs / 1000 + 2 * Shard::kTickMs);
  const std::vector<Sent> hedges = node.ports.take<Fetch>();
  ASSERT_EQ(hedges.size(), tokens.size()) << "all of them";
  for (size_t i = 0; i < hedges.size(); ++i) {
    EXPECT_NE(hedges[i].to, asked[0].to);
    node.answer(hedges[i], State{});
    EXPECT_TRUE(node.replied(tokens[i]));
  }
  node.submit(Node::read());
  const Sent next = node.ports.take<Fetch>().at(0);
  EXPECT_EQ(next.to, hedges[0].to);
  node.answer(next, State{});
  node.answer(asked[0], State{});
  node.submit(Node::read());
  EXPECT_EQ(node.ports.take<Fetch>().at(0).to, asked[0].to) << "it answers again";
}

TEST(Read, ALateAnswerStillRepairs) {
  Node node;
  for (int i = 0; i < 20; ++i) {
    node.submit(Node::read());
    node.answer(node.ports.take<Fetch>()[0], State{});
  }
  const ClientToken token = node.submit(Node::read());
  const Sent slow = node.ports.take<Fetch>()[0];
  node.pass_ms(50);
  const Sent hedge = node.ports.take<Fetch>()[0];
  node.answer(hedge, State{});
  ASSERT_TRUE(node.replied(token));
  node.answer(slow, some_state(node));
  const std::vector<Sent> whole = node.ports.take<Fetch>();
  ASSERT_EQ(whole.size(), 1U);
  node.answer(whole[0], some_state(node));
  const std::vector<Sent> repairs = node.ports.take<Replicate>();
  ASSERT_EQ(repairs.size(), 1U);
  EXPECT_EQ(repairs[0].to, hedge.to);
  EXPECT_EQ(node.ports.held("k"), some_state(node));
  EXPECT_EQ(node.shard().operations_in_flight(), 0U);
}

TEST(Read, WaitsForAPendingLoad) {
  Node node({1});
  node.ports.load_status = LoadStatus::kPending;
  const ClientToken token = node.submit(Node::read());
  EXPECT_FALSE(node.replied(token));
  node.shard().loaded(node.ports.loads[0].token, LoadStatus::kLoaded, some_state(node), node.now);
  EXPECT_EQ(node.outcome(token).state, some_state(node));
}

TEST(Read, LocallyAsksNobody) {
  Node node;
  node.ports.hold("k", some_state(node));
  const ClientToken token = node.submit(Node::operation(OpKind::kReadLocal));
  EXPECT_EQ(node.outcome(token).state, some_state(node));
  EXPECT_EQ(node.ports.unread_messages(), 0U);
  Node stranger({2, 3, 4});
  EXPECT_EQ(stranger.outcome(stranger.submit(Node::operation(OpKind::kReadLocal))).code,
            OutcomeCode::kNotAReplica);
}

TEST(Explain, ReportsEveryOwner) {
  Node node;
  node.ports.hold("k", some_state(node));
  node.shard().set_alive(3, false, node.now);
  const ClientToken token = node.submit(Node::operation(OpKind::kExplain));
  const std::vector<Sent> fetches = node.ports.take<Fetch>();
  ASSERT_EQ(fetches.size(), 1U);
  EXPECT_TRUE(fetches[0].as<Fetch>()->whole_state);
  node.answer(fetches[0], State{}, FetchStatus::kFilling);
  ASSERT_TRUE(node.replied(token));
  const std::vector<ReplicaReport>& replicas = node.outcome(token).replicas;
  ASSERT_EQ(replicas.size(), 3U);
  EXPECT_TRUE(replicas[0].answered && replicas[0].whole && replicas[0].up);
  EXPECT_EQ(replicas[0].state, some_state(node));
  EXPECT_TRUE(replicas[1].answered && replicas[1].up);
  EXPECT_FALSE(replicas[1].whole);
  EXPECT_FALSE(replicas[2].answered || replicas[2].up);
  EXPECT_TRUE(node.ports.take<Replicate>().empty()) << "it only looks";
}

TEST(Explain, AnswersAtItsDeadlineWithWhoAnswered) {
  Node node;
  const ClientToken token = node.submit(Node::operation(OpKind::kExplain));
  node.pass_ms(1010);
  ASSERT_TRUE(node.replied(token));
  ASSERT_EQ(node.outcome(token).replicas.size(), 3U);
  EXPECT_TRUE(node.outcome(token).replicas[0].answered);
  EXPECT_FALSE(node.outcome(token).replicas[1].answered);
  EXPECT_TRUE(node.outcome(token).replicas[1].up);
}

}  // namespace
}  // namespace kindred
