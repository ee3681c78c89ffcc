// Published cases in which stores of this kind lost acknowledged writes, or made siblings of one
// write, played here with whole shards. Each names its source; docs/published-failures.md lists
// them all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "replication/causal/write.h"
#include "tests/unit/node/exchange_world.h"

namespace kindred {
namespace {

using exchange_test::kPartition;
using exchange_test::kPartitions;
using exchange_test::World;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

/// A world whose nodes are asked by clients, all of them for one key.
class Store : public World {
 public:
  using World::World;

  ClientToken submit(NodeId at, const Operation& operation) {
    peer(at).shard().submit(++last_token_, operation, now);
    return last_token_;
  }
  /// Null while it is under way.
  const Outcome* outcome(NodeId at, ClientToken token) {
    const auto found = peer(at).outcomes.find(token);
    return found == peer(at).outcomes.end() ? nullptr : &found->second;
  }
  Outcome run(NodeId at, const Operation& operation) {
    const ClientToken token = submit(at, operation);
    pass_ms(10);  // less than a passer waits before it asks another
    const Outcome* ended = outcome(at, token);
    EXPECT_NE(ended, nullptr) << "not answered";
    return ended != nullptr ? *ended : Outcome{};
  }

  Operation operation(OpKind kind, std::string_view value = {}) {
    Operation made;
    made.kind = kind;
    made.key = key(1);
    made.value = Value::borrowed(value);
    return made;
  }
  Operation put(const ClientContext& context, std::string_view value) {
    Operation made = operation(OpKind::kPut, value);
    made.context = context;
    return made;
  }
  Operation get() {
    Operation made = operation(OpKind::kRead);
    made.flags = op_flag::kWantState;
    return made;
  }
  static std::vector<std::string> values(const State& state) {
    std::vector<std::string> result;
    for (const Sibling& sibling : state.siblings) {
      result.emplace_back(sibling.value.bytes());
    }
    return result;
  }
  /// What a quorum shows a client of the node.
  std::vector<std::string> read(NodeId at) { return values(run(at, get()).state); }
  std::string stored_key() {
    std::string stored;
    encode_stored_key(key(1), &stored);
    return stored;
  }
  void repair_all() {
    for (auto& one : peers) {
      one->shard().start_anti_entropy(now);
    }
    settle();
  }
  void cut(const std::vector<NodeId>& side, const std::vector<NodeId>& other) {
    is_cut = [side, other](NodeId from, NodeId to) {
      const auto is_in = [](const std::vector<NodeId>& nodes, NodeId node) {
        return std::ranges::find(nodes, node) != nodes.end();
      };
      return (is_in(side, from) && is_in(other, to)) || (is_in(other, from) && is_in(side, to));
    };
  }
  /// All partitions move; which step it is, nodes learn by install_document().
  void plan_move(const std::vector<NodeId>& to, MovePhase phase) {
    ++document.epoch;
    document.steps.assign(kPartitions, document.epoch);
    document.moves.clear();
    for (uint16_t partition = 0; partition < kPartitions; ++partition) {
      document.moves.push_back({partition, phase, to});
    }
  }
  void plan_end_of_move(const std::vector<NodeId>& to) {
    ++document.epoch;
    document.steps.assign(kPartitions, document.epoch);
    document.moves.clear();
    set_owners(to);
  }
  void install_everywhere() {
    for (auto& one : peers) {
      install_document(*one);
    }
    settle();
  }

 private:
  ClientToken last_token_ = 0;
};

// A copy that coordinates and whose disk has lost what it held of a key stamped anew from where it
// believed to be; the others held later stamps of it, took the write for an old one, and repair
// removed it everywhere (https://github.com/basho/riak_kv/issues/679). Here stamps are times, the
// copy becomes another actor, and until it is filled others coordinate.
TEST(LostWriteScenarios, ACopyThatLostARecordIsAnotherActorFromThenOn) {
  Store store(1, /*nodes=*/3);
  ASSERT_EQ(store.run(1, store.put({}, "acknowledged")).code, OutcomeCode::kOk);
  const ActorId before = store.peer(1).shard().copies().at(kPartition).actor;
  store.peer(1).shard().found_corrupt(store.key(1));
  ASSERT_EQ(store.peer(1).engine().count(store.stored_key()), 0U) << "put aside";
  ASSERT_EQ(store.run(1, store.put({}, "blind")).code, OutcomeCode::kOk);
  store.settle();
  EXPECT_NE(store.peer(1).shard().copies().at(kPartition).actor, before);
  store.repair_all();
  for (const NodeId node : {1, 2, 3}) {
    EXPECT_THAT(store.read(node), UnorderedElementsAre("acknowledged", "blind")) << node;
  }
}

// The same where nobody notices: a disk that called synced what it had not kept, or an older copy
// of the directory put back. A vector entry under the old actor would claim what was lost.
TEST(LostWriteScenarios, ACopyThatComesBackWithLessIsAnotherActor) {
  Store store(2, /*nodes=*/3);
  ASSERT_EQ(store.run(1, store.put({}, "kept by the others")).code, OutcomeCode::kOk);
  store.settle();
  store.peer(1).engine().erase(store.stored_key());
  store.restart(1);
  ASSERT_EQ(store.run(1, store.put({}, "after the restart")).code, OutcomeCode::kOk);
  store.repair_all();
  for (const NodeId node : {1, 2, 3}) {
    EXPECT_THAT(store.read(node), UnorderedElementsAre("kept by the others", "after the restart"))
        << node;
  }
}

// The doomstone: a tombstone that a fallback still held was handed over after all others had been
// reaped and the key written anew. The new write's count had begun at 1 again, so the tombstone
// covered it (https://github.com/basho/riak_kv/pull/1094). Here an actor's stamps never come again.
TEST(LostWriteScenarios, ATombstoneThatComesLateDoesNotTakeTheNextWriteAlong) {
  Store store(3, /*nodes=*/3);
  const Outcome first = store.run(1, store.put({}, "old"));
  std::optional<Replicate> late;
  std::string record;
  store.observe = [&](NodeId, const Message& message) {
    if (const auto* write = std::get_if<Replicate>(&message)) {
      late = *write;
      record = write->record;
    }
  };
  Operation remove = store.operation(OpKind::kRemove);
  remove.context = first.context;
  ASSERT_EQ(store.run(1, remove).code, OutcomeCode::kOk);
  ASSERT_TRUE(late.has_value());
  store.observe = nullptr;
  for (auto& one : store.peers) {
    one->engine().erase(store.stored_key());  // reaped
  }
  ASSERT_EQ(store.run(1, store.put({}, "new")).code, OutcomeCode::kOk);

  late->key = store.key(1);
  late->record = record;
  store.peer(3).shard().receive(1, *late, store.now);
  store.settle();
  store.repair_all();
  for (const NodeId node : {1, 2, 3}) {
    EXPECT_THAT(store.read(node), ElementsAre("new")) << node;
  }
}

// A vnode that was handing its partition over coordinated a put and forwarded it as it had come, so
// that the receiver coordinated it too: two versions of one put, of which its client's context knew
// one; they piled up (https://github.com/basho/riak_kv/issues/1046). Here a request is passed on
// once, and whoever gets it runs it, refuses it, or sends the state that it has stamped.
TEST(LostWriteScenarios, AWriteWhileItsPartitionMovesIsOneVersion) {
  Store store(4, /*nodes=*/5, /*copies=*/3);
  store.pulls_documents = true;
  ClientContext context;
  int number = 0;
  const auto update_while_documents_spread = [&] {
    for (const NodeId node : {1, 5, 4, 2, 3}) {
      const std::string value = std::to_string(++number);
      const ClientToken token = store.submit(5, store.put(context, value));
      store.install_document(store.peer(node));
      store.settle();
      const Outcome* ended = store.outcome(5, token);
      ASSERT_NE(ended, nullptr);
      ASSERT_EQ(ended->code, OutcomeCode::kOk) << number;
      context = ended->context;
      ASSERT_THAT(store.read(5), ElementsAre(value));
    }
  };
  store.plan_move({4, 2, 3}, MovePhase::kReadOld);
  update_while_documents_spread();
  store.plan_move({4, 2, 3}, MovePhase::kReadNew);
  update_while_documents_spread();
  store.plan_end_of_move({4, 2, 3});
  update_while_documents_spread();
  EXPECT_EQ(number, 15);
}

// While nodes joined, a put was forwarded twice, its acknowledgement went to the wrong node, and
// the first one ran it again seconds later, over what had been acknowledged meanwhile
// (https://github.com/basho/riak_kv/issues/1754). Here whoever has passed a write on waits for its
// answer, and says that the outcome is unknown where none comes.
TEST(LostWriteScenarios, AWriteThatWasPassedOnIsNotRunAgainLater) {
  Store store(5, /*nodes=*/4, /*copies=*/3);
  store.is_cut = [](NodeId from, NodeId to) { return from == 1 && to == 4; };
  const ClientToken first = store.submit(4, store.operation(OpKind::kSet, "one"));
  store.pass_ms(20);
  ASSERT_EQ(store.outcome(4, first), nullptr) << "its answer is lost";
  ASSERT_THAT(store.read(2), ElementsAre("one"));
  ASSERT_EQ(store.run(2, store.operation(OpKind::kSet, "two")).code, OutcomeCode::kOk);
  store.pass_ms(2'000);
  ASSERT_NE(store.outcome(4, first), nullptr);
  EXPECT_EQ(store.outcome(4, first)->code, OutcomeCode::kNoQuorumWrite) << "unknown";
  store.is_cut = nullptr;
  store.settle();
  for (const NodeId node : {1, 2, 3, 4}) {
    EXPECT_THAT(store.read(node), ElementsAre("two")) << node;
  }
}

// And what a join itself could lose: the old owners acknowledge among themselves while the new ones
// are read already. Here a write meets W of both lists while its partition moves.
TEST(LostWriteScenarios, OldOwnersAloneAcknowledgeNothingOnceTheNewOnesAreRead) {
  Store store(6, /*nodes=*/5, /*copies=*/3);
  store.plan_move({1, 4, 5}, MovePhase::kReadOld);
  store.install_everywhere();
  ASSERT_EQ(store.run(3, store.operation(OpKind::kSet, "before")).code, OutcomeCode::kOk);
  store.plan_move({1, 4, 5}, MovePhase::kReadNew);
  store.install_everywhere();
  store.cut({1, 2, 3}, {4, 5});
  const ClientToken cut_off = store.submit(1, store.operation(OpKind::kSet, "cut off"));
  store.pass_ms(2'000);
  ASSERT_NE(store.outcome(1, cut_off), nullptr);
  EXPECT_NE(store.outcome(1, cut_off)->code, OutcomeCode::kOk);
  const ClientToken look = store.submit(4, store.get());
  store.pass_ms(500);  // node 1 is asked too, and does not answer
  ASSERT_NE(store.outcome(4, look), nullptr);
  EXPECT_THAT(Store::values(store.outcome(4, look)->state), ElementsAre("before"));
  store.is_cut = nullptr;
  ASSERT_EQ(store.run(1, store.operation(OpKind::kSet, "after")).code, OutcomeCode::kOk);
  EXPECT_THAT(store.read(4), ElementsAre("after"));
}

/// A client that keeps a set of numbers under the key: it writes what it knows of the set and one
/// more, and merges what it is shown.
class SetClient {
 public:
  SetClient(Store& store, NodeId at) : store_(store), at_(at) {}

  void look() {
    const Outcome shown = store_.run(at_, one_copy(store_.get()));
    ASSERT_EQ(shown.code, OutcomeCode::kOk);
    for (const std::string& value : Store::values(shown.state)) {
      take(value);
    }
    context_ = context_of_read(shown.state);
  }
  /// Goes on from what it was told of its last write.
  void add(int number, std::set<int>* acknowledged) {
    known_.insert(number);
    std::string text;
    for (const int each : known_) {
      text += std::to_string(each) + " ";
    }
    const Outcome outcome = store_.run(at_, one_copy(store_.put(context_, text)));
    if (outcome.code == OutcomeCode::kOk) {
      context_ = outcome.context;
      acknowledged->insert(number);
    }
  }
  void take(const std::string& value) {
    std::istringstream numbers(value);
    for (int number = 0; numbers >> number;) {
      known_.insert(number);
    }
  }
  const std::set<int>& known() const { return known_; }

 private:
  static Operation one_copy(Operation operation) {
    operation.quorum.r = 1;
    operation.quorum.w = 1;
    return operation;
  }

  Store& store_;
  NodeId at_;
  ClientContext context_;
  std::set<int> known_;
};

// Jepsen ran a set in Riak through a cut, with last-write-wins: acknowledged additions were lost
// without bound, as one side's whole history gave way to the other's last write
// (https://aphyr.com/posts/285-call-me-maybe-riak). Here a DPUT replaces what its context covers
// and nothing else, on either side.
TEST(LostWriteScenarios, ASetThatBothSidesOfACutAddToLosesNothing) {
  Store store(7, /*nodes=*/3);
  std::vector<SetClient> clients = {{store, 1}, {store, 1}, {store, 2}, {store, 3}};
  std::set<int> acknowledged;
  int number = 0;
  const auto all_add = [&](int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (SetClient& client : clients) {
        if (round % 4 == 3) {
          client.look();
        }
        client.add(++number, &acknowledged);
      }
    }
  };
  all_add(4);
  store.cut({1}, {2, 3});
  for (const auto& [at, other] : {std::pair<NodeId, NodeId>{1, 2}, {1, 3}, {2, 1}, {3, 1}}) {
    store.peer(at).shard().set_alive(other, false, store.now);
  }
  all_add(14);
  // What another client of the same node wrote since this one looked is not this one's to replace.
  clients[1].add(++number, &acknowledged);
  clients[3].add(++number, &acknowledged);
  store.is_cut = nullptr;
  store.install(store.document.flush_stamp);  // all see each other
  store.settle();
  store.repair_all();
  EXPECT_EQ(acknowledged.size(), 74U);
  for (const NodeId node : {1, 2, 3}) {
    SetClient reader(store, node);
    reader.look();
    EXPECT_EQ(reader.known(), acknowledged) << node;
  }
}

}  // namespace
}  // namespace kindred
