#include <gtest/gtest.h>

#include "tests/unit/node/node.h"

namespace kindred {
namespace {

using namespace node_test;

/// What a peer sends when it coordinates a write.
ReplicateAck replicate(Node& node, const State& state, MessageId id = 55) {
  const std::string record = node.ports.records.add(state);
  node.shard().receive(
      2, Replicate{id, kStep, {}, Node::key("k"), record, Durability::kLogged, false}, node.now);
  const std::vector<Sent> acks = node.ports.take<ReplicateAck>();
  return acks.empty() ? ReplicateAck{} : *acks[0].as<ReplicateAck>();
}

TEST(Replica, MergesStoresAndTellsWhatItHeld) {
  Node node;
  const State mine = put_state({stamp_ms_from(node.now, -9), 8}, "mine");
  node.ports.hold("k", mine);
  const ReplicateAck ack = replicate(node, some_state(node));
  EXPECT_EQ(ack.id, 55U);
  EXPECT_EQ(ack.status, AckStatus::kStored);
  EXPECT_EQ(ack.durability, Durability::kLogged);
  EXPECT_EQ(ack.highest, mine.siblings[0].dot);
  EXPECT_EQ(node.ports.held("k"), merge(mine, some_state(node)));
}

TEST(Replica, AcksOnlyWhenTheStoreIsDone) {
  Node node;
  node.ports.store_status = StoreStatus::kPending;
  EXPECT_EQ(replicate(node, some_state(node)).id, 0U);
  node.shard().stored(node.ports.stores[0].token, true, node.now);
  EXPECT_EQ(node.ports.take<ReplicateAck>()[0].as<ReplicateAck>()->status, AckStatus::kStored);
  EXPECT_EQ(replicate(node, some_state(node)).id, 0U) << "a duplicate is made as safe first";
  const ActorId before = node.actor();
  node.shard().stored(node.ports.stores[1].token, false, node.now);
  EXPECT_EQ(node.ports.take<ReplicateAck>()[0].as<ReplicateAck>()->status, AckStatus::kFailed);
  EXPECT_NE(node.actor(), before);
}

TEST(Replica, RefusesWhatItCannotReadOrDoesNotOwn) {
  Node node;
  node.shard().receive(
      2, Replicate{7, kStep, {}, Node::key("k"), "damaged", Durability::kLogged, false}, node.now);
  EXPECT_EQ(node.ports.take<ReplicateAck>()[0].as<ReplicateAck>()->status, AckStatus::kRefused);
  EXPECT_EQ(node.shard().metrics().damaged_records_received, 1U);
  Node stranger({2, 3, 4});
  EXPECT_EQ(replicate(stranger, some_state(node)).status, AckStatus::kNotOwner);
  EXPECT_TRUE(stranger.ports.stores.empty());
}

TEST(Replica, ServesDigestsAndStates) {
  Node node;
  node.ports.hold("k", some_state(node));
  node.shard().receive(2, Fetch{8, kStep, Node::key("k"), false}, node.now);
  FetchReply reply = *node.ports.take<FetchReply>()[0].as<FetchReply>();
  EXPECT_EQ(reply.digest, digest(some_state(node)));
  EXPECT_FALSE(reply.has_record);
  node.shard().receive(2, Fetch{9, kStep, Node::key("k"), true}, node.now);
  reply = *node.ports.take<FetchReply>()[0].as<FetchReply>();
  State state;
  ASSERT_TRUE(node.ports.records.read(reply.record, &state));
  EXPECT_EQ(state, some_state(node));
  EXPECT_EQ(reply.status, FetchStatus::kOk);
}

TEST(Quarantine, MakesTheCopyFillUnderANewActor) {
  Node node;
  const ActorId before = node.actor();
  node.ports.damaged.insert("k");
  const ClientToken token = node.submit(Node::read());
  EXPECT_FALSE(node.replied(token));
  EXPECT_EQ(node.ports.take<PassOn>().size(), 1U) << "another replica runs it";
  EXPECT_EQ(node.ports.quarantined, std::vector<std::string>{"k"});
  EXPECT_NE(node.actor(), before);
  EXPECT_EQ(node.copy_state(), CopyState::kFilling);
  node.submit(Node::read());
  EXPECT_EQ(node.ports.take<PassOn>().size(), 1U) << "a filling copy coordinates nothing";
  EXPECT_EQ(replicate(node, some_state(node)).status, AckStatus::kFilling);
  EXPECT_EQ(node.ports.held("k"), some_state(node)) << "it stores what comes";
}

// The read found the copy whole, waited for the engine, and comes back to one that lost the key.
TEST(Quarantine, StopsRequestsThatWaitedMeanwhile) {
  Node node;
  node.ports.load_status = LoadStatus::kPending;
  const ClientToken read = node.submit(Node::read(1));
  const ClientToken write = node.submit(Node::set("v"));
  const ClientToken running = node.submit(Node::modify(Modification::kIncrement, 1));
  const ClientToken queued = node.submit(Node::modify(Modification::kIncrement, 1));
  ASSERT_EQ(node.ports.loads.size(), 3U);
  node.shard().found_corrupt(Node::key("k"));
  node.ports.load_status = LoadStatus::kLoaded;
  for (const Loading& load : std::vector<Loading>(node.ports.loads)) {
    node.shard().loaded(load.token, LoadStatus::kLoaded, State{}, node.now);
  }
  for (ClientToken token : {read, write, running, queued}) {
    EXPECT_FALSE(node.replied(token));
  }
  EXPECT_EQ(node.ports.take<PassOn>().size(), 4U) << "another replica runs them";
  EXPECT_TRUE(node.ports.stores.empty());
}

TEST(Quarantine, ALoneCopyHasNobodyToAsk) {
  Node node({1});
  node.shard().found_corrupt(Node::key("k"));
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
  EXPECT_TRUE(node.outcome(node.submit(Node::read())).state.never_written());
}

TEST(Fill, IsWholeAfterMergingFromEnoughOthers) {
  Node node;
  node.shard().found_corrupt(Node::key("k"));
  node.pass_ms(5);
  std::vector<Sent> asked = range_requests(node);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].to, 2U);
  const KeyRef first = Node::key("k");
  answer_range(node, asked[0], {{first, some_state(node)}}, /*done=*/false);
  EXPECT_EQ(node.ports.held("k"), some_state(node));
  asked = range_requests(node);
  ASSERT_EQ(asked.size(), 1U) << "the next page";
  EXPECT_EQ(asked[0].as<FetchRange>()->after_key, "k");
  EXPECT_EQ(asked[0].as<FetchRange>()->from_hash, first.hash);
  answer_range(node, asked[0], {}, /*done=*/true);
  EXPECT_EQ(node.copy_state(), CopyState::kFilling) << "W=2 of 3: two sources are needed";
  asked = range_requests(node);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].to, 3U);
  answer_range(node, asked[0], {{first, some_state(node)}}, /*done=*/true, FetchStatus::kFilling);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
  EXPECT_EQ(node.shard().metrics().filled_copies, 1U);
}

TEST(Fill, CountsAPageOnlyWhenItIsStored) {
  Node node;
  node.shard().found_corrupt(Node::key("k"));
  node.pass_ms(5);
  node.ports.store_status = StoreStatus::kPending;
  const std::vector<Sent> asked = range_requests(node);
  answer_range(node, asked[0], {{Node::key("k"), some_state(node)}}, /*done=*/true);
  EXPECT_TRUE(range_requests(node).empty());
  node.shard().stored(node.ports.stores[0].token, true, node.now);
  EXPECT_EQ(range_requests(node).size(), 1U);
}

TEST(Fill, BeginsAgainWhenAStoreFails) {
  Node node;
  node.shard().found_corrupt(Node::key("k"));
  node.pass_ms(5);
  std::vector<Sent> asked = range_requests(node);
  answer_range(node, asked[0], {}, /*done=*/true);  // node 2 is merged
  asked = range_requests(node);
  node.ports.store_status = StoreStatus::kFailed;
  answer_range(node, asked[0], {{Node::key("k"), some_state(node)}}, /*done=*/true);
  EXPECT_EQ(node.copy_state(), CopyState::kFilling);
  node.ports.store_status = StoreStatus::kDone;
  node.pass_ms(5);
  asked = range_requests(node);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].to, 2U) << "the actor has ended: what was merged before does not count";
}

TEST(Fill, GoesOnWithAnotherSourceWhenOneGoesDown) {
  Node node;
  node.shard().found_corrupt(Node::key("k"));
  node.pass_ms(5);
  EXPECT_EQ(range_requests(node)[0].to, 2U);
  node.shard().set_alive(2, false, node.now);
  node.pass_ms(5);
  const std::vector<Sent> asked = range_requests(node);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].to, 3U);
}

TEST(Fill, AloneIsWholeAtOnce) {
  Node node({1});
  node.shard().copies().at(kPartition).state = CopyState::kFilling;
  node.pass_ms(5);
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
}

TEST(Count, FollowsWritesDeletesAndExpiry) {
  Node node({1});
  LiveCount& count = node.shard().copies().at(kPartition).count;
  Operation set = Node::set("v");
  set.expire_at_ms = node.now.cluster_ms + 1000;
  node.submit(set);
  EXPECT_EQ(count.live(node.now.cluster_ms), 1U);
  EXPECT_EQ(count.expiring(node.now.cluster_ms), 1U);
  EXPECT_EQ(count.live(node.now.cluster_ms + 1000 + LiveCount::kTickMs), 0U);
  node.now.cluster_ms += 2000;
  node.submit(Node::set("w"));
  EXPECT_EQ(count.live(node.now.cluster_ms), 1U);
  EXPECT_EQ(count.expiring(node.now.cluster_ms), 0U);
  node.submit(Node::modify(Modification::kDelete));
  EXPECT_EQ(count.live(node.now.cluster_ms), 0U);
  EXPECT_TRUE(node.shard().count_existing(Node::key("old"), some_state(node), node.now));
  EXPECT_EQ(count.live(node.now.cluster_ms), 1U);
}

TEST(Copies, APromisedWriteThatTheEngineRefusedEndsTheActorAndFillsTheCopy) {
  Node node;
  node.ports.store_status = StoreStatus::kDone;
  node.submit(Node::set("v"));
  const ActorId actor = node.actor();
  const State held = node.ports.held("k");
  const State nothing;
  ASSERT_EQ(node.shard().copies().at(kPartition).count.live(node.now.cluster_ms), 1U);
  node.shard().lost(Node::key("k"), /*was_promised=*/true, held, &nothing, node.now);
  EXPECT_NE(node.actor(), actor);
  EXPECT_EQ(node.copy_state(), CopyState::kFilling);
  EXPECT_EQ(node.shard().copies().at(kPartition).count.live(node.now.cluster_ms), 0U);
}

TEST(Copies, ARefusedWriteThatWasNotPromisedOnlyChangesTheCount) {
  Node node;
  node.submit(Node::set("v"));
  const ActorId actor = node.actor();
  const State held = node.ports.held("k");
  const State nothing;
  node.shard().lost(Node::key("k"), /*was_promised=*/false, held, &nothing, node.now);
  EXPECT_EQ(node.actor(), actor);  // stored() ends it
  EXPECT_EQ(node.copy_state(), CopyState::kWhole);
  EXPECT_EQ(node.shard().copies().at(kPartition).count.live(node.now.cluster_ms), 0U);
}

TEST(Replica, StoresAsSafelyAsItsOwnWritesAndPromisesNoMoreThanItsEngineCan) {
  ShardConfig config = Node::default_config();
  config.durability = Durability::kMemory;
  config.engine_can_sync = false;
  Node memory({1, 2, 3}, config);
  config.durability = Durability::kSynced;
  config.engine_can_sync = true;
  Node synced({1, 2, 3}, config);
  for (Node* node : {&memory, &synced}) {
    const std::string record =
        node->ports.records.add(put_state({stamp_ms_from(node->now, 0), 22}, "v"));
    Replicate write;
    write.id = 5;
    write.step = kStep;
    write.key = Node::key("k");
    write.record = record;
    write.durability = node == &memory ? Durability::kSynced : Durability::kMemory;
    node->shard().receive(2, write, node->now);
    const auto acks = node->ports.take<ReplicateAck>();
    ASSERT_EQ(acks.size(), 1U);
    EXPECT_EQ(acks[0].as<ReplicateAck>()->durability,
              node == &memory ? Durability::kMemory : Durability::kSynced);
  }
  EXPECT_EQ(synced.ports.stores.back().durability, Durability::kSynced);
}

}  // namespace
}  // namespace kindred
