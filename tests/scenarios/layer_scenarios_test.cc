// Keys that get an n of their own, another one, or none, while they are written and read
// (docs/design/keyspaces.md, "An n of its own").

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "replication/membership/ring_plan.h"
#include "tests/scenarios/reaping.h"
#include "tests/unit/node/exchange_world.h"

namespace kindred {
namespace {

using exchange_test::kPartition;
using exchange_test::kPartitions;
using exchange_test::World;
using reaping_test::exchange;
using reaping_test::held;
using reaping_test::kLongAgoMs;

constexpr uint16_t kLayer = kPartitions + kPartition;  // the same slots' partition of the layer

Operation operation_on(const KeyRef& key, OpKind kind, std::string_view value = {}) {
  Operation made;
  made.kind = kind;
  made.key = key;
  made.value = Value::borrowed(value);
  return made;
}

ClientToken submit(World& world, NodeId node, const Operation& operation) {
  world.peer(node).shard().submit(++world.tokens, operation, world.now);
  return world.tokens;
}

void set(World& world, NodeId node, const KeyRef& key, std::string_view value) {
  const ClientToken token = submit(world, node, operation_on(key, OpKind::kSet, value));
  world.settle();
  ASSERT_TRUE(world.peer(node).outcomes.contains(token));
  ASSERT_EQ(world.peer(node).outcomes.at(token).code, OutcomeCode::kOk);
}

std::string get(World& world, NodeId node, const KeyRef& key) {
  const ClientToken token = submit(world, node, operation_on(key, OpKind::kRead));
  world.settle();
  const auto outcome = world.peer(node).outcomes.find(token);
  if (outcome == world.peer(node).outcomes.end() || outcome->second.code != OutcomeCode::kOk) {
    return "no answer";
  }
  const State& state = outcome->second.state;
  return state.siblings.empty() ? "nil" : std::string(state.siblings.back().value.bytes());
}

/// The document in which keys that begin with k have so many copies; 0: as all others.
void want_copies(World& world, uint8_t copies, uint8_t quorum = 0) {
  ++world.document.epoch;
  Keyspace row;
  row.pattern = "k*";
  row.copies = copies;
  row.read = quorum;
  row.write = quorum;
  ASSERT_TRUE(put_keyspace(world.document.keyspaces, row));
  ASSERT_EQ(add_layers(&world.document), "");
  start_moves(&world.document);
}

Progress progress_of(World& world) {
  Progress progress;
  for (NodeId id = 1; id <= world.peers.size(); ++id) {
    progress[id].epoch = world.document.epoch;
    for (const Transfer& transfer : world.peer(id).shard().transfers()) {
      if (transfer.state != CopyState::kDeparting) {
        progress[id].not_whole.push_back(transfer.partition);
      }
    }
  }
  return progress;
}

/// The next epoch's document, if its time has come.
bool step(World& world) {
  const Progress progress = progress_of(world);
  ++world.document.epoch;
  if (!take_steps(progress, 2, &world.document)) {
    --world.document.epoch;
    return false;
  }
  return true;
}

void install_everywhere(World& world) {
  world.install(world.document.flush_stamp);
}

/// Until no partition moves. `between`: at each stage.
template <typename Between>
void move_on(World& world, Between between) {
  for (int stage = 0; stage < 20; ++stage) {
    world.pass_ms(200);
    world.settle();
    between(stage);
    if (!step(world)) {
      break;
    }
    install_everywhere(world);
  }
  world.pass_ms(500);
  world.settle();
  ASSERT_TRUE(world.document.moves.empty());
}

std::vector<NodeId> holders(World& world, const KeyRef& key) {
  std::vector<NodeId> nodes;
  for (NodeId id = 1; id <= world.peers.size(); ++id) {
    if (!held(world.peer(id), key).never_written()) {
      nodes.push_back(id);
    }
  }
  return nodes;
}

std::vector<NodeId> owners(const World& world, PartitionIndex partition) {
  const auto list = world.document.ring.owners(partition);
  std::vector<NodeId> nodes(list.begin(), list.end());
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

struct Change {
  uint32_t nodes;
  std::vector<uint8_t> copies;  // one after the other
};

class LayerScenarios : public testing::TestWithParam<Change> {};

// Each write is acknowledged before, while or after the number of copies changes, and read from
// every node afterwards; nobody keeps what it does not own; and exchanges find nothing to do.
TEST_P(LayerScenarios, NoWriteIsLostWhileTheNumberOfCopiesChanges) {
  World world(31, GetParam().nodes, 3);
  world.pulls_documents = true;
  const KeyRef other = make_key("other", kPartitions);
  set(world, 1, other, "stays");
  for (uint64_t i = 0; i < 5; ++i) {
    set(world, 1 + i % 3, world.key(i), "before");
  }
  uint64_t written = 5;
  std::vector<std::pair<uint64_t, std::string>> expected;
  for (uint64_t i = 1; i < 5; ++i) {
    expected.emplace_back(i, "before");
  }
  for (const uint8_t copies : GetParam().copies) {
    want_copies(world, copies);
    if (testing::Test::HasFatalFailure()) {
      return;
    }
    install_everywhere(world);
    move_on(world, [&](int stage) {
      const std::string value = std::to_string(copies) + " at " + std::to_string(stage);
      set(world, 1 + stage % 3, world.key(written), value);
      expected.emplace_back(written, value);
      ++written;
      EXPECT_EQ(get(world, 1 + (stage + 1) % 3, world.key(1)), "before");
    });
    if (testing::Test::HasFatalFailure()) {
      return;
    }
    const size_t wanted = std::min<size_t>(copies == 0 ? 3 : copies, GetParam().nodes);
    for (const auto& [number, value] : expected) {
      const KeyRef key = world.key(number);
      for (NodeId node = 1; node <= world.peers.size(); ++node) {
        EXPECT_EQ(get(world, node, key), value) << "at " << node;
      }
      EXPECT_EQ(holders(world, key), owners(world, kLayer));
      EXPECT_EQ(owners(world, kLayer).size(), wanted);
    }
    for (const NodeId id : owners(world, kLayer)) {
      Copy& copy = world.peer(id).shard().copies().at(kLayer);
      EXPECT_EQ(copy.count.live(world.now.cluster_ms), expected.size() + 1) << "at " << id;
      EXPECT_TRUE(copy.tree.is_exact());
      EXPECT_EQ(
          copy.tree.tree().root(),
          world.peer(owners(world, kLayer)[0]).shard().copies().at(kLayer).tree.tree().root());
    }
    exchange(world);
    for (auto& peer : world.peers) {
      EXPECT_EQ(peer->shard().metrics().exchange_repairs, 0U);
      EXPECT_TRUE(peer->shard().transfers().empty());
    }
  }
  EXPECT_EQ(get(world, 2, other), "stays");
}

INSTANTIATE_TEST_SUITE_P(Copies, LayerScenarios,
                         testing::Values(Change{3, {1}}, Change{3, {2, 0, 1}}, Change{5, {5}},
                                         Change{5, {2, 5, 0, 4}}, Change{4, {5, 1}}));

// A request of who has not heard of the layer finds no replica that has, and is asked again.
TEST(LayerScenarios, NoQuorumIsMetByNodesThatPutAKeyIntoDifferentPartitions) {
  World world(32, 3);
  const KeyRef key = world.key(1);
  set(world, 1, key, "old");
  want_copies(world, 2);
  world.install_document(world.peer(2));
  world.install_document(world.peer(3));
  const ClientToken token = submit(world, 1, operation_on(key, OpKind::kSet, "new"));
  world.deliver_all();
  ASSERT_FALSE(world.peer(1).outcomes.contains(token)) << "two refuse it, as of another step";
  world.install_document(world.peer(1));
  world.settle();
  ASSERT_TRUE(world.peer(1).outcomes.contains(token));
  EXPECT_EQ(world.peer(1).outcomes.at(token).code, OutcomeCode::kOk);
  EXPECT_EQ(get(world, 2, key), "new");
}

TEST(LayerScenarios, ACopySplitOffAFillingOneIsFilling) {
  World world(33, 3);
  set(world, 1, world.key(1), "v");
  world.peer(3).shard().copies().at(kPartition).state = CopyState::kFilling;
  want_copies(world, 2);
  world.install_document(world.peer(3));
  EXPECT_EQ(world.peer(3).shard().copies().at(kLayer).state, CopyState::kFilling);
  EXPECT_EQ(world.peer(3).shard().copies().at(kPartition).state, CopyState::kFilling);
  world.install_document(world.peer(1));
  EXPECT_EQ(world.peer(1).shard().copies().at(kLayer).state, CopyState::kWhole);
}

// Who has heard of the layer leaves its keys out of the pages of the partition that it was split
// off: a copy that is filled from such pages would lack them, and count as whole in both.
TEST(LayerScenarios, ACopyIsNotFilledFromPagesWithoutTheLayersKeys) {
  World world(36, 3);
  const KeyRef key = world.key(1);
  ++world.document.epoch;
  start_moves(&world.document);
  ASSERT_TRUE(world.document.moves.empty()) << "the lists' order is the claim's: they stay";
  install_everywhere(world);
  set(world, 1, key, "v");
  want_copies(world, 4);
  world.peer(3).shard().found_corrupt(key);
  world.install_document(world.peer(1));
  world.install_document(world.peer(2));
  world.pass_ms(200);
  EXPECT_EQ(world.peer(3).shard().copies().at(kPartition).state, CopyState::kFilling);
  world.install_document(world.peer(3));
  world.pass_ms(200);
  EXPECT_EQ(world.peer(3).shard().copies().at(kPartition).state, CopyState::kWhole);
  EXPECT_EQ(world.peer(3).shard().copies().at(kLayer).state, CopyState::kWhole);
  EXPECT_FALSE(held(world.peer(3), key).never_written());
}

TEST(LayerScenarios, AKeyIsCountedWhereItBelongsFromTheSplitOn) {
  World world(34, 3);
  const KeyRef key = world.key(1);
  set(world, 1, key, "v");
  want_copies(world, 4);
  install_everywhere(world);
  world.pass_ms(200);
  set(world, 1, key, "w");
  for (auto& peer : world.peers) {
    Copies& copies = peer->shard().copies();
    EXPECT_EQ(copies.at(kPartition).tree.tree().keys(), 0U);
    EXPECT_EQ(copies.at(kLayer).tree.tree().keys(), 1U);
    EXPECT_EQ(copies.at(kLayer).count.live(world.now.cluster_ms), 1U);
    EXPECT_EQ(copies.at(kPartition).count.live(world.now.cluster_ms), 0U);
  }
}

// What a copy may not take in is known to a start between the split and the next round.
TEST(LayerScenarios, ALayersRoundMarkIsTheOneItWasSplitOffWithUntilItHasItsOwn) {
  World world(35, 3);
  const Round agreed = stamp_at_ms(kLongAgoMs);
  const KeyRef mark = KeyRef::round_mark(kPartition, kPartitions);
  State state;
  state.context.raise(1, agreed);
  state.context.raise(2, agreed);
  for (NodeId id = 1; id <= 3; ++id) {
    world.peer(id).hold(mark, state, world.now);
  }
  want_copies(world, 2);
  install_everywhere(world);
  const auto mark_of = [&](NodeId id, uint16_t partition) {
    return world.peer(id).shard().copies().at(partition).mark;
  };
  EXPECT_EQ(mark_of(1, kLayer).round, agreed);
  world.restart(1);
  EXPECT_EQ(mark_of(1, kLayer).round, agreed);
  EXPECT_EQ(mark_of(1, kLayer).clean, agreed);
  // Later rounds are each partition's own.
  const State old = world.state(5, kLongAgoMs, "deleted long ago");
  State tombstone = old;
  apply_register(tombstone, {stamp_at_ms(kLongAgoMs + 1), 6}, nullptr);
  move_on(world, [](int) {});
  const KeyRef key = world.key(1);
  const std::vector<NodeId> holding = owners(world, kLayer);
  for (const NodeId id : holding) {
    Replicate write;
    write.id = 1;
    write.key = key;
    write.key.partition = kLayer;
    write.step = world.document.steps[kLayer];
    write.rounds = {agreed, agreed};
    std::string record;
    encode_record(key, tombstone, &record);
    write.record = record;
    world.peer(id).shard().receive(holding[0], write, world.now);
  }
  world.settle();
  for (auto& one : world.peers) {
    ShardConfig config;
    config.tombstone_grace_ms = 50;
    one->shard().set_config(config);
  }
  reaping_test::reap(world);
  EXPECT_TRUE(holders(world, key).empty());
  EXPECT_GT(mark_of(holding[0], kLayer).round, agreed);
  EXPECT_EQ(mark_of(holding[0], kPartition).round, agreed);
  const Round later = mark_of(holding[0], kLayer).round;
  std::erase_if(world.peer(holding[0]).engine(),
                [](const auto& record) { return record.second.empty(); });
  world.restart(holding[0]);
  EXPECT_EQ(mark_of(holding[0], kLayer).round, later);
  EXPECT_EQ(mark_of(holding[0], kPartition).round, agreed);
}

// While a list is longer than n, R by the new numbers are fewer than meet W by the old ones, and
// fewer than meet W of the new list among all that are read still.
TEST(LayerScenarios, AReadMeetsEachWriteWhileCopiesBecomeFewer) {
  World world(37, 5, 3);
  const KeyRef key = world.key(1);
  want_copies(world, 5, 3);
  install_everywhere(world);
  move_on(world, [](int) {});
  world.is_cut = [](NodeId from, NodeId to) { return (from <= 3) != (to <= 3); };
  set(world, 1, key, "v");
  want_copies(world, 3, 2);
  install_everywhere(world);
  EXPECT_EQ(world.document.find_move(kLayer)->phase, MovePhase::kReadOld);
  const ClientToken token = submit(world, 5, operation_on(key, OpKind::kRead));
  world.pass_ms(3'000);
  ASSERT_TRUE(world.peer(5).outcomes.contains(token));
  EXPECT_EQ(world.peer(5).outcomes.at(token).code, OutcomeCode::kNoQuorumRead)
      << "nodes 4 and 5 have nothing";
  world.is_cut = nullptr;
  world.pass_ms(6'000);
  move_on(world, [](int) {});
  EXPECT_EQ(get(world, 5, key), "v");
}

// Other copies are still moving, so those of this key can't begin to yet. W by the new numbers are
// fewer than meet each other among the five, and of two SETs the later one would be hidden.
TEST(LayerScenarios, AWriteMeetsEachWriteWhileCopiesAreToBecomeFewer) {
  World world(39, 5, 3);
  const KeyRef key = world.key(1);
  want_copies(world, 5, 3);
  install_everywhere(world);
  move_on(world, [](int) {});
  ++world.document.epoch;
  Keyspace row;
  row.pattern = "k*";
  row.copies = row.read = row.write = 2;
  ASSERT_TRUE(put_keyspace(world.document.keyspaces, row));
  ASSERT_EQ(add_layers(&world.document), "");
  install_everywhere(world);
  world.is_cut = [](NodeId from, NodeId to) { return (from <= 3) != (to <= 3); };
  const ClientToken of_three = submit(world, 1, operation_on(key, OpKind::kSet, "v"));
  const ClientToken of_two = submit(world, 5, operation_on(key, OpKind::kSet, "w"));
  world.pass_ms(3'000);
  ASSERT_TRUE(world.peer(1).outcomes.contains(of_three));
  EXPECT_EQ(world.peer(1).outcomes.at(of_three).code, OutcomeCode::kOk);
  ASSERT_TRUE(world.peer(5).outcomes.contains(of_two));
  EXPECT_EQ(world.peer(5).outcomes.at(of_two).code, OutcomeCode::kNoQuorumWrite);
}

void gone(World& world, NodeId node) {
  world.is_cut = [node](NodeId from, NodeId to) { return from == node || to == node; };
  for (NodeId id = 1; id <= world.peers.size(); ++id) {
    world.peer(id).shard().set_alive(node, false, world.now);
  }
}

// Of W that have a write one is removed; then n falls to how many are left. Among as many as the
// new n wants to be read there need be none of the others.
TEST(LayerScenarios, ARemovedCopyIsMissedOnceByAnNThatFalls) {
  World world(38, 5, 3);
  const KeyRef key = world.key(1);
  want_copies(world, 5);
  install_everywhere(world);
  move_on(world, [](int) {});
  const State held = world.state(5, kLongAgoMs, "10");
  for (const NodeId id : {4, 5}) {
    Replicate write;
    write.id = 1;
    write.key = key;
    write.key.partition = kLayer;
    write.step = world.document.steps[kLayer];
    std::string record;
    encode_record(key, held, &record);
    write.record = record;
    world.peer(id).shard().receive(id, write, world.now);
  }
  gone(world, 5);
  ++world.document.epoch;
  StagedChange removal;
  removal.kind = ChangeKind::kRemove;
  removal.node = 5;
  ASSERT_EQ(apply_change(removal, false, &world.document), "");
  start_moves(&world.document);
  install_everywhere(world);
  gone(world, 5);
  move_on(world, [](int) {});
  want_copies(world, 4);
  install_everywhere(world);
  gone(world, 5);
  // Node 4 alone has it, and is silent: no read that passes it by may be taken for one of all.
  world.is_cut = [](NodeId from, NodeId to) { return from >= 4 || to >= 4; };
  Operation increment = operation_on(key, OpKind::kModify);
  increment.modification = Modification::kIncrement;
  increment.integer = 1;
  const ClientToken alone = submit(world, 1, increment);
  world.pass_ms(3'000);
  ASSERT_TRUE(world.peer(1).outcomes.contains(alone));
  EXPECT_NE(world.peer(1).outcomes.at(alone).code, OutcomeCode::kOk);
  gone(world, 5);
  world.pass_ms(6'000);
  move_on(world, [](int) {});
  // Once all owners have met what the others had, as many as n wants are enough.
  world.is_cut = [](NodeId from, NodeId to) { return from >= 4 || to >= 4; };
  const ClientToken token = submit(world, 1, increment);
  world.pass_ms(3'000);
  ASSERT_TRUE(world.peer(1).outcomes.contains(token));
  EXPECT_EQ(world.peer(1).outcomes.at(token).code, OutcomeCode::kOk);
  EXPECT_EQ(world.peer(1).outcomes.at(token).integer, 11);
}

// Layers that may have hints which can't go anywhere don't hold up those that can.
TEST(LayerScenarios, HintsOfAllPartitionsAreDeliveredAtOnce) {
  World world(39, 3);
  want_copies(world, 2);
  install_everywhere(world);
  move_on(world, [](int) {});
  gone(world, 3);
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) {
    names.push_back("other" + std::to_string(i));
    set(world, 1, make_key(names.back(), kPartitions), "v");
  }
  world.pass_ms(2'000);
  const auto hints = [&world] {
    return world.peer(1).shard().hints().pending_count() +
           world.peer(2).shard().hints().pending_count();
  };
  ASSERT_EQ(hints(), 40U);
  world.is_cut = nullptr;
  world.peer(1).shard().set_alive(3, true, world.now);
  world.peer(2).shard().set_alive(3, true, world.now);
  world.pass_ms(500);
  EXPECT_EQ(hints(), 0U);
}

// A node that held none of the keys has nothing that could have been reaped: what it acknowledges
// counts from the beginning.
TEST(LayerScenarios, ACopyThatArrivesInALayerIsNotEmptiedFirst) {
  World world(47, 4, 3);
  const Round agreed = stamp_at_ms(kLongAgoMs);
  State state;
  state.context.raise(1, agreed);
  state.context.raise(2, agreed);
  for (const NodeId id : world.document.ring.owners(kPartition)) {
    world.peer(id).hold(KeyRef::round_mark(kPartition, kPartitions), state, world.now);
  }
  want_copies(world, 4);
  const Move* move = world.document.find_move(kLayer);
  ASSERT_NE(move, nullptr);
  Shard& arriving = world.peer(move->new_owners.back()).shard();
  ASSERT_EQ(arriving.copies().at(kPartition).state, CopyState::kNone);
  install_everywhere(world);
  world.deliver_all();
  EXPECT_TRUE(arriving.copies().at(kLayer).knows_round);
  EXPECT_EQ(arriving.copies().at(kLayer).mark.round, agreed);
  EXPECT_EQ(arriving.copies().at(kLayer).state, CopyState::kArriving);
  world.pass_ms(200);
  EXPECT_EQ(arriving.copies().at(kLayer).state, CopyState::kWhole);
  EXPECT_EQ(arriving.metrics().emptied_copies, 0U);
}

// A hint that waits for the engine while its key gets a layer is barred by that layer's rounds.
TEST(LayerScenarios, AHintThatWaitedOverTheSplitGoesByItsLayersRounds) {
  World world(40, 4, 3);
  const KeyRef key = world.key(1);
  Replicate hint;
  hint.id = 1;
  hint.key = key;
  hint.key.hint_for = 3;
  std::string record;
  encode_record(key, world.state(5, kLongAgoMs, "v"), &record);
  hint.record = record;
  world.pending_loads_of_100 = 100;
  world.peer(4).shard().receive(1, hint, world.now);
  want_copies(world, 2);
  install_everywhere(world);
  RoundCall bar;
  bar.id = 1;
  bar.part = RoundPart::kBar;
  bar.partition = kLayer;
  bar.document = world.document.epoch;
  bar.step = world.document.steps[kLayer];
  bar.round = stamp_at_ms(world.now.cluster_ms);
  world.peer(4).shard().receive(1, bar, world.now);
  ASSERT_EQ(world.peer(4).shard().copies().at(kLayer).mark.bar, bar.round);
  world.deliver_all();
  EXPECT_EQ(world.peer(4).shard().hints().pending_count(), 0U) << "it has said that it has none";
}

}  // namespace
}  // namespace kindred
